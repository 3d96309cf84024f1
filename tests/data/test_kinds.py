"""Kinds: what each column is taken for."""

import datetime

import numpy as np
import polars as pl
import pytest

from fallline.core.errors import FalllineError
from fallline.data.cells import FORMATS, date_format, instants
from fallline.data.kinds import recognise

WORDS = ["ant", "bee", "cat"] * 10


def kind(values: list[object], name: str = "c", **override: str) -> str:
    frame = pl.DataFrame({name: values, "other": [0.5, 1.5] * (len(values) // 2)}, strict=False)
    found = recognise(frame, override)
    return found.kinds.get(name) or found.dropped[name]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.5, 2.5] * 15, "number"),
        ([1, 2] * 15, "number"),
        (["1", "2"] * 15, "number"),
        (["1e3", "-.5", None] * 10, "number"),
        (WORDS, "category"),
        ([True, False, None] * 10, "boolean"),
        (["yes", "No", None] * 10, "boolean"),
        (["TRUE", "False"] * 15, "boolean"),
        (["m", "f"] * 15, "category"),
        (["2024-01-31", "2024-02-01"] * 15, "date"),
        (["31.01.2024 12:30", "01.02.2024 00:00"] * 15, "date"),
        ([datetime.date(2024, 1, 1), datetime.date(2024, 1, 2)] * 15, "date"),
        ([datetime.timedelta(hours=1), datetime.timedelta(hours=2)] * 15, "number"),
        ([datetime.time(1), datetime.time(2)] * 15, "number"),
        (["a", None, None] * 10, "presence"),
        ([None] * 30, "no cell has a value"),
        ([float("nan")] * 30, "no cell has a value"),
        ([7] * 30, "every row has the same value"),
        (["x"] * 30, "every row has the same value"),
        (list(range(30)), "whole numbers that count"),
        ([str(each) for each in range(100, 130)], "whole numbers that count"),
        ([each + 0.5 for each in range(30)], "number"),
        ([f"Mr. {each}" for each in range(30)], "text that is different"),
        ([f"C{each}" for each in range(10)] + [None] * 20, "presence"),
        ([[1], [2]] * 15, "lists, bytes or objects"),
        ([b"1", b"2"] * 15, "lists, bytes or objects"),
    ],
)
def test_recognised(values: list[object], expected: str) -> None:
    assert kind(values).startswith(expected)


@pytest.mark.parametrize("name", ["id", "ID", "user_id", "PassengerId", "customerID", "Index", "Unnamed: 0"])
def test_identifiers_by_name(name: str) -> None:
    assert kind([each**2 for each in range(30)], name).startswith("whole numbers that count")


@pytest.mark.parametrize("name", ["squid", "paid", "humidity", "width"])
def test_names_that_only_end_like_identifiers(name: str) -> None:
    assert kind([each**2 for each in range(30)], name) == "number"


def test_overruled() -> None:
    assert kind(list(range(30)), c="number") == "number"
    assert kind([1, 2] * 15, c="category") == "category"
    assert "c" not in recognise(pl.DataFrame({"c": WORDS, "d": WORDS}), {"c": "drop"}).kinds
    with pytest.raises(FalllineError, match="'e', which is not a feature"):
        recognise(pl.DataFrame({"c": WORDS}), {"e": "number"})
    with pytest.raises(FalllineError, match="given as 'numbr': did you mean 'number'"):
        recognise(pl.DataFrame({"c": WORDS}), {"c": "numbr"})


def test_numbers_with_a_few_odd_cells() -> None:
    found = recognise(pl.DataFrame({"a": [str(each % 50) for each in range(99)] + ["n.k."], "b": [1.5, 2.5] * 50}))
    assert found.kinds["a"] == "number"
    assert found.warnings() == ["1 cells of column 'a' are not numbers (such as 'n.k.') and count as missing"]
    assert recognise(pl.DataFrame({"a": ["1", "x", "2", "y"] * 10})).kinds["a"] == "category"


def test_warnings_share_a_reason() -> None:
    constant = {f"c{each}": [0] * 30 for each in range(8)}
    sentence = "columns 'c0', 'c1', 'c2', 'c3', 'c4' and 3 more were dropped: every row has the same value"
    assert recognise(pl.DataFrame({"a": [1.5, 2.5] * 15, **constant})).warnings() == [sentence]


def test_the_only_column_may_count_but_nothing_is_too_little() -> None:
    assert recognise(pl.DataFrame({"t": range(30)})).kinds == {"t": "number"}
    with pytest.raises(FalllineError, match="no column is left to learn from"):
        recognise(pl.DataFrame({"t": [1] * 30}))


@pytest.mark.parametrize("form", FORMATS)
def test_every_date_format_is_recognised(form: str) -> None:
    when = datetime.datetime(2024, 12, 31, 13, 45, 59, tzinfo=datetime.UTC)
    text = when.strftime(form.replace("%.f", ".5"))
    found = date_format(pl.Series([text, text]))
    assert found is not None
    parsed = instants(pl.Series([text]), found)[0]
    assert parsed.date() == when.date()
    assert parsed.hour == (13 if "%H" in form else 0)


def test_month_before_day_unless_that_cannot_be() -> None:
    assert date_format(pl.Series(["01/02/2024", "03/04/2024"])) == "%m/%d/%Y"
    assert date_format(pl.Series(["01/02/2024", "31/05/2024", "30/04/2024", "13/04/2024"])) == "%d/%m/%Y"
    assert date_format(pl.Series(["1-2", "call 1-2-3"])) is None


def test_a_million_values_are_quick() -> None:
    values = np.random.default_rng(0).integers(0, 40_000, 50_000).astype(str)
    frame = pl.DataFrame({"c": pl.Series(values) + "x", "n": [0.5, 1.5] * 25_000})
    assert recognise(frame).kinds["c"] == "category"
