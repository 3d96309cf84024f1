"""The shape of a run's curves: what fell, what rose, what still moves. Everything about the trend of a loss is here."""

import dataclasses
from collections.abc import Mapping

import numpy as np

LAST = 0.25  # share of the epochs whose trend is the end's
LEAST = 8  # fewest epochs with a trend


@dataclasses.dataclass(frozen=True)
class Trend:
    """A line through the end of a curve: its fall relative to the level, and the fall divided by its standard error."""

    fall: float
    t: float


@dataclasses.dataclass(frozen=True)
class Curve:
    """What the loss curves show.

    Arguments:
        train, valid: loss of every epoch; `valid` is empty without validation rows.
        first_bad: first epoch with a loss that is not finite, from 1; 0 if there is none.
        train_end, valid_end: trends of the last quarter.
        rough: median distance of the training loss from its neighbours' mean, in the middle half of the run.
        least: epoch of the least validation loss, from 1.
        rise: how far the validation loss rises above its least by the end, as a share of it, smoothed.
    """

    train: np.ndarray
    valid: np.ndarray
    first_bad: int
    train_end: Trend
    valid_end: Trend
    rough: float
    least: int
    rise: float

    @property
    def epochs(self) -> int:
        """Number of epochs."""
        return len(self.train)


def curve_of(history: Mapping[str, np.ndarray]) -> Curve:
    """The shape of a history's loss curves.

    >>> fall = np.exp(-np.arange(40) / 20)
    >>> curve = curve_of({"epoch": np.arange(1, 41), "train_loss": fall, "valid_loss": fall})
    >>> curve.least, round(curve.valid_end.fall, 2), curve.rise
    (40, 0.5, 0.0)
    """
    train = np.asarray(history.get("train_loss", []), np.float64)
    valid = np.asarray(history.get("valid_loss", []), np.float64)
    valid = valid if np.isfinite(valid).any() else valid[:0]
    bad = ~np.isfinite(train)
    least, rise = 0, 0.0
    if len(valid):
        smooth = smoothed(np.where(np.isfinite(valid), valid, np.nanmax(valid)))
        least = int(np.nanargmin(valid)) + 1
        rise = float((smooth[-1] - smooth.min()) / max(abs(smooth.min()), 1e-12))
    return Curve(
        train=train,
        valid=valid,
        first_bad=int(np.argmax(bad)) + 1 if bad.any() else 0,
        train_end=trend(train),
        valid_end=trend(valid),
        rough=roughness(train),
        least=least,
        rise=rise,
    )


def trend(values: np.ndarray) -> Trend:
    """The trend of the last quarter of a curve, by least squares; 0 for curves that are short or not finite.

    fall = - slope x epochs / mean,  t = - slope / its standard error

    >>> trend(np.linspace(2.0, 1.0, 40)).fall > 0.2, trend(np.ones(40))
    (True, Trend(fall=0.0, t=0.0))
    """
    tail = values[-max(LEAST, int(len(values) * LAST)) :]
    if len(tail) < LEAST or not np.isfinite(tail).all():
        return Trend(0.0, 0.0)
    time = np.arange(len(tail)) - (len(tail) - 1) / 2
    square = float(time @ time)
    slope = float(time @ tail) / square
    rest = tail - tail.mean() - slope * time
    error = np.sqrt(float(rest @ rest) / max(len(tail) - 2, 1) / square)
    level = max(abs(float(tail.mean())), 1e-30)
    if abs(slope) * len(tail) < 1e-9 * level:
        return Trend(0.0, 0.0)
    return Trend(-slope * len(tail) / level, min(-slope / max(float(error), 1e-30), 1e6))


def still_improving(values: np.ndarray, share: float, t: float) -> bool:
    """Whether the end of a curve falls by at least this share of its level, and by `t` standard errors.

    >>> still_improving(np.exp(-np.arange(60) / 40), 0.02, 3.0), still_improving(np.ones(60), 0.02, 3.0)
    (True, False)
    """
    end = trend(values)
    return end.fall >= share and end.t >= t


def roughness(values: np.ndarray) -> float:
    """Median distance of a point from the mean of its two neighbours, over the middle half of a curve."""
    middle = values[len(values) // 4 : len(values) - len(values) // 4]
    middle = middle[np.isfinite(middle)]
    if len(middle) < 5:
        return 0.0
    return float(np.median(np.abs(middle[1:-1] - 0.5 * (middle[:-2] + middle[2:]))))


def smoothed(values: np.ndarray, width: int = 5) -> np.ndarray:
    """Running median of a few epochs, as long as the curve."""
    if len(values) < width:
        return values
    padded = np.pad(values, width // 2, mode="edge")
    found: np.ndarray = np.median(np.lib.stride_tricks.sliding_window_view(padded, width), axis=1)
    return found
