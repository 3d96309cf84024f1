"""What the name of a score says: whether more is better, and which epoch of a halving it belongs to.

The metrics themselves (`fallline.metrics`) need JAX; who only lists scores does not.
"""

import math
from collections.abc import Mapping
from typing import Any

LARGER = frozenset({"accuracy", "balanced_accuracy", "f1", "auc", "r2"})
AT_RUNG = "score_after_"  # prefix of the columns with the scores at a rung, followed by its epoch


def larger_is_better(monitor: str) -> bool:
    """Whether a monitored value is a metric for which larger is better.

    >>> larger_is_better("accuracy"), larger_is_better("loss")
    (True, False)
    """
    return monitor in LARGER


def rungs_of(columns: Mapping[str, Any]) -> dict[int, float]:
    """The scores at the rungs that a trial reached, by epoch.

    Raises: ValueError for a column of a rung without an epoch; TypeError for a score that is no number.

    >>> rungs_of({"valid_loss": 0.1, "score_after_9": 0.2, "score_after_3": 0.4, "score_after_27": float("nan")})
    {9: 0.2, 3: 0.4}
    """
    named = {name: value for name, value in columns.items() if name.startswith(AT_RUNG) and value is not None}
    return {int(name.removeprefix(AT_RUNG)): value for name, value in named.items() if math.isfinite(value)}
