"""Python's cyclic garbage collector, while much is made that stays."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def collector_rests() -> Iterator[None]:
    """Leave cyclic garbage alone meanwhile.

    Imports and compilations make objects by the hundred thousand that all stay, and the collector walks them again with
    every few thousand more: 0.15 s of the 0.8 that importing JAX and this package takes.

    >>> with collector_rests():
    ...     gc.isenabled()
    False
    >>> gc.isenabled()
    True
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
