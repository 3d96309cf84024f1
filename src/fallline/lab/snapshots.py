"""The weights of a run epoch by epoch: it is trained again, one epoch at a time, which gives the same numbers."""

import dataclasses
from typing import Any

import jax
import numpy as np

from fallline.core.block import as_arrays
from fallline.core.errors import FalllineError
from fallline.core.tree import Tree
from fallline.doctor.case import Case
from fallline.lab.network import seen
from fallline.probes import RECORDED
from fallline.training.chunks import run_chunks
from fallline.training.preparation import prepare_run
from fallline.training.state import State

MOST = 100  # most epochs whose weights are kept


@dataclasses.dataclass(frozen=True)
class Snapshots:
    """The weights of a run.

    Arguments:
        epochs: the epochs, 0 for the initial weights.
        weights: `params` and `stats` at the end of each.
        difference: how far the kept parameters are from those of the run itself, relative to their size; 0 for the same
            bits.
    """

    epochs: tuple[int, ...]
    weights: tuple[Tree, ...]
    difference: float


def snapshots_of(case: Case, most: int = MOST) -> Snapshots:
    """The weights of a run at its start and at the end of at most so many epochs, evenly spaced.

    Raises: FalllineError for a run that extends another, whose first epochs had another schedule.
    """
    if case.plan is not None and case.plan.extended:
        raise FalllineError(
            "the run extends another, so it cannot be trained again in one piece: choose random directions"
        )
    run = prepare_run(case.recipe, case.data, case.seed, RECORDED)
    total = len(next(iter(case.history.values()))) if case.history else int(run.recipe.epochs)
    wanted = set(np.unique(np.linspace(0, total, min(total, most) + 1).astype(int)).tolist()) | {case.best_epoch}
    state = run.start()
    found: dict[int, Any] = {0: _copied(run.traced.optimizer, state)}

    def keep(state: State, _: Any) -> None:
        if int(state.epoch) in wanted:
            found[int(state.epoch)] = _copied(run.traced.optimizer, state)

    done = run_chunks(
        run.traced, run.arrays, state, until=total, every=1, between=keep, recorded=as_arrays(run.recorded)
    ).state
    return Snapshots(tuple(found), tuple(found.values()), _difference(case, done))


def _copied(optimizer: Any, state: State) -> Tree:
    """The weights as evaluated, in memory of their own: the next epoch takes over the state's."""
    shown = {"params": optimizer.evaluation_params(state.params, state.memory), "stats": state.stats}
    copied = jax.tree.map(lambda leaf: np.array(leaf), shown)
    return {"params": copied["params"], "stats": seen(copied["stats"])}


def _difference(case: Case, state: State) -> float:
    if case.model is None:
        return 0.0
    pairs = zip(jax.tree.leaves(state.best_params), jax.tree.leaves(case.model.arrays["params"]), strict=True)
    return max(float(np.abs(np.asarray(a) - b).max() / max(float(np.abs(b).max()), 1e-30)) for a, b in pairs)
