"""What goes where: one JSON document on standard output, everything else on standard error."""

import json
import math
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import Any


def say(text: str = "") -> None:
    """A line for a person, on standard error; control characters are shown, not obeyed."""
    shown = "".join(c if c.isprintable() or c in "\n " else f"\\x{ord(c):02x}" for c in text)
    with suppress(OSError):  # a terminal that was closed, or a full disk under a log, must not end a training
        print(shown, file=sys.stderr, flush=True)


def warn(sentences: Iterable[str]) -> None:
    """A line per warning, for a person."""
    for sentence in sentences:
        say(f"warning: {sentence}")


def give(document: Any) -> None:
    """The one JSON document, on standard output; what is not a number is null."""
    print(json.dumps(_finite(document), indent=2), flush=True)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def figures(value: float) -> str:
    """A number to four decimals or five figures, without an exponent where that can be read.

    >>> figures(0.98333), figures(57.3301), figures(48213.7), figures(3.2e-9)
    ('0.9833', '57.330', '48214', '3.2e-09')
    """
    if not math.isfinite(value):
        return "-"
    if value == 0 or 1e-4 <= abs(value) < 1e4:
        return f"{value:.{4 if abs(value) < 10 else 3 if abs(value) < 100 else 2}f}"
    return f"{value:.0f}" if 1e4 <= abs(value) < 1e9 else f"{value:.3g}"


def table(rows: list[list[str]]) -> str:
    """Rows as aligned columns, the first to the left and the others to the right; the first row is the heading.

    >>> table([["", "loss"], ["train", "0.1"]]).splitlines()
    ['          loss', '  train    0.1']
    """
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            row[0].ljust(widths[0]),
            *(cell.rjust(width + 3) for cell, width in zip(row[1:], widths[1:], strict=True)),
        ]
        lines.append("  " + "".join(cells).rstrip())
    return "\n".join(lines)


def metrics_table(metrics: dict[str, dict[str, float]], order: tuple[str, ...] = ("train", "valid", "test")) -> str:
    """Metrics by split, as a table of at most 80 columns."""
    words = {"train": "training", "valid": "validation", "test": "test"}
    names = list(next(iter(metrics.values())))
    short = {"balanced_accuracy": "balanced"}
    rows = [["", *(short.get(name, name) for name in names)]]
    rows += [
        [words.get(split, split), *(figures(metrics[split][n]) for n in names)] for split in order if split in metrics
    ]
    return table(rows)
