"""`table.describe()`, judged by the columns that were given."""

import numpy as np
import polars as pl

import fallline as fl


def test_every_kind_of_column_is_described():
    n = 60
    rng = np.random.default_rng(0)
    frame = pl.DataFrame(
        {
            "number": [None if i % 6 == 0 else float(i) * 1e9 for i in range(n)],
            "level": [None if i % 4 == 0 else "ab"[i % 3 == 0] for i in range(n)],
            "yes": ["yes" if i % 3 else "no" for i in range(n)],
            "day": [f"2024-{1 + i % 12:02d}-{1 + i % 28:02d}" for i in range(n)],
            "remark": [f"text {i}" if i % 20 == 0 else None for i in range(n)],
            "y": rng.choice(["u", "v"], n, p=[0.3, 0.7]),
        }
    )
    found = {row["column"]: row for row in fl.load(frame, "y").describe().to_dicts()}
    number = frame["number"].drop_nulls()
    assert found["number"]["missing"] == 10 / 60
    np.testing.assert_allclose(found["number"]["mean"], number.mean(), rtol=1e-6)
    np.testing.assert_allclose(found["number"]["std"], number.std(ddof=0), rtol=1e-6)
    assert (found["number"]["values"], float(found["number"]["greatest"])) == (50, 59e9)
    level = frame["level"].drop_nulls()
    assert (found["level"]["most_frequent"], found["level"]["missing"]) == ("a", 15 / 60)
    np.testing.assert_allclose(found["level"]["share"], (level == "a").mean())
    assert (found["yes"]["kind"], found["yes"]["most_frequent"], found["yes"]["values"]) == ("boolean", "yes", 2)
    assert (found["day"]["least"], found["day"]["mean"]) == (frame["day"].min(), None)
    assert (found["remark"]["most_frequent"], found["remark"]["missing"]) == ("present", 57 / 60)
    assert (found["y"]["kind"], found["y"]["most_frequent"]) == ("target: classes", frame["y"].mode()[0])


def test_targets_of_a_regression_are_described_in_their_own_unit():
    y = np.linspace(1e12, 2e12, 40)
    (row, other) = fl.Table.from_arrays(np.arange(40.0)[:, None], y).describe().to_dicts()
    assert (row["kind"], float(row["least"]), float(row["greatest"])) == ("target: number", 1e12, 2e12)
    np.testing.assert_allclose(row["mean"], y.mean())
    assert (other["column"], other["features"], other["values"]) == ("x0", 1, 40)
