"""The inputs of a network: the scaled columns, then what an encoding makes of the numbers among them."""

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
from jaxtyping import Array, Bool, Float, Int

from fallline.core.field import part, required
from fallline.core.namespace import namespace
from fallline.core.random import Seed
from fallline.encodings.base import Encoding
from fallline.initializers import Fans
from fallline.layers import Layer, LayerCall
from fallline.layers.base import Params, Stats
from fallline.scalers import Scaler

KEY = "encoding"  # the place of an encoding's statistics among those of the scaler


@dataclasses.dataclass(frozen=True)
class Inputs:
    """A scaler and an encoding; it has the methods of a scaler that a run calls.

    Arguments:
        scaler: the scaler of the columns.
        encoding: the encoding of the numbers among them.
    """

    scaler: Scaler
    encoding: Encoding

    def outputs(self, inputs: int) -> int:
        """Number of columns of the prepared rows, given that of the original rows."""
        return self.scaler.outputs(inputs) + self.encoding.width()

    def fit(
        self,
        x: Float[Array, "rows features"],
        weight: Float[Array, " rows"],
        columns: Bool[Array, " features"] | None,
        target: Array,
        classes: int,
    ) -> dict[str, Any]:
        """The scaler's statistics, with those of the encoding among them."""
        own = self.encoding.fit(x, weight, target, classes)
        return self.scaler.fit(x, weight, columns) | ({KEY: own} if own else {})

    def apply(self, stats: dict[str, Any], x: Float[Array, "rows features"]) -> Float[Array, "rows inputs"]:
        """The scaled rows, followed by the codes."""
        scaled, codes = self.scaler.apply(stats, x), self.encoding.codes(stats.get(KEY, {}), x)
        found: Float[Array, "rows inputs"] = namespace(scaled, codes).concatenate([scaled, codes], axis=1)
        return found

    def sources(self, features: int) -> Int[np.ndarray, " inputs"]:
        """The feature from which each input of the model's first layer is made; for scalers that keep the columns."""
        return np.concatenate([np.arange(features), self.encoding.sources()])


class Embedding(Layer):
    """The trained part of an encoding: the first layer of a network, between the prepared rows and the model's layers.

    (scaled, codes) -> (scaled, embed(scaled, codes))
    """

    encoding: Encoding = required(part(family="encoding", help="the encoding"))

    @property
    def label(self) -> str:
        """The name of the layer within a network."""
        return self.encoding.name

    def outputs(self, inputs: int) -> int:
        return inputs - self.encoding.width() + self.encoding.embedded()

    def init(self, key: Seed, shape: tuple[int, ...], fans: Fans | None = None) -> tuple[Params, Stats]:
        return self.encoding.init(key), {}

    def apply(
        self, params: Params, stats: Stats, x: Float[Array, "batch inputs"], call: LayerCall
    ) -> tuple[Float[Array, "batch outputs"], Stats]:
        features = x.shape[1] - self.encoding.width()
        scaled, codes = x[:, :features], x[:, features:]
        embedded = self.encoding.embed(params, scaled, codes)
        return namespace(scaled, embedded).concatenate([scaled, embedded], axis=1), stats


def layers_of(encoding: Encoding | None) -> Iterator[Layer]:
    """The layers that an encoding puts before those of the model."""
    if encoding is not None and encoding.trained and encoding.count:
        yield Embedding(encoding)
    if encoding is not None:
        yield from encoding.after()
