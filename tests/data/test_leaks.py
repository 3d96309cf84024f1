"""Leaks: found where planted, nowhere else."""

import numpy as np
import polars as pl
import pytest

from fallline.data.table import load

RANDOM = np.random.default_rng(0)
N = 400


def columns() -> dict[str, np.ndarray]:
    return {"a": RANDOM.normal(size=N), "b": RANDOM.normal(size=N), "c": RANDOM.integers(0, 5, N).astype(str)}


def test_a_copy_of_the_target() -> None:
    y = RANDOM.normal(size=N)
    table = load(pl.DataFrame({**columns(), "copy": 3 * y + 1, "y": y}), "y")
    assert len(table.warnings) == 1
    assert "column 'copy' alone tells the target 'y'" in table.warnings[0]


def test_parts_of_the_target() -> None:
    casual, registered = RANDOM.integers(0, 90, N), RANDOM.integers(0, 500, N)
    frame = pl.DataFrame({**columns(), "casual": casual, "registered": registered, "count": casual + registered})
    (warning,) = load(frame, "count").warnings
    assert "'count' is an exact linear combination of 'casual', 'registered'" in warning


def test_columns_that_tell_the_class() -> None:
    y = RANDOM.integers(0, 3, N)
    told = np.array(["low", "mid", "high"])[y]
    number = y * 10 + RANDOM.uniform(0, 5, N)
    table = load(pl.DataFrame({**columns(), "told": told, "number": number, "y": y}), "y")
    assert [warning.split(" alone")[0] for warning in table.warnings] == ["column 'told'", "column 'number'"]


def test_missing_cells_may_tell_the_class() -> None:
    y = RANDOM.integers(0, 2, N)
    paid = np.where(y == 1, RANDOM.uniform(1, 9, N), np.nan)
    (warning,) = load(pl.DataFrame({**columns(), "paid": paid, "y": y}), "y").warnings
    assert "column 'paid' alone tells the class" in warning


@pytest.mark.parametrize("name", ["digits", "breast_cancer", "wine", "iris", "diabetes"])
def test_no_false_alarm_on_real_data(name: str) -> None:
    assert load(f"sklearn:{name}").warnings == ()


def test_no_false_alarm_on_good_features() -> None:
    frame = columns()
    y = 2 * frame["a"] - frame["b"] + 0.05 * RANDOM.normal(size=N)
    assert load(pl.DataFrame({**frame, "y": y}), "y").warnings == ()
    assert load(pl.DataFrame({**frame, "y": y > 0}), "y").warnings == ()
