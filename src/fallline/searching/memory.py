"""A study in memory, which lasts as long as its search."""

import dataclasses
import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


@dataclasses.dataclass
class MemoryRow:
    """A trial in the form of a database row."""

    number: int
    point: str
    outcome: str | None = None
    score: float | None = None
    error: float | None = None
    epochs: float | None = None
    lane_epochs: int | None = None
    seconds: float | None = None
    columns: str | None = None


class Memory:
    """The interface of `Store` for one process, without a database; importing SQLAlchemy would take 0.2 s."""

    def __init__(self) -> None:
        self.notes: list[str] = []
        self._rows: list[MemoryRow] = []

    def close(self) -> None:
        """Do nothing, since nothing is open."""

    def begin(self, seed: int, description: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """The seed and the description with which the study is begun."""
        return seed, description

    def reserve(
        self, count: int, most: int, propose: Callable[[list[Any], range], np.ndarray]
    ) -> list[tuple[int, np.ndarray]]:
        """Numbers and points of new trials: at most `count` of them, and at most `most` in the whole study."""
        new = range(len(self._rows), min(len(self._rows) + count, most))
        points = propose(self.rows(), new) if len(new) else np.zeros((0, 0))
        reserved = list(zip(new, points, strict=False))
        self._rows += [MemoryRow(number, json.dumps([float(u) for u in point])) for number, point in reserved]
        return reserved

    def finish(self, results: Sequence[dict[str, Any]]) -> None:
        """Store the scores of a batch."""
        for each in results:
            self._rows[each["number"]] = dataclasses.replace(
                self._rows[each["number"]], **each | {"columns": json.dumps(each["columns"])}
            )

    def rows(self) -> list[Any]:
        """All trials, in the order of their numbers."""
        return list(self._rows)
