"""Checkpoints of a policy's training. They are small, since candidates and episodes are drawn again."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from fallline.control.curve import EVALUATION, ITERATION, LearningCurve
from fallline.control.state import PolicyState
from fallline.control.statistics import Statistics
from fallline.core.checkpoints import NAME, check_description, remove_files, tree_of
from fallline.core.errors import FalllineError
from fallline.core.tensor_files import check_finite, load_tensors, save_tensors
from fallline.core.tensors import flatten

_CURVES = {"iterations": ITERATION, "evaluations": EVALUATION}
_ONLY = "it can only continue the training that wrote it; start a new one instead"
_REMEDY = "use another copy, or train again without --resume"
COUNTS = ("steps", "rollouts", "failures", "evaluations", "best_steps", "barren")


def save_checkpoint(folder: Path, policy_state: PolicyState, description: dict[str, Any]) -> None:
    """Write the progress of a training atomically: if the process is killed, the previous file stays intact."""
    arrays = flatten(_tree(policy_state))
    arrays |= {f"curve/{name}": table for name, table in policy_state.curve.arrays().items()}
    save_tensors(folder / NAME, arrays, {"kind": "policy checkpoint", **description})


def load_checkpoint(folder: Path, like: PolicyState, description: dict[str, Any]) -> PolicyState | None:
    """The saved progress of a training, or None if there is no checkpoint.

    Raises: FalllineError for a checkpoint that is damaged or belongs to another recipe, seed or environment.
    """
    path = folder / NAME
    if not path.exists():
        return None
    arrays, described = load_tensors(path, "checkpoint")
    what = f"checkpoint {str(path)!r}"
    check_description(described, description, what, _ONLY)
    curve = {name: arrays.pop(f"curve/{name}", None) for name in _CURVES}
    tree = tree_of(arrays, _tree(like), what, _REMEDY)
    mean, squares = tree["statistics"]
    counts = dict(zip(COUNTS, tree["counts"].tolist(), strict=True))
    _check_sense(tree, curve, what)
    return dataclasses.replace(
        like,
        method=tree["method"],
        statistics=Statistics(int(tree["count"]), mean, squares),
        best=tree["best"],
        best_scaling=type(like.best_scaling)(*tree["best_scaling"]),
        best_score=float(tree["best_score"]),
        curve=LearningCurve.of({name: table for name, table in curve.items() if table is not None}),
        **counts,
    )


def _check_sense(tree: dict[str, Any], curve: dict[str, np.ndarray | None], what: str) -> None:
    """Raises: FalllineError for impossible values: NaN parameters, negative counts, a curve with wrong columns."""
    numbers = {"point": tree["method"].point, "best": tree["best"], "mean": tree["statistics"][0]}
    numbers |= {"squares": tree["statistics"][1], "scaling": np.stack(tree["best_scaling"])}
    check_finite({name: np.asarray(array) for name, array in numbers.items()}, what, _REMEDY)
    counts = [*tree["counts"].tolist(), int(tree["count"]), int(tree["method"].iteration)]
    score = float(tree["best_score"])
    if min(counts) < 0 or (tree["statistics"][1] < 0).any() or np.isnan(score) or score == np.inf:
        raise FalllineError(f"{what} is damaged: its counts, squares or best score are none; {_REMEDY}")
    for name, columns in _CURVES.items():
        table = curve[name]
        if table is None or table.ndim != 2 or table.shape[1] != len(columns) or table.dtype != np.float64:
            raise FalllineError(f"{what} is damaged: its curve of {name} has not {len(columns)} columns; {_REMEDY}")
        whole = table[:, [columns.index(each) for each in ("iteration", "steps", "failures")]]
        if not (np.isfinite(whole) & (whole >= 0) & (whole < 2**53)).all():
            raise FalllineError(f"{what} is damaged: its curve of {name} counts below 0; {_REMEDY}")


def remove_checkpoints(folder: Path) -> None:
    """Remove the checkpoint of a finished training."""
    remove_files(folder, NAME)


def _tree(policy_state: PolicyState) -> dict[str, Any]:
    return {
        "method": policy_state.method,
        "statistics": [policy_state.statistics.mean, policy_state.statistics.squares],
        "count": np.asarray(policy_state.statistics.n, np.int64),
        "best": policy_state.best,
        "best_scaling": list(policy_state.best_scaling),
        "best_score": np.asarray(policy_state.best_score, np.float64),
        "counts": np.array([getattr(policy_state, name) for name in COUNTS], np.int64),
    }
