"""The file `interpretation.json` of a run folder: written at the end of a training, checked when it is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fallline.core.documents import to_json, write_json
from fallline.core.errors import FalllineError
from fallline.core.files import write_atomically
from fallline.core.reading import read_json
from fallline.core.shape import Entries, Listed, Real, Text, Whole, maybe
from fallline.interpretation.interpretation import Interpretation
from fallline.interpretation.tables import SHAPE, TABLES, frame

NAME = "interpretation.json"
FAULT = "fault"  # the entry of a file whose interpretation could not be made
_REMEDY = "remove it, or run `fallline interpret` again"
_TEXTS = Listed(Text())
_SHAPE = Entries(
    {},
    {"task": Text(choices=("classification", "multilabel", "regression")), "targets_named": _TEXTS, "classes": _TEXTS,
     "split": Text(choices=("test", "valid", "train")), "rows": Whole(0), "metric": Text(), "sentences": _TEXTS,
     "notes": _TEXTS, "ece": maybe(Real(0.0, 1.0)), "ece_chance": maybe(Real(0.0)), "tables": SHAPE, FAULT: Text()},
    open=True,
)  # fmt: skip


def write_interpretation(folder: Path, found: Interpretation) -> None:
    """Write the file. Raises: FalllineError if the folder refuses it."""
    write_atomically(folder / NAME, to_json(found.to_plain(), compact=True).encode())


def write_fault(folder: Path, sentence: str) -> None:
    """Write a file that says why there is no interpretation. Raises: FalllineError if the folder refuses it."""
    write_json(folder / NAME, {FAULT: sentence})


def read_interpretation(folder: Path) -> Interpretation | str | None:
    """The interpretation of a run; a sentence if it could not be made; None for a folder without the file.

    Raises: FalllineError if the file is damaged.
    """
    path = folder / NAME
    if not path.exists():
        return None
    what = f"interpretation {str(path)!r}"
    return from_plain(read_json(path, _SHAPE, what, _REMEDY), what)


def from_plain(plain: dict[str, Any], what: str) -> Interpretation | str:
    """The interpretation of a file's content, or the sentence that stands in its place.

    Raises: FalllineError for entries that are missing or do not fit each other.
    """
    if FAULT in plain:
        return str(plain[FAULT])
    lacking = [each for each in _SHAPE.optional if each not in plain and each != FAULT]
    if lacking:
        raise FalllineError(f"{what} is damaged: it has no entry {lacking[0]!r}; {_REMEDY}")
    tables = {}
    for name, columns in plain["tables"].items():
        if name not in TABLES:
            continue  # of a newer version
        if len({len(each) for each in columns.values()}) > 1:
            raise FalllineError(
                f"{what} is damaged: the columns of its table {name!r} are not of one length; {_REMEDY}"
            )
        tables[name] = frame(name, columns)
    known = set(plain["classes"])
    if "confusion" in tables and not set(tables["confusion"]["true"]) | set(tables["confusion"]["predicted"]) <= known:
        raise FalllineError(
            f"{what} is damaged: its table 'confusion' names a class that is not among its classes; {_REMEDY}"
        )
    return Interpretation(
        plain["task"],
        tuple(plain["targets_named"]),
        tuple(plain["classes"]),
        plain["split"],
        plain["rows"],
        plain["metric"],
        tuple(plain["sentences"]),
        tuple(plain["notes"]),
        plain["ece"],
        plain["ece_chance"],
        tables,
    )
