import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fallline as fl
from fallline.data import identity
from fallline.data.identity import Overlap, SeenRows, numbers_of
from fallline.data.prediction import read_labelled


@given(st.integers(1, 40), st.integers(1, 7), st.integers(0, 2**32 - 1))
def test_equal_rows_have_equal_numbers_and_others_have_not(rows, features, seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(rows, features)).astype(np.float32), rng.integers(0, 3, rows).astype(np.int32)
    numbers = numbers_of(x, y)
    order = rng.permutation(rows)
    assert numbers_of(x[order], y[order]).tolist() == numbers[order].tolist()
    assert numbers_of(x[:1], y[:1])[0] == numbers[0]
    changed = x.copy()
    changed[0, rng.integers(features)] += 1
    assert numbers_of(changed, y)[0] != numbers[0]
    assert numbers_of(x, y + 1)[0] != numbers[0]
    assert len(np.unique(numbers)) == rows
    if features > 1:
        assert numbers_of(x[:, ::-1], y)[0] != numbers[0]


def test_a_model_knows_the_rows_it_was_trained_on():
    table = fl.load("sklearn:breast_cancer")
    data = table.dataset
    seen = table.seen
    for split, trained, chose, label in (
        (data.train, len(data.train), 0, "training rows"),
        (data.train[:50], 50, 0, "training rows"),
        (data.valid, 0, len(data.valid), "these rows"),
        (data.test, 0, 0, "test"),
        (np.arange(len(data.x)), len(data.train), len(data.valid), "these rows"),
    ):
        found = seen.among(data.x[split], data.y[split])
        assert (found.rows, found.trained, found.chose, found.label) == (len(split), trained, chose, label)
    assert seen.among(data.x[data.test], data.y[data.test]).sentence == ""


def test_tables_that_repeat_themselves_call_new_rows_a_test(tmp_path):
    rng = np.random.default_rng(0)
    cells = rng.integers(0, 4, (900, 3))
    frame = pl.DataFrame({"a": cells[:, 0], "b": cells[:, 1], "y": np.where(cells[:, 2] > 1, "p", "q")})
    table = fl.load(frame[:600], "y", kinds={"a": "category", "b": "category"})
    assert table.seen.chance > 0.9
    fresh = table.seen.among(*read_labelled(frame[600:], table.schema))
    assert fresh.trained > 250
    assert fresh.label == "test"
    assert "as many as chance explains" in fresh.sentence


def test_of_very_many_rows_an_even_sample_is_kept(monkeypatch):
    monkeypatch.setattr(identity, "MOST", 500)
    x = np.random.default_rng(0).normal(size=(9000, 2)).astype(np.float32)
    table = fl.Table.from_arrays(x, x[:, :1])
    assert len(table.seen.train) == 500
    data = table.dataset
    assert table.seen.among(data.x[data.train], data.y[data.train]).trained == len(data.train)
    assert table.seen.among(data.x[data.test], data.y[data.test]).trained == 0
    both = np.concatenate([data.train[:1800], data.test])
    assert table.seen.among(data.x[both], data.y[both]).trained == pytest.approx(1800, rel=0.15)


def test_no_rows_and_words():
    none = SeenRows(np.zeros(0, np.uint64), np.zeros(0, np.uint64), 0.0)
    assert none.among(np.zeros((2, 3), np.float32), np.zeros(2, np.int32)).label == "test"
    assert Overlap(4, 0, 4, 0.0).sentence == "4 of 4 rows chose this model's epoch: these are no test scores"
    assert Overlap(4, 0, 4, 0.0).label == "these rows"
