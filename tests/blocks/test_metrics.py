"""Metrics against scikit-learn, given NumPy and JAX arrays, with ties and weights."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn import metrics as judge

from fallline.core.errors import FalllineError
from fallline.core.scores import LARGER
from fallline.metrics import METRICS, metric, metrics_of

COMPILED = {name: jax.jit(each.compute) for name, each in METRICS.items()}
LIBRARIES = pytest.mark.parametrize("library", ["numpy", "jax"])
ROWS = 300


def weights(kind, rng):
    if kind == "whole":
        return rng.integers(1, 5, ROWS).astype(float)
    if kind == "some zero":
        return rng.integers(0, 3, ROWS).astype(float)
    return np.ones(ROWS) if kind == "ones" else rng.exponential(size=ROWS)


WEIGHTS = pytest.mark.parametrize("kind", ["ones", "whole", "some zero", "real"])


def check(name, library, answer, target, weight, expected):
    if library == "jax":
        to = lambda a: jnp.asarray(a, jnp.float32 if a.dtype.kind == "f" else jnp.int32)  # noqa: E731
        answer, target, weight = to(answer), to(target), to(weight)
    found = (COMPILED[name] if library == "jax" else METRICS[name].compute)(answer, target, weight)
    assert np.shape(found) == ()
    if library == "numpy":
        assert isinstance(found, np.floating | float)
    assert float(found) == pytest.approx(expected, rel=1e-12 if library == "numpy" else 3e-5, abs=1e-6)


def probabilities(rng, classes):
    # Rounded to a few values, so that ranks are tied.
    p = rng.dirichlet(np.ones(classes), ROWS).round(1) + 0.01
    return p / p.sum(axis=1, keepdims=True)


@LIBRARIES
@WEIGHTS
@pytest.mark.parametrize("classes", [2, 4])
def test_classification(library, kind, classes):
    rng = np.random.default_rng(classes)
    p, y, w = probabilities(rng, classes), rng.integers(0, classes, ROWS), weights(kind, rng)
    p = np.asarray(p, np.float32).astype(float)
    guess = p.argmax(axis=1)
    average = "binary" if classes == 2 else "macro"
    check("accuracy", library, p, y, w, judge.accuracy_score(y, guess, sample_weight=w))
    check("balanced_accuracy", library, p, y, w, judge.balanced_accuracy_score(y, guess, sample_weight=w))
    check("f1", library, p, y, w, judge.f1_score(y, guess, sample_weight=w, average=average))
    if classes == 2:
        area = judge.roc_auc_score(y, p[:, 1], sample_weight=w)
    else:
        area = np.mean([judge.roc_auc_score(y == c, p[:, c], sample_weight=w) for c in range(classes)])
    check("auc", library, p, y, w, area)


@LIBRARIES
@WEIGHTS
def test_multilabel(library, kind):
    rng = np.random.default_rng(5)
    p, y, w = rng.random((ROWS, 3)).round(1) + 0.01, rng.integers(0, 2, (ROWS, 3)), weights(kind, rng)
    p = np.asarray(p, np.float32).astype(float)
    guess = p > 0.5
    target = y.astype(float)
    check("accuracy", library, p, target, w, judge.accuracy_score(y, guess, sample_weight=w))
    check("f1", library, p, target, w, judge.f1_score(y, guess, sample_weight=w, average="macro"))
    check("auc", library, p, target, w, judge.roc_auc_score(y, p, sample_weight=w, average="macro"))
    recalls = [judge.recall_score(y[:, c], guess[:, c], sample_weight=w) for c in range(3)]
    check("balanced_accuracy", library, p, target, w, np.mean(recalls))


@LIBRARIES
@WEIGHTS
@pytest.mark.parametrize("targets", [1, 3])
def test_regression(library, kind, targets):
    rng = np.random.default_rng(targets)
    y = np.float32(rng.normal(3, 2, (ROWS, targets))).astype(float)
    f = np.float32(y + rng.normal(0, 1, y.shape)).astype(float)
    w = weights(kind, rng)
    mean_square = judge.mean_squared_error(y, f, sample_weight=w)
    check("rmse", library, f, y, w, np.sqrt(mean_square))
    check("mae", library, f, y, w, judge.mean_absolute_error(y, f, sample_weight=w))
    check("r2", library, f, y, w, judge.r2_score(y, f, sample_weight=w))


@LIBRARIES
def test_a_class_that_is_absent_is_left_out(library):
    p = np.array([[0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.1, 0.8, 0.1]])
    y, w = np.array([0, 1, 0]), np.ones(3)
    check("balanced_accuracy", library, p, y, w, 0.75)  # (1/2 + 1) / 2
    check("f1", library, p, y, w, judge.f1_score(y, p.argmax(axis=1), average="macro"))
    check("auc", library, p, y, w, (1 / 2 + 1 / 2) / 2)


@LIBRARIES
def test_ranks_all_tied_are_a_coin_flip_and_perfect_ranks_are_one(library):
    y, w = np.array([0, 1, 0, 1]), np.ones(4)
    check("auc", library, np.full((4, 2), 0.5), y, w, 0.5)
    s = np.array([0.1, 0.9, 0.2, 0.8])
    check("auc", library, np.stack([1 - s, s], axis=1), y, w, 1.0)
    check("auc", library, np.stack([s, 1 - s], axis=1), y, w, 0.0)


@LIBRARIES
def test_all_weights_zero_is_a_number_and_not_a_warning(library):
    rng = np.random.default_rng(0)
    for each in METRICS.values():
        answer = rng.random((5, 2))
        target = rng.integers(0, 2, 5) if "classification" in each.tasks else rng.random((5, 2))
        zero = np.zeros(5)
        compute = COMPILED[each.name] if library == "jax" else each.compute
        assert np.isfinite(compute(answer, target, zero))


def test_numpy_stays_in_float64():
    p = np.array([[0.5 - 1e-12, 0.5 + 1e-12], [0.5, 0.5]])
    assert METRICS["auc"].compute(p, np.array([1, 0]), np.ones(2)) == 1.0
    f, y = np.array([[1.0], [1e8 + 1]]), np.array([[1.0], [1e8]])
    assert METRICS["rmse"].compute(f, y, np.ones(2)) == pytest.approx(np.sqrt(0.5), rel=1e-12)


def test_names():
    assert [each.name for each in metrics_of("regression")] == ["rmse", "mae", "r2"]
    assert metric("auc", "multilabel").larger_is_better
    with pytest.raises(FalllineError, match="metric 'acuracy' is not one of classification: did you mean 'accuracy'"):
        metric("acuracy", "classification")
    with pytest.raises(FalllineError, match="metric 'accuracy' is not one of regression: valid: 'mae', 'r2', 'rmse'"):
        metric("accuracy", "regression")


@pytest.mark.parametrize("name", METRICS)
def test_a_perfect_answer_is_better_than_a_wrong_one(name):
    if METRICS[name].tasks == ("regression",):
        target = np.array([[1.0], [2.0], [4.0]])
        perfect, wrong = target, target[::-1]
    else:
        target = np.array([0, 1, 1])
        perfect, wrong = np.eye(2)[target], np.eye(2)[1 - target]
    right, other = (float(METRICS[name].compute(each, target, np.ones(3))) for each in (perfect, wrong))
    assert (right > other) == METRICS[name].larger_is_better
    assert right != other


def test_scores_that_are_better_when_larger_are_metrics():
    assert METRICS.keys() > LARGER
