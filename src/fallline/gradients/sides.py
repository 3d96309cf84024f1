"""The one-sided slopes at a point: one-sided differences extrapolated to a step of 0."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

ORDER = 3  # degree of the highest extrapolating polynomial
EPSILON = float(np.finfo(np.float64).eps)
CAUTION = 2.0  # factor on the last change in a limit's error bound: the change alone is too small if f bends nearby
APART = 4.0  # multiple of their errors by which two limits must differ at a kink


@dataclasses.dataclass(frozen=True)
class Sides:
    """The limits of the slopes below and above a point, with their error bounds."""

    left: Float[np.ndarray, " chosen"]
    left_error: Float[np.ndarray, " chosen"]
    right: Float[np.ndarray, " chosen"]
    right_error: Float[np.ndarray, " chosen"]

    @property
    def middle(self) -> Float[np.ndarray, " chosen"]:
        """The midpoint of the limits."""
        return 0.5 * self.left + 0.5 * self.right

    @property
    def error(self) -> Float[np.ndarray, " chosen"]:
        """The larger error bound of the two limits; infinite if a side has no limit."""
        error = np.maximum(self.left_error, self.right_error)
        return np.where(np.isfinite(error), error, np.inf)

    @property
    def jump(self) -> Float[np.ndarray, " chosen"]:
        """The distance between the limits."""
        with np.errstate(invalid="ignore", over="ignore"):
            found: Float[np.ndarray, " chosen"] = np.abs(self.right - self.left)
            return found

    @property
    def kinked(self) -> Bool[np.ndarray, " chosen"]:
        """Where the limits differ by more than their errors."""
        found: Bool[np.ndarray, " chosen"] = self.jump > APART * (self.left_error + self.right_error)
        return found

    @property
    def known(self) -> Bool[np.ndarray, " chosen"]:
        """Where there is a kink whose sides are known to a hundredth of their difference."""
        return self.kinked & (self.error < 1e-2 * self.jump)


def limit(
    slopes: Float[np.ndarray, "rungs chosen"],
    steps: Float[np.ndarray, "rungs chosen"],
    rounding: Float[np.ndarray, "rungs chosen"],
) -> tuple[Float[np.ndarray, " chosen"], Float[np.ndarray, " chosen"]]:
    """The limit of one-sided difference quotients as the step goes to 0, and its error bound.

        T[k, 0] = d(h_k),  T[k, m] = T[k+1, m-1] + (T[k+1, m-1] - T[k, m-1]) / (h_k / h_(k+m) - 1)
        error[k, m] = max(CAUTION |T[k, m] - T[k+1, m-1]|, |T[k, m] - T[k+1, m]|) + rounding[k, m]

    The entry with the least error is the limit. An entry is left out if one of shorter steps contradicts it by more than
    both errors: f then bends within its steps.

    Arguments:
        slopes: d, from the largest step to the smallest.
        steps: h; slopes whose step is 0 or not a number are ignored.
        rounding: rounding error bound of each slope.

    Source: Richardson, "The approximate arithmetical solution by finite differences", 1911; Neville's scheme.
    """
    value, noise = slopes, rounding + 4 * EPSILON * np.abs(slopes)
    entries, errors, last = [], [], []
    count = len(slopes)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        for m in range(1, min(ORDER, count - 1) + 1):
            weight = 1.0 / (steps[:-m] / steps[m:] - 1.0)
            step = (value[1:] - value[:-1]) * weight
            noise = noise[1:] + (noise[1:] + noise[:-1]) * np.abs(weight)
            value = value[1:] + step
            # The entry with shorter steps shows what the last change hides if f bends near the steps.
            change = np.maximum(CAUTION * np.abs(step), np.abs(np.diff(value, axis=0, append=value[-1:])))
            entries += list(value)
            errors += list(np.where(np.isfinite(value + change), change + noise, np.inf))
            last += [k + m for k in range(len(value))]
        kept = _uncontradicted(np.array(entries), np.array(errors), np.array(last))
    best = np.argmin(kept, axis=0)[None]

    def pick(rows: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
        found: np.ndarray = np.take_along_axis(np.array(rows), best, axis=0)[0]
        return found

    return pick(entries), pick(kept)


def _uncontradicted(entries: np.ndarray, errors: np.ndarray, last: np.ndarray) -> Float[np.ndarray, "entries chosen"]:
    """The errors, infinite for entries that are contradicted by an entry with shorter steps."""
    kept = errors.copy()
    for k, end in enumerate(last):
        later = last > end
        with np.errstate(invalid="ignore"):
            apart = np.abs(entries[k] - entries[later]) > errors[k] + errors[later]
        kept[k][(apart & np.isfinite(errors[later])).any(axis=0)] = np.inf
    return kept
