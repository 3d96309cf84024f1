"""A person's own function in a worker: sent with what it has captured, its failures turned into words.

Nothing of JAX is imported here: a worker that calls a plain function starts in a moment.
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
    """A row of numbers as an array of a shape.

    >>> Reshaped((2, 2), "float64")(np.arange(4)).tolist()
    [[0.0, 1.0], [2.0, 3.0]]
    """

    shape: tuple[int, ...]
    dtype: str

    def __call__(self, row: np.ndarray) -> np.ndarray:
        """The array."""
        return np.array(row, self.dtype).reshape(self.shape)


def number_of(row: Float[np.ndarray, " one"]) -> float:
    """A row of one number as that number.

    >>> number_of(np.array([1.5]))
    1.5
    """
    return float(row[0])


def sent(f: Callable[[Any], Any], shaped: Callable[[np.ndarray], Any]) -> bytes:
    """A function with what it has captured, as bytes for this person's own processes; no file is ever read so.

    Raises: FalllineError where it holds what no other process can have.
    """
    import cloudpickle

    try:
        return cloudpickle.dumps((f, shaped))
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
    """Receive the function, with all that it imports, before anybody looks at the clock."""
    with contextlib.suppress(Exception):  # what is wrong with it, each evaluation says
        _received(data)


def at(data: bytes, row: Float[np.ndarray, " d"]) -> tuple[float, str | None]:
    """What a worker does: the value of the function that was sent at one row."""
    try:
        f, shaped = _received(data)
    except Exception as error:
        return math.nan, f"a process could not receive it: {type(error).__name__}: {error}"
    return evaluate(f, shaped, row)


def evaluate(
    f: Callable[[Any], Any], shaped: Callable[[np.ndarray], Any], row: Float[np.ndarray, " d"]
) -> tuple[float, str | None]:
    """The value at a row of numbers, and why it failed where it did.

    >>> evaluate(np.log, Reshaped((), "float64"), np.array([1.0]))
    (0.0, None)
    """
    try:
        found = f(shaped(row))
        answer = np.asarray(found)
        if answer.dtype.kind in "OUSMmc":  # of which NumPy would make numbers, or NaN
            return math.nan, f"it returned {type(found).__name__}, not a number"
        answer = answer.astype(np.float64)
    except Exception as error:
        return math.nan, f"it raised {type(error).__name__}: {error}"
    if answer.size != 1:
        return math.nan, f"it returned an array of shape {answer.shape}, not a number"
    value = float(answer.reshape(()))
    return value, None if math.isfinite(value) else f"its value was {value}"
