"""A study that is not lost with its database: where that fails, it goes on in another one, with all that was judged."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fallline.core.errors import FalllineError
from fallline.core.files import write_elsewhere
from fallline.searching.memory import Memory

if TYPE_CHECKING:
    from fallline.searching.store import Store

_KEPT = ("number", "outcome", "score", "error", "epochs", "lane_epochs", "seconds")


class Kept:
    """A store that has begun, and what this process knows of its trials, should the store fail.

    Arguments:
        store: that keeps the trials.
        seed, description: that the study was begun with.
    """

    def __init__(self, store: "Store", seed: int, description: dict[str, Any]) -> None:
        self.store: Store | Memory = store
        self.seed, self.description, self.name = seed, description, store.name
        self.lease, self.place = store.lease, str(store.where)
        self.note, self.damage = "", store.notes
        self._points: dict[int, np.ndarray] = {}
        self._results: dict[int, dict[str, Any]] = {}

    def reserve(
        self, count: int, most: int, propose: Callable[[list[Any], range], np.ndarray]
    ) -> list[tuple[int, np.ndarray]]:
        """As the store does."""

        refused: list[FalllineError] = []

        def seen(rows: list[Any], numbers: range) -> np.ndarray:
            self._note(rows)
            try:
                return propose(rows, numbers)
            except FalllineError as error:
                refused.append(error)
                raise

        try:
            mine = self.store.reserve(count, most, seen)
        except FalllineError as error:
            if error in refused:  # the strategy's, not the store's
                raise
            self._move(error)
            mine = self.store.reserve(count, most, seen)
        self._points |= dict(mine)
        return mine

    def finish(self, results: Sequence[dict[str, Any]]) -> None:
        """As the store does; what it refuses is kept elsewhere."""
        self._results |= {each["number"]: each for each in results}
        try:
            self.store.finish(results)
        except FalllineError as error:
            self._move(error)

    def rows(self) -> list[Any]:
        """As the store does."""
        try:
            rows = self.store.rows()
        except FalllineError as error:
            self._move(error)
            return self.store.rows()
        self._note(rows)
        return rows

    def renew(self, numbers: Sequence[int]) -> None:
        """As the store does."""
        if not isinstance(self.store, Memory):
            self.store.renew(numbers)

    def release(self, numbers: Sequence[int]) -> None:
        """As the store does."""
        if not isinstance(self.store, Memory):
            self.store.release(numbers)

    def where(self) -> str:
        """Where the trials are now: they are looked at, and written elsewhere if they are gone."""
        self.rows()
        return self.place

    def _note(self, rows: list[Any]) -> None:
        for row in rows:
            if row.number not in self._points:
                self._points[row.number] = np.array(json.loads(row.point))
            if row.outcome is not None and row.number not in self._results:
                result = {name: getattr(row, name) for name in _KEPT}
                self._results[row.number] = result | {"columns": json.loads(row.columns)}

    def _move(self, error: FalllineError) -> None:
        """Go on in a new database; without a place for one, in memory."""
        if isinstance(self.store, Memory):
            raise error
        try:
            folder, self.store = write_elsewhere("fallline-study", self._copied)
            self.place = str(folder / "study.db")
            self.note = f"{error}: the study goes on in {self.place}"
        except FalllineError as refused:
            self.store = Memory()
            self._fill(self.store)
            self.note = f"{error}: the study goes on in memory alone, since {refused}"

    def _copied(self, folder: Path) -> "Store":
        from fallline.searching.store import Store

        store = Store(folder / "study.db", self.name)
        store.begin(self.seed, self.description)
        self._fill(store)
        return store

    def _fill(self, store: "Store | Memory") -> None:
        """All that is known into a new store; trials without a score are free to be trained."""
        known = range(max(self._points, default=-1) + 1)
        size = len(next(iter(self._points.values()))) if self._points else 0
        points = [self._points.get(number, np.full(size, 0.5)) for number in known]
        if points:
            store.reserve(len(points), len(points), lambda rows, numbers: np.array(points))
        store.finish([self._results[number] for number in known if number in self._results])
        waiting = [number for number in known if number not in self._results]
        if waiting and not isinstance(store, Memory):
            store.release(waiting)
