"""Output of the commands: one JSON document on standard output, everything else on standard error."""

from collections.abc import Iterable
from typing import Any

from fallline.core.saying import figures as figures
from fallline.core.saying import say as say

SPLITS = ("train", "valid", "out_of_fold", "test", "one member")


def beside_members(metrics: dict[str, Any], members: dict[str, Any] | None) -> dict[str, Any]:
    """The metrics with those of one member, as the mean over the members of an ensemble, on the last split."""
    if not members:
        return metrics
    last = next((split for split in ("test", "valid", "train") if split in members and split in metrics), None)
    return metrics if last is None else {**metrics, "one member": members[last]}


def warn(sentences: Iterable[str]) -> None:
    """Prints a line per warning on standard error."""
    for sentence in sentences:
        say(f"warning: {sentence}")


def give(document: object) -> None:
    """Prints the JSON document on standard output; numbers that are not finite become null."""
    from fallline.core.documents import to_json

    print(to_json(document, indent=2), flush=True)


def table(rows: list[list[str]], left: tuple[int, ...] = ()) -> str:
    """Rows as aligned columns, the first and those in `left` left-aligned, the others right-aligned; first the heading.

    >>> table([["", "loss"], ["train", "0.1"]]).splitlines()
    ['          loss', '  train    0.1']
    >>> table([["", "how"], ["a", "so"]], left=(1,)).splitlines()
    ['      how', '  a   so']
    """
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) if i in (0, *left) else cell.rjust(width)
                 for i, (cell, width) in enumerate(zip(row, widths, strict=True))]  # fmt: skip
        lines.append("  " + "   ".join(cells).rstrip())
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
