"""Checkpoints: a run's whole state and its history so far, the last two of them."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import jax
import numpy as np

from fallline.core.errors import FalllineError
from fallline.core.files import write_atomically
from fallline.core.tensors import flatten, load_tensors, save_tensors, unflatten
from fallline.training.state import Epoch, State

NAME, PREVIOUS = "checkpoint.safetensors", "checkpoint.previous.safetensors"


def save_checkpoint(folder: Path, state: State, seen: Epoch, description: dict[str, Any]) -> None:
    """Write the newest checkpoint and keep the one before it.

    The description says what run it belongs to; the file is whole or not there, whenever the process is killed.
    """
    newest = folder / NAME
    try:
        if newest.exists():
            os.replace(newest, folder / PREVIOUS)
    except OSError as error:
        raise FalllineError(
            f"cannot write {newest}: {error.strerror}; choose a folder that can be written to"
        ) from None
    arrays = {f"state/{name}": array for name, array in flatten(state).items()}
    arrays |= {f"history/{name}": array for name, array in flatten(seen).items()}
    save_tensors(newest, arrays, {"kind": "checkpoint", **description})


def load_checkpoint(
    folder: Path, like: State, description: dict[str, Any]
) -> tuple[State | None, Epoch | None, list[str]]:
    """The newest whole checkpoint of this run, or none; and a sentence for each damaged one.

    Raises: FalllineError when a checkpoint belongs to another recipe, seed or other data.
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
        for name, value in description.items():
            if described.get(name) != value:
                raise FalllineError(
                    f"checkpoint {str(path)!r} belongs to another {name}: it can only continue the run that wrote it, "
                    "on the same data; start a new run instead"
                )
        state = unflatten(_part(arrays, "state/"), like)
        seen = Epoch(**_part(arrays, "history/"))
        return jax.device_put(state), seen, damaged
    return None, None, damaged


def remove_checkpoints(folder: Path) -> None:
    """A finished run needs none."""
    for name in (NAME, PREVIOUS):
        with suppress(OSError):
            (folder / name).unlink(missing_ok=True)


def copy_checkpoints(old: Path, new: Path) -> None:
    """Copy a run's checkpoints into another folder, where it is to be continued."""
    for name in (NAME, PREVIOUS):
        try:
            content = (old / name).read_bytes()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise FalllineError(f"cannot read {old / name}: {error.strerror}; check its permissions") from None
        write_atomically(new / name, content)


def _part(arrays: dict[str, np.ndarray], prefix: str) -> dict[str, Any]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
