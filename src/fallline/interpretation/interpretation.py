"""An interpretation: everything that can be said of a model's answers for rows that it has not seen, as tables."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np

from fallline.interpretation.tables import TABLES, frame

if TYPE_CHECKING:
    import polars as pl

KEPT = {"predictions": 300}  # most rows of a table that are written into a file, evenly chosen


@dataclasses.dataclass(frozen=True, repr=False)
class Interpretation:
    """What a model answers for rows that it has not seen, as tables of Polars.

    A table that does not apply is empty: `confusion` of a regression, `deciles` of a classification.

    Arguments:
        task: classification, multilabel or regression.
        targets_named: names of the targets.
        classes: names of the classes or labels; empty for a regression.
        split: the rows that were looked at: test, valid, or train if nothing was held out.
        rows: how many there are.
        metric: the first metric of the task, by which models are compared.
        sentences: what matters most, in words.
        notes: what could not be computed, and why.
        ece: expected calibration error; None without probabilities.
        ece_chance: what perfect probabilities rarely exceed on so many rows.
        tables: the tables by name; each is also an attribute.
    """

    task: str
    targets_named: tuple[str, ...]
    classes: tuple[str, ...]
    split: str
    rows: int
    metric: str
    sentences: tuple[str, ...]
    notes: tuple[str, ...]
    ece: float | None
    ece_chance: float | None
    tables: dict[str, pl.DataFrame] = dataclasses.field(repr=False)

    def __getattr__(self, name: str) -> pl.DataFrame:
        """A table by its name."""
        if name in TABLES:
            found = self.tables.get(name)
            return frame(name) if found is None else found
        raise AttributeError(f"an interpretation has no {name!r}: its tables are {', '.join(TABLES)}")

    def __dir__(self) -> list[str]:
        """Fields, methods and tables."""
        return sorted({*super().__dir__(), *TABLES})

    def __repr__(self) -> str:
        """The task, the rows and the most important sentences."""
        return f"Interpretation of {self.rows:,} {self.split} rows ({self.task}). " + " ".join(self.sentences)

    @property
    def matrix(self) -> np.ndarray:
        """The confusion matrix: rows of every true class (down) by predicted class (across)."""
        place = {name: k for k, name in enumerate(self.classes)}
        found = np.zeros((len(place), len(place)))
        for true, predicted, rows in self.confusion.iter_rows():
            found[place[true], place[predicted]] = rows
        return found

    def to_plain(self) -> dict[str, Any]:
        """The content of `interpretation.json`."""
        plain: dict[str, Any] = {
            each.name: getattr(self, each.name) for each in dataclasses.fields(self) if each.name != "tables"
        }
        plain |= {name: list(value) for name, value in plain.items() if isinstance(value, tuple)}
        tables = {}
        for name, found in self.tables.items():
            most = KEPT.get(name, found.height)
            kept = found if found.height <= most else found[np.linspace(0, found.height - 1, most).astype(int)]
            if kept.height:
                tables[name] = {column: [_short(each) for each in kept[column]] for column in kept.columns}
        return {**plain, "tables": tables}


def _short(cell: Any) -> Any:
    """Six digits are enough for a page, and halve the file."""
    return float(f"{cell:.6g}") if isinstance(cell, float) else cell
