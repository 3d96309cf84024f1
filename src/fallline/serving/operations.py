"""The operations of recorded programs: what a name in a file may stand for, and nothing else."""

from collections.abc import Callable
from typing import Any

import numpy as np

UFUNCS = (
    "abs absolute add ceil conjugate cos divide equal exp expm1 fabs float_power floor floor_divide greater greater_equal "
    "isfinite isinf isnan less less_equal log log10 log1p log2 logaddexp logical_and logical_not logical_or logical_xor "
    "matmul maximum minimum fmax fmin mod multiply negative not_equal positive power reciprocal remainder rint sign sin sinh "
    "cosh sqrt square subtract tan tanh true_divide trunc bitwise_and bitwise_or invert"
)
REDUCED = ("add", "maximum", "minimum", "multiply", "logical_or", "logical_and", "fmax", "fmin")
SPECIAL = ("erf", "expit", "log_expit", "ndtr")  # of SciPy, which is imported where one of them is needed

Operation = Callable[..., Any]


def _getitem(x: np.ndarray, index: list[Any]) -> Any:
    return x[tuple(index)]


def _astype(x: np.ndarray, dtype: str) -> np.ndarray:
    return np.asarray(x).astype(dtype)


def _concatenate(*parts: np.ndarray, axis: int) -> np.ndarray:
    return np.concatenate(parts, axis=axis)


def _stack(*parts: np.ndarray, axis: int) -> np.ndarray:
    return np.stack(parts, axis=axis)


def _einsum(*parts: np.ndarray, subscripts: str) -> Any:
    return np.einsum(subscripts, *parts)


def _reshape(x: np.ndarray, shape: list[int]) -> np.ndarray:
    return np.reshape(x, shape)


def _transpose(x: np.ndarray, axes: list[int]) -> np.ndarray:
    return np.transpose(x, axes)


def _broadcast_to(x: np.ndarray, shape: list[int]) -> np.ndarray:
    return np.broadcast_to(x, shape)


def _full_like(x: np.ndarray, value: float) -> np.ndarray:
    return np.full_like(x, value)


SHAPING: dict[str, Operation] = {
    "getitem": _getitem,
    "astype": _astype,
    "concatenate": _concatenate,
    "stack": _stack,
    "einsum": _einsum,
    "reshape": _reshape,
    "transpose": _transpose,
    "broadcast_to": _broadcast_to,
    "full_like": _full_like,
    "where": np.where,
    "clip": np.clip,
    "repeat": np.repeat,
    "searchsorted": np.searchsorted,
    "take_along_axis": np.take_along_axis,
    "cumsum": np.cumsum,
    "argmax": np.argmax,
    "argmin": np.argmin,
    "sort": np.sort,
}
NAMES = frozenset({*UFUNCS.split(), *(f"{each}.reduce" for each in REDUCED), *SPECIAL, *SHAPING})


def operation(name: str) -> Operation:
    """The function that a name stands for.

    Raises: KeyError for a name that is not among `NAMES`.

    >>> float(operation("add.reduce")(np.array([1.0, 2.0])))
    3.0
    """
    if name not in NAMES:
        raise KeyError(name)
    if name in SHAPING:
        return SHAPING[name]
    if name in SPECIAL:
        from scipy import special

        found: Operation = getattr(special, name)
        return found
    first, _, method = name.partition(".")
    ufunc = getattr(np, first)
    called: Operation = ufunc.reduce if method else ufunc
    return called


def name_of(ufunc: np.ufunc, method: str) -> str | None:
    """The name of a ufunc's method, if it may be recorded.

    >>> name_of(np.add, "reduce"), name_of(np.add, "outer")
    ('add.reduce', None)
    """
    name = str(ufunc.__name__) if method == "__call__" else f"{ufunc.__name__}.{method}"
    if name not in NAMES:
        return None
    # NumPy's function `clip` is made of a ufunc that has no public name.
    return name if name == "clip" or operation(name) in (ufunc, getattr(ufunc, method, None)) else None
