"""Which trials a process may reserve: new numbers, and trials that others have given up."""

import os
import socket
import time

from fallline.searching.rows import StoredRow

_FAR = 3600.0  # a lease that ends more than this many seconds from now is damaged


def unused(taken: set[int], count: int, most: int) -> range:
    """The first numbers without a trial, at most `count` in a row.

    >>> unused({0, 1, 3}, 4, 10), unused({0, 1}, 4, 5), unused({0}, 2, 1)
    (range(2, 3), range(2, 5), range(1, 1))
    """
    first = next((n for n in range(most) if n not in taken), max(most, 0))
    last = first
    while last < min(first + count, most) and last not in taken:
        last += 1
    return range(first, last)


def is_free(row: StoredRow) -> bool:
    """Whether a trial is free: its reservation has ended, its owner is gone, or neither can be read."""
    if not isinstance(row.owner, str) or not isinstance(row.lease, float):
        return True
    if not time.time() <= row.lease < time.time() + _FAR:
        return True
    host, process = [*row.owner.split(" "), "", ""][:2]
    return not process.isdecimal() or (host == socket.gethostname() and not _alive(int(process[:9])))


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
