"""Hints at the cause of a wrong gradient, from the pattern of its errors."""

import numpy as np
from jaxtyping import Float

from fallline.gradients.verdicts import NOT_FINITE, OK, Slopes


def hint(analytic: Float[np.ndarray, " numbers"], slopes: Slopes, shape: tuple[int, ...], tolerance: float) -> str:
    """A phrase on how a whole array's gradient differs from the measured one; empty if no pattern fits.

    Arguments:
        analytic: every analytic slope of the array.
        slopes: the measured slopes.
        shape: shape of the array.
        tolerance: tolerance of relative errors.
    """
    measured, wrong = slopes.numerical, slopes.status > OK
    if (slopes.status == NOT_FINITE).any():
        return ""
    loose = max(1e-3, 10 * tolerance)

    def close(a: np.ndarray, b: np.ndarray) -> bool:
        return bool(np.allclose(a, b, rtol=loose, atol=1e-3 * loose * np.abs(b).max()))

    if not analytic.any() and (np.abs(measured) > slopes.uncertainty).any():
        return "it is derived as 0 throughout: the term that depends on it has no gradient"
    if not (measured.any() or slopes.left.any() or slopes.right.any()):
        return "f does not depend on it"
    if not measured.any():
        return ""
    if np.linalg.norm(analytic - measured) < 1e-6 * np.linalg.norm(measured) and len(analytic) > 1:
        return "the difference is that of single precision: derive it in float64"
    factor = float(analytic @ measured / (measured @ measured))
    if len(analytic) > 1 and abs(factor - 1) > loose and close(analytic, factor * measured):
        if np.isclose(factor, -1.0, rtol=loose):
            return "the sign is wrong"
        return f"all are {_factor(factor)} times the slope"
    if len(shape) == 2 and shape[0] == shape[1] > 1 and close(analytic.reshape(shape).T.reshape(-1), measured):
        return "it is transposed"
    if len(shape) == 2 and wrong.any():
        where = wrong.reshape(shape)
        for axis, name in ((1, "row"), (0, "column")):
            lines = np.flatnonzero(where.any(axis=axis))
            if len(lines) == 1 and where.sum() > 1 and len(where) > 1 < where.shape[1]:
                return f"all of them in {name} {lines[0]}"
    return ""


def _factor(value: float) -> str:
    """A factor in the form in which a person would have forgotten it: 2, 0.5, 1/128."""
    if 0 < value < 1 and abs(1 / value - round(1 / value)) < 1e-3 / value and round(1 / value) > 1:
        return f"1/{round(1 / value)}"
    return f"{value:.4g}"
