"""Kinds: what each column is taken for."""

import datetime

import numpy as np
import polars as pl
import pytest

from fallline.core.errors import FalllineError
from fallline.data.kinds import recognise
from fallline.data.understanding import understand_features

WORDS = ["ant", "bee", "cat"] * 10


def kind(values: list[object], name: str = "c", **override: str) -> str:
    frame = pl.DataFrame({name: values, "other": [0.5, 1.5] * (len(values) // 2)}, strict=False)
    found = recognise(understand_features(frame, kinds=override).frame, override)
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


@pytest.mark.parametrize(
    "name", ["id", "ID", "user_id", "PassengerId", "customerID", "Index", "rownames", "row", "level_0"]
)
def test_identifiers_by_name(name: str) -> None:
    assert kind([each**2 for each in range(30)], name).startswith("whole numbers that count")


@pytest.mark.parametrize("name", ["squid", "paid", "humidity", "width"])
def test_names_that_only_end_like_identifiers(name: str) -> None:
    assert kind([each**2 for each in range(30)], name) == "number"


@pytest.mark.parametrize("name", ["__index_level_0__", "Unnamed: 0", "Unnamed: 0.1"])
def test_the_index_of_a_saved_frame_is_no_feature_even_where_it_repeats(name: str) -> None:
    assert kind([each % 7 for each in range(30)], name).startswith("it is the index of the frame")


@pytest.mark.parametrize("seed", range(3))
def test_a_shuffled_or_filtered_counter_counts_under_any_name(seed: int) -> None:
    random = np.random.default_rng(seed)
    for values in (
        random.permutation(60),
        random.choice(300, 120, replace=False),
        np.sort(random.choice(500, 150, False)),
    ):
        assert kind(values.tolist(), "x1").startswith("whole numbers that count")
    ages = random.choice(np.arange(18, 70), 24, replace=False)
    assert kind(ages.tolist(), "age") == "number"


def test_text_that_hardly_recurs_is_no_category() -> None:
    tickets = [f"T{each // 4}" for each in range(400)]
    assert kind(tickets, "Ticket").startswith("no value recurs often enough")
    assert kind(tickets, "Ticket", Ticket="category") == "category"


def test_overruled() -> None:
    assert kind(list(range(30)), c="number") == "number"
    assert kind([1, 2] * 15, c="category") == "category"
    assert "c" not in recognise(pl.DataFrame({"c": WORDS, "d": WORDS}), {"c": "drop"}).kinds
    with pytest.raises(FalllineError, match="'e', which is not a feature"):
        recognise(pl.DataFrame({"c": WORDS}), {"e": "number"})
    with pytest.raises(FalllineError, match="given as 'numbr': did you mean 'number'"):
        recognise(pl.DataFrame({"c": WORDS}), {"c": "numbr"})


def test_warnings_share_a_reason() -> None:
    constant = {f"c{each}": [0] * 30 for each in range(8)}
    sentence = "columns 'c0', 'c1', 'c2', 'c3', 'c4' and 3 more were dropped: every row has the same value"
    assert recognise(pl.DataFrame({"a": [1.5, 2.5] * 15, **constant})).warnings() == [sentence]


def test_the_only_column_may_count_but_nothing_is_too_little() -> None:
    assert recognise(pl.DataFrame({"t": range(30)})).kinds == {"t": "number"}
    with pytest.raises(FalllineError, match="no column is left to learn from"):
        recognise(pl.DataFrame({"t": [1] * 30}))


def test_a_million_values_are_quick() -> None:
    values = np.random.default_rng(0).integers(0, 4_000, 50_000).astype(str)
    frame = pl.DataFrame({"c": pl.Series(values) + "x", "n": [0.5, 1.5] * 25_000})
    assert recognise(frame).kinds["c"] == "category"
