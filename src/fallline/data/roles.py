"""Columns that are no features: groups that stay together, the time of a row, its weight; and what a split is even in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from fallline.core.errors import FalllineError, nearest
from fallline.data.sheet import Sheet
from fallline.data.understanding import understand_features

if TYPE_CHECKING:
    import polars as pl

NONE = "none"  # `stratify` with this value draws rows at random
_BINS, _FEW = 10, 20  # a column of more distinct numbers than this is stratified in so many bins
WORDS = {"groups": "the groups of rows", "time": "the time of rows", "weights": "the weights of rows"}


@dataclass(frozen=True)
class Roles:
    """The columns that say how rows are divided and weighed, by name; None where there is none.

    Attributes:
        groups: rows with one value are never on both sides of a split.
        time: later rows are tested.
        weights: weight of each row in the loss and in all scores.
        stratify: every split has the same shares of this column's values; "none" for no column.

    >>> Roles(time="day", weights="w").columns
    {'time': 'day', 'weights': 'w'}
    """

    groups: str | None = None
    time: str | None = None
    weights: str | None = None
    stratify: str | None = None

    @property
    def columns(self) -> dict[str, str]:
        """The columns that are no features, by their role."""
        return {role: name for role in WORDS if (name := getattr(self, role)) is not None}

    def check(self, columns: list[str], targets: tuple[str, ...], where: str) -> None:
        """Raises: FalllineError for a column that does not exist or has two roles, and for roles that exclude each other."""
        for role, name in self.columns.items():
            if name in targets:
                raise FalllineError(
                    f"column {name!r} is the target and cannot be {WORDS[role]} as well: name another column"
                )
            if name not in columns:
                raise FalllineError(f"{where} has no column {name!r} for {WORDS[role]}: {nearest(name, columns)}")
        taken = list(self.columns.values())
        twice = next((name for name in taken if taken.count(name) > 1), None)
        if twice is not None:
            raise FalllineError(
                f"column {twice!r} is given two roles: name one column for each of {', '.join(self.columns)}"
            )
        if self.time is not None and (self.groups or self.stratify not in (None, NONE)):
            other = "groups" if self.groups else "stratify"
            raise FalllineError(f"time and {other} both say how rows are divided: give one of them")
        if self.stratify not in (None, NONE) and self.stratify not in columns:
            raise FalllineError(
                f"{where} has no column {self.stratify!r} to stratify by: {nearest(str(self.stratify), columns)}"
            )

    def refuse(self, where: str) -> None:
        """Raises: FalllineError if any column is named, for a source of arrays."""
        given = next((role for role in (*WORDS, "stratify") if getattr(self, role) not in (None, NONE)), None)
        if given is not None:
            raise FalllineError(f"{where} holds arrays without a column for {given}: give a table such as a CSV file")

    def read(self, sheet: Sheet, kinds: dict[str, str], where: str, needed: bool = True) -> Marks:
        """What these columns say of each row of a sheet; a column that is not `needed` may be absent.

        Raises:
            FalllineError: cells are missing, or cannot be read as a time or a weight.
        """
        frame = sheet.frame
        present = {role: name for role, name in self.columns.items() if name in frame.columns}
        lacking = next((role for role in self.columns if role not in present), None)
        if needed and lacking is not None:
            raise FalllineError(f"{where} has no column {self.columns[lacking]!r} for {WORDS[lacking]}: add it")
        by = self.stratify if self.stratify in frame.columns else None
        wanted = [name for name in dict.fromkeys([*present.values(), by]) if name is not None]
        said = {name: kind for name, kind in kinds.items() if name in wanted and kind != "drop"}
        understood = understand_features(frame.select(wanted), sheet.separator, said).frame if wanted else frame
        found: dict[str, Any] = {}
        for role, name in present.items():
            cells = frame[name] if role == "groups" else understood[name]
            missing = cells.null_count() + (int(cells.is_nan().sum()) if cells.dtype.is_float() else 0)
            if missing:
                raise FalllineError(
                    f"column {name!r} of {where} holds {WORDS[role]}, and {missing} of {len(cells)} cells are missing or cannot "
                    "be read: fill them in, or remove those rows"
                )
            found[role] = cells.cast(str).to_numpy() if role == "groups" else _numbers(cells, role, where)
        if by is not None:
            found["strata"] = _strata(understood[by])
        elif self.stratify == NONE:
            found["strata"] = np.zeros(frame.height, np.int32)
        return Marks(**found)


@dataclass(frozen=True, eq=False)
class Marks:
    """What the columns of `Roles` say of each row, (rows,) each: groups as text or codes, times and weights as float64."""

    groups: np.ndarray | None = None
    time: np.ndarray | None = None
    weights: np.ndarray | None = None
    strata: np.ndarray | None = None

    def joined(self, others: list[tuple[Marks, int]]) -> Marks:
        """The marks of these rows and of others below them, with the groups as codes.

        Rows without a mark get a group or stratum of their own, the time NaN and the weight 1.
        """
        fills: dict[str, Any] = {"groups": "", "time": np.nan, "weights": 1.0, "strata": 0}
        found = {}
        for name, fill in fills.items():
            own = getattr(self, name)
            if own is None:
                continue
            more = [np.full(rows, fill) if (each := getattr(marks, name)) is None else each for marks, rows in others]
            joined = np.concatenate([np.asarray(part, own.dtype) for part in (own, *more)])
            found[name] = np.unique(joined, return_inverse=True)[1].astype(np.int32) if name == "groups" else joined
        return Marks(**found)


def _numbers(cells: pl.Series, role: str, where: str) -> np.ndarray:
    """A column of times or weights as float64."""
    import polars as pl

    if role == "time" and cells.dtype.is_temporal():
        if isinstance(cells.dtype, pl.Datetime):
            cells = cells.dt.cast_time_unit("us")
        elif cells.dtype == pl.Date:
            cells = cells.cast(pl.Datetime("us"))
        return cells.to_physical().cast(pl.Float64).to_numpy()
    if not cells.dtype.is_numeric():
        kind = "dates or numbers" if role == "time" else "numbers"
        raise FalllineError(
            f"column {cells.name!r} of {where} is to be {WORDS[role]} and holds text such as {str(cells[0])!r}: write {kind}, "
            "or say with --kind how it is written"
        )
    numbers = cells.cast(pl.Float64).to_numpy()
    bad = int((~np.isfinite(numbers)).sum() if role == "time" else (~np.isfinite(numbers) | (numbers < 0)).sum())
    if bad or (role == "weights" and not numbers.any()):
        raise FalllineError(
            f"column {cells.name!r} of {where} is to be {WORDS[role]} and holds {bad} cells that are infinite or negative, or "
            "only zeros: correct them"
        )
    return numbers


def _strata(cells: pl.Series) -> np.ndarray:
    """The stratum of each row: one for each value, or bins of equal size if there are many numbers; missing is one, too."""
    import polars as pl

    if (cells.dtype.is_numeric() or cells.dtype.is_temporal()) and cells.n_unique() > _FEW:
        numbers = cells.to_physical().cast(pl.Float64).to_numpy()
        codes = np.searchsorted(np.nanquantile(numbers, np.arange(1, _BINS) / _BINS), numbers)
        codes[np.isnan(numbers)] = _BINS
        return np.unique(codes, return_inverse=True)[1].astype(np.int32)
    return np.unique(cells.cast(pl.String).fill_null("").to_numpy(), return_inverse=True)[1].astype(np.int32)
