"""One small model of each task, trained once for all tests of this folder."""

import numpy as np
import polars as pl
import pytest

import fallline as fl

ROWS = 300


def mixed_frame():
    """Numbers, a category with missing cells, a boolean, a date and a constant; `much` tells most of the answers."""
    draw = np.random.default_rng(0)
    much, little = draw.normal(size=ROWS), draw.normal(size=ROWS)
    colour = draw.choice(["red", "green", "blue"], ROWS)
    smoker = draw.choice(["yes", "no"], ROWS)
    day = np.datetime64("2020-01-01") + draw.integers(0, 900, ROWS)
    z = 2 * much + 1.5 * (colour == "red")
    return pl.DataFrame({
        "much": much, "little": np.where(draw.random(ROWS) < 0.1, np.nan, little), "colour": colour, "smoker": smoker,
        "day": day, "unit": ["cm"] * ROWS, "price": 100 + 10 * z + draw.normal(size=ROWS),
        "bought": np.where(z + draw.normal(size=ROWS) > 0.5, "yes", "no"),
        "kind": np.array(["low", "middle", "high"])[np.digitize(z, [-1.0, 1.5])],
    }).with_columns(pl.col("little").fill_nan(None),
                    pl.when(pl.arange(ROWS) % 17 == 0).then(None).otherwise(pl.col("colour")).alias("colour"))  # fmt: skip


RECIPE = fl.Recipe(model=fl.MLP((16,)), optimizer=fl.Adam(learning_rate=0.02), epochs=15, batch_size=16, encoding=None)


def trained(target):
    other = [name for name in ("price", "bought", "kind") if name != target]
    return fl.train(RECIPE, fl.load(mixed_frame().drop(other), target, test=0.4), seed=0)


@pytest.fixture(scope="session")
def binary():
    return trained("bought")


@pytest.fixture(scope="session")
def several():
    return trained("kind")


@pytest.fixture(scope="session")
def numbers():
    return trained("price")


@pytest.fixture(scope="session")
def looked(binary, several, numbers):
    """The interpretation of each."""
    return {"binary": fl.interpret(binary), "several": fl.interpret(several), "numbers": fl.interpret(numbers)}
