"""Remedies are tried: forks of the recipe, several seeds and folds as one population, each paired with a plain rerun."""

import dataclasses
import itertools
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from fallline.core.errors import FalllineError
from fallline.core.outcome import Outcome
from fallline.data.dividing import pairs_of
from fallline.diagnosis import Diagnosis, Remedy
from fallline.diagnosis import remedies as change
from fallline.diagnosis.diagnosis import finite, remedy_to_plain
from fallline.diagnosis.thresholds import limit
from fallline.doctor.case import Case
from fallline.doctor.measure import Measure, measure_for
from fallline.population import evaluate
from fallline.training.recipe import Recipe, complete_for

SINGLES, PAIRS = 6, 4  # most remedies, and most pairs of them
FEWEST = 3  # with fewer remedies, changes that often help are tried as well
FOLDS = 3
ENOUGH = 400  # validation rows that make folds unnecessary


@dataclasses.dataclass(frozen=True)
class Tried:
    """One remedy beside the plain recipe.

    Arguments:
        remedy: the remedy, or a pair of them.
        value, plain: mean of the measure with and without it.
        gain, error: mean of the paired differences, positive if it helps, and its standard error.
        metric_gain: gain in the task's first metric.
        epochs, plain_epochs: mean number of epochs, which is what it costs.
        diverged: how many of its runs diverged.
    """

    remedy: Remedy
    value: float
    plain: float
    gain: float
    error: float
    metric_gain: float
    epochs: float
    plain_epochs: float
    diverged: int

    @property
    def helps(self) -> bool:
        """Whether it was better by clearly more than its error."""
        return bool(self.gain > limit("helped") * self.error and self.gain > 1e-3 * abs(self.plain))

    @property
    def verdict(self) -> str:
        """helps, hurts, or no difference beyond the error."""
        if self.helps:
            return "helps"
        return "hurts" if self.gain < -limit("helped") * self.error else "no clear difference"


@dataclasses.dataclass(frozen=True)
class Attempt:
    """All remedies that were tried, the best first.

    Arguments:
        tried: the remedies.
        measure: name of what was measured on the validation rows.
        seeds, folds: numbers of runs of each.
        seconds: wall-clock time.
    """

    tried: tuple[Tried, ...]
    measure: str
    seeds: int
    folds: int
    seconds: float

    @property
    def best(self) -> Tried | None:
        """The best remedy that helps; None if none does."""
        return next((each for each in self.tried if each.helps), None)

    @property
    def sentence(self) -> str:
        """The result in words."""
        runs = f"{self.seeds} seeds" + (f" and {self.folds} folds" if self.folds > 1 else "")
        if not self.tried:
            return "There is no change of the recipe to try."
        if self.best is None:
            return f"None of {len(self.tried)} changes was better than the plain recipe by more than its error, over {runs}."
        best = self.best
        return (
            f"{best.remedy.name[:1].upper()}{best.remedy.name[1:]} helps: {self.measure} {best.plain:.4g} to {best.value:.4g}, "
            f"a gain of {best.gain:.3g} ± {best.error:.2g} over {runs}."
        )

    def to_plain(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "sentence": self.sentence,
            "measure": self.measure,
            "seeds": self.seeds,
            "folds": self.folds,
            "seconds": round(self.seconds, 3),
            "tried": [
                {
                    **remedy_to_plain(each.remedy),
                    "verdict": each.verdict,
                    "value": finite(each.value),
                    "plain": finite(each.plain),
                    "gain": finite(each.gain),
                    "error": finite(each.error),
                    "metric_gain": finite(each.metric_gain),
                    "epochs": finite(each.epochs),
                    "plain_epochs": finite(each.plain_epochs),
                    "diverged": each.diverged,
                }
                for each in self.tried
            ],
        }


def candidates(recipe: Recipe, diagnosis: Diagnosis, case: Case) -> list[Remedy]:
    """The remedies of the findings, the most important first, and pairs of the first few that change different parts."""
    queues = [list(each.remedies) for each in diagnosis.findings]
    singles: list[Remedy] = []
    for each in itertools.chain.from_iterable(itertools.zip_longest(*queues)):
        if each is not None and all(each.changes != other.changes for other in singles) and _fits(each, recipe, case):
            singles.append(each)
    own = singles[:SINGLES]
    if len(singles) < FEWEST:  # a run without findings can be improved too, though rarely
        usual = [each for each in usual_changes(recipe) if all(each.changes != other.changes for other in singles)]
        singles += [each for each in usual if each.fits(recipe) and _fits(each, recipe, case)]
    singles = singles[:SINGLES]
    pairs = []
    for a, b in itertools.combinations(own[:4], 2):
        both = Remedy(f"{a.name} and {b.name}", {**a.changes, **b.changes})
        if not {_part(path) for path in a.changes} & {_part(path) for path in b.changes} and _fits(both, recipe, case):
            pairs.append(both)
    return [*singles, *pairs[:PAIRS]]


