"""Checkpoints: a run's whole state and its history so far, the last two of them."""

import os
from pathlib import Path
from typing import Any

import jax
import numpy as np

from fallline.core.errors import FalllineError
from fallline.core.tensors import flatten, load_tensors, save_tensors, unflatten
from fallline.training.state import Epoch, State

NAME, PREVIOUS = "checkpoint.safetensors", "checkpoint.previous.safetensors"


def save_checkpoint(folder: Path, state: State, seen: Epoch, description: dict[str, Any]) -> None:
    """Write the newest checkpoint and keep the one before it.

    The description says what run it belongs to; the file is whole or not there, whenever the process is killed.
    """
    newest = folder / NAME
    if newest.exists():
        os.replace(newest, folder / PREVIOUS)
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
        (folder / name).unlink(missing_ok=True)


def _part(arrays: dict[str, np.ndarray], prefix: str) -> dict[str, Any]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
