"""A line of the table of `waiting.py`: two calls that take turns, some of them in processes of their own."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np


class Case(NamedTuple):
    """One line of the table."""

    name: str
    ours: Callable[[], object]
    peer: str
    theirs: Callable[[], object]
    times: int
    warm: bool = True  # whether a call of each comes first that does not count


def seconds(calls: list[Callable[[], object]], times: int, warm: bool = True) -> np.ndarray:
    """Seconds of each call, (calls, times); the calls take turns, after one of each that does not count if `warm`.

    A call that returns a number has measured itself.
    """
    found = np.zeros((len(calls), times))
    for each in calls if warm else ():
        each()
    for i in range(times):
        for k, each in enumerate(calls):
            begun = time.perf_counter()
            own = each()
            found[k, i] = own if isinstance(own, float) else time.perf_counter() - begun
    return found


def spent(code: str, cache: str | None = None) -> float:
    """Seconds that a script in a new process prints."""
    own = os.environ | ({"FALLLINE_CACHE": cache} if cache else {})
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=own)
    return float(found.stdout.split()[-1])
