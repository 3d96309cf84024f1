"""How is one column encoded? Fitted once on training rows; the same columns of numbers ever after."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fallline.core.errors import FalllineError
from fallline.data.cells import date_format, instants, labels, numbers
from fallline.data.kinds import booleans
from fallline.data.units import Unit, unit_of

if TYPE_CHECKING:
    import polars as pl

MOST_CATEGORIES = 100
RARE = 5  # a value seen fewer times than this shares the slot of the others
_TINY = 200  # with fewer rows than this, only values seen once do
_PARTS = ("year", "month", "day", "weekday", "days")


@dataclass(frozen=True)
class Column:
    """The encoding of one column.

    Attributes:
        name: the column.
        kind: "number", "category", "boolean", "date" or "presence".
        values: a category's own slots, most frequent first; a boolean's texts for 0 and 1.
        indicator: whether a 0/1 feature says that the cell is missing (for a category: its slot for missing).
        shift: subtracted in float64 before a number becomes float32; 0 unless float32 would lose the differences.
        factor: multiplied after that, a power of two; 1 unless float32 could not square the differences.
        limit: to which size the number is cut after that; infinite unless a few values are wildly far off.
        format: how a date's text is read, None for typed dates.
        hour: whether a date has a time of day.
        origin: the day, since 1970-01-01, from which a date's days are counted.

    >>> Column("colour", "category", values=("red", "blue"), indicator=True).feature_names()
    ['colour=red', 'colour=blue', 'colour=(other)', 'colour=(missing)']
    """

    name: str
    kind: str
    values: tuple[str, ...] = ()
    indicator: bool = False
    shift: float = 0.0
    factor: float = 1.0
    limit: float = math.inf
    format: str | None = None
    hour: bool = False
    origin: float = 0.0

    @property
    def plain(self) -> bool:
        """A number that is only cast to float32."""
        return self.kind == "number" and not self.indicator and self.unit.own

    @property
    def unit(self) -> Unit:
        """How a number is conditioned before it becomes float32."""
        return Unit(self.shift, self.factor, self.limit)

    def feature_names(self) -> list[str]:
        """One name per encoded feature."""
        name = self.name
        missing = [f"{name} is missing"] if self.indicator else []
        if self.kind == "category":
            slots = [*self.values, "(other)"] + (["(missing)"] if self.indicator else [])
            return [f"{name}={slot}" for slot in slots]
        if self.kind == "date":
            return [f"{name}.{part}" for part in self._parts()] + missing
        if self.kind == "presence":
            return [f"{name} is present"]
        return [name, *missing]

    def scaled(self) -> list[bool]:
        """Per encoded feature: may a scaler touch it? Numbers and parts of dates, not zeros and ones."""
        width = {"number": 1, "date": len(self._parts())}.get(self.kind, 0)
        return [position < width for position in range(len(self.feature_names()))]

    def _parts(self) -> tuple[str, ...]:
        return _PARTS + (("hour",) if self.hour else ())

    def encode(self, series: pl.Series, out: np.ndarray, where: str) -> None:
        """Writes the features of `series` into `out` (rows, features of this column), float32.

        Raises:
            FalllineError: a cell is infinite, or a column of numbers holds text.
        """
        if self.kind == "number":
            cells = numbers(series)
            self._check_numbers(series, cells, where)
            out[:, 0] = self.condition(cells, where)
            if self.indicator:
                out[:, 1] = np.isnan(cells)
        elif self.kind == "category":
            self._encode_category(labels(series), out)
        elif self.kind == "date":
            self._encode_date(instants(series, self.format), out)
        elif self.kind == "presence":
            out[:, 0] = ~_missing(series)
        else:
            self._encode_boolean(labels(series), out)

    def condition(self, cells: np.ndarray, where: str) -> np.ndarray:
        """Float64 numbers as the float32 numbers (cells - shift) * factor, cut to the limit.

        Raises:
            FalllineError: infinity, now or after the cast.
        """
        infinite = np.isinf(cells)
        with np.errstate(over="ignore"):
            result = (cells if self.unit.own else self.unit.apply(cells)).astype(np.float32)
        infinite |= np.isinf(result)
        if infinite.any():
            raise FalllineError(self.refusal(int(infinite.sum()), where))
        return result

    def refusal(self, infinite: int, where: str) -> str:
        """The sentence for numbers that are infinite, or that float32 cannot hold in this column's unit."""
        count = f"{infinite} infinite values" if infinite > 1 else "1 infinite value"
        beyond = (
            "1e38" if self.factor == 1.0 else f"{1e38 / self.factor:.0e}, for a column of the size seen in training"
        )
        return f"column {self.name!r} of {where} has {count} (or beyond {beyond}): remove or correct them"

    def _check_numbers(self, series: pl.Series, cells: np.ndarray, where: str) -> None:
        lost = np.isnan(cells) & ~_missing(series)
        if lost.any() and lost.sum() > 0.5 * (lost.sum() + (~np.isnan(cells)).sum()):
            example = labels(series)[int(np.flatnonzero(lost)[0])]
            raise FalllineError(
                f"column {self.name!r} of {where} should hold numbers but holds values such as {example!r}: correct it"
            )

    def _encode_category(self, text: pl.Series, out: np.ndarray) -> None:
        import polars as pl

        other = len(self.values)
        codes = (
            text.replace_strict(list(self.values), list(range(other)), default=other, return_dtype=pl.Int32)
            .to_numpy()
            .copy()
            if other
            else np.full(len(text), other, np.int32)
        )
        if self.indicator:
            codes[text.is_null().to_numpy()] = other + 1
        out[:] = 0
        out[np.arange(len(codes)), codes] = 1

    def _encode_boolean(self, text: pl.Series, out: np.ndarray) -> None:
        lower = text.str.to_lowercase()
        out[:, 0] = 0.5  # neither; only when missing or unheard of
        for value, texts in enumerate(((self.values[0], "false", "0"), (self.values[1], "true", "1"))):
            out[lower.is_in(list(texts)).fill_null(False).to_numpy(), 0] = value
        if self.indicator:
            out[:, 1] = text.is_null().to_numpy()

    def _encode_date(self, when: pl.Series, out: np.ndarray) -> None:
        import polars as pl

        days = when.dt.epoch("us") / 86_400e6
        parts = {
            "year": when.dt.year(),
            "month": when.dt.month(),
            "day": when.dt.day(),
            "weekday": when.dt.weekday(),
            "days": days - self.origin,
            "hour": when.dt.hour(),
        }
        for position, part in enumerate(self._parts()):
            out[:, position] = parts[part].cast(pl.Float64).fill_null(float("nan")).to_numpy()
        if self.indicator:
            out[:, -1] = when.is_null().to_numpy()


