"""Lines and numbers for a person: on standard error, and short."""

import math
import sys
from contextlib import suppress


def say(text: str = "") -> None:
    """Prints a line for a person on standard error, with control characters escaped."""
    shown = "".join(c if c.isprintable() or c in "\n " else f"\\x{ord(c):02x}" for c in text)
    with suppress(OSError):  # a closed terminal or a full disk under a log must not end a training
        print(shown, file=sys.stderr, flush=True)


def figures(value: float) -> str:
    """A number with four decimals or five significant digits, without an exponent if that is readable.

    >>> figures(0.98333), figures(57.3301), figures(48213.7), figures(3.2e-9)
    ('0.9833', '57.330', '48214', '3.2e-09')
    """
    if not math.isfinite(value):
        return "-"
    if value == 0 or 1e-4 <= abs(value) < 1e4:
        return f"{value:.{4 if abs(value) < 10 else 3 if abs(value) < 100 else 2}f}"
    return f"{value:.0f}" if 1e4 <= abs(value) < 1e9 else f"{value:.3g}"
