"""The base class of encodings: `fit` on a run's own training rows, `codes` on every minibatch, `embed` if it is trained."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Array, Bool, Float, Int

from fallline.core.block import Block
from fallline.core.errors import FalllineError
from fallline.core.field import structure
from fallline.core.random import Seed
from fallline.layers import Layer

Stats = dict[str, Any]
Params = dict[str, Any]


class Encoding(Block):
    """New inputs of the network, made of columns that hold numbers; they stand beside the scaled columns.

    Some encodings are fixed once they are fitted (`codes`); others have parameters that are trained with the network
    (`init` and `embed`). Both kinds have a field `columns`, the numbers of the features that are encoded. None stands for
    a choice by the number of their distinct values, which the run makes from the data and writes into its recipe.

    """

    family: ClassVar[str] = "encoding"

    @property
    def trained(self) -> bool:
        """Whether it has parameters."""
        return False

    @property
    def count(self) -> int:
        """Number of encoded columns."""
        return len(self.named() or ())

    def named(self) -> tuple[int, ...] | None:
        """The encoded columns; None if they are still to be chosen."""
        return getattr(self, "columns", ())

    def placed(self, counts: Int[np.ndarray, " features"], scaled: Bool[np.ndarray, " features"]) -> "Encoding | None":
        """The encoding with its columns chosen by their numbers of different values; None if none is worth it."""
        return self

    def fit(
        self,
        x: Float[Array, "rows features"],
        weight: Float[Array, " rows"],
        target: Float[Array, "rows targets"] | Int[Array, " rows"],
        classes: int,
    ) -> Stats:
        """Statistics of the rows with positive weight.

        Arguments:
            x: unscaled rows; missing values are NaN.
            weight: weight of each row.
            target: class indices, or numbers.
            classes: number of classes; 0 if the targets are numbers.
        """
        return {}

    def width(self) -> int:
        """Number of codes per row."""
        return 0

    def codes(self, stats: Stats, x: Float[Array, "rows features"]) -> Float[Array, "rows codes"]:
        """The codes of unscaled rows, computed once per minibatch; nothing in them is trained."""
        return x[:, :0]

    def init(self, key: Seed) -> Params:
        """Initial parameters."""
        return {}

    def embedded(self) -> int:
        """Number of inputs that the encoding adds to the network's."""
        return self.width()

    def embed(
        self, params: Params, scaled: Float[Array, "rows features"], codes: Float[Array, "rows codes"]
    ) -> Float[Array, "rows inputs"]:
        """The network's additional inputs."""
        return codes

    def after(self) -> tuple[Layer, ...]:
        """Layers that follow the embedding, before those of the model."""
        return ()

    @abstractmethod
    def sources(self) -> Int[np.ndarray, " inputs"]:
        """The feature from which each additional input is made."""


def check_columns(encoding: Encoding) -> None:
    """Raises: FalllineError for `columns` that are not the numbers of different features."""
    columns = encoding.columns  # type: ignore[attr-defined]
    if columns is None:
        return
    whole = isinstance(columns, Sequence) and all(isinstance(c, int) and not isinstance(c, bool) for c in columns)
    if not whole or any(c < 0 for c in columns) or len(set(columns)) != len(columns):
        raise FalllineError(
            f"{type(encoding).__name__}.columns = {columns!r} are not numbers of features: expected such as (0, 3), or "
            "None to choose them from the data"
        )


def check_whole(encoding: Encoding, name: str, what: str, least: int, most: int = 1024) -> None:
    """Raises: FalllineError for a structural field that is not a whole number from `least` to `most`."""
    value = getattr(encoding, name)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise FalllineError(
            f"{type(encoding).__name__}.{name} = {value!r} is not a number of {what}: expected {least} to {most:,}"
        )


def columns_field() -> Any:
    """The field `columns` of an encoding."""
    return structure(
        None,
        optional=True,
        help="features that are encoded, by number from 0; None: numbers with enough distinct values",
    )


def distinct_field(default: int) -> Any:
    """The field `distinct` of an encoding."""
    return structure(
        default,
        unit="values",
        help="least number of distinct values of a column that is encoded; yes/no columns never are",
    )
