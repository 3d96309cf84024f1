"""Encoded rows are read back as the cells of their source."""

from datetime import date

import numpy as np
import polars as pl

from fallline.data.columns import Column
from fallline.data.read_back import MISSING, cells_of, day, with_cell
from fallline.data.schema import Schema
from fallline.data.schema_fitting import fit_schema
from fallline.data.target import Target

ONCE = pl.DataFrame({
    "n": [1.5, None, 3.0, 4.0], "c": ["a", "b", None, "a"], "b": ["yes", "no", "yes", None],
    "d": [date(2020, 1, 31), date(2021, 5, 1), None, date(2020, 2, 1)],
})  # fmt: skip
FRAME = pl.concat([ONCE] * 5)  # values that recur are learnt
KINDS = {"n": "number", "c": "category", "b": "boolean", "d": "date"}


def test_every_kind_of_cell_comes_back():
    schema = fit_schema(FRAME, KINDS, Target(("y",), "regression"))
    n, c, b, d = cells_of(schema, schema.encode(ONCE, understood=True))
    np.testing.assert_allclose(n.numbers, [1.5, np.nan, 3.0, 4.0])
    assert [c.levels[k] for k in c.codes] == ["a", "b", MISSING, "a"]
    assert [b.levels[k] for k in b.codes] == ["yes", "no", "yes", MISSING]
    assert [day(each) if each == each else None for each in d.numbers] == [
        "2020-01-31",
        "2021-05-01",
        None,
        "2020-02-01",
    ]
    for each in (n, c, b, d):
        assert each.missing.sum() == 1


def test_a_number_in_another_unit_comes_back_in_its_own():
    schema = Schema((Column("n", "number", shift=1e9, factor=0.5),), Target(("y",), "regression"))
    (cells,) = cells_of(schema, np.array([[2.0]], np.float32))
    assert cells.numbers.tolist() == [1e9 + 4]
    assert with_cell(np.zeros((1, 1), np.float32), cells, 1e9 + 4).tolist() == [[2.0]]


def test_a_cell_that_is_set_is_encoded_as_if_it_had_been_there():
    schema = fit_schema(FRAME, KINDS, Target(("y",), "regression"))
    x = schema.encode(FRAME, understood=True)
    n, c, b, _ = cells_of(schema, x)
    asked = FRAME.with_columns(n=pl.lit(3.0), c=pl.lit("b"), b=pl.lit("no"))
    changed = with_cell(with_cell(with_cell(x, n, 3.0), c, c.levels.index("b")), b, b.levels.index("no"))
    np.testing.assert_array_equal(changed, schema.encode(asked, understood=True))
    assert not np.array_equal(changed, x)
    none = with_cell(x, b, b.levels.index(MISSING))
    np.testing.assert_array_equal(none, schema.encode(FRAME.with_columns(b=pl.lit(None, pl.String)), understood=True))
