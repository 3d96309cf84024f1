"""Permutation importance, against scikit-learn's on a wrapper, and by columns of the source."""

import numpy as np
import pytest

from fallline.data.read_back import cells_of
from fallline.interpretation.answers import answered
from fallline.interpretation.importance import importance


class Wrapper:
    """A model as an estimator of scikit-learn's whose score is minus the mean loss."""

    def __init__(self, model, y):
        self.model, self.y = model, y

    def fit(self, x, y):
        return self

    def score(self, x, y):
        return -float(self.model.answer(np.asarray(x, np.float32), self.y)[1].mean())


def test_columns_of_one_feature_have_the_importance_that_scikit_learn_finds(numbers):
    inspection = pytest.importorskip("sklearn.inspection")
    asked = answered(numbers.model, numbers.data.dataset, "test")
    found = importance(numbers.model, asked, cells_of(numbers.data.schema, asked.x))
    theirs = inspection.permutation_importance(
        Wrapper(numbers.model, asked.y), asked.x, asked.y, n_repeats=30, random_state=0
    )
    for name in ("much", "smoker"):
        own, other = found.columns.index(name), numbers.data.feature_names.index(name)
        spread = theirs.importances_std[other] / np.sqrt(5)
        assert abs(found.loss[own] - theirs.importances_mean[other]) < 4 * spread + 1e-6
    np.testing.assert_allclose(found.repeats.mean(axis=1), found.loss, atol=1e-9)


def test_what_the_target_is_made_of_matters_and_the_rest_does_not(numbers):
    asked = answered(numbers.model, numbers.data.dataset, "test")
    found = importance(numbers.model, asked, cells_of(numbers.data.schema, asked.x))
    assert [found.columns[k] for k in found.order[:2]] == ["much", "colour"]
    assert dict(zip(found.columns, found.features, strict=True))["colour"] == 5  # all of them move together
    clear = found.loss > 3 * found.loss_error
    assert clear[found.columns.index("much")]
    assert not clear[found.columns.index("smoker")]
    assert found.score[found.columns.index("much")] > 5  # in the unit of the price


def test_too_much_work_is_refused_and_little_work_takes_fewer_rows(numbers):
    asked = answered(numbers.model, numbers.data.dataset, "test")
    cells = cells_of(numbers.data.schema, asked.x)
    assert importance(numbers.model, asked, cells, work=1.0) is None
    less = importance(numbers.model, asked, cells, work=110 * len(cells) * numbers.model.size)
    assert (less.rows, less.repeats.shape[1]) == (110, 1)
    again = importance(numbers.model, asked, cells, work=110 * len(cells) * numbers.model.size)
    np.testing.assert_array_equal(less.loss, again.loss)
