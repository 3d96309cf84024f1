"""Checkpoints of a policy's training: small, since candidates and episodes are drawn again."""

import dataclasses
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fallline.control.curve import Curve
from fallline.control.statistics import Statistics
from fallline.core.errors import FalllineError
from fallline.core.tensors import flatten, load_tensors, save_tensors, unflatten

if TYPE_CHECKING:
    from fallline.control.search import Progress

NAME = "checkpoint.safetensors"
COUNTS = ("steps", "rollouts", "failures", "evaluations", "best_steps", "barren")


def save_checkpoint(folder: Path, progress: "Progress", description: dict[str, Any]) -> None:
    """Write where a training stands; the file is whole or the one before it, whenever the process is killed."""
    arrays = flatten(_tree(progress))
    arrays |= {f"curve/{name}": table for name, table in progress.curve.arrays().items()}
    save_tensors(folder / NAME, arrays, {"kind": "policy checkpoint", **description})


def load_checkpoint(folder: Path, like: "Progress", description: dict[str, Any]) -> "Progress | None":
    """Where a training stood, or None where there is no checkpoint.

    Raises: FalllineError for a checkpoint that is damaged or belongs to another recipe, seed or environment.
    """
    path = folder / NAME
    if not path.exists():
        return None
    arrays, described = load_tensors(path, "checkpoint")
    for name, value in description.items():
        if described.get(name) != value:
            raise FalllineError(
                f"checkpoint {str(path)!r} belongs to another {name}: it can only continue the training that wrote it; "
                "start a new one instead"
            )
    tree = unflatten(arrays, _tree(like))
    counts = dict(zip(COUNTS, tree["counts"].tolist(), strict=True))
    mean, squares = tree["statistics"]
    return dataclasses.replace(
        like,
        method=tree["method"],
        statistics=Statistics(int(tree["count"]), mean, squares),
        best=tree["best"],
        best_scaling=type(like.best_scaling)(*tree["best_scaling"]),
        best_score=float(tree["best_score"]),
        curve=Curve.of({name: arrays[f"curve/{name}"] for name in ("iterations", "evaluations")}),
        **counts,
    )


def remove_checkpoints(folder: Path) -> None:
    """A finished training needs none."""
    with suppress(OSError):
        (folder / NAME).unlink(missing_ok=True)


def _tree(progress: "Progress") -> dict[str, Any]:
    return {
        "method": progress.method,
        "statistics": [progress.statistics.mean, progress.statistics.squares],
        "count": np.asarray(progress.statistics.n, np.int64),
        "best": progress.best,
        "best_scaling": list(progress.best_scaling),
        "best_score": np.asarray(progress.best_score, np.float64),
        "counts": np.array([getattr(progress, name) for name in COUNTS], np.int64),
    }
