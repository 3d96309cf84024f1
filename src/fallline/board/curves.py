"""Curves of many runs over each other, thinned to what a screen shows, within a bounded time and memory."""

import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from fallline.board.histories import Source, columns_of, read_column, sources_of
from fallline.board.index import Index
from fallline.board.thinning import numbers, thin

READING = 0.06  # seconds in which one question reads files
POINTS = 12_000  # about as many points one answer holds
LEAST, MOST = 8, 1000  # stretches of a curve
HELD = 12_000_000  # bytes of thinned curves that are kept, about
OVERHEAD, PER_POINT = 600, 72  # bytes of a curve and of each of its points
NAMES = 400  # columns that are named
SAMPLED = 24  # runs whose columns are named


class ThinnedCurves:
    """Thinned curves, of which the last ones asked for are kept.

    Arguments:
        index: the runs.
    """

    def __init__(self, index: Index) -> None:
        self.index = index
        self._kept: OrderedDict[tuple[Any, ...], tuple[list[dict[str, Any]], int]] = OrderedDict()
        self._names: OrderedDict[tuple[Any, ...], list[str]] = OrderedDict()
        self._size = 0

    @property
    def size(self) -> int:
        """Bytes of the curves that are kept."""
        return self._size

    def answer(self, keys: Sequence[str], columns: Sequence[str], width: int, known: str = "") -> dict[str, Any]:
        """Columns of some runs as curves.

        Arguments:
            keys: keys of the runs; those that are gone are left out.
            columns: names of the columns.
            width: width of the chart in pixels.
            known: the version that the page has; if it is still right, the answer says only that.

        Returns the version, the curves, the names of all columns, and how many files have not been read in time.
        """
        end = time.monotonic() + READING
        wanted = max(1, len(keys) * len(columns))
        buckets = int(min(max(min(width, POINTS // (2 * wanted)), LEAST), MOST))
        sources = [(key, each) for key in keys for each in sources_of(*self._place(key))]
        version = _version(sources, columns, buckets)
        if version == known:
            return {"version": version, "same": True}
        # The names first: they are few, and what is left over of the time goes to the curves.
        names, pending = self._columns([each for _, each in sources[:SAMPLED]], end)
        found: list[dict[str, Any]] = []
        for key, source in sources:
            for column in columns:
                at = (source.path, source.stamp, column, buckets)
                if at not in self._kept and time.monotonic() > end:
                    pending += 1
                    continue
                found += [{"id": key, **each} for each in self._thinned(at, source)]
        return {
            "version": "" if pending else version,
            "columns": names,
            "curves": found,
            "pending": pending,
        }

    def _place(self, key: str) -> tuple[Any, Any]:
        run = self.index.get(key)
        return (run.folder, self.index.stamp(key)) if run is not None else (self.index.folder, {})

    def _thinned(self, at: tuple[Any, ...], source: Source) -> list[dict[str, Any]]:
        if at in self._kept:
            self._kept.move_to_end(at)
            return self._kept[at][0]
        found = []
        for lane, x, y in read_column(source, at[2]):
            short_x, short_y = thin(x, y, at[3])
            numbered = {"points": len(x), "x": numbers(short_x), "y": numbers(short_y)}
            found.append({"lane": lane, "column": at[2], **numbered})
        size = OVERHEAD + sum(OVERHEAD + PER_POINT * len(each["x"]) for each in found)
        self._kept[at] = (found, size)
        self._size += size
        while self._size > HELD and len(self._kept) > 1:
            self._size -= self._kept.popitem(last=False)[1][1]
        return found

    def _columns(self, sources: Sequence[Source], end: float) -> tuple[list[str], int]:
        """The names of all columns, and the number of files that are left."""
        names: dict[str, None] = {}
        left = 0
        for source in sources:
            at = (source.path, source.stamp)
            if at not in self._names:
                if time.monotonic() > end:
                    left += 1
                    continue
                self._names[at] = columns_of(source)
                while len(self._names) > 4 * SAMPLED:
                    self._names.popitem(last=False)
            names |= dict.fromkeys(self._names[at])
        return list(names)[:NAMES], left


def _version(sources: Sequence[tuple[str, Source]], columns: Sequence[str], buckets: int) -> str:
    return f"{hash((tuple((key, each.path, each.stamp) for key, each in sources), tuple(columns), buckets)):x}"
