"""How long to train: epochs and patience that follow the number of steps, where a recipe leaves them open."""

import dataclasses
import math
from bisect import bisect_right
from typing import Any

AUTO = "auto"
STEPS = 15_000  # updates that a run should have, measured: see docs/length.md
LADDER = (60, 80, 100, 125, 150, 200, 250)  # epochs; few values, so that runs of similar tables can be compared
SHARE, LEAST = 0.2, 30  # patience as a share of the epochs, and the fewest epochs of patience


def auto_epochs(training_rows: int, batch_size: int) -> int:
    """The epochs whose steps are nearest below 15,000, between 60 and 250.

        E = the largest of 60, 80, 100, 125, 150, 200, 250 with  E ceil(rows / batch) <= 15000,  or 60

    A small table has few steps in an epoch, and needs more epochs to be learnt; early stopping ends most runs before.

    >>> [auto_epochs(rows, 32) for rows in (150, 615, 1200, 5000)]
    [250, 250, 250, 80]
    """
    steps = math.ceil(max(1, training_rows) / max(1, batch_size))
    return LADDER[max(0, bisect_right(LADDER, STEPS / steps) - 1)]


def auto_patience(epochs: int) -> int:
    """A fifth of the epochs, and at least 30.

    >>> auto_patience(60), auto_patience(250), auto_patience(1000)
    (30, 50, 200)
    """
    return max(LEAST, round(SHARE * epochs))


def lasting(recipe: Any, training_rows: int, batch_size: int) -> Any:
    """The recipe with numbers in place of "auto" for epochs and patience; other recipes are returned as they are."""
    if recipe.epochs != AUTO and recipe.patience != AUTO:
        return recipe
    epochs = auto_epochs(training_rows, batch_size) if recipe.epochs == AUTO else recipe.epochs
    patience = auto_patience(int(epochs)) if recipe.patience == AUTO else recipe.patience
    return dataclasses.replace(recipe, epochs=epochs, patience=patience)
