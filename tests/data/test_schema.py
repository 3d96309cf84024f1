"""The encoding: fitted once, the same for every later table."""

import datetime
import json
import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fallline.core.errors import DataWarning, FalllineError
from fallline.data.columns import Column
from fallline.data.fitting import MOST_CATEGORIES, fit_column
from fallline.data.form import Form
from fallline.data.kinds import recognise
from fallline.data.schema import Schema
from fallline.data.schema_fitting import array_schema, fit_schema
from fallline.data.target import Target

TARGET = Target(("y",), "regression")
FRAME = pl.DataFrame(
    {
        "age": [31.0, None, 52.0, 40.0] * 3,
        "size": [1, 2, 3, 5] * 3,
        "sex": ["m", "f", None, "m"] * 3,
        "smoker": ["yes", "no", "no", None] * 3,
        "day": [datetime.date(2024, 1, 1 + each) for each in range(12)],
        "note": ["x", None, None, None] * 3,
    }
)
SCHEMA = fit_schema(FRAME, recognise(FRAME).kinds, TARGET)


def test_the_features() -> None:
    assert SCHEMA.feature_names == (
        "age", "age is missing", "size", "sex=m", "sex=f", "sex=(other)", "sex=(missing)", "smoker",
        "smoker is missing", "day.year", "day.month", "day.day", "day.weekday", "day.days", "note is present",
    )  # fmt: skip
    assert SCHEMA.scaled.tolist() == [True, False, True] + [False] * 6 + [True] * 5 + [False]
    x = SCHEMA.encode(FRAME)
    assert x.dtype == np.float32
    assert x.flags.c_contiguous
    np.testing.assert_array_equal(x[0], [31, 0, 1, 1, 0, 0, 0, 1, 0, 2024, 1, 1, 1, 0, 1])
    np.testing.assert_array_equal(x[2], [52, 0, 3, 0, 0, 0, 1, 0, 0, 2024, 1, 3, 3, 2, 0])
    np.testing.assert_array_equal(x[1, :2], [np.nan, 1])
    assert x[3, 7:9].tolist() == [0.5, 1]


@settings(max_examples=30, deadline=None)
@given(order=st.permutations(FRAME.columns), rows=st.lists(st.integers(0, 11), min_size=1, max_size=8))
def test_rows_are_encoded_one_by_one_and_columns_by_name(order: list[str], rows: list[int]) -> None:
    shuffled = FRAME.select(order).with_columns(extra=pl.lit("ignored"))[rows]
    np.testing.assert_array_equal(SCHEMA.encode(shuffled), SCHEMA.encode(FRAME)[rows])


def test_json_round_trip() -> None:
    written = json.loads(json.dumps(SCHEMA.to_dict(), allow_nan=False))
    assert Schema.from_dict(written) == SCHEMA
    np.testing.assert_array_equal(Schema.from_dict(written).encode(FRAME), SCHEMA.encode(FRAME))


