"""The plateau of good learning rates, or why none can be suggested."""

import dataclasses

import numpy as np
from jaxtyping import Float

WITHIN = 0.1  # share of the greatest fall of the loss that a good rate may lack
LEAST_FALL = 0.1  # share of the untrained loss by which the best one must be lower


@dataclasses.dataclass(frozen=True)
class RatePlateau:
    """The good rates around the best one.

    Arguments:
        low, high: the ends of the plateau; between two rates of the grid, the loss is interpolated.
        best: the lowest mean loss.
        error: its standard error over the seeds.
        refusal: why no rate can be suggested; empty if one can.
    """

    low: float
    high: float
    best: float
    error: float
    refusal: str = ""

    @property
    def centre(self) -> float:
        """The middle, on the logarithm."""
        return float(np.sqrt(self.low * self.high))

    @property
    def decades(self) -> float:
        """The width, in powers of ten."""
        return float(np.log10(self.high / self.low))


def plateau_of(
    rates: Float[np.ndarray, " rates"], losses: Float[np.ndarray, "rates seeds"], untrained: float
) -> RatePlateau:
    """The plateau of short runs.

    Nothing is suggested if the loss falls by less than 10 % at every rate, if the highest rate is still good (then nothing
    diverges or rises, and the best rate may be higher), or if the lowest is.

    >>> found = plateau_of(np.array([0.01, 0.1, 1.0]), np.array([[2.0, 2.0], [1.0, 1.0], [9.0, np.inf]]), 2.0)
    >>> round(found.low, 3), found.high, found.refusal
    (0.079, 0.1, '')
    """
    means = losses.mean(axis=1)
    best = int(np.argmin(means))
    if not np.isfinite(means[best]):
        return RatePlateau(np.nan, np.nan, np.inf, np.nan, f"some seed diverges at every rate from {rates[0]:.2g} up.")
    lowest = float(means[best])
    error = float(losses[best].std(ddof=1) / np.sqrt(losses.shape[1]))
    fall = untrained - lowest
    if not fall >= LEAST_FALL * abs(untrained):
        why = f"the validation loss falls by less than 10 % at every rate from {rates[0]:.2g} to {rates[-1]:.2g}"
        return RatePlateau(np.nan, np.nan, lowest, error, f"{why} (untrained {untrained:.4g}, lowest {lowest:.4g}).")
    level, x = lowest + WITHIN * fall, np.log10(rates)
    ends = []
    for step in (-1, 1):
        at = best
        while 0 <= at + step < len(rates) and means[at + step] <= level:
            at += step
        if not 0 <= at + step < len(rates):
            end, way = ("highest", "lower") if step > 0 else ("lowest", "higher")
            what = "nothing diverges or rises" if step > 0 else "the loss has fallen already"
            why = f"{what} at the {end} rate tried, {rates[at]:.2g}, so the best may lie beyond it"
            return RatePlateau(
                np.nan, np.nan, lowest, error, f"{why}: try a {'higher' if way == 'lower' else 'lower'} one."
            )
        there = means[at + step]
        share = (level - means[at]) / (there - means[at]) if np.isfinite(there) else 0.0
        ends.append(float(10 ** (x[at] + share * (x[at + step] - x[at]))))
    return RatePlateau(ends[0], ends[1], lowest, error)
