"""Recognises the kind of each column: number, category, boolean, date, text, presence, or nothing to learn from."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from fallline.core.errors import FalllineError, nearest
from fallline.data.cells import labels, numbers
from fallline.data.codes import PAIRS, key
from fallline.data.fitting import enough
from fallline.data.form import kind_of
from fallline.data.hashing import SIZE, is_prose

if TYPE_CHECKING:
    import polars as pl

_ID_NAME = re.compile(
    r"(?i:(^|[_\s.-])(id|idx|index|uuid|guid|rowid|rownum|row_?number|rownames?)$)|[a-z]I[dD]$|"
    r"(?i:^(row|rownames?|row_names|level_\d+|serial|s\.? ?no\.?|nr\.?|sl\.? ?no\.?)$)"
)
_INDEX_NAME = re.compile(r"__index_level_\d+__|Unnamed: ?\d+(\.\d+)*")  # what pandas calls a frame's own index
_UNIQUE = 0.9  # above this share of distinct values, text is taken to name the rows
_FEW_ROWS = 20  # with fewer rows, "all different" and "consecutive" mean nothing
_SAMPLE = 1_000  # cells that nearly always tell that a column does not hold whole numbers alone
_CHANCE = 12.0  # n draws from a range of N are all different with probability exp(-n^2 / 2N): here below 1e-5


@dataclass
class Findings:
    """The result of recognition: the kind of each kept column, the reason for each dropped one, and remarks.

    Attributes:
        kinds: column name to "number", "category", "boolean", "date", "text" or "presence", in the frame's order.
        dropped: column name to the reason.
        remarks: warnings about kept columns.
    """

    kinds: dict[str, str] = field(default_factory=dict)
    dropped: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    def warnings(self) -> list[str]:
        """One sentence per reason for dropping columns, followed by the remarks."""
        sentences = []
        for reason in dict.fromkeys(self.dropped.values()):
            names = [name for name, why in self.dropped.items() if why == reason]
            listed = ", ".join(repr(name) for name in names[:5]) + (
                f" and {len(names) - 5} more" if len(names) > 5 else ""
            )
            columns, were = ("columns", "were") if len(names) > 1 else ("column", "was")
            sentences.append(f"{columns} {listed} {were} dropped: {reason}")
        return sentences + self.remarks


def recognise(frame: pl.DataFrame, kinds: dict[str, str] | None = None) -> Findings:
    """Recognises each column's kind from its type, its values and, for identifiers, its name.

    Pairs such as true and false or yes and no are booleans. Sentences that hardly repeat are text; other text is a
    category. These columns are dropped: those
    without values, those with a single value, whole numbers that only count or name the rows, text that differs in
    nearly every row, and text without a value frequent enough to be learnt from. If a column is mostly missing and its
    text hardly repeats, only its presence is kept.

    Args:
        frame: the feature columns, in which texts that are numbers or dates have already been converted.
        kinds: column name to the kind it is to have ("number", "category", "boolean", "date", "text", "drop", or a word for
            how its numbers or dates are written, such as "decimal_comma" or "day_first").

    Raises:
        FalllineError: `kinds` names an unknown column or kind, or no column is left.

    >>> import polars as pl
    >>> recognise(pl.DataFrame({"age": [31, 40], "smoker": ["yes", "no"], "unit": ["cm", "cm"]})).kinds
    {'age': 'number', 'smoker': 'boolean'}
    """
    wanted = dict(kinds or {})
    for name, kind in list(wanted.items()):
        if name not in frame.columns:
            raise FalllineError(
                f"kinds names the column {name!r}, which is not a feature: {nearest(name, frame.columns)}"
            )
        wanted[name] = kind_of(name, kind)[0]
    found = Findings()
    for series in frame.iter_columns():
        if series.name in wanted:
            kind = wanted[series.name]
            if kind == "drop":
                continue
            found.kinds[series.name] = kind
        else:
            _recognise_one(series, found)
    if not found.kinds:
        counters = [name for name in found.dropped if found.dropped[name] == _COUNTS]
        for name in counters:  # if nothing else is left, the position may be the feature to learn from
            found.kinds[name] = "number"
            del found.dropped[name]
    if not found.kinds:
        reasons = "; ".join(found.warnings()) or "all were dropped"
        raise FalllineError(f"no column is left to learn from ({reasons}): add features or overrule with kinds")
    return found


_EMPTY = "no cell has a value"
_CONSTANT = "every row has the same value"
_INDEX = "it is the index of the frame that was saved (overrule with kinds, for example 'number')"
_RARE = "no value recurs often enough to be learnt from (overrule with kinds, for example 'category')"
_COUNTS = "whole numbers that count or name the rows (overrule with kinds, for example 'number')"
_NAMES = "text that is different in nearly every row (overrule with kinds, for example 'category')"
_NESTED = "lists, bytes or objects are not features"


def _recognise_one(series: pl.Series, found: Findings) -> None:
    import polars as pl

    name = series.name
    if series.dtype in (pl.Binary, pl.Object) or series.dtype.is_nested():
        found.dropped[name] = _NESTED
        return
    if series.dtype.is_float() and series.is_nan().any():
        series = series.fill_nan(None)
    present = series.drop_nulls()
    if not len(present):
        found.dropped[name] = _EMPTY
        return
    ordered = series.dtype.is_numeric() or series.dtype.is_temporal()
    # The number of distinct values is asked only of texts: it takes longer than all else that is done with numbers.
    distinct = 0 if ordered else present.n_unique()
    if distinct == 1 or (ordered and present.min() == present.max()):
        if len(present) == len(series):
            found.dropped[name] = _CONSTANT
        else:
            found.kinds[name] = "presence"
        return
    if series.dtype == pl.Boolean:
        found.kinds[name] = "boolean"
    elif series.dtype in (pl.Date,) or isinstance(series.dtype, pl.Datetime):
        found.kinds[name] = "date"
    elif series.dtype.is_numeric() or series.dtype in (pl.Duration, pl.Time):
        _number(series, found)
    else:
        _text(labels(present), len(series), distinct, found)


def _number(series: pl.Series, found: Findings) -> None:
    name = series.name
    found.kinds[name] = "number"
    if not _whole(numbers(series.head(_SAMPLE))) or not _whole(values := numbers(series)):
        return
    if _INDEX_NAME.fullmatch(name):
        del found.kinds[name]
        found.dropped[name] = _INDEX
        return
    if np.unique(values).size == values.size:
        width = values.max() - values.min() + 1
        named = _ID_NAME.search(name) is not None and values.size > 2
        counting = width == values.size and values.size >= _FEW_ROWS
        if named or counting or values.size**2 / (2 * width) > _CHANCE:
            del found.kinds[name]
            found.dropped[name] = _COUNTS


def _whole(values: np.ndarray) -> bool:
    return bool(np.isfinite(values).all()) and bool((values == np.floor(values)).all())


def _text(present: pl.Series, rows: int, distinct: int, found: Findings) -> None:
    """Recognises a text column from `present`, its cells with a value, out of `rows` cells in all."""
    name = present.name
    if distinct <= 4 and booleans(present) is not None:
        found.kinds[name] = "boolean"
    elif distinct > 0.5 * len(present) and rows >= _FEW_ROWS and is_prose(present):
        found.kinds[name] = "text"
        found.remarks.append(
            f"column {name!r} is taken as text: its words are counted in {SIZE} hashed features (overrule with kinds, for "
            "example 'drop')"
        )
    elif distinct > 0.5 * len(present) and len(present) < 0.5 * rows and rows >= _FEW_ROWS:
        found.kinds[name] = "presence"
        found.remarks.append(
            f"column {name!r} is mostly missing and its text hardly repeats: only whether it is there is kept"
        )
    elif distinct > _UNIQUE * len(present) and rows >= _FEW_ROWS:
        found.dropped[name] = _NAMES
    elif rows >= _FEW_ROWS and int(present.value_counts()["count"].max()) < enough(rows):  # type: ignore[arg-type]
        found.dropped[name] = _RARE
    else:
        found.kinds[name] = "category"


def booleans(present: pl.Series) -> tuple[str, str] | None:
    """The lower-case texts (false, true) of a column whose two values form such a pair, or None.

    >>> import polars as pl
    >>> booleans(pl.Series(["Yes", "No", "yes"]))
    ('no', 'yes')
    """
    values = {key(each).casefold() for each in labels(present).drop_nulls().unique()}
    return next((pair for pair in PAIRS if values == set(pair)), None)
