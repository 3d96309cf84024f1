"""Encodings side by side, and a trained scale for every input."""

from typing import Any, ClassVar

import numpy as np
from jaxtyping import Array, Bool, Float, Int

from fallline.core.errors import FalllineError
from fallline.core.field import Number, number, part, required
from fallline.core.namespace import namespace
from fallline.core.random import Seed, named
from fallline.encodings.base import Encoding, Params, Stats
from fallline.layers import Layer, Scale


class InputScales(Encoding):
    """A trained factor for every input of the network, after scaling and encoding.

        x' = x (1 + rate u),  u = 0 at first

    Inputs that matter become larger, so that later layers learn faster from them. Under rules that ignore the gradient's
    size, such as Adam, the factors move `rate` times as fast as other parameters.

    Source: Holzmueller, Grinsztajn and Steinwart, "Better by default: Strong pre-tuned MLPs and boosted trees on tabular
    data", 2024: the scaling layer, with the rate's factor.

    >>> InputScales(rate=2.0).after()
    (Scale(rate=2.0),)
    """

    name: ClassVar[str] = "input_scales"
    rate: Number = number(
        6.0, valid="(0, inf)", usual=(1.0, 20.0), scale="log", help="factor of the learning rate of the scales"
    )

    def after(self) -> tuple[Layer, ...]:
        return (Scale(self.rate),)

    def sources(self) -> Int[np.ndarray, " inputs"]:
        return np.zeros(0, np.int32)


class Encodings(Encoding):
    """Several encodings side by side.

    Their inputs follow one another in this order; trained scales come last, whatever their place.

    Source: several encodings of one number beside each other, in Gorishniy, Rubachev and Babenko, "On embeddings for
    numerical features in tabular deep learning", 2022, section 3.

    >>> from fallline.encodings import Periodic, PiecewiseLinear
    >>> both = Encodings((PiecewiseLinear(4, columns=(0, 2)), Periodic(size=3, columns=(0,)), InputScales()))
    >>> both.width(), both.embedded(), both.sources().tolist()
    (8, 11, [0, 0, 0, 0, 2, 2, 2, 2, 0, 0, 0])
    """

    name: ClassVar[str] = "encodings"
    parts: tuple[Encoding, ...] = required(part(family="encoding", several=True, help="the encodings, in order"))

    def __check_init__(self) -> None:
        if not self.parts:
            raise FalllineError("Encodings.parts holds no encodings: give at least one, or leave the encoding out")
        if any(isinstance(each, Encodings) for each in self.parts):
            raise FalllineError("Encodings.parts holds other encodings' lists: give all of them in one list")

    @property
    def trained(self) -> bool:
        return any(each.trained and each.count for each in self.parts)

    def named(self) -> tuple[int, ...] | None:
        every = [each.named() for each in self.parts]
        if any(each is None for each in every):
            return None
        return tuple(sorted({column for each in every for column in each or ()}))

    def placed(self, counts: Int[np.ndarray, " features"], scaled: Bool[np.ndarray, " features"]) -> Encoding | None:
        placed = [each.placed(counts, scaled) for each in self.parts]
        kept = tuple(each for each in placed if each is not None)
        return Encodings(kept) if kept else None

    def fit(
        self,
        x: Float[Array, "rows features"],
        weight: Float[Array, " rows"],
        target: Float[Array, "rows targets"] | Int[Array, " rows"],
        classes: int,
    ) -> Stats:
        found = {name: each.fit(x, weight, target, classes) for name, each in self.members()}
        return {name: stats for name, stats in found.items() if stats}

    def width(self) -> int:
        return sum(each.width() for each in self.parts)

    def codes(self, stats: Stats, x: Float[Array, "rows features"]) -> Float[Array, "rows codes"]:
        found = [x[:, :0], *(each.codes(stats.get(name, {}), x) for name, each in self.members())]
        joined: Float[Array, "rows codes"] = namespace(*found).concatenate(found, axis=1)
        return joined

    def init(self, key: Seed) -> Params:
        made = {name: each.init(named(key, name)) for name, each in self.members()}
        return {name: params for name, params in made.items() if params}

    def embedded(self) -> int:
        return sum(each.embedded() for each in self.parts)

    def embed(
        self, params: Params, scaled: Float[Array, "rows features"], codes: Float[Array, "rows codes"]
    ) -> Float[Array, "rows inputs"]:
        found, begin = [codes[:, :0]], 0
        for name, each in self.members():
            end = begin + each.width()
            found.append(each.embed(params.get(name, {}), scaled, codes[:, begin:end]))
            begin = end
        joined: Float[Array, "rows inputs"] = namespace(*found).concatenate(found, axis=1)
        return joined

    def after(self) -> tuple[Layer, ...]:
        return tuple(layer for each in self.parts for layer in each.after())

    def sources(self) -> Int[np.ndarray, " inputs"]:
        return np.concatenate([np.zeros(0, np.int32), *(each.sources() for each in self.parts)])

    def members(self) -> list[tuple[str, Any]]:
        """The encodings with the names of their statistics and parameters."""
        return [(f"{each.name}_{number}", each) for number, each in enumerate(self.parts, 1)]
