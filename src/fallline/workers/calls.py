"""User functions in workers: they are sent with the objects they have captured, and failures become messages.

JAX is not imported here, so that a worker for a plain function starts quickly.
"""

import contextlib
import functools
import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from fallline.core.errors import FalllineError


class Reshaped(NamedTuple):
    """Reshapes a row of numbers to an array.

    >>> Reshaped((2, 2), "float64")(np.arange(4)).tolist()
    [[0.0, 1.0], [2.0, 3.0]]
    """

    shape: tuple[int, ...]
    dtype: str

    def __call__(self, row: np.ndarray) -> np.ndarray:
        """The array."""
        return np.array(row, self.dtype).reshape(self.shape)


def number_of(row: Float[np.ndarray, " one"]) -> float:
    """The number in a row of one number.

    >>> number_of(np.array([1.5]))
    1.5
    """
    return float(row[0])


def sent(f: Callable[[Any], Any], shaped: Callable[[np.ndarray], Any]) -> bytes:
    """Serialise a function with its captured objects for the user's own processes; files are never read this way.

    Raises: FalllineError if it captures an object that cannot be sent to another process.
    """
    import cloudpickle

    try:
        found: bytes = cloudpickle.dumps((f, shaped))
        return found
    except Exception as error:
        raise FalllineError(
            f"the objective cannot be sent to a process ({type(error).__name__}: {error}): pass processes=0 to call it in "
            "this one"
        ) from None


@functools.lru_cache(maxsize=1)
def _received(data: bytes) -> Any:
    import cloudpickle

    return cloudpickle.loads(data)


def prepare(data: bytes) -> None:
    """Receive the function, with all its imports, before any time limit starts."""
    with contextlib.suppress(Exception):  # each evaluation reports the error
        _received(data)


def at(data: bytes, row: Float[np.ndarray, " d"]) -> tuple[float, str | None]:
    """The task of a worker: evaluate the received function at one row."""
    try:
        f, shaped = _received(data)
    except Exception as error:
        return math.nan, f"a process could not receive it: {type(error).__name__}: {error}"
    return evaluate(f, shaped, row)


def evaluate(
    f: Callable[[Any], Any], shaped: Callable[[np.ndarray], Any], row: Float[np.ndarray, " d"]
) -> tuple[float, str | None]:
    """The value at a row of numbers, and the reason for a failure, if any.

    >>> evaluate(np.log, Reshaped((), "float64"), np.array([1.0]))
    (0.0, None)
    """
    try:
        found = f(shaped(row))
        answer = np.asarray(found)
        if answer.dtype.kind in "OUSMmc":  # NumPy would convert these to numbers or NaN
            return math.nan, f"it returned {type(found).__name__}, not a number"
        answer = answer.astype(np.float64)
    except Exception as error:
        return math.nan, f"it raised {type(error).__name__}: {error}"
    if answer.size != 1:
        return math.nan, f"it returned an array of shape {answer.shape}, not a number"
    value = float(answer.reshape(()))
    return value, None if math.isfinite(value) else f"its value was {value}"
