"""What a longer run promises: the trend of the validation loss at the end of a finished run."""

import dataclasses
from typing import Any

import numpy as np
from jaxtyping import Float

LEAST = 10  # epochs below which a trend can be told from chance only if every epoch improves
FEWEST = 3  # epochs without which there is no trend at all
CERTAIN = 3.0  # standard errors by which the trend must fall
WORTH = 0.01  # share of the loss below which a longer run is not worth mentioning
SPREAD = 0.9  # measured error of the extrapolation, as a share of its gain: see docs/length.md


@dataclasses.dataclass(frozen=True)
class Outlook:
    """A run that was still improving when its epochs ended.

    Arguments:
        epochs: twice the number of epochs of the run, to which the trend is extrapolated.
        gain: share by which the validation loss would fall by then.
        error: standard error of `gain`: the scatter of the losses around the trend, and the measured error of the method.
    """

    epochs: int
    gain: float
    error: float

    @property
    def sentence(self) -> str:
        """The advice with its evidence.

        >>> Outlook(120, 0.142, 0.016).sentence
        'still improving: raise epochs; the trend promises a validation loss 14 % (± 2 %) lower after 120'
        """
        share, error = 100 * self.gain, max(1, round(100 * self.error))
        return (
            f"still improving: raise epochs; the trend promises a validation loss {share:.0f} % (± {error} %) lower "
            f"after {self.epochs:,}"
        )

    def to_plain(self) -> dict[str, Any]:
        """The entry `still_improving` of a run's summary."""
        return {"epochs": self.epochs, "gain": round(self.gain, 4), "error": round(self.error, 4)}


def outlook_of(losses: Float[np.ndarray, " epochs"], begun: int = 0) -> Outlook | None:
    """What twice as many epochs promise, or None where the curve is flat, rises, or falls by no more than chance.

        log loss(e) = a + b log e,  fitted by least squares to the second half of the run;  gain = 1 - 2^b

    The standard error of b counts a run of epochs that deviate alike as fewer observations: it is multiplied by
    sqrt((1 + r) / (1 - r)), r the correlation of neighbouring residuals. There is no outlook if the best epoch lies in the
    first half of the run. A run of fewer than ten epochs is fitted as a whole, and only if every epoch improves.

    Arguments:
        losses: the validation loss of every epoch.
        begun: epochs that preceded the first one.

    >>> curve = 0.3 * np.arange(1, 61) ** -0.2
    >>> outlook_of(curve).epochs, round(outlook_of(curve).gain, 3)  # 1 - 2^-0.2
    (120, 0.129)
    >>> outlook_of(np.full(60, 0.3)) is None
    True
    """
    v = np.asarray(losses, np.float64)
    count = len(v)
    if count < FEWEST or not np.isfinite(v).all() or v.min() <= 0 or v.argmin() + 1 <= count // 2:
        return None
    if count < LEAST and not (np.diff(v) < 0).all():
        return None
    e = begun + np.arange(1, count + 1)
    half = slice(count // 2 if count >= LEAST else 0, None)
    b, error = slope_of(np.log(e[half]), np.log(v[half]))
    gain = 1.0 - 2.0**b
    if gain < WORTH or b > -CERTAIN * error:
        return None
    scatter = np.log(2.0) * 2.0**b * error
    return Outlook(2 * (begun + count), float(gain), float(np.hypot(scatter, SPREAD * gain)))


def slope_of(x: Float[np.ndarray, " n"], y: Float[np.ndarray, " n"]) -> tuple[float, float]:
    """The slope of a line through some points, and its standard error with correlated residuals.

    >>> slope_of(np.arange(4.0), np.array([0.0, 1.0, 2.0, 3.0]))
    (1.0, 0.0)
    """
    d = x - x.mean()
    slope = float(d @ y / (d @ d))
    residuals = y - y.mean() - slope * d
    squares = float(residuals @ residuals)
    if squares <= 1e-24 * float(y @ y + 1.0):
        return slope, 0.0
    r = float(np.clip(residuals[1:] @ residuals[:-1] / squares, 0.0, 0.95))
    return slope, float(np.sqrt(squares / (len(x) - 2) / (d @ d) * (1 + r) / (1 - r)))