@pytest.mark.parametrize(
    "change",
    [
        {"columns": []},
        {"columns": [{"name": "a", "kind": "pickle"}]},
        {"columns": [{"name": "a", "kind": "number", "module": "os"}]},
        {"columns": [{"name": "a", "kind": "number", "shift": "0"}]},
        {"columns": [{"name": "a", "kind": "number", "factor": math.inf}]},
        {"columns": [{"name": "a", "kind": "boolean", "values": ["x"]}]},
        {"columns": [{"numbers": [1]}]},
        {"columns": 3},
        {"target": {"names": ["y"], "task": "dance"}},
        {"target": {"names": ["y"], "task": "classification", "classes": ["a", 1]}},
        {"target": {"names": ["y"], "task": "regression", "classes": ["a", "b"]}},
        {"missing": "fetch"},
        {"columns": [{"name": "a", "kind": "number", "form": {"decimal": ";"}}]},
        {"columns": [{"name": "a", "kind": "number", "form": {"decimal": ",", "group": ","}}]},
        {"columns": [{"name": "a", "kind": "number", "form": {"unit": 3}}]},
        {"columns": [{"name": "a", "kind": "number", "form": {"module": "os"}}]},
        {"columns": [{"name": "a", "kind": "date", "form": {"order": "%d"}}]},
        {"columns": [{"name": "a", "kind": "date", "form": {"zone": "../etc/passwd"}}]},
        {"columns": [{"name": "a", "kind": "date", "form": {"zone": "+2:00"}}]},
        {"columns": [{"name": "a", "kind": "date", "form": {"counts": "weeks"}}]},
        {"columns": [{"name": "a", "kind": "date", "form": {"settled": 1}}]},
        {"columns": [{"name": "a", "kind": "date", "format": "%x"}]},
        {"columns": [{"name": "a", "kind": "category", "rare": [1]}]},
        {"columns": [{"name": "a", "kind": "category", "others": 1.5}]},
        {"columns": [{"name": "a", "kind": "number", "whole": 1}]},
        {"columns": [{"name": "a", "kind": "number", "limit": 0.0}]},
        {"columns": [{"name": "a", "kind": "number", "limit": math.inf}]},
        {"columns": [{"name": "a", "kind": "number", "factor": 0.0}]},
        {"columns": [{"name": "a", "kind": "number"}, {"numbers": ["a"]}]},
        {"target": {"names": ["y"], "task": "regression", "shift": [0.0], "factor": [0.0]}},
        {"target": {"names": ["y"], "task": "regression", "shift": [math.nan], "factor": [1.0]}},
        {"target": {"names": ["y"], "task": "regression", "shift": [0.0]}},
        {"target": {"names": ["y"], "task": "regression", "shift": [0.0, 1.0], "factor": [1.0, 1.0]}},
        {"target": {"names": ["y"], "task": "classification", "classes": ["a"], "shift": [0.0], "factor": [1.0]}},
        {"target": {"names": ["y"], "task": "classification", "classes": []}},
        {"target": {"names": ["y"], "task": "classification", "classes": [1, 2.5]}},
    ],
)
def test_a_damaged_description_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(FalllineError, match="description of the columns is damaged"):
        Schema.from_dict({**SCHEMA.to_dict(), **change})


def test_all_that_a_column_can_say_is_read_back() -> None:
    form = Form(",", " ", "km", "month_first", "Europe/Berlin", "excel_date", settled=True)
    columns = (
        Column("a", "number", shift=1.0, factor=0.5, limit=128.0, form=form, whole=True),
        Column("b", "category", ("x",), rare=("y", "z"), others=0.25),
        Column("c", "date", form=Form(zone="-03:30"), hour=True, origin=19723.0),
    )
    for target in (
        Target(("y", "z"), "regression", None, (1e9, 0.0), (2.0**-40, 1.0)),
        Target(("y",), "classification", ("alone",)),
    ):
        schema = Schema(columns, target)
        assert Schema.from_dict(json.loads(json.dumps(schema.to_dict()))) == schema


@pytest.mark.parametrize(
    ("pattern", "order"),
    [("%Y-%m-%d", ""), ("%m/%d/%Y %H:%M", "month_first"), ("%d.%m.%Y", "day_first"), ("%d-%b-%YT%H:%M", "day_first")],
)
def test_the_pattern_of_a_date_of_an_earlier_version_is_read(pattern: str, order: str) -> None:
    target = {"names": ["y"], "task": "regression"}
    written = {"columns": [{"name": "a", "kind": "date", "format": pattern}], "target": target, "missing": "impute"}
    assert Schema.from_dict(written).columns[0].form == Form(order=order)


def test_missing_columns_are_named() -> None:
    with pytest.raises(FalllineError, match=r"new.csv lacks the columns 'age', 'sex' .*\(it has 'Age' besides\)"):
        SCHEMA.encode(FRAME.drop("sex").rename({"age": "Age"}), "new.csv")


