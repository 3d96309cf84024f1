"""Columns of Python objects: every usual cell has one meaning, missing marks are null, and what is no feature is kept."""

import datetime as dt
import enum
import math
import pathlib
import uuid
import zoneinfo
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallline.core.errors import FalllineError
from fallline.data.objects import from_objects, is_missing

BERLIN, TOKYO = zoneinfo.ZoneInfo("Europe/Berlin"), zoneinfo.ZoneInfo("Asia/Tokyo")
DAY, NOON = dt.date(2024, 2, 29), dt.datetime(2024, 2, 29, 12)
UTC_NOON = NOON.replace(tzinfo=dt.UTC)
US, UTC = pl.Datetime("us"), pl.Datetime("us", "UTC")


class Size(enum.Enum):
    SMALL = 1


class Rank(enum.IntEnum):
    FIRST = 1


class Tone(enum.StrEnum):
    RED = "red"


CASES = [
    # numbers
    ([1, 2, None], pl.Int64, [1, 2, None]),
    ([np.int8(1), np.uint64(2)], pl.Int64, [1, 2]),
    ([Rank.FIRST, 3], pl.Int64, [1, 3]),
    ([2**63, 1], pl.Float64, [2.0**63, 1.0]),
    ([10**400, -(10**400), 0], pl.Float64, [math.inf, -math.inf, 0.0]),
    ([1, 2.5], pl.Float64, [1.0, 2.5]),
    ([1.5, math.nan, None, pd.NA, pd.NaT], pl.Float64, [1.5, None, None, None, None]),
    ([np.float32(0.5), np.float16(2), np.longdouble(4)], pl.Float64, [0.5, 2.0, 4.0]),
    ([Decimal("1.5"), Decimal("NaN"), Decimal("sNaN")], pl.Float64, [1.5, None, None]),
    ([Decimal("1E+3"), 1], pl.Float64, [1000.0, 1.0]),
    ([Fraction(1, 4), Fraction(3, 1)], pl.Float64, [0.25, 3.0]),
    ([Fraction(10**400, 1), 0.5], pl.Float64, [math.inf, 0.5]),
    ([True, 2, 0], pl.Int64, [1, 2, 0]),
    ([True, 0.5], pl.Float64, [1.0, 0.5]),
    ([np.ma.masked, 7], pl.Int64, [None, 7]),
    # booleans
    ([True, None, False], pl.Boolean, [True, None, False]),
    ([np.bool_(True), False, pd.NA], pl.Boolean, [True, False, None]),
    # text
    (["a", None, ""], pl.String, ["a", None, ""]),
    ([np.str_("a"), "b"], pl.String, ["a", "b"]),
    (["a", math.nan], pl.String, ["a", None]),
    (["a", np.float64("nan"), pd.NA], pl.String, ["a", None, None]),
    ([uuid.UUID(int=5), None], pl.String, ["00000000-0000-0000-0000-000000000005", None]),
    ([pathlib.PurePosixPath("a/b")], pl.String, ["a/b"]),
    ([Size.SMALL, None], pl.String, ["SMALL", None]),
    ([Tone.RED, "blue"], pl.String, ["red", "blue"]),
    # text mixed with others: as people write them
    (["a", 1, 1.0, 2.5], pl.String, ["a", "1", "1", "2.5"]),
    (["a", np.float32(0.1), 0.1], pl.String, ["a", "0.1", "0.1"]),
    (["a", Decimal("1.10"), Decimal("2.00")], pl.String, ["a", "1.1", "2"]),
    (["a", Fraction(1, 2)], pl.String, ["a", "0.5"]),
    (["a", True, np.bool_(False)], pl.String, ["a", "true", "false"]),
    (["a", -0.5, 2**70], pl.String, ["a", "-0.5", str(2**70)]),
    (["a", DAY, NOON], pl.String, ["a", "2024-02-29", "2024-02-29 12:00:00"]),
    ([1, DAY], pl.String, ["1", "2024-02-29"]),
    # dates and instants
    ([DAY, None], pl.Date, [DAY, None]),
    ([NOON, None], US, [NOON, None]),
    ([DAY, NOON], US, [dt.datetime(2024, 2, 29), NOON]),
    ([pd.Timestamp(NOON), pd.NaT], US, [NOON, None]),
    ([pd.Timestamp("2024-02-29 12:00:00.000000001")], US, [NOON]),
    ([np.datetime64("2024-02-29T12"), np.datetime64("NaT", "s")], US, [NOON, None]),
    ([np.datetime64("2024-02-29"), np.datetime64("2024-02")], US, [dt.datetime(2024, 2, 29), dt.datetime(2024, 2, 1)]),
    ([pd.Timestamp(NOON), NOON, DAY], US, [NOON, NOON, dt.datetime(2024, 2, 29)]),
    ([pd.Period("2024-02"), None], US, [dt.datetime(2024, 2, 1), None]),
    ([pd.Period("2024Q2"), pd.Period("2024-05", "Y")], US, [dt.datetime(2024, 4, 1), dt.datetime(2024, 1, 1)]),
    ([pd.Period("2024-02-29 12:00", "h")], US, [NOON]),
    ([UTC_NOON, None], UTC, [UTC_NOON, None]),
    ([UTC_NOON.astimezone(BERLIN), UTC_NOON.astimezone(TOKYO)], UTC, [UTC_NOON, UTC_NOON]),
    ([UTC_NOON.astimezone(dt.timezone(dt.timedelta(hours=-3, minutes=-30)))], UTC, [UTC_NOON]),
    ([pd.Timestamp(NOON, tz="Asia/Tokyo"), pd.NaT], UTC, [UTC_NOON - dt.timedelta(hours=9), None]),
    # the hour that Berlin has twice, first and second
    (
        [dt.datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN), dt.datetime(2024, 10, 27, 2, 30, tzinfo=BERLIN, fold=1)],
        UTC,
        [dt.datetime(2024, 10, 27, 0, 30, tzinfo=dt.UTC), dt.datetime(2024, 10, 27, 1, 30, tzinfo=dt.UTC)],
    ),
    # times, durations, intervals
    ([dt.time(9, 30), None], pl.Time, [dt.time(9, 30), None]),
    ([dt.timedelta(hours=1), None], pl.Duration("us"), [dt.timedelta(hours=1), None]),
    ([pd.Timedelta("90min"), pd.NaT], pl.Duration("us"), [dt.timedelta(minutes=90), None]),
    ([np.timedelta64(2, "h"), np.timedelta64("NaT", "s")], pl.Duration("us"), [dt.timedelta(hours=2), None]),
    ([pd.Interval(0, 1), None], pl.String, ["(0, 1]", None]),
    # nothing
    ([None, math.nan, pd.NA], pl.Null, [None, None, None]),
    ([], pl.Null, []),
]


