"""The encoding that a recipe has by default: piecewise-linear codes where the table's numbers are worth it."""

from typing import ClassVar

import numpy as np
from jaxtyping import Bool, Int

from fallline.core.field import structure
from fallline.encodings.base import Encoding, check_whole
from fallline.encodings.columns import worth_encoding
from fallline.encodings.piecewise import PiecewiseLinear


class AutoEncoding(Encoding):
    """Piecewise-linear codes of the numbers, unless there are so many that the first layer would be mostly codes.

    A run replaces it by the encoding that it chose, or by none, and writes that into its recipe. Images and other wide
    tables keep their columns as they are: on handwritten digits, codes of 64 pixels raised the log loss by a third
    (docs/accuracy.md).

    Source: Gorishniy, Rubachev and Babenko, "On embeddings for numerical features in tabular deep learning", 2022, for the
    codes; the choice of columns and bins is measured in docs/accuracy.md.

    >>> AutoEncoding().placed(np.array([2, 40, 500]), np.ones(3, bool))
    PiecewiseLinear(bins=16, by='even', columns=(1, 2))
    >>> AutoEncoding().placed(np.full(784, 256), np.ones(784, bool)) is None
    True
    """

    name: ClassVar[str] = "auto"
    bins: int = structure(16, unit="bins", help="most bins of a column")
    most: int = structure(50, unit="columns", help="columns of numbers above which none is encoded")

    def __check_init__(self) -> None:
        check_whole(self, "bins", "bins", least=1)
        check_whole(self, "most", "columns", least=0, most=10**6)

    def named(self) -> tuple[int, ...] | None:
        return None

    def placed(self, counts: Int[np.ndarray, " features"], scaled: Bool[np.ndarray, " features"]) -> Encoding | None:
        chosen = worth_encoding(counts, scaled, distinct=3)
        if not 0 < len(chosen) <= self.most:
            return None
        return PiecewiseLinear(self.bins, by="even", columns=chosen)

    def sources(self) -> Int[np.ndarray, " inputs"]:
        return np.zeros(0, np.int32)
