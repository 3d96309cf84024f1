"""Whether a regression learns the logarithm of its target: asked for, or chosen by the skew of the training rows."""

import numpy as np
from jaxtyping import Float

from fallline.core.errors import FalllineError
from fallline.data.dataset import Dataset

SKEWED = 1.0  # skew above which a logarithm is considered
CLEARLY = 0.5  # share of the skew that may be left after the logarithm
SPAN = 10.0  # ratio of the mean of the largest to the smallest tenth above which ratios are worth learning


def skew(y: Float[np.ndarray, " rows"]) -> float:
    """The third standardised moment; 0 for a constant.

    >>> round(skew(np.array([1.0, 1.0, 1.0, 5.0])), 4)  # 2 / sqrt 3
    1.1547
    """
    d = np.asarray(y, np.float64) - np.mean(y)
    variance = float(np.mean(d**2))
    return 0.0 if variance <= 1e-24 * float(np.mean(np.square(y))) else float(np.mean(d**3) / variance**1.5)


def chosen_transform(dataset: Dataset) -> str:
    """log if every target of the training rows is skewed to the right, and its logarithm is much less so; else none.

    The rule: no value below 0, a skew above 1, at most 1 and half of it (in size) after log(y + c), c as in the scaler `log`, and
    a largest tenth that is on average ten times the smallest.
    """
    y = np.asarray(dataset.given[dataset.train], np.float64)
    return "log" if len(y) and all(_is_better(column) for column in y.T) else "none"


def note_on(dataset: Dataset) -> str:
    """The reason for a logarithm that was chosen."""
    y = np.asarray(dataset.given[dataset.train], np.float64)
    before, after = (max((skew(each) for each in columns.T), key=abs) for columns in (y, _logs(y)))
    return (
        f"the target's skew is {before:.1f}, and {after:.1f} after a logarithm: the network learns the logarithm; predictions "
        "and metrics are in the target's own unit"
    )


def check_log(lowest: float | None) -> None:
    """Raises: FalllineError for a logarithm of negative targets."""
    if lowest is not None and lowest < 0:
        raise FalllineError(
            f"target_transform = 'log' needs targets of 0 or more; the smallest here is {lowest:g}: leave it out"
        )


def _is_better(y: Float[np.ndarray, " rows"]) -> bool:
    if y.min() < 0 or skew(y) <= SKEWED or abs(skew(_logs(y[:, None])[:, 0])) > min(SKEWED, CLEARLY * skew(y)):
        return False
    y = np.sort(y)
    tenth = -(-len(y) // 10)
    return bool(y[-tenth:].mean() >= SPAN * y[:tenth].mean())


def _logs(y: Float[np.ndarray, "rows targets"]) -> Float[np.ndarray, "rows targets"]:
    low = y.min(axis=0)
    return np.asarray(np.log(y + np.where(low > 0, 0.0, 0.01 * (y.mean(axis=0) - low) - low + 1e-300)))
