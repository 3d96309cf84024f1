"""The one error that a user's input can cause, and helpers for its message."""

import difflib
from collections.abc import Iterable


class FalllineError(ValueError):
    """Bad input: one sentence that names the thing, what was expected and what to do.

    The command line prints the sentence and exits with code 2; in Python it is a `ValueError`.
    """


class DataWarning(UserWarning):
    """Cells that do not fit what training learnt about their column; the message counts and names them."""


def nearest(name: str, valid: Iterable[object], most: int = 3) -> str:
    """The end of an error message: the valid names closest to a wrong one, and all of them if they are few.

    >>> nearest("incme", ["age", "income", "sex"])
    "did you mean 'income' (valid: 'age', 'income', 'sex')?"
    >>> nearest("zzz", ["b", "a"])
    "valid: 'a', 'b'"
    """
    names = sorted(str(each) for each in valid)
    close = difflib.get_close_matches(str(name), names, n=most, cutoff=0.6)
    listed = "valid: " + ", ".join(repr(each) for each in names[:20])
    if close:
        meant = f"did you mean {' or '.join(repr(each) for each in close)}"
        return f"{meant} ({listed})?" if len(names) <= 20 else f"{meant}?"
    return listed + (f" and {len(names) - 20} more" if len(names) > 20 else "")


def share(count: int, total: int, what: str = "cells") -> str:
    """A count beside its share of the total.

    >>> share(12, 400), share(1, 1), share(399, 400)
    ('12 of 400 cells (3 %)', '1 of 1 cells (100 %)', '399 of 400 cells (99.8 %)')
    """
    percent = 100 * count / max(total, 1)
    return f"{count:,} of {total:,} {what} ({percent:.3g} %)"
