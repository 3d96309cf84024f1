"""The learning curve: the results of every iteration and every evaluation of a training."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fallline.core.documents import write_parquet

if TYPE_CHECKING:
    from fallline.control.evaluation import Evaluation

ITERATION = ("iteration", "steps", "mean_return", "deviation", "lowest", "highest", "failures", "moved")
EVALUATION = ("iteration", "steps", "mean_return", "deviation", "lowest", "highest", "failures", "confirmed", "best")


@dataclasses.dataclass
class LearningCurve:
    """Rows in chronological order; returns are without shift.

    `iterations`: the returns of the perturbed policies, and the distance that the parameters moved. `evaluations`: the
    returns of the unperturbed policy, its return on fresh confirming episodes (NaN if it seemed no better than the best),
    and the best return so far.
    """

    iterations: list[tuple[float, ...]] = dataclasses.field(default_factory=list)
    evaluations: list[tuple[float, ...]] = dataclasses.field(default_factory=list)

    def add_iteration(self, iteration: int, steps: int, returns: np.ndarray, moved: float) -> None:
        """Add the returns of an iteration's rollouts, NaN for failed ones."""
        self.iterations.append((iteration, steps, *_spread(returns), moved))

    def add_evaluation(self, iteration: int, steps: int, seen: "Evaluation", confirmed: float, best: float) -> None:
        """Add an evaluation and the result of its confirmation."""
        returns = np.array([*seen.returns, *[np.nan] * seen.failures])
        self.evaluations.append((iteration, steps, *_spread(returns), confirmed, best))

    def arrays(self) -> dict[str, np.ndarray]:
        """Both tables as arrays, for a checkpoint."""
        return {
            "iterations": np.array(self.iterations, float).reshape(-1, len(ITERATION)),
            "evaluations": np.array(self.evaluations, float).reshape(-1, len(EVALUATION)),
        }

    @classmethod
    def of(cls, arrays: dict[str, np.ndarray]) -> "LearningCurve":
        """The curve from its `arrays`."""
        return cls(*([tuple(row) for row in arrays[name].tolist()] for name in ("iterations", "evaluations")))

    def evaluation_rows(self) -> list[dict[str, float]]:
        """The evaluations as dicts."""
        return [dict(zip(EVALUATION, row, strict=True)) for row in self.evaluations]

    def reached(self, threshold: float) -> int | None:
        """Timesteps until a confirmed policy reached this return; None if none did."""
        steps = [row[1] for row in self.evaluations if row[-1] >= threshold]
        return int(steps[0]) if steps else None

    def save(self, path: Path) -> None:
        """Write the iterations as a Parquet file."""
        import polars as pl

        table = self.arrays()["iterations"]
        whole = ("iteration", "steps", "failures")
        columns = {name: table[:, k].astype(np.int64 if name in whole else float) for k, name in enumerate(ITERATION)}
        write_parquet(path, pl.DataFrame(columns))


def _spread(returns: np.ndarray) -> tuple[float, float, float, float, float]:
    """Mean, standard deviation (ddof = 0), lowest and highest of the valid returns, and the number of NaNs.

    >>> _spread(np.array([1.0, 3.0, np.nan]))
    (2.0, 1.0, 1.0, 3.0, 1.0)
    """
    good = returns[~np.isnan(returns)]
    if not good.size:
        return (np.nan,) * 4 + (float(returns.size),)
    numbers = (good.mean(), good.std(), good.min(), good.max(), returns.size - good.size)
    return tuple(float(each) for each in numbers)  # type: ignore[return-value]
