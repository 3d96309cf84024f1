"""Temperature scaling after training: against scikit-learn, by hand, and through files, exports and the check of a recipe."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar
from sklearn.metrics import log_loss

import fallline as fl
from fallline.core.errors import FalllineError
from fallline.training.calibration import BOUNDS, best_temperature, negative_log, outputs_of


@pytest.fixture(scope="module")
def overconfident(whole):
    return fl.replace(whole, {"epochs": 40, "keep": "last", "patience": None, "model.dropout": None})


@pytest.fixture(scope="module")
def pair(overconfident, flowers):
    return fl.train(overconfident, flowers), fl.train(fl.replace(overconfident, {"calibrate": "temperature"}), flowers)


def test_training_is_the_same_to_the_bit_and_only_the_probabilities_change(pair, flowers, same):
    plain, tempered = pair
    assert same(plain.state, tempered.state)
    assert same(plain.history.columns, tempered.history.columns)
    x, T = flowers.dataset.x, tempered.calibration.temperature
    p = plain.model.probabilities(x) ** (1 / T)
    np.testing.assert_allclose(tempered.model.probabilities(x), p / p.sum(axis=1, keepdims=True), atol=1e-5)
    assert tempered.model.predict(x).tolist() == plain.model.predict(x).tolist()
    assert T > 1.1  # an overfitted network is too sure


def test_the_log_losses_before_and_after_are_scikit_learns(pair, flowers):
    plain, tempered = pair
    data, found = flowers.dataset, tempered.calibration
    assert found.rows == len(data.valid)
    for split in ("train", "valid", "test"):
        rows = getattr(data, split)
        for run, said in ((plain, found.before), (tempered, found.after)):
            p = run.model.probabilities(data.x[rows]).astype(np.float64)
            p /= p.sum(axis=1, keepdims=True)
            assert said[split] == pytest.approx(log_loss(data.y[rows], p, labels=[0, 1, 2]), abs=1e-5)
            assert run.metrics[split]["loss"] == pytest.approx(said[split], abs=1e-5)
    assert found.after["valid"] < found.before["valid"]
    assert f"is {found.after['test']:.4f} ({found.before['test']:.4f} without it)" in found.sentence


def test_the_temperature_is_a_minimum(pair, flowers):
    data = flowers.dataset
    z, y = outputs_of(pair[0].model, data.x[data.valid]).astype(np.float64), data.y[data.valid]
    costs = {T: negative_log(z / T, y).sum() + np.log(T) ** 2 / 2 for T in np.geomspace(*BOUNDS, 4001)}
    assert pair[1].calibration.temperature == pytest.approx(min(costs, key=costs.get), rel=2e-3)


@pytest.mark.parametrize("T", [0.3, 1.0, 1.8, 6.0])
def test_a_known_temperature_is_found(T):
    """Labels drawn from the softmax of z, and a network that says T z."""
    rng = np.random.default_rng(0)
    z = rng.normal(size=(20_000, 4)) * 2
    y = (z + rng.gumbel(size=z.shape)).argmax(axis=1)
    assert best_temperature(T * z, y, np.ones(len(y))) == pytest.approx(T, rel=0.03)


def test_one_output_and_labels_have_the_sigmoids_log_loss():
    rng = np.random.default_rng(1)
    z, y = rng.normal(size=(50, 1)) * 3, rng.integers(0, 2, 50)
    p = 1 / (1 + np.exp(-z[:, 0]))
    assert negative_log(z, y).mean() == pytest.approx(log_loss(y, p))
    labels, z = rng.integers(0, 2, (50, 3)), rng.normal(size=(50, 3))
    p = 1 / (1 + np.exp(-z))
    assert negative_log(z, labels).mean() == pytest.approx(sum(log_loss(labels[:, k], p[:, k]) for k in range(3)))


def test_rows_that_are_all_right_do_not_make_it_infinitely_sure():
    z = np.array([[3.0, 0.0]] * 5)
    T = best_temperature(z, np.zeros(5, int), np.ones(5))
    assert 0.3 < T < 1.0
    by_hand = minimize_scalar(
        lambda t: 5 * np.log1p(np.exp(-3 / np.exp(t))) + t * t / 2, bounds=(-3, 3), method="bounded"
    )
    assert np.log(T) == pytest.approx(by_hand.x, abs=1e-4)


def test_weights_count_and_rows_of_weight_0_do_not():
    rng = np.random.default_rng(2)
    z, y = rng.normal(size=(60, 3)) * 4, rng.integers(0, 3, 60)
    w = rng.integers(0, 3, 60).astype(float)
    again = np.repeat(np.arange(60), w.astype(int))
    assert best_temperature(z, y, w) == pytest.approx(
        best_temperature(z[again], y[again], np.ones(len(again))), rel=1e-4
    )


def test_the_model_file_and_onnx_hold_it(pair, flowers, tmp_path):
    model, x = pair[1].model, flowers.dataset.x
    model.save(tmp_path / "model.safetensors")
    back = fl.load_predictor(tmp_path)
    assert back.recipe.loss.temperature == pair[1].calibration.temperature
    np.testing.assert_array_equal(back.probabilities(x), model.probabilities(x))
    assert model.to_onnx(tmp_path / "model.onnx").difference < 1e-5
    assert pair[1].recipe.loss.name == "softmax_cross_entropy"  # the recipe repeats the training


def test_what_has_no_probabilities_is_refused_and_no_validation_rows_are_said(overconfident, flowers, prices):
    recipe = fl.replace(overconfident, {"calibrate": "temperature", "epochs": 1})
    with pytest.raises(FalllineError, match="is for probabilities, and a regression has none"):
        fl.train(recipe, prices)
    with pytest.raises(FalllineError, match="is for probabilities, and the hinge loss has scores"):
        fl.train(fl.replace(recipe, {"loss": fl.Hinge()}), flowers)
    rng = np.random.default_rng(0)
    run = fl.train(recipe, fl.Table.from_arrays(rng.normal(size=(40, 2)), np.arange(40) % 2, valid=0))
    assert run.calibration is None
    assert any("no validation rows to fit a temperature" in each for each in run.notes)
