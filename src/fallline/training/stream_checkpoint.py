"""Checkpoints of a run on a stream: as those of any run, and with the place in the epoch and its sums so far."""

import os
from pathlib import Path
from typing import Any

import jax
import numpy as np

from fallline.core.checkpoints import NAME, tree_of
from fallline.core.errors import FalllineError
from fallline.core.outcome import Outcome
from fallline.core.plain import to_plain
from fallline.core.tensor_files import check_finite, load_tensors, save_tensors
from fallline.core.tensors import flatten
from fallline.core.tree import Tree
from fallline.probes import SCORES, Probe
from fallline.training.checkpoint import PREVIOUS, check_belongs
from fallline.training.state import Epochs, State
from fallline.training.step import Tally
from fallline.training.stream_steps import StreamPosition

_REMEDY = "use another copy"


def save_place(
    folder: Path, place: StreamPosition, seen: Epochs | None, described: dict[str, Any], recorded: tuple[Probe, ...]
) -> None:
    """Write the newest checkpoint and keep the one before it.

    The description says which run the checkpoint belongs to, and what the columns of its history are.

    Raises: FalllineError if the folder refuses it.
    """
    newest = folder / NAME
    try:
        if newest.exists():
            os.replace(newest, folder / PREVIOUS)
    except OSError as error:
        raise FalllineError(
            f"cannot write {newest}: {error.strerror}; choose a folder that can be written to"
        ) from None
    arrays = {f"state/{name}": array for name, array in flatten(place.state).items()}
    arrays |= {f"tally/{name}": array for name, array in flatten(place.tally).items()}
    arrays |= {f"history/{name}": array for name, array in flatten(seen or {}).items()}
    own = {"kind": "checkpoint", "probes": [to_plain(each) for each in recorded], "window": place.window}
    save_tensors(newest, arrays, {**own, **described})


def load_place(
    folder: Path,
    like: StreamPosition,
    identity: dict[str, Any],
    recorded: tuple[Probe, ...],
    windows: int,
    replaces: bool = False,
) -> tuple[StreamPosition | None, Epochs | None, list[str]]:
    """The newest intact checkpoint of this run, or None, and a sentence for each damaged one.

    Arguments:
        folder: the run's folder.
        like: a place with the structure, shapes and dtypes of the run's.
        identity: what the checkpoint must agree in with the run.
        recorded: the run's probes.
        windows: number of windows of an epoch.
        replaces: ignore a checkpoint of another run.

    Raises: FalllineError for a checkpoint of another recipe, seed, stream or memory.
    """
    damaged: list[str] = []
    for path in (folder / NAME, folder / PREVIOUS):
        if not path.exists():
            continue
        try:
            arrays, described = load_tensors(path, "checkpoint")
        except FalllineError as error:
            damaged.append(str(error))
            continue
        if replaces and any(described.get(name) != value for name, value in identity.items()):
            continue
        check_belongs(described, identity, recorded, path)
        try:
            place, seen = _fitting(arrays, described, like, windows, f"checkpoint {str(path)!r}")
        except FalllineError as error:
            damaged.append(str(error))
            continue
        return place, seen, [f"{each}; the one before it is used" for each in damaged]
    return None, None, damaged


def _fitting(
    arrays: dict[str, np.ndarray], described: dict[str, Any], like: StreamPosition, windows: int, what: str
) -> tuple[StreamPosition, Epochs | None]:
    """The place and the history, after checking shapes, dtypes, counts and that the parameters are finite.

    Raises: FalllineError for contents that no checkpoint of this run can have.
    """
    state: State = tree_of(_part(arrays, "state/"), like.state, what, _REMEDY)
    tally: Tally = tree_of(_part(arrays, "tally/"), like.tally, what, _REMEDY)
    history, window = _part(arrays, "history/"), described.get("window")
    done, step, best = int(state.epoch), int(state.step), int(state.best_epoch)
    counts = {len(each) if each.ndim else -1 for each in history.values()}
    fits = type(window) is int and 0 <= window < windows and 0 <= best <= done and step >= 0
    fits = fits and (counts == {done} and set(SCORES) <= history.keys() if done else not history)
    if not fits or int(state.outcome) not in [int(each) for each in Outcome]:
        raise FalllineError(f"{what} is damaged: its counts of epochs and windows contradict each other; {_REMEDY}")
    kept: Tree = {
        name: getattr(state, name) for name in ("params", "stats", "scaling", "target_scaling", "best_params")
    }
    check_finite(flatten(kept), what, _REMEDY)
    assert isinstance(window, int)
    return StreamPosition(jax.device_put(state), jax.device_put(tally), window), history or None


def _part(arrays: dict[str, np.ndarray], prefix: str) -> dict[str, Any]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
