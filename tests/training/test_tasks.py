"""What the tasks have of their own: units, labels, several targets; judged by scikit-learn from the predictions."""

import numpy as np
import pytest
from sklearn import metrics as judge

import fallline as fl


def splits(table):
    data = table.dataset
    return ((name, getattr(data, name)) for name in ("train", "valid", "test"))


def test_a_regression_speaks_in_the_targets_own_unit(prices, descent):
    run = fl.train(descent, prices)
    y = prices.dataset.y
    assert y.mean() > 100_000
    for name, rows in splits(prices):
        f = run.model.predict(prices.dataset.x[rows])
        assert f.shape == (len(rows),)
        assert run.metrics[name]["rmse"] == pytest.approx(judge.root_mean_squared_error(y[rows, 0], f), rel=1e-5)
        assert run.metrics[name]["mae"] == pytest.approx(judge.mean_absolute_error(y[rows, 0], f), rel=1e-5)
        assert run.metrics[name]["r2"] == pytest.approx(judge.r2_score(y[rows, 0], f), rel=1e-5)
    best = run.best_epoch - 1
    assert run.history["valid_rmse"][best] == pytest.approx(run.metrics["valid"]["rmse"], rel=1e-4)
    assert run.metrics["valid"]["loss"] == pytest.approx(run.history["valid_loss"].min(), rel=1e-4)
    # The loss is that of the scaled target: rmse = sd sqrt(loss).
    sd = y[prices.dataset.train].std(dtype=np.float64)
    assert run.metrics["test"]["rmse"] == pytest.approx(sd * np.sqrt(run.metrics["test"]["loss"]), rel=1e-3)
    assert run.history["train_rmse"][-1] == pytest.approx(sd * np.sqrt(run.history["train_loss"][-1]), rel=1e-3)
    assert run.metrics["test"]["r2"] > 0.5
    with pytest.raises(fl.FalllineError, match="no probabilities"):
        run.model.probabilities(prices.dataset.x)


def test_changing_the_targets_unit_changes_the_rmse_and_nothing_else(prices, descent):
    data = prices.dataset
    other = fl.Table.from_arrays(data.x, data.y[:, 0].astype(float) / 1000 - 50, valid=0.16)
    a, b = fl.train(descent, prices), fl.train(descent, other)
    assert a.metrics["test"]["rmse"] == pytest.approx(1000 * b.metrics["test"]["rmse"], rel=1e-2)
    assert a.metrics["test"]["r2"] == pytest.approx(b.metrics["test"]["r2"], abs=1e-3)


def test_several_targets_train(prices):
    data = prices.dataset
    y = np.stack([data.y[:, 0], 1e-3 * data.x[:, 2] + 5], axis=1)
    table = fl.Table.from_arrays(data.x, y)
    run = fl.train(
        fl.Recipe(
            encoding=None, model=fl.MLP(hidden=(16,)), optimizer=fl.Adam(0.03), penalty=None, batch_size=16, epochs=60
        ),
        table,
    )
    rows = table.dataset.test
    f = run.model.predict(data.x[rows])
    assert f.shape == (len(rows), 2)
    assert run.metrics["test"]["rmse"] == pytest.approx(
        np.sqrt(judge.mean_squared_error(table.dataset.y[rows], f)), rel=1e-4
    )
    # Both targets are learnt although their units differ by eight orders of magnitude.
    assert (judge.r2_score(y[data.train], run.model.predict(data.x[data.train]), multioutput="raw_values") > 0.8).all()


@pytest.mark.parametrize("labels", [2, 3])
def test_several_labels_train(labels):
    x = np.random.default_rng(0).normal(size=(200, 4)).astype(np.float32)
    y = (x[:, :labels] + 0.1 * x[:, 1:2] > 0).astype(int)
    table = fl.Table.from_arrays(x, y, task="multilabel")
    recipe = fl.Recipe(encoding=None, model=fl.MLP(hidden=(16,)), optimizer=fl.Adam(0.03), batch_size=32, epochs=40)
    run = fl.train(recipe, table)
    rows = table.dataset.test
    f, p = run.model.predict(x[rows]), run.model.probabilities(x[rows])
    assert f.shape == p.shape == (len(rows), labels)
    np.testing.assert_array_equal(f, p > 0.5)
    assert run.metrics["test"]["accuracy"] == pytest.approx(judge.accuracy_score(y[rows], f))
    assert run.metrics["test"]["auc"] == pytest.approx(judge.roc_auc_score(y[rows], p), abs=1e-6)
    assert run.metrics["test"]["loss"] == pytest.approx(
        labels * judge.log_loss(y[rows].ravel(), p.ravel().astype(float)), rel=1e-4
    )
    assert run.metrics["train"]["accuracy"] > 0.9
    assert run.history["valid_accuracy"][run.best_epoch - 1] == pytest.approx(
        run.metrics["valid"]["accuracy"], abs=1e-6
    )


def test_two_classes_with_one_output_answer_as_with_two():
    x = np.random.default_rng(0).normal(size=(100, 3)).astype(np.float32)
    y = np.where(x[:, 0] > 0, "yes", "no")
    table = fl.Table.from_arrays(x, y)
    recipe = fl.Recipe(
        encoding=None,
        model=fl.MLP(hidden=(8,)),
        loss=fl.BinaryCrossEntropy(),
        optimizer=fl.Adam(0.03),
        batch_size=32,
        epochs=30,
    )
    run = fl.train(recipe, table)
    p = run.model.probabilities(x)
    assert p.shape == (100, 2)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(run.model.predict(x), np.where(p[:, 1] > 0.5, "yes", "no"))
    rows = table.dataset.test
    assert run.metrics["test"]["loss"] == pytest.approx(judge.log_loss(y[rows], p[rows, 1].astype(float)), rel=1e-4)
    assert run.metrics["test"]["auc"] == pytest.approx(judge.roc_auc_score(y[rows], p[rows, 1]))
    assert run.metrics["train"]["accuracy"] > 0.9
    assert run.history["train_accuracy"][-1] > 0.9


def test_classes_are_judged_as_scikit_learn_judges(flowers, whole):
    run = fl.train(whole, flowers)
    data = flowers.dataset
    for name, rows in splits(flowers):
        p, f = run.model.probabilities(data.x[rows]).astype(float), run.model.predict(data.x[rows])
        truth = np.array(flowers.classes)[data.y[rows]]
        assert run.metrics[name]["accuracy"] == pytest.approx(judge.accuracy_score(truth, f))
        assert run.metrics[name]["balanced_accuracy"] == pytest.approx(judge.balanced_accuracy_score(truth, f))
        assert run.metrics[name]["f1"] == pytest.approx(judge.f1_score(truth, f, average="macro"))
        p /= p.sum(axis=1, keepdims=True)  # scikit-learn wants 1 in double precision
        assert run.metrics[name]["loss"] == pytest.approx(judge.log_loss(truth, p), rel=1e-4)
        assert run.metrics[name]["auc"] == pytest.approx(judge.roc_auc_score(truth, p, multi_class="ovr"), abs=1e-6)
