"""A study that survives its database: if the database fails, the study continues in another one with all completed trials."""

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


class LastingStore:
    """A store in use, with a copy of everything this process knows about its trials in case the store fails.

    Arguments:
        store: the store that holds the trials.
        seed, description: seed and description with which the study was begun.
    """

    def __init__(self, store: "Store", seed: int, description: dict[str, Any]) -> None:
        self.store: Store | Memory = store
        self.seed, self.description, self.name = seed, description, store.name
        self.lease, self.home = store.lease, str(store.where)
        self.note, self.damage = "", store.notes
        self._points: dict[int, np.ndarray] = {}
        self._results: dict[int, dict[str, Any]] = {}

    def reserve(
        self, count: int, most: int, propose: Callable[[list[Any], range], np.ndarray]
    ) -> list[tuple[int, np.ndarray]]:
        """As `Store.reserve`, in another store if this one fails."""

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
            if error in refused:  # the strategy raised it, not the store
                raise
            self._move(error)
            mine = self.store.reserve(count, most, seen)
        self._points |= dict(mine)
        return mine

    def finish(self, results: Sequence[dict[str, Any]]) -> None:
        """As `Store.finish`; results that the store refuses are kept in another one."""
        self._results |= {each["number"]: each for each in results}
        try:
            self.store.finish(results)
        except FalllineError as error:
            self._move(error)

    def rows(self) -> list[Any]:
        """As `Store.rows`, from another store if this one fails."""
        try:
            rows = self.store.rows()
        except FalllineError as error:
            self._move(error)
            return self.store.rows()
        self._note(rows)
        return rows

    def renew(self, numbers: Sequence[int]) -> None:
        """As `Store.renew`; a study in memory has no reservations."""
        if not isinstance(self.store, Memory):
            self.store.renew(numbers)

    def release(self, numbers: Sequence[int]) -> None:
        """As `Store.release`; a study in memory has no reservations."""
        if not isinstance(self.store, Memory):
            self.store.release(numbers)

    def where(self) -> str:
        """Where the trials are stored now. The store is read first, and replaced if it has failed."""
        self.rows()
        return self.home

    def _note(self, rows: list[Any]) -> None:
        for row in rows:
            if row.number not in self._points:
                self._points[row.number] = np.array(json.loads(row.point))
            if row.outcome is not None and row.number not in self._results:
                result = {name: getattr(row, name) for name in _KEPT}
                self._results[row.number] = result | {"columns": json.loads(row.columns)}

    def _move(self, error: FalllineError) -> None:
        """Continue in a new database, or in memory if no database can be written."""
        if isinstance(self.store, Memory):
            raise error
        try:
            folder, self.store = write_elsewhere("fallline-study", self._copied)
            self.home = str(folder / "study.db")
            self.note = f"{error}: the study continues in {self.home}"
        except FalllineError as refused:
            self.store = Memory()
            self._fill(self.store)
            self.note = f"{error}: the study continues in memory only, because {refused}"

    def _copied(self, folder: Path) -> "Store":
        from fallline.searching.store import Store

        store = Store(folder / "study.db", self.name)
        store.begin(self.seed, self.description)
        self._fill(store)
        return store

    def _fill(self, store: "Store | Memory") -> None:
        """Copy everything that is known into a new store; trials without a score are free to be trained."""
        known = range(max(self._points, default=-1) + 1)
        size = len(next(iter(self._points.values()))) if self._points else 0
        points = [self._points.get(number, np.full(size, 0.5)) for number in known]
        if points:
            store.reserve(len(points), len(points), lambda rows, numbers: np.array(points))
        store.finish([self._results[number] for number in known if number in self._results])
        waiting = [number for number in known if number not in self._results]
        if waiting and not isinstance(store, Memory):
            store.release(waiting)