def fit_column(series: pl.Series, kind: str) -> Column:
    """Learns a column's encoding from its training rows.

    Args:
        series: the training rows' cells.
        kind: what `recognise` or the user says that it is.

    Raises:
        FalllineError: a column that shall be boolean has other than two values, or one that shall be a date has none.

    >>> import polars as pl
    >>> fit_column(pl.Series("size", ["S", "M", "M", None, "XL", "M", "S"]), "category").values
    ('M', 'S')
    """
    if kind == "category":
        return _fit_category(labels(series))
    if kind == "boolean":
        return _fit_boolean(series)
    if kind == "date":
        form = None if series.dtype.is_temporal() else date_format(labels(series))
        when = instants(series, form)
        days = when.drop_nulls().dt.epoch("us").to_numpy() / 86_400e6
        if not days.size and series.count():
            raise FalllineError(f"column {series.name!r} holds no date that can be read: write dates as 2024-01-31")
        hour = bool((days != np.floor(days)).any())
        origin = float(np.floor(days.min())) if days.size else 0.0
        return Column(series.name, kind, indicator=when.null_count() > 0, format=form, hour=hour, origin=origin)
    if kind == "presence":
        return Column(series.name, kind)
    cells = numbers(series)
    rounding = float(8 * np.finfo(np.float32).eps) if str(series.dtype) == "Float32" else 0.0
    unit = unit_of(cells, rounding=rounding)
    return Column(series.name, kind, indicator=bool(np.isnan(cells).any()), **unit._asdict())


def _fit_category(text: pl.Series) -> Column:
    enough = 2 if len(text) < _TINY else RARE
    counts = text.drop_nulls().value_counts(sort=False)
    kept = counts.filter(counts["count"] >= enough).sort(["count", text.name], descending=[True, False])
    return Column(
        text.name, "category", values=tuple(kept[text.name].head(MOST_CATEGORIES)), indicator=text.null_count() > 0
    )


def _fit_boolean(series: pl.Series) -> Column:
    present = series.drop_nulls()
    pair = booleans(present)
    if pair is None:
        values = sorted(set(labels(present).drop_nulls().str.to_lowercase().unique()))
        if len(values) > 2:
            raise FalllineError(f"column {series.name!r} has {len(values)} values, a boolean two: give it another kind")
        known = next(
            (each for each in (("false", "true"), ("no", "yes"), ("0", "1")) if set(values) <= set(each)), None
        )
        pair = known or (values[0], values[-1]) if len(values) == 2 else known or ("", values[0])
    return Column(series.name, "boolean", values=pair, indicator=series.null_count() > 0)


def _missing(series: pl.Series) -> np.ndarray:
    missing = series.is_null()
    return (missing | series.is_nan().fill_null(False) if series.dtype.is_float() else missing).to_numpy()
