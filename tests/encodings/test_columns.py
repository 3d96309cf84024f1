"""Which columns are encoded."""

import numpy as np
import pytest

import fallline as fl
from fallline.core.errors import FalllineError
from fallline.encodings import Periodic, PiecewiseLinear, distinct_values, worth_encoding
from fallline.encodings.columns import LOOKED_AT, some


def test_values_that_differ_by_rounding_are_one_value():
    x = np.full((50, 4), 7.0, np.float32)
    x[3:5, 1] = np.nextafter(np.float32(7), np.float32(8)), np.nextafter(np.float32(7), np.float32(6))
    x[:, 2] = np.arange(50) % 2
    x[:, 3] = np.arange(50)
    x[:9, 3] = np.nan
    assert distinct_values(x).tolist() == [1, 1, 2, 41]
    assert distinct_values(np.full((3, 1), np.nan)).tolist() == [0]


def test_neither_two_values_nor_indicators_are_encoded():
    counts, scaled = np.array([1, 2, 3, 12, 50]), np.array([True, True, True, True, False])
    assert worth_encoding(counts, scaled, 1) == (2, 3)
    assert worth_encoding(counts, scaled, 12) == (3,)


def test_many_rows_are_looked_at_in_part():
    assert len(some(np.arange(LOOKED_AT))) == LOOKED_AT
    assert len(some(np.arange(10 * LOOKED_AT + 1))) <= LOOKED_AT


def test_of_a_table_only_its_numbers_are_encoded():
    import polars as pl

    rng = np.random.default_rng(0)
    size = rng.normal(size=200)
    frame = pl.DataFrame(
        {
            "size": [None if i % 9 == 0 else float(s) for i, s in enumerate(size)],
            "colour": [["red", "green", "blue", "black"][i % 4] for i in range(200)],
            "on": [i % 2 == 0 for i in range(200)],
            "same": [3.5] * 200,
            "count": [int(i % 5) for i in range(200)],
            "y": size * 2 + 1,
        }
    )
    table = fl.load(frame, "y")
    run = fl.train(fl.Recipe(epochs=1, encoding=PiecewiseLinear(4)), table)
    names = table.schema.feature_names
    assert [names[c] for c in run.recipe.encoding.columns] == ["size", "count"]


@pytest.mark.parametrize("wrong", [(0, 0), (-1,), ("a",), (True,), 3])
def test_columns_that_are_no_numbers_of_features_are_refused(wrong):
    with pytest.raises(FalllineError, match=r"columns = .* are not numbers of features"):
        PiecewiseLinear(columns=wrong)


def test_a_column_that_the_rows_do_not_have_is_refused():
    with pytest.raises(FalllineError, match="names feature 9, and the rows have 4"):
        fl.train(fl.Recipe(epochs=1, encoding=Periodic(columns=(1, 9))), fl.load("sklearn:iris"))