def test_unseen_categories_share_the_other_slot() -> None:
    frame = FRAME.head(2).with_columns(sex=pl.Series(["zebra", "m"]))
    remarks: list[str] = []
    assert SCHEMA.encode(frame, "new.csv", remarks)[:, 3:7].tolist() == [[0, 0, 1, 0], [1, 0, 0, 0]]
    assert remarks == [
        "column 'sex' of new.csv holds 1 of 2 cells (50 %) with values that training has not seen, such as 'zebra': "
        "they count as other"
    ]
    with pytest.warns(DataWarning, match="such as 'zebra'"):
        SCHEMA.encode(frame)
    with pytest.raises(FalllineError, match=r"3 of 4 cells \(75 %\) with values that training has not seen"):
        SCHEMA.encode(FRAME.head(4).with_columns(sex=pl.Series(["zebra", "m", "ox", "yak"])))


def test_values_too_rare_for_a_slot_are_no_surprise_later() -> None:
    column = fit_column(pl.Series("c", ["a"] * 60 + [f"r{each}" for each in range(40)]), "category")
    assert column.values == ("a",)
    assert (len(column.rare), column.others) == (40, 0.4)
    out, remarks = np.empty((3, 2), np.float32), []
    column.encode(pl.Series("c", ["r1", "R2", "r39"]), out, "t.csv", remarks)
    assert remarks == []
    column.encode(pl.Series("c", ["a", "b", "r3"]), out, "t.csv", remarks)
    assert len(remarks) == 1


def test_missing_only_at_prediction() -> None:
    frame = FRAME.head(1).with_columns(size=pl.lit(None), day=pl.lit(None))
    x = SCHEMA.encode(frame)
    assert np.isnan(x[0, [2, 9, 13]]).all()
    schema = fit_schema(FRAME.select("size", sex=pl.lit("m")), {"size": "number", "sex": "category"}, TARGET)
    assert schema.encode(pl.DataFrame({"size": [1], "sex": [None]}))[0].tolist() == [1, 0, 1]


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e300])
def test_infinity_is_counted(value: float) -> None:
    with pytest.raises(FalllineError, match=r"column 'size' of t.csv has 2 infinite values"):
        SCHEMA.encode(FRAME.head(3).with_columns(size=pl.Series([1.0, value, value])), "t.csv")
    with pytest.raises(FalllineError, match=r"column 'size' of t.csv has 1 infinite value "):
        SCHEMA.encode(FRAME.head(2).with_columns(size=pl.Series(["1", str(value)])), "t.csv")


def test_text_where_numbers_were() -> None:
    with pytest.raises(
        FalllineError, match=r"column 'size' of t.csv should hold numbers but holds values such as 'big'"
    ):
        SCHEMA.encode(FRAME.head(2).with_columns(size=pl.Series(["big", "small"])), "t.csv")


def test_categories_are_bounded_and_most_frequent_first() -> None:
    values = [f"v{each:06}" for each in range(100_000)] + ["b"] * 30 + ["a"] * 30 + ["c"] * 50
    many = [f"w{each}" for each in range(300) for _ in range(12)]
    column = fit_column(pl.Series("c", values), "category")
    assert column.values == ("c", "a", "b")
    assert len(fit_column(pl.Series("c", many), "category").values) == MOST_CATEGORIES
    assert fit_column(pl.Series("c", ["p", "q", "q"]), "category").values == ("q",)
    assert fit_column(pl.Series("c", ["p", "q"]), "category").feature_names() == ["c=(other)"]


def test_whole_numbers_as_categories_agree_with_their_floats() -> None:
    schema = fit_schema(pl.DataFrame({"c": [1, 2] * 5}), {"c": "category"}, TARGET)
    assert schema.encode(pl.DataFrame({"c": [1.0, None]})).tolist() == [[1, 0, 0], [0, 0, 1]]
    mixed = fit_schema(pl.DataFrame({"c": [1.0, 2.5] * 5}), {"c": "category"}, TARGET)
    assert mixed.encode(pl.DataFrame({"c": [1.0]})).tolist() == [[1, 0, 0]]


def test_columns_with_too_little_to_fit_still_encode() -> None:
    empty = pl.Series("c", [None, None], dtype=pl.String)
    for kind in ("number", "category", "boolean", "date", "presence"):
        schema = fit_schema(pl.DataFrame([empty]), {"c": kind}, TARGET)
        assert schema.encode(pl.DataFrame([empty])).shape == (2, len(schema.feature_names))


