"""Encodes one column as the same columns of numbers every time, with a remark on cells that do not fit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fallline.core.errors import FalllineError, share
from fallline.data.cells import PLAIN, instants, labels, numbers
from fallline.data.codes import key, matching, truth
from fallline.data.form import Form
from fallline.data.hashing import hashed
from fallline.data.marks import is_word
from fallline.data.units import Unit

if TYPE_CHECKING:
    import polars as pl

_PARTS = ("year", "month", "day", "weekday", "days")
_MOST = 0.5  # share of a column's cells; if more than this do not fit, it is an error


@dataclass(frozen=True)
class Column:
    """The encoding of one column.

    Attributes:
        name: the column.
        kind: "number", "category", "boolean", "date", "text" or "presence".
        values: for a category, the values with slots of their own, most frequent first; for a boolean, the texts for
            0 and 1.
        indicator: whether a 0/1 feature marks missing cells (for a category, whether it has a slot for them).
        shift: number subtracted in float64 before the cast to float32; 0 unless float32 would lose the differences.
        factor: power of two multiplied after the shift; 1 unless float32 could not square the differences.
        limit: size to which the number is then clipped; infinite unless a few values are extremely far off.
        form: how the cells were written in training.
        hour: whether a date has a time of day.
        origin: the day, since 1970-01-01, from which a date's days are counted.
        rare: values of a category too rare in training for slots of their own, up to the number that is listed.
        others: the share of training cells with such a value.
        whole: whether the training numbers were whole, so that 3.750 can only mean 3750.
        size: for a text, the number of features that its words are hashed into.

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
    form: Form = PLAIN
    hour: bool = False
    origin: float = 0.0
    rare: tuple[str, ...] = ()
    others: float = 0.0
    whole: bool = False
    size: int = 0

    @property
    def plain(self) -> bool:
        """Whether the column is a number that is only cast to float32."""
        return self.kind == "number" and not self.indicator and self.unit.own and self.form == PLAIN

    @property
    def unit(self) -> Unit:
        """The shift, factor and limit applied to a number before the cast to float32."""
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
        if self.kind == "text":
            return [f"{name} #{place}" for place in range(self.size)]
        return [name, *missing]

    def scaled(self) -> list[bool]:
        """Whether a scaler may change each encoded feature: true of numbers and parts of dates, not of 0/1 features."""
        width = {"number": 1, "date": len(self._parts())}.get(self.kind, 0)
        return [position < width for position in range(len(self.feature_names()))]

    def _parts(self) -> tuple[str, ...]:
        return _PARTS + (("hour",) if self.hour else ())

    def encode(
        self,
        series: pl.Series,
        out: np.ndarray,
        where: str,
        remarks: list[str] | None = None,
        *,
        decimal: str = "",
        understood: bool = False,
    ) -> None:
        """Writes the features of `series` into `out` (rows, features of this column), float32.

        Args:
            series: the cells, typed or text.
            out: array that receives the features.
            where: name of the source in messages.
            remarks: collects a sentence for every kind of cell that does not fit what training learnt.
            decimal: the decimal sign of the file, "" if unknown.
            understood: whether texts that are numbers and dates have already been converted.

        Raises:
            FalllineError: a cell is infinite, most cells do not fit, or the cells are lists, structs, bytes or objects.
        """
        remarks = [] if remarks is None else remarks
        self._refuse_nested(series, where)
        form = PLAIN if understood else self.form
        if self.kind == "number":
            doubts: list[str] = []
            cells = numbers(series, form, decimal, self.whole and not understood, doubts)
            remarks.extend(f"column {self.name!r} of {where} {each}" for each in doubts)
            self._name_lost(series, np.isnan(cells), "numbers", where, remarks)
            out[:, 0] = self.condition(cells, where)
            if self.indicator:
                out[:, 1] = np.isnan(cells)
        elif self.kind == "category":
            self._encode_category(labels(series), out, where, remarks)
        elif self.kind == "date":
            when = instants(series, form)
            self._name_lost(series, when.is_null().to_numpy(), "dates", where, remarks)
            if not understood:
                self._name_zone(series, where, remarks)
            self._encode_date(when, out)
        elif self.kind == "presence":
            out[:, 0] = ~_missing(series)
        elif self.kind == "text":
            out[:] = hashed(labels(series), self.size)
        else:
            self._encode_boolean(labels(series), out, where, remarks)

    def _refuse_nested(self, series: pl.Series, where: str) -> None:
        """Raises: FalllineError if the column holds lists, structs, bytes or objects, unless every cell is missing."""
        import polars as pl

        nested = series.dtype in (pl.Binary, pl.Object) or series.dtype.is_nested()
        if nested and series.null_count() < len(series):
            expected = {"category": "categories", "boolean": "yes or no", "presence": "plain cells", "text": "text"}
            raise FalllineError(
                f"column {self.name!r} of {where} has the type {series.dtype}, expected "
                f"{expected.get(self.kind, self.kind + 's')} as in training: give one plain value for each row"
            )

    def condition(self, cells: np.ndarray, where: str) -> np.ndarray:
        """Converts float64 numbers to the float32 numbers (cells - shift) * factor, clipped to the limit.

        If the column's unit is its own, float32 numbers are returned as they are.

        Raises:
            FalllineError: a number is infinite, before or after the cast.
        """
        with np.errstate(over="ignore"):
            result = (cells if self.unit.own else self.unit.apply(cells)).astype(np.float32, copy=False)
        if np.isfinite(result).all() and self.limit == math.inf:
            return result
        infinite = np.isinf(cells) | np.isinf(result)  # a limit would make an infinite number finite
        if infinite.any():
            raise FalllineError(self.refusal(int(infinite.sum()), where))
        return result

    def typed(self, series: pl.Series, where: str, *, understood: bool = False) -> np.ndarray | None:
        """The float32 numbers of cells that are numbers already, which `encode` writes; None for all other cells.

        Raises:
            FalllineError: a number is infinite, before or after the cast.
        """
        import polars as pl

        if self.kind != "number" or not series.dtype.is_numeric() or series.dtype.is_decimal():
            return None
        if series.dtype == pl.Float32 and self.unit.own and (understood or self.form.unit != "%"):
            return self.condition(series.fill_null(float("nan")).to_numpy(), where)
        return self.condition(numbers(series, PLAIN if understood else self.form), where)

    def refusal(self, infinite: int, where: str) -> str:
        """The error message for numbers that are infinite, or that float32 cannot hold in this column's unit."""
        count = f"{infinite} infinite values" if infinite > 1 else "1 infinite value"
        beyond = (
            "1e38" if self.factor == 1.0 else f"{1e38 / self.factor:.0e}, for a column of the size seen in training"
        )
        return f"column {self.name!r} of {where} has {count} (or beyond {beyond}): remove or correct them"

    def _name_lost(self, series: pl.Series, lost: np.ndarray, what: str, where: str, remarks: list[str]) -> None:
        """Adds a remark on present cells of the wrong kind; raises if they are more than half of the present cells."""
        import polars as pl

        lost = lost & ~_missing(series)
        if not lost.any():
            return
        texts = labels(series) if not series.dtype.is_temporal() else series.cast(pl.String)
        lost = lost & ~is_word(texts).to_numpy()
        count, present = int(lost.sum()), int((~_missing(series)).sum())
        if not count:
            return
        example = texts[int(np.flatnonzero(lost)[0])]
        if count > _MOST * present:
            raise FalllineError(
                f"column {self.name!r} of {where} should hold {what} but holds values such as {example!r} "
                f"({share(count, present)}): correct it"
            )
        remarks.append(
            f"column {self.name!r} of {where} holds {share(count, present)} that are not {what}, such as {example!r}: "
            "they count as missing"
        )

    def _name_zone(self, series: pl.Series, where: str, remarks: list[str]) -> None:
        zoned = getattr(series.dtype, "time_zone", None) is not None
        if series.dtype.is_temporal() and zoned != bool(self.form.zone) and series.count():
            have, had = ("a time zone", "none") if zoned else ("no time zone", f"the zone {self.form.zone}")
            taken = "UTC is taken" if zoned else "that one is taken"
            remarks.append(f"column {self.name!r} of {where} has {have} where training had {had}: {taken}")

    def _encode_category(self, text: pl.Series, out: np.ndarray, where: str, remarks: list[str]) -> None:
        indices = self.slots(text, where, remarks)
        out[:] = 0
        out[np.arange(len(indices)), indices] = 1

    def slots(self, text: pl.Series, where: str, remarks: list[str]) -> np.ndarray:
        """The slot of each cell of a category, as `feature_names` lists them."""
        import polars as pl

        other = len(self.values)
        known = dict(zip(self.values, range(other), strict=True))
        codes = text.replace_strict(known, default=None, return_dtype=pl.Int32) if other else _nothing(text)
        unknown = text.filter(codes.is_null() & text.is_not_null()).unique()
        if len(unknown):
            known |= matching(self.values, unknown)
            codes = text.replace_strict(known, default=None, return_dtype=pl.Int32) if known else codes
            self._name_unknown(text.filter(codes.is_null() & text.is_not_null()), text.count(), where, remarks)
        indices = codes.fill_null(other).to_numpy().copy()
        if self.indicator:
            indices[text.is_null().to_numpy()] = other + 1
        found: np.ndarray = indices
        return found

    def _name_unknown(self, unknown: pl.Series, present: int, where: str, remarks: list[str]) -> None:
        """Adds a remark on cells whose values training never saw; values that were merely rare are not mentioned."""
        rare = matching(self.rare, unknown.unique()) if self.rare else {}
        new = unknown.filter(~unknown.is_in(list(rare)))
        if not len(new):
            return
        if len(new) > (_MOST + self.others * (1 - _MOST)) * present and len(new) > 1:
            raise FalllineError(
                f"column {self.name!r} of {where} holds {share(len(new), present)} with values that training has not "
                f"seen, such as {new[0]!r}: expected values such as {', '.join(map(repr, self.values[:3])) or 'other ones'}"
            )
        remarks.append(
            f"column {self.name!r} of {where} holds {share(len(new), present)} with values that training has not seen, "
            f"such as {new[0]!r}: they count as other"
        )

    def _encode_boolean(self, text: pl.Series, out: np.ndarray, where: str, remarks: list[str]) -> None:
        import polars as pl

        words = {each: key(each).casefold() for each in text.drop_nulls().unique()}
        meaning = truth((self.values[0], self.values[1]))
        codes = {each: float(index) for index in (0, 1) for each, own in words.items() if own in meaning[index]}
        values = text.replace_strict(codes, default=None, return_dtype=pl.Float64) if codes else _nothing(text)
        out[:, 0] = values.fill_null(0.5).to_numpy()  # 0.5 stands for missing or unknown
        self._name_lost(text, values.is_null().to_numpy(), f"{self.values[0]!r} and {self.values[1]!r}", where, remarks)
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


def _nothing(text: pl.Series) -> pl.Series:
    import polars as pl

    return pl.Series(text.name, [None] * len(text), dtype=pl.Int32)


def _missing(series: pl.Series) -> np.ndarray:
    missing = series.is_null()
    return (missing | series.is_nan().fill_null(False) if series.dtype.is_float() else missing).to_numpy()
