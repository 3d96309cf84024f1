"""The scores of nested cross-validation, fold by fold."""

import dataclasses

import numpy as np

from fallline.searching.study import Study


@dataclasses.dataclass(frozen=True)
class Nested:
    """Results of the procedure on rows that no part of it has seen, fold by fold.

    Arguments:
        studies: the search of each outer fold.
        metrics: the metrics of each outer fold on its own rows.
        interrupted: whether Ctrl-C ended the procedure; only the finished folds are included then.

    >>> found = Nested((), ({"accuracy": 0.9}, {"accuracy": 0.8}), False)
    >>> round(found.mean["accuracy"], 3), round(found.error["accuracy"], 3)
    (0.85, 0.05)
    """

    studies: tuple[Study, ...]
    metrics: tuple[dict[str, float], ...]
    interrupted: bool

    @property
    def mean(self) -> dict[str, float]:
        """Mean of each metric over the outer folds."""
        return {name: float(np.mean(values)) for name, values in self._columns().items()}

    @property
    def error(self) -> dict[str, float]:
        """Standard error of each mean: the folds' standard deviation over the root of their number; NaN for one fold."""
        return {
            name: float(np.std(values, ddof=1) / np.sqrt(len(values))) if len(values) > 1 else float("nan")
            for name, values in self._columns().items()
        }

    def _columns(self) -> dict[str, list[float]]:
        names = self.metrics[0] if self.metrics else {}
        return {name: [each[name] for each in self.metrics] for name in names}
