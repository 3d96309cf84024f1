"""Cells that a sample may miss and that decide how a column is read: the lowest, the highest, a missing one, a fraction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fallline.streams.counting import ValueCounts

if TYPE_CHECKING:
    import polars as pl

ROWS = 6  # witnesses of a column, at most
_ROLES = ("missing", "low", "high", "fraction", "hour")


class Witnesses:
    """The witnesses of all columns of a stream, gathered piece by piece.

    With them, the questions that the columns' encodings ask of all rows (is a cell missing, are all numbers whole, how
    far do they reach, is there a second value) have the same answers for a sample as for the stream.

    Args:
        columns: the types by name.

    >>> import polars as pl
    >>> found = Witnesses({"a": pl.Float64()})
    >>> found.add(pl.DataFrame({"a": [1.0, 2.0, None]}))
    >>> found.add(pl.DataFrame({"a": [0.5, 9.0, 3.0]}))
    >>> found.frame(pl.DataFrame({"a": [1.0, 2.0]}))["a"].to_list()
    [None, 0.5, 9.0, 0.5, 1.0, 1.0]
    """

    def __init__(self, columns: dict[str, pl.DataType]) -> None:
        import polars as pl

        self.columns = columns
        self.rows = 0
        self.texts = {name: ValueCounts() for name, dtype in columns.items() if dtype == pl.String}
        self._cells: dict[str, dict[str, Any]] = {name: {} for name in columns}

    def add(self, frame: pl.DataFrame) -> None:
        """Looks at more rows."""
        import polars as pl

        self.rows += frame.height
        if not frame.height:
            return
        for name, counts in self.texts.items():
            counts.add(frame[name])
            if not counts.exact:  # its values can no longer be looked at when the pass has ended
                numerals = frame.select(pl.col(name).alias("text"), pl.col(name).cast(pl.Float64, strict=False))
                self._note_numerals(name, numerals)
        plain = {name: dtype for name, dtype in self.columns.items() if name not in self.texts and _ordered(dtype)}
        if plain:
            facts = frame.select(each for name, dtype in plain.items() for each in _questions(name, dtype)).row(0)
            width = len(facts) // len(plain)
            for i, name in enumerate(plain):
                self._note(name, facts[i * width : (i + 1) * width])
        for name in self.columns.keys() - plain.keys() - self.texts.keys():
            if frame[name].null_count():
                self._cells[name]["missing"] = None

    def frame(self, sample: pl.DataFrame) -> pl.DataFrame:
        """`ROWS` rows of witnesses, each column for itself; places that are left hold cells of the sample.

        Args:
            sample: at least one row of the stream.
        """
        import polars as pl

        columns = []
        for name, dtype in self.columns.items():
            cells = [self._cells[name][role] for role in _ROLES if role in self._cells[name]]
            if name in self.texts:
                cells += self._of_texts(name)
            cells = [*cells[:ROWS], *([sample[name][0]] * ROWS)][:ROWS]
            columns.append(pl.Series(name, cells, dtype=dtype))
        return pl.DataFrame(columns)

    def _of_texts(self, name: str) -> list[str | None]:
        """Witnesses of a text column: a missing cell, the ends of its plain numbers, a fraction, and its commonest values."""
        import polars as pl

        counts = self.texts[name]
        held = counts.frame
        if counts.exact and held.height:
            numerals = held.select(
                pl.col("value").alias("text"), pl.col("value").cast(pl.Float64, strict=False).alias(name)
            )
            self._note_numerals(name, numerals)
        own = self._cells[name]
        found: list[str | None] = [None] if counts.missing else []
        found += [own[role][1] for role in ("low text", "high text", "fraction text") if role in own]
        return [*found, *held["value"].head(2).to_list()]

    def _note_numerals(self, name: str, numerals: pl.DataFrame) -> None:
        import polars as pl

        own = self._cells[name]
        known = numerals.filter(pl.col(name).is_finite())
        if not known.height:
            return
        for role, descending in (("low text", False), ("high text", True)):
            value, text = known.select(
                pl.col(name).sort(descending=descending).first(),
                pl.col("text").sort_by(name, descending=descending).first(),
            ).row(0)
            better = role not in own or (value > own[role][0] if descending else value < own[role][0])
            if better:
                own[role] = (value, text)
        if "fraction text" not in own:
            fractions = known.filter(pl.col(name) != pl.col(name).floor())
            if fractions.height:
                own["fraction text"] = (fractions[name][0], fractions["text"][0])

    def _note(self, name: str, facts: tuple[Any, ...]) -> None:
        missing, low, high, special = facts
        own = self._cells[name]
        if missing:
            own["missing"] = None
        if low is not None and ("low" not in own or low < own["low"]):
            own["low"] = low
        if high is not None and ("high" not in own or high > own["high"]):
            own["high"] = high
        if special is not None and "fraction" not in own:
            own["fraction"] = special


def _ordered(dtype: pl.DataType) -> bool:
    import polars as pl

    return dtype.is_numeric() or dtype == pl.Boolean or isinstance(dtype, (pl.Date, pl.Datetime))


def _questions(name: str, dtype: pl.DataType) -> list[pl.Expr]:
    """Of one column: whether a cell is missing, the lowest and the highest one, and a number or a time that is not whole."""
    import polars as pl

    cell = pl.col(name)
    if dtype.is_float():
        cell = cell.fill_nan(None)
        special = cell.filter(cell.is_finite() & (cell != cell.floor())).first()
    elif isinstance(dtype, pl.Datetime):
        special = cell.filter(cell.dt.truncate("1d") != cell).first()
    else:
        special = pl.lit(None)
    exprs = [cell.is_null().any(), cell.min(), cell.max(), special]
    return [each.alias(f"{name}\0{i}") for i, each in enumerate(exprs)]
