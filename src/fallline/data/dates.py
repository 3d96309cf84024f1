"""Recognises dates in text and reads their year, month and day. Each family of spellings is one pattern."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

_NAMES = (
    "january jan januar jänner janvier janv enero ene gennaio gen janeiro januari",
    "february feb februar feber février févr fév febrero febbraio fevereiro fev februari",
    "march mar märz mrz mars marzo março maart mrt",
    "april apr avril avr abril abr aprile",
    "may mai mayo maggio mag maio mei",
    "june jun juni juin junio giugno giu junho",
    "july jul juli juillet juil julio luglio lug julho",
    "august aug août aoû agosto ago augustus",
    "september sep sept septembre septiembre settembre setembro",
    "october oct oktober okt octobre octubre ottobre ott outubro",
    "november nov novembre noviembre novembro",
    "december dec dezember dez décembre déc diciembre dic dicembre dezembro",
)
MONTHS = {name: number for number, names in enumerate(_NAMES, 1) for name in names.split()}
_WEEKDAYS = (
    r"(?i)^(?:mon|tues?|wed(?:nes)?|thu(?:rs?)?|fri|sat(?:ur)?|sun)(?:day)?\.?,? |"
    r"^(?:montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonnabend|sonntag|mo|di|mi|do|fr|sa|so)[.,]+ ?|"
    r"^(?:lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche|lunes|martes|miércoles|jueves|viernes|sábado|domingo)\.?,? "
)
_CLOCK = (
    r"(\d{1,2})(?:[:.h]([0-5]?\d)(?:[:.]([0-5]?\d)(?:[.,:](\d{1,12}))?)?)?(?: ?([AaPp])\.?[Mm]\.?)?(?: ?(?:h|Uhr))?"
)
_ZONE = r"(?: ?(Z|z|UTC|GMT|[A-Z]{2,4}T|(?:UTC|GMT)?[+-]\d{1,2}(?::?\d{2})?)(?:\[[\w/+-]+\])?)?"
_TIME = rf"(?:(?:T|t|,? |:|, at | at ){_CLOCK}{_ZONE})?"
_YEAR = r"(\d{4}|'?\d{2})"
_ISO = {
    r"\d{4}-\d\d-\d\d": "%Y-%m-%d",
    r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d": "%Y-%m-%d %H:%M:%S",
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d": "%Y-%m-%dT%H:%M:%S",
}
_MANY = 1_000  # number of cells above which equal cells are read only once
ORDERS = ("day_first", "month_first", "year_first")

# Family: its pattern, the groups of year, month and day (-1 if their order is to be decided, 0 if there is none), and
# the first of the groups of the time: hour, minute, second, fraction, am or pm, zone.
_FAMILIES: dict[str, tuple[str, tuple[int, int, int], int]] = {
    "ymd": (rf"^(\d{{4}})(?: ?[-/.] ?|年)(\d{{1,2}})(?: ?[-/.] ?|月)(\d{{1,2}})[.日]?{_TIME}$", (1, 2, 3), 4),
    "numbers": (rf"^(\d{{1,2}})(?:\. |[-/. ])(\d{{1,2}})(?:\. |[-/. ]){_YEAR}\.?{_TIME}$", (-1, -1, -1), 4),
    "d_name_y": (rf"^(\d{{1,2}})\.?[- /]?(?:de )?(\p{{L}}+)\.?,?[- /]?(?:de )?{_YEAR}{_TIME}$", (3, 2, 1), 4),
    "name_d_y": (rf"^(\p{{L}}+)\.?[- ]?(\d{{1,2}}),?[- ]{_YEAR}{_TIME}$", (3, 1, 2), 4),
    "y_name_d": (rf"^(\d{{4}})[- /](\p{{L}}+)\.?[- /](\d{{1,2}}){_TIME}$", (1, 2, 3), 4),
    "compact": (
        r"^(\d{4})(\d{2})(\d{2})(?:T?(\d{2})(\d{2})(?:(\d{2})(?:[.,](\d+))?)?()(Z|[+-]\d{2}:?\d{2})?)?$",
        (1, 2, 3),
        4,
    ),
    "clock_first": (rf"^(\p{{L}}+) (\d{{1,2}}) {_CLOCK}(?: ([A-Z]{{3,4}}))? (\d{{4}})$", (9, 1, 2), 3),
    "y_m": (r"^(\d{4})[-/](\d{1,2})$", (1, 2, 0), 0),
    "m_y": (r"^(\d{1,2})[-/.](\d{4})$", (2, 1, 0), 0),
    "name_y": (r"^(\p{L}+)\.?,?[- /]?(\d{4}|['-]\d{2})$", (2, 1, 0), 0),
    "y_name": (r"^(\d{4})[- /](\p{L}+)$", (1, 2, 0), 0),
    "y_q": (r"^(\d{4})[- ]?[Qq]([1-4])$", (1, 2, 0), 0),
    "q_y": (r"^[Qq]([1-4])[-/ ]?(\d{4})$", (2, 1, 0), 0),
    "week": (r"^(\d{4})-?W(\d{2})(?:-?([1-7]))?$", (1, 2, 3), 0),
}
_OFFSETS = {
    "EST": -300, "EDT": -240, "CST": -360, "CDT": -300, "MST": -420, "MDT": -360, "PST": -480, "PDT": -420,
    "CET": 60, "CEST": 120, "MET": 60, "MEST": 120, "WET": 0, "WEST": 60, "EET": 120, "EEST": 180, "BST": 60,
    "MSK": 180, "JST": 540, "KST": 540, "HKT": 480, "AEST": 600, "AEDT": 660, "NZST": 720, "NZDT": 780,
    "AKST": -540, "AKDT": -480, "HST": -600, "SAST": 120, "SGT": 480, "PKT": 300,
}  # fmt: skip


@dataclass(frozen=True)
class Order:
    """The order of day, month and year in a column of numeric dates.

    Attributes:
        name: "day_first", "month_first" or "year_first"; "" if no cell needs one.
        doubtful: whether another order reads as many cells.
        example: a cell that the other order reads differently.
    """

    name: str = ""
    doubtful: bool = False
    example: str = ""


def looks_like_dates(sample: pl.Series) -> bool:
    """Whether at least half of the cells have the shape of a date.

    >>> import polars as pl
    >>> looks_like_dates(pl.Series(["27. 7. 2024", "Jul 27, 2024"])), looks_like_dates(pl.Series(["red", "blue"]))
    (True, False)
    """
    import polars as pl

    if not len(sample):
        return False
    cell = pl.col("cell")
    fits = pl.sum_horizontal(cell.str.contains(pattern) for pattern, _, _ in _FAMILIES.values())
    return bool(normal(sample).to_frame("cell").select_seq(fits.sum()).item() >= 0.5 * len(sample))


def find_order(cells: pl.Series, hint: str = "") -> Order:
    """The order of day, month and year, decided over all cells; `hint` breaks ties.

    Args:
        cells: text without missing cells; a column's distinct cells are enough.
        hint: "day_first" or "month_first"; without one, "/" means the month first and other separators the day first.

    >>> import polars as pl
    >>> find_order(pl.Series(["03/04/2024", "27/04/2024"]))
    Order(name='day_first', doubtful=False, example='')
    >>> find_order(pl.Series(["03/04/2024", "05/06/2024"]))
    Order(name='month_first', doubtful=True, example='03/04/2024')
    """
    if _iso(cells) is not None:
        return Order()
    text = normal(cells)
    shaped = cells.filter(text.str.contains(_FAMILIES["numbers"][0]))
    if not len(shaped):
        return Order()
    counts = {order: int(local(shaped, order)[0].count()) for order in ORDERS}
    if not max(counts.values()):
        return Order()
    best = [order for order in ORDERS if counts[order] == max(counts.values())]
    if len(best) == 1 or set(best) == {"year_first"}:
        return Order(best[0])
    if "year_first" in best and _years(shaped, "year_first") < min(_years(shaped, each) for each in best[:-1]):
        return Order("year_first", True, shaped[0])  # 24-07-27: the part that changes least is the year
    slashed = shaped.str.contains(r"^\s*\d+\s*/").sum() > 0.5 * len(shaped)
    usual = hint or ("month_first" if slashed else "day_first")
    name = usual if usual in best else best[0]
    rivals = [order for order in best if order != name and (order != "year_first" or name == "year_first")]
    for rival in rivals:
        first, second = local(shaped, name)[0], local(shaped, rival)[0]
        unequal = shaped.filter((first != second).fill_null(False))
        if len(unequal):
            return Order(name, True, unequal[0])
    return Order(name)


def _years(cells: pl.Series, order: str) -> int:
    """The difference between the last and the first year, read in this order."""
    years = local(cells, order)[0].dt.year()
    return int(years.max()) - int(years.min())  # type: ignore[arg-type]


def local(cells: pl.Series, order: str = "") -> tuple[pl.Series, pl.Series]:
    """(date and time as written, offset of its zone from UTC in minutes), null where there is none.

    >>> import polars as pl
    >>> when, ahead = local(pl.Series(["2024-07-27T09:30:00+02:00", "27 July 2024", "soon"]))
    >>> when.to_list(), ahead.to_list()
    ([datetime.datetime(2024, 7, 27, 9, 30), datetime.datetime(2024, 7, 27, 0, 0), None], [120, None, None])
    """
    import polars as pl

    if (when := _iso(cells)) is not None:
        return when, pl.Series([None] * len(cells), dtype=pl.Int64)
    if len(cells) > _MANY and len(distinct := cells.unique()) < 0.5 * len(cells):
        both = pl.DataFrame(
            [distinct.alias("text"), *(each.alias(str(i)) for i, each in enumerate(local(distinct, order)))]
        )
        joined = pl.DataFrame([cells.alias("text")]).join(
            both, on="text", how="left", nulls_equal=True, maintain_order="left"
        )
        return joined["0"].alias(cells.name), joined["1"]
    text = normal(cells)
    when = pl.Series([None] * len(cells), dtype=pl.Datetime("us"))
    ahead = pl.Series([None] * len(cells), dtype=pl.Int64)
    sample = text.head(_MANY)
    likely = sorted(_FAMILIES, key=lambda name: not sample.str.contains(_FAMILIES[name][0]).any())
    for name in likely:
        pattern, indices, clock = _FAMILIES[name]
        if when.null_count() == text.null_count() or not text.str.contains(pattern).any():
            continue
        groups = text.str.extract_groups(pattern).struct.unnest()
        read, offset = _read(name, groups, indices, clock, order or "day_first")
        ahead = pl.select(pl.when(when.is_null()).then(offset).otherwise(ahead)).to_series()
        when = pl.select(pl.coalesce(when, read)).to_series()
    return when.alias(cells.name), ahead


def _iso(cells: pl.Series) -> pl.Series | None:
    """The instants of a column written throughout in one ISO 8601 form without zones, else None."""
    first = next(iter(cells.drop_nulls().head(1)), "")
    form = next((form for pattern, form in _ISO.items() if re.fullmatch(pattern, first)), None)
    if form is None:
        return None
    when = cells.str.to_datetime(form, strict=False, time_unit="us")
    return when if when.null_count() == cells.null_count() else None


def normal(cells: pl.Series) -> pl.Series:
    """Normalises spaces and dashes, and removes ordinal suffixes and weekdays."""
    import polars as pl

    frame, text = cells.alias("cell").to_frame(), pl.col("cell")
    tests = (text.str.contains(pattern).any().alias(pattern) for pattern in (r"[^\x00-\x7f]", r"\p{L}"))
    odd, letters = frame.select_seq(tests).row(0)
    if odd:
        text = text.str.normalize("NFKC").str.replace_all("[−–‐‑]", "-")
    text = text.str.replace_all(r"\s+", " ").str.strip_chars()
    if letters or odd:
        text = text.str.replace(_WEEKDAYS, "").str.replace(r"(?i)\b(\d{1,2})(?:st|nd|rd|th|er|º|ª)\b", "$1")
        text = text.str.replace(r"(?i)^the ", "").str.replace(r"(?i) of ", " ")
    text = text.str.replace(r"^(\d{1,2}:\d{2}(?::\d{2})?(?: ?[AaPp][Mm])?),? (\d.*)$", "$2 $1")
    return frame.select_seq(text).to_series().alias(cells.name)


def _read(
    name: str, groups: pl.DataFrame, indices: tuple[int, int, int], clock: int, order: str
) -> tuple[pl.Series, pl.Series]:
    """Converts one family's groups to instants and offsets."""
    import polars as pl

    if indices[0] < 0:
        indices = {"day_first": (3, 2, 1), "month_first": (3, 1, 2), "year_first": (1, 2, 3)}[order]
    year, month, day = (pl.col(str(index)) if index else pl.lit("1") for index in indices)
    if order == "year_first" and name == "numbers":
        day = pl.when(day.str.len_chars() <= 2).then(day)
    if "name" in name or name == "clock_first":
        month = month.str.to_lowercase().replace_strict(MONTHS, default=None, return_dtype=pl.Int64)
    elif name in ("y_q", "q_y"):
        month = month.cast(pl.Int64, strict=False) * 3 - 2
    years = year.str.strip_chars("'-").cast(pl.Int64, strict=False)
    short = year.str.strip_chars("'-").str.len_chars() <= 2
    full = pl.when(short).then(years + pl.when(years < 69).then(2000).otherwise(1900)).otherwise(years)
    groups = groups.rename({column: str(index) for index, column in enumerate(groups.columns, 1)})
    if name == "week":
        text = pl.concat_str(
            pl.col("1"), pl.lit("-W"), pl.col("2"), pl.lit("-"), pl.col("3").replace("", None).fill_null("1")
        )
        weeks = groups.select(text.str.to_datetime("%G-W%V-%u", strict=False, time_unit="us")).to_series()
        return weeks, pl.Series([None] * len(groups), dtype=pl.Int64)
    days = pl.concat_str(
        full, pl.lit("-"), month.cast(pl.Int64, strict=False), pl.lit("-"), day.cast(pl.Int64, strict=False)
    )
    when = days.str.to_datetime("%Y-%m-%d", strict=False, time_unit="us")
    if not clock:
        return groups.select(when).to_series(), pl.Series([None] * len(groups), dtype=pl.Int64)
    return groups.select(when + _time(clock)).to_series(), groups.select(_ahead(pl.col(str(clock + 5)))).to_series()


