"""`fork(run, epoch, vary)`: what would have helped here? Branches from one epoch of a run, as one population."""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from fallline.core.block import Block, get, replace, walk
from fallline.core.errors import FalllineError
from fallline.core.field import Field
from fallline.core.plain import parse, to_plain
from fallline.data.table import Table
from fallline.doctor.case import case_of, case_of_folder
from fallline.population import Population, evaluate
from fallline.training.recipe import Recipe
from fallline.training.run import Run
from fallline.training.train import train_from

FACTORS = (0.1, 0.3, 1.0, 3.0, 10.0)
RATES = (0.0, 0.1, 0.3, 0.5)
SIZES = (0.25, 0.5, 1.0, 2.0, 4.0)


@dataclasses.dataclass(frozen=True)
class Branch:
    """One continuation of a run: its changes, its history from the fork on, its best score there, and how it ended."""

    name: str
    changes: dict[str, Any]
    history: Mapping[str, np.ndarray]
    score: float
    outcome: str


@dataclasses.dataclass(frozen=True)
class Forked:
    """A run and its branches from one epoch.

    Arguments:
        epoch: the epoch that the branches continue from.
        monitor: what the scores are of; a smaller score is better.
        trunk: history of the run up to that epoch.
        branches: the branches; the first one changes nothing.
    """

    epoch: int
    monitor: str
    trunk: Mapping[str, np.ndarray]
    branches: tuple[Branch, ...]

    @property
    def best(self) -> Branch:
        """The branch with the best score."""
        return min(self.branches, key=lambda each: each.score)

    def to_plain(self) -> dict[str, Any]:
        """As plain data, with the loss curves of every branch."""
        return {
            "epoch": self.epoch,
            "monitor": self.monitor,
            "best": self.best.name,
            "branches": [
                {
                    "name": each.name,
                    "changes": {
                        path: to_plain(value) if isinstance(value, Block) else value
                        for path, value in each.changes.items()
                    },
                    "score": float(each.score) if np.isfinite(each.score) else None,
                    "outcome": each.outcome,
                    "epochs": each.history["epoch"].tolist(),
                    **{
                        name: [float(v) if np.isfinite(v) else None for v in each.history[name]]
                        for name in ("train_loss", "valid_loss")
                    },
                }
                for each in self.branches
            ],
        }


def fork(
    run: Run | str | Path,
    epoch: int,
    vary: Mapping[str, Sequence[Any] | None] | Sequence[str],
    data: Table | None = None,
) -> Forked:
    """Continue a run from one of its epochs under other numbers, every branch beside the run as it was.

    The run is trained again up to that epoch, which gives the same bits. Paths are varied one at a time.

    Arguments:
        run: a run, or a run folder.
        epoch: the epoch to continue from.
        vary: dotted paths with their values; a path without values gets usual ones.
        data: the run's table; default: the one that it was trained on.

    Raises: FalllineError for an epoch that the run has not reached, or a path that cannot be varied.

    >>> import fallline as fl
    >>> run = fl.train(fl.Recipe(epochs=6), fl.load("sklearn:iris"))
    >>> [each.name for each in fork(run, 3, {"model.dropout": [0.0, 0.5]}).branches]
    ['as it was', 'model.dropout = 0', 'model.dropout = 0.5']
    """
    case = case_of_folder(Path(run)) if isinstance(run, str | Path) else case_of(run, data)
    reached = len(case.history["epoch"])
    if isinstance(epoch, bool) or not isinstance(epoch, int) or not 1 <= epoch < reached:
        raise FalllineError(
            f"epoch {epoch!r} cannot be forked from: expected 1 to {reached - 1}, since the run has {reached}"
        )
    chosen = dict(vary) if isinstance(vary, Mapping) else dict.fromkeys(vary)
    if not chosen:
        raise FalllineError("nothing is varied: name a path such as optimizer.learning_rate.peak")
    named: list[tuple[str, Recipe, dict[str, Any]]] = [("as it was", case.recipe, {})]
    for path, values in chosen.items():
        old = get(case.recipe, path)
        for value in values_for(case.recipe, path) if values is None else values:
            if value != old:
                recipe = _changed(case.recipe, path, value)
                if recipe != case.recipe:
                    named.append((f"{path} = {_short(value)}", recipe, {path: value}))
    trunk = train_from(case.recipe, case.data, seed=case.seed, until=epoch)
    recipes = [recipe for _, recipe, _ in named]
    found = evaluate(recipes, case.data, seeds=[case.seed], state=trunk.state, test=False)
    indices = found.recipe.tolist()
    branches = tuple(_branch(found, lane, named[i][0], named[i][2]) for lane, i in enumerate(indices))
    return Forked(epoch, case.recipe.monitor, trunk.history, branches)


def _branch(found: Population, lane: int, name: str, changes: dict[str, Any]) -> Branch:
    from fallline.core.outcome import Outcome

    history = found.history(lane)
    return Branch(name, changes, history, float(found.score[lane]), Outcome(int(found.outcome[lane])).label)


def values_for(recipe: Recipe, path: str) -> list[Any]:
    """Usual values for a path: multiples of a number on a log scale, dropout rates, sizes of a minibatch.

    Raises: FalllineError for a path whose values must be given.
    """
    old = get(recipe, path)
    if path == "batch_size":
        return sorted({max(1, round(int(old) * each)) for each in SIZES})
    if path.endswith(("dropout", ".rate")):
        return list(RATES)
    declared = _declared(recipe, path)
    if declared is not None and isinstance(old, int | float) and not isinstance(old, bool) and old > 0:
        if declared.integer:
            return sorted({max(1, round(old * each)) for each in SIZES})
        if declared.scale == "log" or path.endswith((".peak", ".value", "learning_rate")):
            return [float(f"{old * each:.4g}") for each in FACTORS]
        if declared.usual is not None:
            return [float(f"{each:.4g}") for each in np.linspace(*declared.usual, 5)]
    raise FalllineError(f"{path} = {old!r} has no usual values to vary it by: give them, such as {path}=1,2,3")


def _declared(recipe: Recipe, path: str) -> Field | None:
    return next((declared for where, declared, _ in walk(recipe) if where == path), None)


def _changed(recipe: Recipe, path: str, value: Any) -> Recipe:
    """The recipe with another value, which may be a block, its name or its plain form."""
    return replace(recipe, {path: value}) if isinstance(value, Block) else parse(recipe, path, value)


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(getattr(value, "name", value))
