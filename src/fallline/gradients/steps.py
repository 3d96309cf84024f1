"""The choice of the step: it balances the measured rounding error of f with the truncation error."""

import dataclasses

import numpy as np
from jaxtyping import Float, Int

from fallline.gradients.function import CheckedFunction

EPSILON = float(np.finfo(np.float64).eps)
SPACINGS = (
    1e-13,
    1e-10,
    1e-6,
)  # distances of points so close that f differs mostly by rounding; the last is for single precision
POINTS = 9


@dataclasses.dataclass(frozen=True)
class Precision:
    """The accuracy with which f is computed.

    Arguments:
        value: f(x).
        noise: standard deviation of f's rounding error.
        first: the first step to try for a coordinate of size 1.
        scale: the size of the values in which the noise was measured: |f(x)|, or the size beside x if f is about 0 at x.
    """

    value: float
    noise: float
    first: float
    scale: float

    @property
    def digits(self) -> float:
        """Number of correct digits of f, 0 to 16: about 16 in double precision, 7 in single."""
        return float(-np.log10(np.clip(relative(self.noise, self.scale), EPSILON, 1.0)))


def measure(function: CheckedFunction, value: float, probes: Int[np.ndarray, " probes"]) -> Precision:
    """The rounding error of f, from differences of high order along a few coordinates.

        T_k = the k-th differences of f at equally spaced points,  noise_k^2 = (k!)^2 / (2 k)! mean T_k^2

    The points are so close together that the smooth part of f has no high-order differences. The smallest estimate over
    several spacings is used, since a function that varies quickly looks noisy at the wider ones. If f computes in single
    precision inside, only wide spacings reveal its rounding, and the largest estimate is used.

    Points above and below x are treated separately, and the noisier side counts: high-order differences across a kink at x
    would measure the kink, and on one side of it (a clipped one) f may round far less than on the other.

    Source: Moré and Wild, "Estimating computational noise", 2011, section 3.
    """
    x = function.point.vector
    floor = EPSILON * abs(value) / 4
    count = np.arange(1 - POINTS, POINTS)
    shifts = [(i, k * spacing * size(x[i])) for spacing in SPACINGS for i in probes for k in count]
    indices, steps = (np.array(column) for column in zip(*shifts, strict=True))
    function.expected += len(shifts)
    values = function.shifted(indices.astype(np.int64), steps.astype(np.float64))
    noises, sizes = [], []
    for lines in values.reshape(len(SPACINGS), len(probes), len(count)):
        rows = [*lines[:, POINTS - 1 :], *lines[:, POINTS - 1 :: -1]]
        moving = [row for row in rows if np.isfinite(row).all() and len(set(row.tolist())) > POINTS // 2]
        if moving:
            noises.append(max(_noise(row) for row in moving))  # rounding differs from coordinate to coordinate
            sizes.append(max(float(np.abs(row).max()) for row in moving))
    found = (max if function.single else min)(noises, default=0.0)
    noise = max(found, floor, 1e-300)
    beside = sizes[noises.index(found)] if noises else 0.0
    scale = beside if abs(value) < 1e-2 * beside else abs(value)
    first = float(np.clip((3.0 * relative(noise, scale)) ** (1 / 3), EPSILON ** (1 / 3), 1e-2))
    return Precision(value, noise, first, scale)


def relative(noise: float, scale: float) -> float:
    """The noise relative to the values in which it was measured; double precision's epsilon if they are 0."""
    return noise / scale if scale > 1e-290 else EPSILON


def _noise(values: Float[np.ndarray, " points"]) -> float:
    from math import factorial, frexp

    # Scale by a power of 2, so that squares of the differences neither overflow nor underflow.
    unit = 2.0 ** (frexp(float(np.abs(values).max()))[1] - 1)
    values = values / unit
    found = []
    for k in range(1, 7):
        values = np.diff(values)
        if k >= 4:
            found.append(np.sqrt(factorial(k) ** 2 / factorial(2 * k) * np.mean(values**2)))
    return unit * float(np.median(found))


def size(x: Float[np.ndarray, "*shape"]) -> Float[np.ndarray, "*shape"]:
    """The unit of a coordinate's steps: its absolute value, but at least 1."""
    found: Float[np.ndarray, "*shape"] = np.maximum(np.abs(x), 1.0)
    return found


def optimal(
    function: CheckedFunction, precision: Precision, chosen: Int[np.ndarray, " chosen"], method: str
) -> Float[np.ndarray, " chosen"]:
    """The step of each coordinate that minimises the sum of truncation and rounding errors.

        central:  error <= h^2 |f'''| / 6 + e / h,  h = (3 e / |f'''|)^(1/3)
        forward:  error <= h |f''| / 2 + 2 e / h,   h = 2 (e / |f''|)^(1/2)

    with e the rounding error of f, and f'' and f''' estimated from wider differences.

    Source: Gill, Murray and Wright, "Practical optimization", 1981, section 8.6.
    """
    x = function.point.vector[chosen]
    noise = max(relative(precision.noise, precision.scale), EPSILON)
    central = method == "central"
    first = size(x) * (precision.first if central else min(2 * np.sqrt(noise), 1e-2))
    H = size(x) * min(noise ** (1 / 5 if central else 1 / 4), 0.1)
    h = np.full(len(chosen), np.nan)
    left = np.arange(len(chosen))
    for _ in range(4):
        h[left] = _balanced(function, precision, chosen[left], H[left], central)
        # Outside the domain of f (a logarithm near 0), or if f varies within H, use narrower differences.
        outside = ~np.isfinite(h)
        H = np.where(outside, 1e-3 * np.where(x == 0, H, np.minimum(H, np.abs(x))), np.where(h < 1e-3 * H, 30 * h, H))
        left = np.flatnonzero(outside | (30 * h == H))
        if not len(left):
            break
    return np.where(np.isfinite(h), np.clip(h, 4 * np.spacing(np.abs(x)), 1e2 * first), first)


def _balanced(
    function: CheckedFunction, precision: Precision, chosen: Int[np.ndarray, " chosen"], H: np.ndarray, central: bool
) -> Float[np.ndarray, " chosen"]:
    found: Float[np.ndarray, " chosen"]
    up, down = _both(function, chosen, H)
    if not central:
        curvature = np.abs(up - 2 * precision.value + down) / H**2
        found = 2 * np.sqrt(precision.noise / np.maximum(curvature, 1e-300))
        return found
    far_up, far_down = _both(function, chosen, 2 * H)
    third = np.abs(far_up - 2 * up + 2 * down - far_down) / (2 * H**3)
    found = np.cbrt(3 * precision.noise / np.maximum(third, 1e-300))
    return found


def _both(
    function: CheckedFunction, chosen: Int[np.ndarray, " chosen"], h: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    values = function.shifted(np.tile(chosen, 2), np.concatenate([h, -h]))
    return values[: len(chosen)], values[len(chosen) :]