def _time(clock: int) -> pl.Expr:
    """The time of day as a duration; null where it is impossible."""
    import polars as pl

    hour, minute, second, fraction, half = (pl.col(str(clock + index)) for index in range(5))
    number = [each.cast(pl.Int64, strict=False).fill_null(0) for each in (hour, minute, second)]
    half = half.fill_null("").str.to_lowercase()
    hours = pl.when(half == "").then(number[0]).otherwise(number[0] % 12 + pl.when(half == "p").then(12).otherwise(0))
    micro = fraction.fill_null("").str.pad_end(6, "0").str.head(6).cast(pl.Int64, strict=False).fill_null(0)
    possible = (number[0] <= 24) & ((half == "") | ((number[0] >= 1) & (number[0] <= 12))) & (number[1] <= 59)
    time = pl.duration(hours=hours, minutes=number[1], seconds=number[2], microseconds=micro, time_unit="us")
    return pl.when(possible).then(time).otherwise(None)


def _ahead(zone: pl.Expr) -> pl.Expr:
    """The offset from UTC in minutes."""
    import polars as pl

    text = zone.str.replace(r"^(?:UTC|GMT)([+-])", "$1").str.to_uppercase()
    sign = pl.when(text.str.starts_with("-")).then(-1).otherwise(1)
    hours = text.str.extract(r"^[+-](\d{1,2})").cast(pl.Int64, strict=False)
    minutes = text.str.extract(r"^[+-]\d{1,2}:?(\d{2})$").cast(pl.Int64, strict=False).fill_null(0)
    named = text.replace_strict({"Z": 0, "UTC": 0, "GMT": 0, **_OFFSETS}, default=None, return_dtype=pl.Int64)
    return pl.coalesce(named, sign * (hours * 60 + minutes))
