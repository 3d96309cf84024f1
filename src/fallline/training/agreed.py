"""Which shapes of arrays have been traced and agreed with which recipe, remembered on disk by a hash of both.

A model that agreed once is read without tracing its recipe, which takes longer than all else that a prediction of few rows
does. An entry is an empty file, so there is nothing in it to be damaged, and it can only accept a model: whatever has no
entry is traced before it is refused.
"""

import contextlib
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import jax
import numpy as np

from fallline._version import __version__
from fallline.core.runtime import cache_folder
from fallline.training.host import has_own
from fallline.training.recipe import Recipe, recipe_to_plain
from fallline.training.validation import answering

KEPT = 1_000  # entries; the oldest are removed


def entry_of(recipe: Recipe, features: int, outputs: int, task: str, arrays: Mapping[str, np.ndarray]) -> Path | None:
    """The entry of a recipe and its arrays' shapes for these versions; None for blocks of the user's own, which may change.

    Arguments:
        recipe: a completed recipe.
        features, outputs, task: what the network's widths follow from.
        arrays: the arrays by path.
    """
    if has_own(recipe):
        return None
    shapes = sorted((name, array.dtype.str, array.shape) for name, array in arrays.items())
    decides = [recipe_to_plain(answering(recipe)), features, outputs, task, shapes, __version__, jax.__version__]
    return cache_folder() / "agreed" / hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()


def remember(entry: Path) -> None:
    """Make the entry, if the folder can be written to."""
    with contextlib.suppress(OSError):
        entry.parent.mkdir(parents=True, exist_ok=True)
        held = list(entry.parent.iterdir())
        for oldest in sorted(held, key=lambda each: each.stat().st_mtime)[: max(0, len(held) + 1 - KEPT)]:
            oldest.unlink(missing_ok=True)
        entry.touch()
