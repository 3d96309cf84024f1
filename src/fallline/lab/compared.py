"""A comparison as data: the scores of all trainings, the measures of every contender, and the answer."""

import dataclasses
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float, Int

from fallline.lab.answers import answer_of, tied_with
from fallline.lab.protocol import ceiling_of, expected_best, first_below, good_range, rotated


@dataclasses.dataclass(frozen=True)
class Compared:
    """Every contender at every learning rate with every seed.

    Arguments:
        vary: what differs between contenders.
        labels: the contenders.
        rates: their learning rates, in ascending order; the own rate of each is in the middle.
        scores: lowest validation loss of every training; infinite if it diverged.
        metric: name of the task's first metric.
        metrics: its value on the validation rows at the epoch of the lowest loss.
        curves: validation loss after every epoch.
        within: share of the best loss that a good rate may lose.
        source: name of the data.
        seconds: wall-clock time.
        programs: number of compiled programs.
    """

    vary: str
    labels: tuple[str, ...]
    rates: Float[np.ndarray, "contenders rates"]
    scores: Float[np.ndarray, "contenders rates seeds"]
    metric: str
    metrics: Float[np.ndarray, "contenders rates seeds"]
    curves: Float[np.ndarray, "contenders rates seeds epochs"]
    within: float
    source: str
    seconds: float
    programs: int

    @property
    def trainings(self) -> int:
        """Number of trainings."""
        return self.scores.size

    @property
    def seeds(self) -> int:
        """Number of seeds."""
        return int(self.scores.shape[2])

    @property
    def epochs(self) -> int:
        """Length of every training."""
        return int(self.curves.shape[3])

    @cached_property
    def means(self) -> Float[np.ndarray, "contenders rates"]:
        """Mean score over the seeds; infinite where one of them diverged."""
        found: Float[np.ndarray, "contenders rates"] = self.scores.mean(axis=2)
        return found

    @cached_property
    def chosen(self) -> Int[np.ndarray, "contenders seeds"]:
        """Place of the rate at which each seed is judged: the best with the other seeds."""
        return rotated(self.scores)

    @cached_property
    def tuned(self) -> Float[np.ndarray, "contenders seeds"]:
        """The score of every seed at the rate that is best with the other seeds."""
        return self._at_chosen(self.scores)

    @property
    def default(self) -> Float[np.ndarray, "contenders seeds"]:
        """The score of every seed at the contender's own rate."""
        found: Float[np.ndarray, "contenders seeds"] = self.scores[:, self.rates.shape[1] // 2]
        return found

    @property
    def target(self) -> float:
        """The loss that the epochs are counted to: the median contender's tuned score."""
        return float(np.median(self.tuned.mean(axis=1)))

    @cached_property
    def ceiling(self) -> float:
        """The loss that a diverged training counts as: that of a network which has hardly been trained."""
        return ceiling_of(self.curves)

    def best_of(self, trials: int) -> Float[np.ndarray, " contenders"]:
        """Expected lowest score of some rates that are drawn at random from the range."""
        return expected_best(np.minimum(self.means, self.ceiling), trials)

    @cached_property
    def frame(self) -> pl.DataFrame:
        """A row per contender: the protocol's measures; null where there is no number."""
        return pl.DataFrame(self._rows(), schema_overrides={"epochs_to_target": pl.Float64})

    def _rows(self) -> list[dict[str, Any]]:
        good = [good_range(rates, means, self.within) for rates, means in zip(self.rates, self.means, strict=True)]
        reached = first_below(self._at_chosen(self.curves), self.target)
        tied = tied_with(self.tuned)
        middle, accuracy, rows = self.rates.shape[1] // 2, self._at_chosen(self.metrics), []
        trials = {n: self.best_of(n) for n in (1, 3)}
        for i, label in enumerate(self.labels):
            best = int(np.argmin(self.means[i]))
            rows.append(
                {
                    "contender": label,
                    "default_rate": float(self.rates[i, middle]),
                    "default_loss": _number(self.default[i].mean()),
                    "default_error": _error(self.default[i]),
                    "tuned_rate": float(self.rates[i, best]),
                    "tuned_loss": _number(self.tuned[i].mean()),
                    "tuned_error": _error(self.tuned[i]),
                    f"tuned_{self.metric}": _number(accuracy[i].mean()),
                    "good_from": good[i][0],
                    "good_to": good[i][1],
                    "good_decades": good[i][2],
                    "epochs_to_target": _number(reached[i]),
                    "best_of_1": float(trials[1][i]),
                    "best_of_3": float(trials[3][i]),
                    "diverged": int((~np.isfinite(self.scores[i])).sum()),
                    "at_edge": best in (0, self.rates.shape[1] - 1),
                    "among_best": bool(tied[i]),
                }
            )
        return rows

    @cached_property
    def runs(self) -> pl.DataFrame:
        """A row per training: contender, rate, seed, lowest loss (null if it diverged) and metric."""
        contenders, rates, seeds = self.scores.shape
        return pl.DataFrame(
            {
                "contender": np.repeat(list(self.labels), rates * seeds),
                "learning_rate": np.repeat(self.rates.reshape(-1), seeds),
                "seed": np.tile(np.arange(seeds), contenders * rates),
                "loss": np.where(np.isfinite(self.scores), self.scores, np.nan).reshape(-1),
                self.metric: self.metrics.reshape(-1),
            }
        ).with_columns(pl.col("loss").fill_nan(None), pl.col(self.metric).fill_nan(None))

    @property
    def answer(self) -> str:
        """Which contender is best, and the evidence, in a sentence or two."""
        return answer_of(self.labels, self.tuned, self.default, [row["tuned_rate"] for row in self.frame.to_dicts()])

    def to_plain(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "vary": self.vary,
            "source": self.source,
            "answer": self.answer,
            "metric": self.metric,
            "trainings": self.trainings,
            "seeds": self.seeds,
            "epochs": self.epochs,
            "within": self.within,
            "target_loss": self.target,
            "seconds": self.seconds,
            "programs": self.programs,
            "contenders": [
                {**row, "rates": self.rates[i].tolist(), "losses": [_number(each) for each in self.means[i]]}
                for i, row in enumerate(self.frame.to_dicts())
            ],
        }

    def _at_chosen(self, values: np.ndarray) -> np.ndarray:
        """Values of every contender and seed at the rate of `chosen`."""
        contenders, seeds = self.chosen.shape
        found: np.ndarray = values[np.arange(contenders)[:, None], self.chosen, np.arange(seeds)]
        return found


def _number(value: Any) -> float | None:
    return float(value) if np.isfinite(value) else None


def _error(values: Float[np.ndarray, " seeds"]) -> float | None:
    """Standard error of the mean."""
    return _number(values.std(ddof=1) / np.sqrt(len(values))) if np.isfinite(values).all() else None
