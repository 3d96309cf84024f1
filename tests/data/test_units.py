"""Columns and targets keep what tells their numbers apart, in whatever unit they come."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fallline.core.errors import FalllineError
from fallline.data.columns import Column
from fallline.data.fitting import fit_column
from fallline.data.schema import Schema
from fallline.data.schema_fitting import array_schema
from fallline.data.table import Table, load
from fallline.data.target import Target
from fallline.data.units import Unit, unit_of

BASE = np.random.default_rng(0).normal(size=300)
TARGET = Target(("y",), "regression")


def _standard(z: np.ndarray) -> np.ndarray:
    z = z.astype(np.float64)
    return (z - z.mean()) / z.std()


@given(centre=st.floats(-1e12, 1e12), spread=st.floats(1e-3, 1e3), scale=st.sampled_from([1.0, 1e35, 1e200, 1e-200]))
def test_float32_keeps_the_differences(centre: float, spread: float, scale: float) -> None:
    cells = (centre + spread * np.linspace(-1, 1, 50)) * scale
    exact = unit_of(cells).apply(cells)
    encoded = exact.astype(np.float32).astype(np.float64)
    assert np.isfinite(encoded).all()
    assert np.abs(encoded - exact).max() <= 2e-3 * exact.std()
    assert (encoded.astype(np.float32) ** 2).sum() > 0


@pytest.mark.parametrize(
    "cells", [BASE, np.full(10, 7.0), np.array([]), np.zeros(9), BASE * 1e8, BASE * 1e-8, BASE + 1e3]
)
def test_ordinary_numbers_are_left_alone(cells: np.ndarray) -> None:
    assert unit_of(cells) == Unit()


@given(power=st.integers(-900, 900))
def test_a_power_of_two_changes_no_bit(power: int) -> None:
    once, again = unit_of(BASE), unit_of(BASE * 2.0**power)
    a, b = once.apply(BASE).astype(np.float32), again.apply(BASE * 2.0**power).astype(np.float32)
    ratio = a[0] / b[0]
    np.testing.assert_array_equal(a, b * ratio)
    assert np.log2(ratio) == np.round(np.log2(ratio))


@settings(max_examples=40)
@given(power=st.integers(-250, 250), offset=st.sampled_from([0.0, 3e2, 1e8, 1.7e9, -3e12]), frame=st.booleans())
def test_the_same_column_in_another_unit_is_the_same(power: int, offset: float, frame: bool) -> None:
    cells = (BASE + offset) * 10.0**power
    if frame:
        z = np.empty((len(cells), 1), np.float32)
        fit_column(pl.Series("x", cells), "number").encode(pl.Series("x", cells), z, "t.csv")
    else:
        z = array_schema(cells[:, None], ("x",), TARGET, np.arange(300)).encode(cells[:, None])
    assert np.isfinite(z).all()
    np.testing.assert_allclose(_standard(z[:, 0]), _standard(BASE), atol=2e-3)


def test_float32_arrays_are_held_too() -> None:
    x = np.stack([BASE * 1e-20, BASE * 1e20, 1e8 + 1e3 * np.round(BASE), BASE], axis=1).astype(np.float32)
    schema = array_schema(x, tuple("abcd"), TARGET, np.arange(300))
    assert [each.plain for each in schema.columns] == [False, False, False, True]
    plain = np.ascontiguousarray(x[:, 3:])
    assert array_schema(plain, ("d",), TARGET, np.arange(300)).encode(plain) is plain


@pytest.mark.parametrize("wild", [1e30, -1e30, 1e300])
@pytest.mark.parametrize("offset", [0.0, 1e8])
def test_a_wild_value_takes_nothing_from_the_others(wild: float, offset: float) -> None:
    cells = BASE + offset
    cells[[7, 100]] = wild
    column = fit_column(pl.Series("x", cells), "number")
    z = column.condition(cells, "t.csv").astype(np.float64)
    rest = np.delete(np.arange(300), [7, 100])
    np.testing.assert_allclose(_standard(z[rest]), _standard(BASE[rest]), atol=1e-3)
    assert np.abs(z).max() <= 1000
    assert np.abs(z[7]) > np.abs(z[rest]).max()


def test_residues_of_rounding_are_no_spread() -> None:
    cells = np.where(np.arange(300) % 5 < 3, 1e-17 * BASE, BASE)
    assert unit_of(cells).limit == np.inf
    assert unit_of(1e8 + 1e-9 * BASE) == Unit()  # constant, as far as float64 goes
    whole = np.r_[np.arange(200), 10**7]
    assert unit_of(whole.astype(float)) == Unit()  # integers and long tails stay exact


def test_what_does_not_fit_at_predict_is_named() -> None:
    column = fit_column(pl.Series("q", 1e-20 * BASE), "number")
    assert np.isfinite(column.condition(np.array([1.0, np.nan]), "new.csv")[0])
    with pytest.raises(FalllineError, match=r"'q' of new.csv has 1 infinite value \(or beyond 3e\+18, for a column of"):
        column.condition(np.array([1e25]), "new.csv")
    with pytest.raises(FalllineError, match="2 infinite values"):
        column.condition(np.array([np.inf, -np.inf]), "new.csv")


def test_the_schema_keeps_units() -> None:
    wild = np.r_[BASE, 1e30]
    column = fit_column(pl.Series("x", wild), "number")
    schema = Schema((column, Column("p", "number")), Target(("y",), "regression", shift=(3.0,), factor=(0.5,)))
    assert Schema.from_dict(schema.to_dict()) == schema
    assert "limit" in schema.to_dict()["columns"][0]
    plain = Schema((Column("p", "number"),), TARGET).to_dict()
    assert set(plain["target"]) == {"names", "task"}  # as files were before
    damaged = schema.to_dict()
    damaged["target"]["factor"] = [0.0]
    with pytest.raises(FalllineError, match="damaged"):
        Schema.from_dict(damaged)


@given(power=st.integers(-140, 140), offset=st.sampled_from([0.0, 1e8, 1.7e9, -3e12]))
def test_targets_come_back_in_their_unit(power: int, offset: float) -> None:
    y = ((BASE + offset) * 10.0**power)[:, None]
    target = TARGET.fitted(y)
    seen = target.condition(y)
    assert seen.dtype == np.float32
    spread = y.std()
    assert np.abs(target.restore(seen).astype(np.float64) - y).max() <= 1e-3 * spread


def test_a_table_keeps_the_targets_as_given() -> None:
    x = np.random.default_rng(1).normal(size=(300, 2))
    table = Table.from_arrays(x, BASE + 1.7e9, task="regression")
    np.testing.assert_array_equal(table.dataset.given[:, 0], BASE + 1.7e9)
    assert np.unique(table.dataset.y).size == 300
    frame = pl.DataFrame({"a": x[:, 0], "y": 1e-17 * BASE})
    np.testing.assert_array_equal(load(frame, "y").dataset.given[:, 0], 1e-17 * BASE)
    ordinary = Table.from_arrays(x, BASE, task="regression")
    np.testing.assert_array_equal(ordinary.dataset.y[:, 0], BASE.astype(np.float32))
    assert not ordinary.schema.target.conditioned