def usual_changes(recipe: Recipe) -> list[Remedy]:
    """Changes that often help a run in which nothing was found."""
    return [
        *change.rates(recipe, 3.0, 0.3),
        *change.dropout(recipe, 0.3),
        *change.penalty(recipe, 1e-2),
        *change.longer(recipe, 2.0),
    ]


def _part(path: str) -> str:
    return path.split(".")[0] if not path.startswith("model.") else path


def _fits(remedy: Remedy, recipe: Recipe, case: Case) -> bool:
    try:
        complete_for(remedy.apply(recipe), case.data.dataset)
    except FalllineError:
        return False
    return True


def try_all(case: Case, diagnosis: Diagnosis, *, seeds: int = 3, say: Callable[[str], None] | None = None) -> Attempt:
    """Train the recipe plainly and with every candidate, with the same seeds and folds, and compare them pair by pair."""
    began = time.perf_counter()
    chosen = candidates(case.recipe, diagnosis, case)
    folds = _folds(case)
    if not chosen:
        return Attempt((), "", seeds, len(folds), 0.0)
    recipes = [case.recipe, *(each.apply(case.recipe) for each in chosen)]
    if say is not None:
        say(f"Trying {len(chosen)} changes of the recipe, {seeds * len(folds)} runs each.")
    measure = measure_for(case, diagnosis)
    values, metric, epochs, diverged = _measured(
        case, recipes, folds, [case.seed + 1 + i for i in range(seeds)], measure
    )
    tried = []
    for index, remedy in enumerate(chosen, start=1):
        difference = measure.sign * (values[index] - values[0])
        error = float(difference.std(ddof=1) / np.sqrt(len(difference))) if len(difference) > 1 else float("inf")
        gain = float(difference.mean())
        tried.append(
            Tried(
                remedy, float(values[index].mean()), float(values[0].mean()), gain, error,
                float((metric[index] - metric[0]).mean()) * measure.metric_sign,
                float(epochs[index].mean()), float(epochs[0].mean()), int(diverged[index].sum()),
            )
        )  # fmt: skip
    tried.sort(key=lambda each: -(each.gain if each.helps else each.gain - 1e30))
    return Attempt(tuple(tried), measure.name, seeds, len(folds), time.perf_counter() - began)


def _folds(case: Case) -> list[tuple[np.ndarray, np.ndarray]]:
    """The run's own split if it has enough validation rows; otherwise folds of all rows but the test rows."""
    data = case.data.dataset
    if len(data.valid) >= ENOUGH:
        return [(data.train, data.valid)]
    if data.groups is not None or data.time is not None:
        return pairs_of(data, np.sort(np.concatenate([data.train, data.valid])), FOLDS)
    rows = np.random.default_rng(0).permutation(np.concatenate([data.train, data.valid]))
    if data.task == "classification":  # each class is spread evenly
        rows = rows[np.argsort(data.y[rows], kind="stable")]
    parts = [np.sort(rows[start::FOLDS]) for start in range(FOLDS)]
    return [(np.sort(np.concatenate([p for j, p in enumerate(parts) if j != i])), parts[i]) for i in range(FOLDS)]


def _measured(
    case: Case,
    recipes: Sequence[Recipe],
    folds: list[tuple[np.ndarray, np.ndarray]],
    seeds: list[int],
    measure: Measure,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(measure, first metric, epochs, diverged) of every recipe, each (recipes, seeds x folds).

    Recipes whose own scores cannot be compared cannot share a population, and are evaluated apart.
    """
    shape = (len(recipes), len(seeds) * len(folds))
    values, metric, epochs, diverged = (np.zeros(shape) for _ in range(4))
    for apart in dict.fromkeys(map(_apart, recipes)):
        indices = [i for i, each in enumerate(recipes) if _apart(each) == apart]
        group = [recipes[i] for i in indices]
        found = evaluate(group, case.data, seeds=seeds, folds=folds, keep=True, probes=(), test=False)
        order = sorted(set(found.seed.tolist()))
        for lane in range(len(found)):
            index = indices[int(found.recipe[lane])]
            column = order.index(int(found.seed[lane])) * len(folds) + max(int(found.fold[lane]), 0)
            ended = int(found.outcome[lane])
            arrays = None if found.arrays is None else found.arrays[lane]
            lost = ended == Outcome.DIVERGED and int(found.best_epoch[lane]) == 0
            rows = folds[max(int(found.fold[lane]), 0)][1]
            values[index, column], metric[index, column] = measure.of(
                found.recipes[int(found.recipe[lane])], None if lost else arrays, rows
            )
            epochs[index, column] = found.epochs[lane]
            diverged[index, column] = ended == Outcome.DIVERGED
    return values, metric, epochs, diverged


def _apart(recipe: Recipe) -> tuple[str, str, str]:
    """What recipes of one population must have in common."""
    return recipe.monitor, repr(recipe.class_weight), repr(recipe.target_transform)
