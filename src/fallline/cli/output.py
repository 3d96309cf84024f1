"""Output of the commands: one JSON document on standard output, everything else on standard error."""

import math
import sys
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from fallline.core.documents import to_json

SPLITS = ("train", "valid", "out_of_fold", "test", "one member")


def beside_members(metrics: dict[str, Any], members: dict[str, Any] | None) -> dict[str, Any]:
    """The metrics with those of one member, as the mean over the members of an ensemble, on the last split."""
    if not members:
        return metrics
    last = next((split for split in ("test", "valid", "train") if split in members and split in metrics), None)
    return metrics if last is None else {**metrics, "one member": members[last]}


def say(text: str = "") -> None:
    """Prints a line for a person on standard error, with control characters escaped."""
    shown = "".join(c if c.isprintable() or c in "\n " else f"\\x{ord(c):02x}" for c in text)
    with suppress(OSError):  # a closed terminal or a full disk under a log must not end a training
        print(shown, file=sys.stderr, flush=True)


def warn(sentences: Iterable[str]) -> None:
    """Prints a line per warning on standard error."""
    for sentence in sentences:
        say(f"warning: {sentence}")


def give(document: object) -> None:
    """Prints the JSON document on standard output; numbers that are not finite become null."""
    print(to_json(document, indent=2), flush=True)


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


def table(rows: list[list[str]]) -> str:
    """Rows as aligned columns, the first left-aligned and the others right-aligned; the first row is the heading.

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


def metrics_table(metrics: dict[str, dict[str, float]], order: tuple[str, ...] = SPLITS) -> str:
    """The metrics of each split, as a table at most 80 characters wide."""
    words = {"train": "training", "valid": "validation", "out_of_fold": "out of fold"}
    names = list(next(iter(metrics.values())))
    short = {"balanced_accuracy": "balanced"}
    rows = [["", *(short.get(name, name) for name in names)]]
    rows += [
        [words.get(split, split), *(figures(metrics[split][n]) for n in names)] for split in order if split in metrics
    ]
    return table(rows)
