"""What all checkpoint files have in common: they name the work they belong to, fit its arrays, and go when it is done."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from fallline.core.errors import FalllineError
from fallline.core.tensors import unflatten

NAME = "checkpoint.safetensors"


def check_description(described: dict[str, Any], description: dict[str, Any], what: str, only: str) -> None:
    """Compare a checkpoint's description with that of the work which is about to continue from it.

    Raises: FalllineError naming the first entry that differs; `only` says what the checkpoint can continue.

    >>> check_description({"seed": 1}, {"seed": 2}, "checkpoint 'a'", "it can only continue the run that wrote it")
    Traceback (most recent call last):
    fallline.core.errors.FalllineError: checkpoint 'a' belongs to another seed: it can only continue the run that wrote it
    """
    for name, value in description.items():
        if described.get(name) != value:
            raise FalllineError(f"{what} belongs to another {name}: {only}")


def tree_of(arrays: dict[str, np.ndarray], like: Any, what: str, remedy: str) -> Any:
    """The tree that a checkpoint holds, with the structure of `like`.

    Raises: FalllineError for an array that is missing or does not fit.
    """
    try:
        return unflatten(arrays, like)
    except FalllineError as error:
        raise FalllineError(f"{what} is damaged: {error}; {remedy}") from None


def remove_files(folder: Path, *names: str) -> None:
    """Delete files that finished work does not need; a file that cannot be deleted stays."""
    for name in names:
        with suppress(OSError):
            (folder / name).unlink(missing_ok=True)
