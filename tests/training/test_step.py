"""The arithmetic of a run, against float64 NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import fallline as fl
from fallline.losses import SquaredError, Times
from fallline.optimizers import AdaGrad, ClipByLayerNorm, ClipByNorm
from fallline.population import evaluate
from fallline.training.recipe import complete
from fallline.training.step import finite

LAYERS = ("dense_1", "dense_2")


def standardised(x, weight=None):
    mean = np.average(x, axis=0, weights=weight)
    return (x - mean) / np.sqrt(np.average((x - mean) ** 2, axis=0, weights=weight))


def length(tree):
    return np.sqrt(sum((np.asarray(leaf, np.float64) ** 2).sum() for leaf in jax.tree.leaves(tree)))


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(3)
    x = rng.normal([3, -1], [2, 0.5], (40, 2)).astype(np.float32)
    return x, np.digitize(x[:, 0] * x[:, 1], [-5, -2]), rng.integers(1, 4, 40)


def batch(rate=0.1, epochs=3):
    return fl.Recipe(
        encoding=None,
        model=fl.MLP(hidden=(5,)), optimizer=fl.SGD(rate), penalty=fl.L2(0.01), scaler=fl.Standardise(),
        batch_size="all", epochs=epochs,
    )  # fmt: skip


@pytest.fixture(scope="module")
def weighted(rows):
    x, y, times = rows
    return fl.Table.from_arrays(x, y, valid=0, test=0, weight=times.astype(float))


def test_steps_of_batch_descent_are_those_of_numpy(rows, weighted, by_numpy):
    x, y, times = rows
    x = standardised(x.astype(np.float64), times)
    params = fl.train(batch(epochs=0), weighted, seed=1).model.arrays["params"]
    run = fl.train(batch(), weighted, seed=1)
    for epoch in range(3):
        now = by_numpy(params, x, y, times.astype(float), l2=0.01)
        before = run.history.row(epoch)
        assert before["train_loss"] == pytest.approx(now.loss, rel=1e-5)
        assert before["train_objective"] == pytest.approx(now.objective, rel=1e-5)
        assert before["train_accuracy"] == pytest.approx(now.accuracy, rel=1e-5)
        assert before["learning_rate"] == np.float32(0.1)
        step = jax.tree.map(lambda g: -0.1 * g, now.gradient)
        params = jax.tree.map(lambda w, d: np.asarray(w, np.float64) + d, params, step)
        for name in LAYERS:
            assert before[f"{name}.gradient_norm"] == pytest.approx(length(now.gradient[name]), rel=1e-4)
            assert before[f"{name}.update_ratio"] == pytest.approx(length(step[name]) / length(params[name]), rel=1e-4)
    for ours, theirs in zip(jax.tree.leaves(run.state.params), jax.tree.leaves(params), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
    assert int(run.state.step) == 3
    assert np.isnan(run.history["valid_loss"]).all()


def test_a_weight_is_a_repetition(rows, weighted):
    x, y, times = rows
    repeated = fl.Table.from_arrays(np.repeat(x, times, axis=0), np.repeat(y, times), valid=0, test=0)
    a, b = fl.train(batch(epochs=10), weighted), fl.train(batch(epochs=10), repeated)
    for ours, theirs in zip(jax.tree.leaves(a.state.params), jax.tree.leaves(b.state.params), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    for name in ("train_loss", "train_accuracy", "dense_1.gradient_norm"):
        np.testing.assert_allclose(a.history[name], b.history[name], rtol=1e-4, atol=1e-5)
    for name, value in a.metrics["train"].items():
        assert value == pytest.approx(b.metrics["train"][name], rel=1e-4, abs=1e-5), name


def test_the_share_of_dead_units_is_numpys(rows, weighted, by_numpy):
    x, _, times = rows
    run = fl.train(batch(rate=30.0, epochs=6), weighted, seed=2)
    sums = by_numpy(run.state.params, standardised(x.astype(np.float64), times)).sums
    dead = (sums < 0).all(axis=0).mean()
    assert dead > 0
    assert run.history["dense_1.dead"][-1] == pytest.approx(dead)
    assert (run.history["dense_1.saturated"] == 0).all()


def test_all_is_the_number_of_training_rows(flowers):
    n = len(flowers.dataset.train)
    for size in ("all", n, n + 1, 10**6):
        assert complete(fl.Recipe(batch_size=size), task="classification", training_rows=n).batch_size == n


def test_the_default_batch_grows_with_the_data():
    sizes = [
        complete(fl.Recipe(), task="regression", training_rows=n).batch_size for n in (3, 31, *range(100, 10**5, 99))
    ]
    assert sizes == sorted(sizes)
    assert sizes[:2] == [3, 31]
    assert set(sizes[2:]) == {32, 64, 128, 256}


def test_an_epoch_sees_each_example_once_also_where_the_batch_does_not_divide():
    """Example i has feature i alone: weight i moves once, by the share of example i in its minibatch."""
    n, size, rate = 23, 5, 1e-4
    y = np.linspace(900.0, 1100.0, n)
    table = fl.Table.from_arrays(np.eye(n, dtype=np.float32), y, valid=0, test=0, task="regression")
    recipe = fl.Recipe(
        encoding=None,
        model=fl.MLP(hidden=()), optimizer=fl.SGD(rate), penalty=None, scaler=fl.Unscaled(), target_scaler=None,
        batch_size=size, epochs=0,
    )  # fmt: skip
    before = fl.train(recipe, table).state.params["dense_1"]["weight"][:, 0]
    last = set()
    for seed in range(3):
        before = fl.train(recipe, table, seed=seed).state.params["dense_1"]["weight"][:, 0]
        run = fl.train(fl.replace(recipe, {"epochs": 1}), table, seed=seed)
        share = (np.asarray(run.state.params["dense_1"]["weight"])[:, 0] - np.asarray(before)) / (2 * rate * y)
        assert sorted(np.round(share, 2).tolist()) == [0.2] * 20 + [0.33] * 3
        assert int(run.state.step) == 5
        last |= set(np.flatnonzero(share > 0.3).tolist())
    assert len(last) > 3, "another seed has another order"


def test_what_is_shown_of_an_epoch_is_the_mean_over_examples(flowers, whole, by_numpy):
    """Without a learning rate and without dropout an epoch's loss is that of the initial weights on all rows."""
    still = fl.replace(whole, {"optimizer.learning_rate": fl.Cosine(0.0, floor=0.0), "model.dropout": 0.0, "epochs": 2})
    run = fl.train(still, flowers, seed=4)
    data = flowers.dataset
    mean, sd = data.x[data.train].mean(axis=0, dtype=np.float64), data.x[data.train].std(axis=0, dtype=np.float64)
    scaled = lambda x: ((x - mean) / sd).clip(-1.5, 1.5)  # noqa: E731
    for split, rows in (("train", data.train), ("valid", data.valid)):
        assert len(rows) % 16 != 0
        expected = by_numpy(run.state.params, scaled(data.x[rows]), data.y[rows], l2=1e-3)
        for epoch in (0, 1):
            assert run.history[f"{split}_loss"][epoch] == pytest.approx(expected.loss, rel=1e-4)
            assert run.history[f"{split}_accuracy"][epoch] == pytest.approx(expected.accuracy, abs=1e-6)
        assert run.metrics[split]["loss"] == pytest.approx(expected.loss, rel=1e-4)
        if split == "train":
            assert run.history["train_objective"][0] == pytest.approx(expected.objective, rel=1e-4)
    answer = run.model.probabilities(data.x)
    np.testing.assert_allclose(answer, by_numpy(run.state.params, scaled(data.x)).probabilities, rtol=1e-3, atol=1e-6)


