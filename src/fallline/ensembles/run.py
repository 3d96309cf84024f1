"""The run of an ensemble: its members' runs, and what they have in common."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from fallline.core.outcome import Outcome
from fallline.data.table import Table
from fallline.training.history import History
from fallline.training.run import Run

WORDS = {"members": "members", "bag": "members, each trained without its own fold", "trials": "trials"}


@dataclasses.dataclass(frozen=True, repr=False)
class EnsembleRun(Run):
    """A finished training of an ensemble. `model` is the ensemble, and `metrics` are those of its mean answer.

    `recipe` and `state` are those of the first member. `history` is the mean over the members; a member that has ended
    counts with its last epoch.

    Arguments:
        members: the run of each member that the model uses.
        how: "members" of other seeds, a "bag" of folds, or the best "trials" of a study.
        trials: the number of each member's trial, if they are trials.
    """

    members: tuple[Run, ...] = ()
    how: str = "members"
    trials: tuple[int, ...] = ()

    @property
    def member_metrics(self) -> dict[str, dict[str, float]]:
        """The metrics of each split, as the mean over the members alone; a bag's members are validated on their own folds."""
        return mean_metrics([each.metrics for each in self.members])

    @property
    def best_epoch(self) -> int:
        """The median of the members' best epochs."""
        return int(np.median([each.best_epoch for each in self.members])) if self.members else 0

    @property
    def steps(self) -> int:
        """Number of updates, over all members."""
        return sum(each.steps for each in self.members)

    @property
    def learnt(self) -> bool:
        """Whether there is a model to predict with; False if all members diverged."""
        return bool(self.members) and all(each.learnt for each in self.members)

    @property
    def sentence(self) -> str:
        """How the members ended, in words."""
        if not self.learnt:
            return super().sentence
        lengths = _range([len(each.history) for each in self.members])
        best = _range([each.best_epoch for each in self.members])
        ended = "interrupted" if self.interrupted else self.outcome.label.replace("_", " ")
        return (
            f"{len(self.members)} {WORDS[self.how]}: {ended} after {lengths} epochs; the parameters are those of epoch"
            f"{'s' if 'to' in best else ''} {best}, the {self.recipe.keep} of each member"
        )

    def rows(self, table: Table) -> dict[str, int]:
        """Number of rows behind the metrics of each split; a bag trains on the validation rows too."""
        rows = super().rows(table)
        if self.how != "bag":
            return rows
        both = rows["train"] + rows["valid"]
        return {"train": both, "valid": 0, "test": rows["test"], "out_of_fold": both}

    @property
    def more(self) -> dict[str, Any]:
        """What the summary says of the members."""
        weights = getattr(self.model, "weights", ())
        each = [
            {"seed": run.seed, "weight": weight, "epochs": len(run.history), "best_epoch": run.best_epoch}
            for run, weight in zip(self.members, weights, strict=True)
        ]
        each = [one | {"trial": trial} for one, trial in zip(each, self.trials, strict=True)] if self.trials else each
        return {"members": {"how": self.how, "each": each, "mean_metrics": self.member_metrics}}


def mean_metrics(each: Sequence[dict[str, dict[str, float]]]) -> dict[str, dict[str, float]]:
    """The mean of every metric of every split that all have.

    >>> mean_metrics([{"test": {"loss": 1.0}}, {"test": {"loss": 2.0}}])
    {'test': {'loss': 1.5}}
    """
    splits = [split for split in each[0] if all(split in one for one in each)] if each else []
    return {s: {name: float(np.mean([one[s][name] for one in each])) for name in each[0][s]} for s in splits}


def mean_history(histories: Sequence[History]) -> History:
    """The mean of several histories; one that has ended counts with its last epoch.

    >>> short = History({"epoch": np.array([1]), "loss": np.array([1.0])})
    >>> long = History({"epoch": np.array([1, 2]), "loss": np.array([3.0, 2.0])})
    >>> mean_history([short, long])["loss"].tolist()
    [2.0, 1.5]
    """
    longest = max(histories, key=len)
    some = [each for each in histories if len(each)]
    columns = {}
    for name, column in longest.items():
        padded = [np.pad(each[name], (0, len(longest) - len(each)), mode="edge") for each in some]
        columns[name] = column if name == "epoch" or not padded else np.mean(padded, axis=0)
    return History(columns)


def outcome_of_all(outcomes: Sequence[Outcome]) -> Outcome:
    """The outcome of an ensemble: diverged only if all members did; finished if any member used all its epochs."""
    for each in (Outcome.RUNNING, Outcome.FINISHED, Outcome.STOPPED):
        if each in outcomes:
            return each
    return Outcome.DIVERGED


def _range(values: Sequence[int]) -> str:
    return str(min(values)) if min(values) == max(values) else f"{min(values)} to {max(values)}"