def test_booleans_accept_their_usual_spellings() -> None:
    schema = fit_schema(pl.DataFrame({"c": [True, False]}), {"c": "boolean"}, TARGET)
    assert schema.encode(pl.DataFrame({"c": ["TRUE", "false", "1", "0", None]}))[:, 0].tolist() == [1, 0, 1, 0, 0.5]
    zeros = fit_schema(pl.DataFrame({"c": [0, 1, 1]}), {"c": "boolean"}, TARGET)
    assert zeros.encode(pl.DataFrame({"c": [1, 0]}))[:, 0].tolist() == [1, 0]
    with pytest.raises(FalllineError, match="'c' has 3 values, a boolean two"):
        fit_schema(pl.DataFrame({"c": [0, 1, 2]}), {"c": "boolean"}, TARGET)


def test_dates_with_hours_and_text() -> None:
    text = pl.Series("when", ["2024-01-01 06:00:00", "2024-01-02 18:00:00", None])
    column = fit_column(text, "date")
    assert column.hour
    assert column.indicator
    out = np.empty((3, 7), np.float32)
    column.encode(text, out, "t.csv")
    assert out[1].tolist() == [2024, 1, 2, 2, 1.75, 18, 0]
    again = np.empty((3, 7), np.float32)
    column.encode(text.str.to_datetime(), again, "t.parquet")
    np.testing.assert_array_equal(out, again)
    with pytest.raises(FalllineError, match="'d' holds no date that can be read"):
        fit_column(pl.Series("d", ["soon", "later"]), "date")


def test_arrays_and_frames_agree() -> None:
    x = np.array([[1.0, 1e9, np.nan], [2.0, 1e9 + 1, 3.0], [4.0, 1e9 + 2, 5.0]])
    schema = array_schema(x, ("a", "b", "c"), TARGET, np.arange(3), "impute")
    assert schema.feature_names == ("a", "b", "c", "c is missing")
    encoded = schema.encode(x)
    np.testing.assert_array_equal(encoded[:, :2], [[1, -1], [2, 0], [4, 1]])
    np.testing.assert_array_equal(encoded, schema.encode(pl.DataFrame(x, schema=["a", "b", "c"])))


def test_many_plain_numbers_are_described_briefly() -> None:
    names = tuple(f"p{each}" for each in range(20_000))
    schema = array_schema(np.zeros((2, 20_000), np.float32), names, TARGET, np.arange(2))
    written = json.dumps(schema.to_dict())
    assert len(written) < 12 * 20_000
    assert Schema.from_dict(json.loads(written)) == schema


def test_wrong_arrays() -> None:
    schema = array_schema(np.eye(3, dtype=np.float32), ("a", "b", "c"), TARGET, np.arange(3))
    for x, sentence in (
        (np.eye(2), "2 features where the model was trained on 3"),
        (np.zeros(3), "1 dimensions"),
        (np.zeros((0, 3)), "0 rows"),
        (np.array([["a"] * 3]), "where numbers were expected"),
        (
            np.array([[1, np.nan, 2.0]]),
            r"column 'b' of the data has 1 missing value .*missing=\"impute\".*--missing impute",
        ),
        (np.array([[1, 2.0, np.inf]], np.float32), "column 'c' of the data has 1 infinite value"),
    ):
        with pytest.raises(FalllineError, match=sentence):
            schema.encode(x)
    with pytest.raises(FalllineError, match="is an array, but column 'sex' is a category"):
        SCHEMA.encode(np.zeros((2, 6)))
    with pytest.raises(FalllineError, match=r"column 'b' of t.csv has 1 missing value"):
        schema.encode(pl.DataFrame({"a": [1], "b": [None], "c": [2]}), "t.csv")


@pytest.mark.parametrize("column", FRAME.columns)
@pytest.mark.parametrize("wrap", [lambda v: [v], lambda v: {"value": v}, lambda v: str(v).encode()])
def test_nested_cells_at_predict_are_refused_by_name(column, wrap):
    nested = FRAME.with_columns(pl.Series(column, [wrap(value) for value in FRAME[column]]))
    with pytest.raises(FalllineError, match=f"column '{column}' of the rows has the type .*: give one plain value"):
        SCHEMA.encode(nested, where="the rows")
