"""Checkpoints: the whole state of a run and its history so far. The last two are kept."""

import json
import os
from pathlib import Path
from typing import Any

import jax
import numpy as np

from fallline.core.checkpoints import NAME, check_description, remove_files, tree_of
from fallline.core.documents import copy_file
from fallline.core.errors import FalllineError
from fallline.core.outcome import Outcome
from fallline.core.plain import to_plain
from fallline.core.tensor_files import check_finite, load_tensors, save_tensors
from fallline.core.tensors import flatten
from fallline.probes import RECORDED, SCORES, Probe
from fallline.training.state import LATER, Epochs, State

PREVIOUS = "checkpoint.previous.safetensors"
LAST = "last.safetensors"  # the state after the last epoch of a finished run, from which it can be extended
_ONLY = "it can only continue the run that wrote it, on the same data; start a new run instead"

_EARLIER = [  # the probes of checkpoints that do not name them (version 0.1.0)
    {"name": name}
    for name in (
        "train_objective",
        "train_metric",
        "learning_rate",
        "evaluations",
        "gradient_norm",
        "update_ratio",
        "dead",
        "saturated",
    )
]


def save_checkpoint(
    folder: Path, state: State, seen: Epochs, description: dict[str, Any], recorded: tuple[Probe, ...] = RECORDED
) -> None:
    """Write the newest checkpoint and keep the one before it.

    The description says which run the checkpoint belongs to. The file is written atomically: if the process is killed, it
    is either complete or absent.
    """
    newest = folder / NAME
    try:
        if newest.exists():
            os.replace(newest, folder / PREVIOUS)
    except OSError as error:
        raise FalllineError(
            f"cannot write {newest}: {error.strerror}; choose a folder that can be written to"
        ) from None
    write_state(newest, state, seen, description, recorded)


def write_state(
    path: Path, state: State, seen: Epochs, description: dict[str, Any], recorded: tuple[Probe, ...] = RECORDED
) -> None:
    """Write a state and the history before it as one file."""
    arrays = {f"state/{name}": array for name, array in flatten(state).items()}
    arrays |= {f"history/{name}": array for name, array in flatten(seen).items()}
    save_tensors(path, arrays, {"kind": "checkpoint", "probes": [to_plain(each) for each in recorded], **description})


def load_checkpoint(
    folder: Path,
    like: State,
    description: dict[str, Any],
    activations: int,
    recorded: tuple[Probe, ...] = RECORDED,
) -> tuple[State | None, Epochs | None, list[str]]:
    """The newest intact checkpoint of this run, or None, and a sentence for each damaged one.

    `like` has the structure, shapes and dtypes of the run's state, `activations` is the number of activations in its
    network, and `recorded` holds the run's probes.

    Raises: FalllineError when a checkpoint belongs to another recipe, seed or other data, or recorded other probes.
    """
    damaged = []
    for path in (folder / NAME, folder / PREVIOUS):
        if not path.exists():
            continue
        try:
            arrays, described = load_tensors(path, "checkpoint")
        except FalllineError as error:
            damaged.append(str(error))
            continue
        check_belongs(described, description, recorded, path)
        try:
            state, seen = _fitting(arrays, like, activations, recorded, f"checkpoint {str(path)!r}")
        except FalllineError as error:
            damaged.append(str(error))
            continue
        return jax.device_put(state), seen, damaged
    return None, None, damaged


def read_state(
    path: Path,
    like: State,
    description: dict[str, Any],
    activations: int,
    recorded: tuple[Probe, ...] = RECORDED,
) -> tuple[State, Epochs]:
    """The state and the history in a file that `write_state` wrote; see `load_checkpoint` for the arguments.

    Raises: FalllineError for a damaged file, and for one that belongs to another recipe, seed, data or probes.
    """
    arrays, described = load_tensors(path, "checkpoint")
    check_belongs(described, description, recorded, path)
    return _fitting(arrays, like, activations, recorded, f"checkpoint {str(path)!r}")


def check_belongs(
    described: dict[str, Any], description: dict[str, Any], recorded: tuple[Probe, ...], path: Path
) -> None:
    """Raises: FalllineError for a checkpoint of another recipe, seed or other data, or with other probes."""
    check_description(described, description, f"checkpoint {str(path)!r}", _ONLY)
    _check_probes(described.get("probes", _EARLIER), recorded, f"checkpoint {str(path)!r}")


def _check_probes(said: object, recorded: tuple[Probe, ...], what: str) -> None:
    """Raises: FalllineError where a checkpoint's history was recorded by other probes than the run's."""
    said = said if isinstance(said, list) else []

    def words(plain: object) -> str:
        return json.dumps(plain, sort_keys=True)

    if sorted(map(words, said)) != sorted(words(to_plain(each)) for each in recorded):
        names = [str(each.get("name") if isinstance(each, dict) else each)[:80] for each in said[:100]]
        raise FalllineError(
            f"{what} belongs to a run that records other probes ({', '.join(names) or 'none'}): resume with those, with the "
            "same settings, or start a new run"
        )


def _fitting(
    arrays: dict[str, np.ndarray], like: State, activations: int, recorded: tuple[Probe, ...], what: str
) -> tuple[State, Epochs]:
    """The state and the history, after checking shapes, dtypes, counts and that the parameters are finite.

    Raises: FalllineError for contents that no checkpoint of this run can have.
    """
    history, remedy = _part(arrays, "history/"), "use another copy"
    state = tree_of(LATER | _part(arrays, "state/"), like, what, remedy)
    done, step, best, waited = (int(each) for each in (state.epoch, state.step, state.best_epoch, state.waited))
    fits = 0 <= best <= done and 0 <= waited <= done and done <= step and (done > 0 or step == 0)
    if not fits or int(state.outcome) not in [int(each) for each in Outcome]:
        raise FalllineError(f"{what} is damaged: its counts of epochs and steps contradict each other; {remedy}")
    kept = {name: getattr(state, name) for name in ("params", "stats", "scaling", "target_scaling", "best_params")}
    check_finite(flatten(kept), what, remedy)
    if not 1 <= float(state.unit) < np.inf:
        raise FalllineError(f"{what} is damaged: the unit of its objective is {float(state.unit)}; {remedy}")
    if not float(state.best_score) > -np.inf:
        raise FalllineError(f"{what} is damaged: its best score is {float(state.best_score)}; {remedy}")
    sizes: dict[str, tuple[int, ...]] = dict.fromkeys(SCORES, ())
    sizes |= {each.name: each.size(len(state.params), activations) for each in recorded}
    count = len(history["train_loss"]) if history.get("train_loss", np.zeros(())).ndim else -1
    for name, size in sizes.items():
        column = history.get(name)
        if column is None or column.shape != (count, *size) or column.dtype != np.float32:
            raise FalllineError(f"{what} is damaged: its history lacks epochs of {name!r}; {remedy}")
    if history.keys() - sizes.keys() or count > done:
        raise FalllineError(f"{what} is damaged: its history holds more than the run has shown; {remedy}")
    return state, history


def remove_checkpoints(folder: Path) -> None:
    """Delete both checkpoints; a finished run needs none."""
    remove_files(folder, NAME, PREVIOUS)


def copy_checkpoints(old: Path, new: Path) -> None:
    """Copy a run's checkpoints into another folder, where the run will be continued."""
    for name in (NAME, PREVIOUS):
        copy_file(old / name, new / name, "checkpoint")


def _part(arrays: dict[str, np.ndarray], prefix: str) -> dict[str, Any]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
