"""The evidence of a diagnosis: gathered once, handed to every finding."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

from fallline.diagnosis.curve import Curve, curve_of
from fallline.diagnosis.facts import Facts
from fallline.metrics import metrics_of

RecipeLike: TypeAlias = Any  # a `Recipe`, which is defined on a floor above this one


@dataclasses.dataclass(frozen=True)
class Layers:
    """What a few forward and backward passes say of a network at some weights.

    Arguments:
        loss: mean loss on training rows, without noise and penalty.
        guess: the same for outputs of 0.
        activations: names of the activations; `dead`, `saturated` and `size` (root mean square of the input) have one value
            for each.
        layers: names of the layers with weights, from the first to the last; `gradient` is the length of each one's
            gradient over several minibatches, `weight` its weights' standard deviation, `usual` that of the usual initial
            weights, and `alike` the largest correlation between two of its units.
        signal: share of a minibatch's gradient that is signal; the rest is noise of the rows drawn.
    """

    loss: float
    guess: float
    activations: tuple[str, ...]
    dead: np.ndarray
    saturated: np.ndarray
    size: np.ndarray
    layers: tuple[str, ...]
    gradient: np.ndarray
    weight: np.ndarray
    usual: np.ndarray
    alike: np.ndarray
    signal: float


@dataclasses.dataclass(frozen=True)
class Answers:
    """A model's answers for rows of one kind.

    Arguments:
        answer: probabilities (rows, classes), or targets in their own unit (rows, targets).
        target: class indices, or targets as given.
        loss: loss of each row.
        x: encoded rows, with missing numbers filled.
        member: what a forest answers for the same rows, in the same form.
    """

    answer: np.ndarray
    target: np.ndarray
    loss: np.ndarray
    x: np.ndarray
    member: np.ndarray | None = None


@dataclasses.dataclass(frozen=True)
class Columns:
    """What single columns say: the `size` of each as the network sees it, its `skill` alone, whether it `counts` rows."""

    names: tuple[str, ...]
    size: np.ndarray
    skill: np.ndarray
    counts: np.ndarray


@dataclasses.dataclass(frozen=True)
class Split:
    """How training and other rows compare: equal rows beyond chance, and the AUC (with its lower bound) of telling them apart."""

    twins: float
    rows: int
    distinct: float
    auc: float
    auc_error: float
    tells: str = ""


@dataclasses.dataclass(frozen=True)
class Evidence:
    """Everything that findings may look at; a part that was not gathered is None.

    Arguments:
        recipe: the completed recipe.
        task: classification, multilabel or regression.
        outcome: finished, stopped_early, diverged or interrupted.
        best_epoch: the epoch whose weights are kept.
        steps: number of updates.
        history: columns of the run's history.
        metrics: metrics of every split at the kept weights.
        rows: number of rows of every split.
        facts: of the targets.
        skills: skill of simple models on the rows that did not train the run, by name.
        opening, closing: the network at its initial and at its kept weights.
        held: the model's answers for the rows that did not train it.
        columns, split: of the data.
        gradient: the verdict of a gradient check that failed; empty if it was right.
    """

    recipe: RecipeLike
    task: str
    outcome: str
    best_epoch: int
    steps: int
    history: Mapping[str, np.ndarray]
    metrics: Mapping[str, Mapping[str, float]]
    rows: Mapping[str, int]
    features: int = 0
    learnt: bool = True
    facts: Facts | None = None
    skills: Mapping[str, float] = dataclasses.field(default_factory=dict)
    opening: Layers | None = None
    closing: Layers | None = None
    held: Answers | None = None
    columns: Columns | None = None
    split: Split | None = None
    gradient: str | None = None

    @functools.cached_property
    def curve(self) -> Curve:
        """The shape of the loss curves."""
        return curve_of(self.history)

    @property
    def metric(self) -> str:
        """The task's first metric."""
        return metrics_of(self.task)[0].name

    @property
    def scored_on(self) -> str:
        """The rows that answer whether the run is good: `held`, validation and test together, if there are any."""
        return "held" if "valid" in self.metrics or "test" in self.metrics else "train"

    def value(self, name: str, split: str) -> float:
        """A metric on a split; NaN where there is none. On `held` it is the mean of validation and test, by rows."""
        if split != "held":
            found = self.metrics.get(split, {}).get(name, np.nan)
            return float("nan") if found is None else float(found)
        known = [(self.value(name, each), self.rows.get(each, 0)) for each in ("valid", "test") if each in self.metrics]
        total = sum(count for _, count in known)
        return sum(value * count for value, count in known) / total if total else float("nan")

    def count(self, split: str) -> int:
        """Number of rows of a split."""
        if split == "held":
            return sum(self.rows.get(each, 0) for each in ("valid", "test") if each in self.metrics)
        return self.rows.get(split, 0)

    def score(self, split: str) -> float:
        """The first metric on a split."""
        return self.value(self.metric, split)

    def skill(self, split: str) -> float:
        """Share of a constant answer's errors that the model avoids: 1 is perfect, 0 is no better than a constant.

        (accuracy - largest class) / (1 - largest class), or R2.
        """
        if self.task == "regression":
            return self.value("r2", split)
        most = self.largest
        return (self.score(split) - most) / max(1.0 - most, 1e-9)

    @property
    def largest(self) -> float:
        """Share of the largest class among the training rows; 0 for a regression."""
        return 0.0 if self.facts is None else self.facts.largest

    def skill_error(self, split: str) -> float:
        """Standard error of `skill` from the number of rows: binomial, or that of a mean of squares."""
        rows = max(self.count(split), 1)
        if self.task == "regression":
            return float(abs(1.0 - self.skill(split)) * np.sqrt(5.0 / rows))
        p = float(np.clip(self.score(split), 0.5 / rows, 1.0 - 0.5 / rows))
        return float(np.sqrt(p * (1.0 - p) / rows)) / max(1.0 - self.largest, 1e-9)

    @property
    def poor(self) -> bool:
        """Whether the run fits clearly worse than a linear model, a forest or a constant."""
        split = self.scored_on
        bar = max([0.0, *(value for value in self.skills.values() if np.isfinite(value))])
        own = min(self.skill(split), self.skill("train")) if np.isfinite(self.skill("train")) else self.skill(split)
        return not np.isfinite(own) or own < max(0.05, bar - 0.05 - 2.0 * self.skill_error(split))

    @property
    def constant_loss(self) -> float | None:
        """Training loss of the best constant answer, in the loss's own unit; None where it is not known."""
        loss = getattr(self.recipe.loss, "name", "")
        if self.facts is None:
            return None
        if loss in ("softmax_cross_entropy", "binary_cross_entropy") and self.facts.entropy is not None:
            return self.facts.entropy
        if loss == "squared_error" and self.facts.spread is not None:
            scaler = getattr(self.recipe.target_scaler, "name", None)
            return 1.0 if scaler == "standardise" else self.facts.spread**2 if scaler is None else None
        return None

    def by_layer(self, probe: str) -> dict[str, np.ndarray]:
        """A probe's columns by layer, from the first layer to the last."""
        found = {name.rpartition(".")[0]: self.history[name] for name in self.history if name.endswith("." + probe)}
        return dict(sorted(found.items(), key=lambda each: _place(each[0])))


def _place(name: str) -> tuple[int, str]:
    word, _, number = name.rpartition("_")
    return (int(number), word) if number.isdigit() else (0, name)
