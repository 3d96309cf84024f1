"""What only more trainings can say, on tables whose answers are known."""

import numpy as np
import pytest

import fallline as fl
from fallline.core.errors import FalllineError
from fallline.interpretation import drop_column, learning_curve, leave_one_group_out, permuted_labels


@pytest.fixture(scope="module")
def small():
    """A target that is the first column, a column of noise and one of two groups."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=(160, 3))
    x[:, 2] = np.arange(160) % 2
    y = x[:, 0] + 0.1 * draw.normal(size=160)
    data = fl.Table.from_arrays(x, y, names=["signal", "noise", "group"], test=0.0, valid=0.2)
    return fl.Recipe(
        model=fl.MLP((8,)), optimizer=fl.Adam(learning_rate=0.02), epochs=25, encoding=None, batch_size=16
    ), data


def test_only_the_column_that_tells_is_missed(small):
    found = drop_column(*small, folds=2)
    assert found["column"][0] == "signal"
    assert found["gain"][0] > 0.3  # the target's spread is 1
    assert abs(found["gain"][1]) < 0.2


def test_more_rows_make_it_better(small):
    found = learning_curve(*small, repeats=2)
    assert found["rows"].to_list() == [13, 26, 51, 90, 128]
    assert found["score"][-1] < found["score"][0]
    assert (found["error"] > 0).all()


def test_true_targets_are_told_from_shuffled_ones(small):
    said = []
    found, p = permuted_labels(*small, shuffles=3, folds=2, say=said.append)
    assert p == 0.25  # the smallest that three shuffles allow
    assert (found["score"][1:] > found["score"][0]).all()
    assert said[-1] == "shuffle 3 of 3"


def test_a_group_is_answered_by_what_the_other_taught(small):
    found = leave_one_group_out(*small, "group")
    assert found["group"].to_list() == ["0", "1"]
    assert found["rows"].to_list() == [80, 80]
    assert (found["score"] < found["constant"]).all()


@pytest.mark.parametrize(("column", "said"), [("grop", "'group'"), ("signal", "different numbers")])
def test_a_column_without_groups_is_refused(small, column, said):
    with pytest.raises(FalllineError, match=said):
        leave_one_group_out(*small, column)