@pytest.mark.parametrize(("cells", "dtype", "expected"), CASES)
def test_cells_come_out_as_what_they_say(cells: list[object], dtype: pl.DataType, expected: list[object]) -> None:
    series = from_objects("c", cells, "X")
    assert (series.name, series.dtype) == ("c", dtype)
    assert series.to_list() == expected


@pytest.mark.parametrize(
    "cell", [b"x", bytearray(b"x"), [1], (1, 2), {1}, {"a": 1}, np.zeros(2), frozenset(), object(), range(3)], ids=type
)
@pytest.mark.parametrize("other", [None, 1, "a"])
def test_what_is_no_feature_stays_an_object(cell: object, other: object) -> None:
    series = from_objects("c", [other, cell], "X")
    assert series.dtype == pl.Object
    assert series.to_list()[1] is cell


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        ([1 + 2j], "Complex data not supported: column 'c' of X holds complex numbers"),
        ([1.0, np.complex64(1)], "Complex data not supported"),
        (["a", 1j], "Complex data not supported"),
        ([NOON, UTC_NOON], "column 'c' of X holds instants with and without a time zone"),
        ([DAY, UTC_NOON.astimezone(TOKYO)], "with and without a time zone"),
        ([dt.time(9, tzinfo=dt.UTC)], "column 'c' of X holds times of day with a time zone"),
        ([np.datetime64("20000-01-01")], "column 'c' of X holds a date beyond the years 1 to 9999"),
        ([pd.Timestamp("2024").as_unit("s").replace(year=20000)], "beyond the years"),
        ([np.timedelta64(5, "M")], "column 'c' of X holds durations without a unit, or in months"),
    ],
)
def test_what_cannot_be_understood_is_named(cells: list[object], sentence: str) -> None:
    with pytest.raises(FalllineError, match=sentence):
        from_objects("c", cells, "X")


@given(st.lists(st.one_of(st.none(), st.integers(-(2**62), 2**62), st.floats(allow_nan=True)), min_size=1))
def test_numbers_survive_in_any_wrapping(cells: list[float | None]) -> None:
    wrapped = [
        cell if cell is None or not math.isfinite(cell) else (Decimal(cell), Fraction(cell), cell)[place % 3]
        for place, cell in enumerate(cells)
    ]
    expected = [None if cell is None or cell != cell else float(cell) for cell in cells]
    assert from_objects("c", wrapped, "X").cast(pl.Float64).to_list() == expected


@given(st.datetimes(dt.datetime(1900, 1, 1), dt.datetime(2100, 1, 1), timezones=st.timezones()))
def test_an_instant_is_the_same_in_every_zone(instant: dt.datetime) -> None:
    found = from_objects("c", [instant, instant.astimezone(dt.UTC), instant.astimezone(TOKYO)], "X")
    assert found.n_unique() == 1
    assert found[0].timestamp() == instant.timestamp()


def test_an_array_is_not_a_missing_cell() -> None:
    assert not is_missing(np.array([np.nan]))
    assert not is_missing(float("inf"))
