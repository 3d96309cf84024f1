"""Counts of a column's values, merged piece by piece: exact up to a number of different values, bounded beyond it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

MOST = 20_000  # different values that are counted exactly


class ValueCounts:
    """How often each value of a column occurs.

    Beyond `most` different values only the commonest are kept, and all counts are lowered by that of the commonest value
    that is not: a count is then too small by at most `error`, which never exceeds rows / most.

    Args:
        most: different values that are counted.

    Source: Misra and Gries, "Finding repeated elements", 1982; merged as in Agarwal et al., "Mergeable summaries", 2013.

    >>> import polars as pl
    >>> counts = ValueCounts(most=2)
    >>> counts.add(pl.Series("c", ["a", "a", "b", None]))
    >>> counts.add(pl.Series("c", ["c", "a", "a", "b"]))
    >>> counts.frame.rows(), counts.error, counts.present, counts.missing
    ([('a', 3), ('b', 1)], 1, 7, 1)
    """

    def __init__(self, most: int = MOST) -> None:
        self.most, self.error, self.present, self.missing = most, 0, 0, 0
        self.name = ""
        self._held: pl.DataFrame | None = None

    @property
    def exact(self) -> bool:
        """Whether every value that occurred is counted, with its own number."""
        return self.error == 0

    @property
    def frame(self) -> pl.DataFrame:
        """The values and their counts (the column `count`), the commonest first."""
        import polars as pl

        return pl.DataFrame(schema={"value": pl.String, "count": pl.UInt32}) if self._held is None else self._held

    def add(self, cells: pl.Series) -> None:
        """Counts more cells; missing ones are counted apart."""
        import polars as pl

        present = cells.drop_nulls()
        self.present += len(present)
        self.missing += len(cells) - len(present)
        if not len(present):
            return
        name = self.name = present.name
        found = present.value_counts(name="count\0").rename({name: "value", "count\0": "count"})
        found = found.with_columns(pl.col("count").cast(pl.Int64))
        if self._held is not None:
            found = pl.concat([self._held, found]).group_by("value").agg(pl.col("count").sum())
        found = found.sort(["count", "value"], descending=[True, False])
        if found.height > self.most:
            excess = int(found["count"][self.most])
            self.error += excess
            found = found.head(self.most).with_columns(pl.col("count") - excess).filter(pl.col("count") > 0)
        self._held = found