# -- gradients whose square is infinite -------------------------------------------------------------------------------


def times(descent, rule, factor):
    return fl.replace(descent, {"optimizer": rule, "loss": Times(SquaredError(), factor), "patience": None})


def relative_loss(run, factor):
    assert run.outcome is fl.Outcome.FINISHED
    assert all(np.isfinite(each).all() for each in jax.tree.leaves((run.state.params, run.model.arrays)))
    return run.metrics["train"]["loss"] / factor


@pytest.mark.parametrize("rule", [ClipByNorm(fl.SGD(0.05)), ClipByLayerNorm(fl.Adam(0.05))], ids=lambda each: each.name)
def test_clipped_gradients_train_at_any_size(prices, descent, rule):
    plain = relative_loss(fl.train(times(descent, rule, 1e12), prices), 1e12)
    assert plain < 0.6
    for factor in (1e20, 1e30):
        assert relative_loss(fl.train(times(descent, rule, factor), prices), factor) == pytest.approx(plain, rel=1e-4)


def test_what_diverges_from_a_large_loss_is_still_said_to(prices, descent):
    for rule, factor in (
        (fl.SGD(0.05), 1e20),
        (fl.SGD(1e6), 1.0),
        (fl.SGD(5e-14), 1e14),
        (ClipByNorm(fl.SGD(1e18)), 1e20),
    ):
        run = fl.train(times(descent, rule, factor), prices)
        assert run.outcome is fl.Outcome.DIVERGED
        assert not run.learnt


def test_rules_that_would_stand_still_call_it_diverged(prices, descent):
    for rule in (AdaGrad(0.1), fl.Adam(0.05)):
        assert relative_loss(fl.train(times(descent, rule, 1.0), prices), 1.0) < 0.6
        assert fl.train(times(descent, rule, 1e20), prices).outcome is fl.Outcome.DIVERGED


def test_lanes_of_a_population_have_losses_of_their_own_size(prices, descent):
    factors = (1e12, 1e20, 1e30)
    found = evaluate([times(descent, ClipByNorm(fl.SGD(0.05)), factor) for factor in factors], prices)
    # The monitored loss is the kept epoch's.
    scores = np.array(found.columns["valid_loss"]) / factors
    assert scores == pytest.approx([scores[0]] * 3, rel=1e-4)


@given(st.lists(st.floats(width=32), min_size=1, max_size=5), st.lists(st.floats(width=32), min_size=1, max_size=5))
@example([3.4e38] * 5, [3.4e38] * 5)
@example([np.inf, -np.inf], [0.0])
@example([1.0], [np.nan])
def test_finite_means_all_numbers(first, second):
    sample = {"a": {"weight": jnp.array([first], jnp.float32)}, "b": jnp.array(second, jnp.float32)}
    assert bool(finite(sample)) == bool(np.isfinite(first).all() and np.isfinite(second).all())
