"""Whole numbers among arguments: counts and seeds."""

from typing import TypeGuard

import numpy as np

from fallline.core.errors import FalllineError


def is_whole(value: object) -> TypeGuard[int]:
    """Whether a value is a whole number of Python or NumPy; a boolean is none.

    >>> is_whole(3), is_whole(np.int64(3)), is_whole(3.0), is_whole(True)
    (True, True, False, False)
    """
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def check_seed(seed: object) -> None:
    """Raises: FalllineError for anything but a whole number from 0 to 2^32 - 1.

    >>> check_seed(-1)
    Traceback (most recent call last):
        ...
    fallline.core.errors.FalllineError: seed = -1 is not a whole number from 0 to 2^32 - 1
    """
    if not is_whole(seed) or not 0 <= seed < 2**32:
        raise FalllineError(f"seed = {seed!r} is not a whole number from 0 to 2^32 - 1")
