"""Checkpoints of an ensemble: the state and the records of all its lanes. The last two are kept."""

from pathlib import Path
from typing import Any

import numpy as np

from fallline.core.checkpoints import NAME
from fallline.core.errors import FalllineError
from fallline.core.outcome import Outcome
from fallline.core.plain import to_plain
from fallline.core.tensor_files import check_finite, load_tensors
from fallline.core.tensors import flatten, unflatten
from fallline.ensembles.lanes import EnsembleJob, Part
from fallline.probes import SCORES
from fallline.training.checkpoint import PREVIOUS, save_checkpoint
from fallline.training.history import join
from fallline.training.state import Epochs

REMEDY = "use another copy"


def save(folder: Path, job: EnsembleJob, described: dict[str, Any]) -> None:
    """Write the newest checkpoint and keep the one before it.

    The description says which ensemble the checkpoint belongs to, and what the columns of its history are.

    Raises: FalllineError where the folder cannot be written to.
    """
    states = {str(index): part.kept for index, part in enumerate(job.parts)}
    seen: Any = {str(index): join(part.seen) for index, part in enumerate(job.parts) if part.seen}
    save_checkpoint(folder, states, seen, {**described, "number of lanes": job.size}, job.recorded)  # type: ignore[arg-type]


def load(folder: Path, job: EnsembleJob, identity: dict[str, Any]) -> tuple[bool, list[str]]:
    """Continue the job from the newest intact checkpoint; returns whether there is one, and a sentence for each damaged one.

    Raises: FalllineError when a checkpoint belongs to another ensemble or other data, or recorded other probes.
    """
    damaged = []
    belongs = {**identity, "number of lanes": job.size, "probes": [to_plain(each) for each in job.recorded]}
    for path in (folder / NAME, folder / PREVIOUS):
        if not path.exists():
            continue
        what = f"checkpoint {str(path)!r}"
        try:
            arrays, described = load_tensors(path, "checkpoint")
        except FalllineError as error:
            damaged.append(str(error))
            continue
        for name, value in belongs.items():
            if described.get(name) != value:
                raise FalllineError(
                    f"{what} belongs to another {name}: it can only continue the run that wrote it, on the same data and "
                    "with as many devices; start a new run instead"
                )
        try:
            found = [_fitting(arrays, str(index), part, job, what) for index, part in enumerate(job.parts)]
        except FalllineError as error:
            damaged.append(str(error))
            continue
        for part, (state, epoch, seen) in zip(job.parts, found, strict=True):
            part.put(state, epoch, seen)
        return True, damaged
    return False, damaged


def _fitting(
    arrays: dict[str, np.ndarray], index: str, part: Part, job: EnsembleJob, what: str
) -> tuple[Any, int, Epochs | None]:
    """A part's state, epoch and records, after checking shapes, counts and that the parameters are finite."""
    try:
        kept = unflatten(_below(arrays, f"state/{index}/"), part.kept)
    except FalllineError as error:
        raise FalllineError(f"{what} is damaged: {error}; {REMEDY}") from None
    state, epoch = kept["state"], int(kept["epoch"])
    seen = _below(arrays, f"history/{index}/")
    count = len(seen["outcome"]) if seen.get("outcome", np.zeros(())).ndim else 0
    if not 0 <= epoch == count or not set(np.unique(state.outcome)) <= {int(each) for each in Outcome}:
        raise FalllineError(f"{what} is damaged: its counts of epochs contradict each other; {REMEDY}")
    best, waited = np.asarray(state.best_epoch), np.asarray(state.waited)
    if not ((best >= 0) & (best <= epoch) & (waited >= 0) & (waited <= epoch)).all():
        raise FalllineError(f"{what} is damaged: its counts of epochs contradict each other; {REMEDY}")
    names = ("params", "stats", "scaling", "target_scaling", "best_params")
    check_finite(flatten({name: getattr(state, name) for name in names}), what, REMEDY)
    sizes: dict[str, tuple[int, ...]] = dict.fromkeys(SCORES, ())
    sizes |= {each.name: each.size(len(state.params), job.activations) for each in job.recorded}
    for name, size in sizes.items() if count else ():
        column = seen.get(name)
        if column is None or column.shape != (count, job.size, *size) or column.dtype != np.float32:
            raise FalllineError(f"{what} is damaged: its history lacks epochs of {name!r}; {REMEDY}")
    return state, epoch, seen if count else None


def _below(arrays: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
