"""The logistic model against scikit-learn's, and comparisons on the same rows."""

import dataclasses

import numpy as np
import pytest

from fallline.interpretation.baseline import against, answered_by, baselines, logistic, shares

from .test_bootstrap import answered


@pytest.mark.parametrize("classes", [2, 4])
def test_the_coefficients_are_those_of_scikit_learn(classes):
    model = pytest.importorskip("sklearn.linear_model").LogisticRegression(C=1.0, tol=1e-10, max_iter=1000)
    draw = np.random.default_rng(0)
    x = draw.normal(size=(200, 3))
    label = (x @ draw.normal(size=(3, classes)) + draw.gumbel(size=(200, classes))).argmax(axis=1)
    weight = draw.integers(1, 3, 200).astype(float)
    y = (label[:, None] == np.arange(classes)).astype(float)
    found = logistic(x, y, weight)
    model.fit(x, label, sample_weight=weight)
    theirs = model.predict_proba(x)
    if classes == 2:  # scikit-learn penalises one column of two; half of it is each of ours
        own = logistic(x, y[:, 1:], weight, together=False)
        np.testing.assert_allclose(
            shares(np.column_stack([x, np.ones(200)]) @ own, False)[:, 0], theirs[:, 1], atol=1e-4
        )
        return
    np.testing.assert_allclose(shares(np.column_stack([x, np.ones(200)]) @ found, True), theirs, atol=1e-4)
    np.testing.assert_allclose(found[:-1], model.coef_.T, atol=2e-3)


def test_simple_models_learn_from_the_training_rows_alone(binary, numbers):
    for run in (binary, numbers):
        data = run.data.dataset
        changed = dataclasses.replace(data, x=np.where(np.isin(np.arange(len(data.x)), data.train)[:, None], data.x, 0))
        for name, answer in baselines(data).items():
            np.testing.assert_allclose(answer(data.train), baselines(changed)[name](data.train), atol=1e-9)
    constant = baselines(numbers.data.dataset)["constant"](np.arange(2))
    given = numbers.data.dataset.given[numbers.data.dataset.train]
    np.testing.assert_allclose(constant, np.tile(given.mean(axis=0), (2, 1)))


def test_a_better_model_is_told_from_a_worse_one_and_not_from_itself():
    good, bad = answered("classification", 200, right=0.9), answered("classification", 200, right=0.2)
    gain, ends = against(good, bad, "accuracy", True)
    assert ends.low > 0
    assert ends.low < gain < ends.high
    assert against(bad, good, "accuracy", True)[1].high < 0
    assert against(good, good, "accuracy", True) == (0.0, (0.0, 0.0))


def test_an_error_that_is_larger_is_worse():
    close, far = answered("regression", 200, right=1.0), answered("regression", 200, right=0.5)
    assert against(close, far, "rmse", False)[0] > 0
    assert len(answered_by(lambda rows: np.zeros((len(rows), 3)), far)) == 200
