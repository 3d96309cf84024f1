"""Reads durations from text: clock times, days with a clock time, ISO 8601 durations, and texts such as 2h 30m."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

_CLOCK = (
    r"^(-)?(?:(\d+) ?(?:days?|d|Tage?),? ?)?(?:\+?(\d{1,4}):([0-5]?\d)(?::([0-5]?\d(?:[.,]\d+)?))?)?"
    r"(?: ?([AaPp])\.?[Mm]\.?)?$"
)
_ISO = r"^(-)?P(?:(\d+(?:\.\d+)?)W)?(?:(\d+(?:\.\d+)?)D)?(?:T(?:(\d+(?:\.\d+)?)H)?(?:(\d+(?:\.\d+)?)M)?(?:(\d+(?:\.\d+)?)S)?)?$"
_WORDS = (
    r"(?i)^(-)?(?:(\d+(?:\.\d+)?) ?d(?:ays?)?,? ?)?(?:(\d+(?:\.\d+)?) ?(?:h|hrs?|hours?),? ?)?"
    r"(?:(\d+(?:\.\d+)?) ?(?:m|min|mins|minutes?),? ?)?(?:(\d+(?:\.\d+)?) ?(?:s|secs?|seconds?))?$"
)


def seconds(cells: pl.Series) -> pl.Series:
    """The durations in seconds, Float64; null where a cell is not a duration. `09:30 PM` counts from midnight.

    >>> import polars as pl
    >>> seconds(pl.Series(["1:30:00", "2 days 00:00:01", "PT1H30M", "2h 30m", "09:30 PM", "x"])).to_list()
    [5400.0, 172801.0, 5400.0, 9000.0, 77400.0, None]
    """
    import polars as pl

    text = cells.str.replace_all(r"\s+", " ").str.strip_chars()
    none = pl.Series([None] * len(cells), dtype=pl.Float64)
    found = [none]
    for pattern, sizes in (
        (_CLOCK, (86400, 3600, 60, 1)),
        (_ISO, (604800, 86400, 3600, 60, 1)),
        (_WORDS, (86400, 3600, 60, 1)),
    ):
        groups = text.str.extract_groups(pattern).struct.unnest()
        parts = [groups.to_series(index).str.replace(",", ".", literal=True) for index in range(1, len(sizes) + 1)]
        numbers = [part.cast(pl.Float64, strict=False) for part in parts]
        if not any(part.count() for part in numbers):
            continue
        total = sum(
            (n.fill_null(0.0) * size for n, size in zip(numbers, sizes, strict=True)), start=none.fill_null(0.0)
        )
        known = pl.select(pl.any_horizontal(*(n.is_not_null() for n in numbers))).to_series()
        if pattern is _CLOCK:
            half = groups.to_series(5).fill_null("").str.to_lowercase()
            noon = pl.select(pl.when(half == "").then(0).otherwise((half == "p").cast(pl.Int64) * 43200)).to_series()
            total = total + noon - ((half != "") & (numbers[1] == 12)).cast(pl.Float64) * 43200
            known = known & (numbers[1].is_not_null() | numbers[0].is_not_null())
        negative = groups.to_series(0) == "-"
        signed = pl.when(negative.fill_null(False)).then(-total).otherwise(total)
        found.append(pl.select(pl.when(known).then(signed).otherwise(None)).to_series())
    return pl.select(pl.coalesce(*found[1:], found[0])).to_series().alias(cells.name)


def looks_like_durations(sample: pl.Series) -> bool:
    """Whether most cells are clock times or durations of several parts (`3 h` counts as a number with a unit).

    >>> import polars as pl
    >>> looks_like_durations(pl.Series(["1:30", "12:05"])), looks_like_durations(pl.Series(["3 h", "4 h"]))
    (True, False)
    """
    several = sample.str.contains(r"^\s*-?P(?:\d|T\d)|\d:\d|\d ?[dhm][a-z]*,? \d|\d[dhm]\d")
    least = 0.5 * len(sample)
    return bool(least) and several.sum() >= least and (several & seconds(sample).is_not_null()).sum() >= least
