"""What is said of columns: kinds, formats, missing cells by split, what was done, and histograms."""

import numpy as np
import polars as pl
import pytest

import fallline as fl
from fallline.data.kinds import _COUNTS, _EMPTY, _INDEX, _NAMES, _NESTED, _RARE
from fallline.interpretation.columns import columns_of, dropped, format_of


def test_every_column_is_described(numbers):
    described, bins = columns_of(numbers.data, numbers.recipe)
    rows = {row["name"]: row for row in described}
    assert [row["name"] for row in described if row["target"]] == ["price"]
    assert rows["little"]["missing_train"] == pytest.approx(0.1, abs=0.07)
    assert rows["colour"]["treatment"] == "5 features of 0 and 1, one for each value; a feature marks missing cells"
    assert rows["much"]["treatment"] == "scaled (standardise)"
    assert rows["day"]["treatment"].startswith("5 numbers: year, month, day")
    assert rows["unit"]["dropped"]
    assert rows["unit"]["treatment"] == "dropped: every row has the same value"
    for name in ("price", "much", "colour", "smoker", "day"):
        own = [each for each in bins if each["column"] == name]
        for split in ("train", "valid", "test"):
            assert sum(each[split] for each in own) == pytest.approx(1.0)


@pytest.mark.parametrize("reason", [_COUNTS, _EMPTY, _INDEX, _NAMES, _NESTED, _RARE])
def test_every_reason_for_dropping_is_told(reason, numbers):
    from dataclasses import replace

    from fallline.data.kinds import Findings

    for count in (1, 2, 7):
        said = Findings(dropped={f"it's {k}": reason for k in range(count)}).warnings()
        (row,) = dropped(replace(numbers.data, warnings=tuple(said), source={}))
        assert row["treatment"] == f"dropped: {reason}"
        assert "it's 0" in row["name"]


def test_a_column_that_the_user_dropped_is_told_too():
    frame = pl.DataFrame(
        {"a": [1.0, 2.5, 3.0, 4.5] * 10, "b": [0.5, 1.5, 2.5, 3.5] * 10, "y": [1.5, 2.5, 3.0, 4.0] * 10}
    )
    (row,) = dropped(fl.load(frame, "y", kinds={"b": "drop"}))
    assert (row["name"], row["treatment"]) == ("b", "dropped: you asked for it")


def test_formats_are_told_in_words():
    from fallline.data.form import Form

    assert format_of(Form()) == ""
    assert format_of(Form(order="day_first", zone="+02:00")) == "day first, zone +02:00"
    assert format_of(Form(unit="duration")) == "a duration, in seconds"


@pytest.mark.parametrize("values", [np.arange(40) % 3, np.r_[np.zeros(39), 1e6], np.linspace(0, 1, 40)])
def test_histograms_count_every_row(values):
    table = fl.Table.from_arrays(np.stack([values, np.arange(40.0)[::-1] % 7], axis=1), np.arange(40) * 0.37, valid=0)
    _, bins = columns_of(table, fl.Recipe())
    own = [each for each in bins if each["column"] == "x0"]
    assert sum(each["train"] for each in own) == pytest.approx(1.0)
    assert all(each["valid"] is None for each in own)
    assert len({each["label"] for each in own}) == len(own)
