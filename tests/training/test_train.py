import signal

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fallline as fl
from fallline.core.block import as_arrays, walk
from fallline.training.chunks import compiled_advance, compiled_start
from fallline.training.history import join
from fallline.training.preparation import prepare

RATE = "optimizer.learning_rate"
Outcome = fl.Outcome


def finite(tree):
    return all(np.isfinite(np.asarray(leaf)).all() for leaf in jax.tree.leaves(tree))


# -- the same bits ----------------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(flowers, whole, same):
    recipe = fl.replace(whole, {"epochs": 5})
    a, b, c = (fl.train(recipe, flowers, seed=seed) for seed in (3, 3, 4))
    assert same(a.state, b.state)
    assert same(a.history.columns, b.history.columns)
    assert same(a.model.arrays["params"], b.model.arrays["params"])
    assert not np.isclose(a.state.params["dense_1"]["weight"], c.state.params["dense_1"]["weight"]).any()
    assert (a.seed, fl.train(recipe, flowers, seed=np.int64(3)).seed) == (3, 3)


def test_chunks_do_not_change_bits(flowers, whole, same):
    recipe, arrays, key = prepare(whole, flowers, 5)
    traced = as_arrays(recipe)

    def advance(*stops):
        state, epochs = compiled_start(traced, arrays, key, None), []
        for stop in stops:
            before = int(state.epoch)
            state, seen = compiled_advance(traced, arrays, state, jnp.int32(stop))
            done = int(state.epoch) - before
            assert done == stop - before
            epochs.append(jax.tree.map(lambda leaf, done=done: np.asarray(leaf)[:done], seen))
        return jax.tree.map(np.asarray, (state.params, state.memory, state.best_params, state.step)), join(epochs)

    one_by_one, at_once, uneven = advance(*range(1, 17)), advance(16), advance(3, 4, 16)
    assert same(one_by_one, at_once)
    assert same(uneven, at_once)


# -- one program ------------------------------------------------------------------------------------------------------


def other(declared, value):
    return int(value) + 1 if declared.integer else float(value) * 0.5 if value else 0.01


@pytest.mark.parametrize("kind", ["adam", "momentum"])
def test_no_value_of_any_number_compiles_again(flowers, whole, kind):
    recipe = fl.replace(whole, {"epochs": 1})
    if kind == "momentum":
        recipe = fl.replace(
            recipe,
            {
                "optimizer": fl.Momentum(fl.Constant(0.05), momentum=fl.Cosine(0.9, floor=0.5)),
                "model.dropout": fl.Constant(0.2),
                "penalty.strength": fl.Cosine(1e-3),
                "patience": None,
            },
        )
    first = fl.train(recipe, flowers)
    sizes = [program._cache_size() for program in (compiled_start, compiled_advance)]
    numbers = [(p, d, v) for p, d, v in walk(recipe) if d.role == "number" and isinstance(v, int | float)]
    assert len(numbers) == len(jax.tree.leaves(recipe))
    assert len(numbers) >= 10
    seen = set()
    for path, declared, value in numbers:
        run = fl.train(fl.replace(recipe, {path: other(declared, value)}), flowers)
        assert run.outcome is Outcome.FINISHED, path
        seen.add(path)
    for one in (1, 1.0, np.float32(1), np.float64(1), np.int64(1)):
        fl.train(fl.replace(recipe, {"tolerance": one}), flowers, seed=9)
    assert sizes == [program._cache_size() for program in (compiled_start, compiled_advance)]
    assert first.outcome is Outcome.FINISHED
    assert {
        "epochs",
        "scaler.clip",
        "tolerance",
        "optimizer.learning_rate." + ("peak" if kind == "adam" else "value"),
    } <= seen


def test_the_trace_counter_notices_another_structure(flowers, whole):
    before = compiled_advance._cache_size()
    fl.train(fl.replace(whole, {"epochs": 1, "model.hidden": (7,)}), flowers)
    assert compiled_advance._cache_size() == before + 1


# -- how it ends ------------------------------------------------------------------------------------------------------


def test_an_absurd_learning_rate_diverges_at_a_step_and_keeps_finite_weights(prices, descent):
    run = fl.train(fl.replace(descent, {RATE: 1e6}), prices)
    assert run.outcome is Outcome.DIVERGED
    assert run.outcome.label == "diverged"
    assert f"diverged at step {int(run.state.step)} (epoch {len(run.history)})" in run.sentence
    assert 1 <= int(run.state.step) < 12 * 4
    assert finite((run.state.params, run.state.best_params, run.model.arrays))
    assert np.isfinite(run.model.predict(prices.dataset.x)).all()


@pytest.mark.parametrize("rate", [1e20, 1e300])
def test_a_learning_rate_beyond_all_numbers_diverges_too(prices, descent, rate):
    run = fl.train(fl.replace(descent, {RATE: rate}), prices)
    assert run.outcome is Outcome.DIVERGED
    assert finite((run.state.params, run.state.best_params))


@pytest.mark.parametrize("rate", [1e6, 1e30])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"keep": "last", "patience": None},
        {"monitor": "none", "patience": None, "batch_size": "all"},
        {"monitor": "train_loss", "patience": None, "batch_size": "all"},
    ],
)
def test_a_run_that_diverges_at_once_keeps_its_initial_weights(prices, descent, same, rate, changes):
    recipe = fl.replace(descent, {RATE: rate, **changes})
    run, start = fl.train(recipe, prices), fl.train(fl.replace(recipe, {"epochs": 0}), prices)
    assert run.outcome is Outcome.DIVERGED
    assert run.best_epoch == 0
    assert not run.learnt
    assert start.learnt
    assert same(run.model.arrays["params"], start.model.arrays["params"])
    assert "there is no model to predict with" in run.sentence


def test_a_run_that_diverges_late_keeps_its_best_weights(prices, descent, same):
    recipe, arrays, key = prepare(descent, prices, 0)
    state = compiled_start(as_arrays(recipe), arrays, key, None)
    state, _ = compiled_advance(as_arrays(recipe), arrays, state, jnp.int32(3))
    best, epoch, step = jax.tree.map(np.asarray, state.best_params), int(state.best_epoch), int(state.step)
    wild = as_arrays(fl.replace(recipe, {RATE: 1e6}))
    state, _ = compiled_advance(wild, arrays, state, jnp.int32(12))
    assert Outcome(int(state.outcome)) is Outcome.DIVERGED
    assert int(state.step) > step
    assert finite((state.params, state.memory, state.best_params))
    assert int(state.best_epoch) == epoch
    assert same(jax.tree.map(np.asarray, state.best_params), best)


def test_learning_rate_0_leaves_the_initial_weights(flowers, whole, same):
    nothing = fl.train(fl.replace(whole, {"epochs": 0}), flowers)
    still = fl.train(fl.replace(whole, {f"{RATE}.peak": 0, f"{RATE}.floor": 0, "epochs": 3}), flowers)
    assert same(nothing.state.params, still.state.params)
    assert still.outcome is Outcome.FINISHED
    assert (still.history["dense_1.update_ratio"] == 0).all()
    assert nothing.outcome is Outcome.FINISHED
    assert (len(nothing.history), nothing.best_epoch, int(nothing.state.step)) == (0, 0, 0)
    assert nothing.metrics["test"]["loss"] == still.metrics["test"]["loss"]
    assert set(nothing.history.columns) == set(still.history.columns)


def test_one_unit_and_a_batch_larger_than_the_data(flowers):
    run = fl.train(fl.Recipe(encoding=None, model=fl.MLP(hidden=(1,)), batch_size=10_000, epochs=5), flowers)
    assert run.outcome is Outcome.FINISHED
    assert run.recipe.batch_size == len(flowers.dataset.train)
    assert int(run.state.step) == 5
    assert np.isfinite(run.metrics["test"]["loss"])


@pytest.mark.parametrize("rate", [0.999, 0.999999, 1 - 1e-12])
def test_dropout_towards_one_is_defined(flowers, whole, rate):
    run = fl.train(fl.replace(whole, {"model.dropout": rate, "epochs": 5}), flowers)
    assert run.outcome is Outcome.FINISHED
    assert finite(run.state.params)
    assert np.isfinite(run.metrics["test"]["loss"])


# -- early stopping ---------------------------------------------------------------------------------------------------


def test_early_stopping_waits_for_its_patience_and_restores_the_best(flowers, whole):
    run = fl.train(fl.replace(whole, {f"{RATE}.peak": 0.1, "patience": 7, "epochs": 300}), flowers)
    losses = run.history["valid_loss"]
    best = int(np.argmin(losses))
    assert run.outcome is Outcome.STOPPED
    assert run.best_epoch == best + 1
    assert len(run.history) == run.best_epoch + 7
    assert run.metrics["valid"]["loss"] == pytest.approx(losses.min(), rel=1e-5)
    assert run.metrics["valid"]["accuracy"] == pytest.approx(run.history["valid_accuracy"][best], abs=1e-6)
    assert losses[-1] > losses.min()
    assert f"stopped early after {len(losses)} epochs; the parameters are those of epoch {best + 1}" in run.sentence


def test_the_stop_does_not_depend_on_what_comes_after(flowers, whole, same):
    """Trained to the end instead, the best of the first epochs is the same."""
    short = fl.train(fl.replace(whole, {RATE: fl.Cosine(0.05, floor=0.05), "patience": 4, "epochs": 40}), flowers)
    long = fl.train(fl.replace(whole, {RATE: fl.Cosine(0.05, floor=0.05), "patience": 1000, "epochs": 40}), flowers)
    n = len(short.history)
    assert n < 40
    assert len(long.history) == 40
    assert same(short.history["valid_loss"], long.history["valid_loss"][:n])


def test_a_large_tolerance_takes_nothing_for_an_improvement_but_the_best_is_kept(flowers, whole):
    run = fl.train(fl.replace(whole, {"tolerance": 1e6, "patience": 3}), flowers)
    assert len(run.history) == 4
    assert run.best_epoch == int(np.argmin(run.history["valid_loss"])) + 1


def test_a_metric_can_be_watched(flowers, whole):
    run = fl.train(fl.replace(whole, {"monitor": "accuracy", "patience": 10, "epochs": 60}), flowers)
    accuracy = run.history["valid_accuracy"]
    assert run.best_epoch == int(np.argmax(accuracy)) + 1
    assert run.metrics["valid"]["accuracy"] == pytest.approx(accuracy.max(), abs=1e-6)


def test_without_a_monitor_the_last_weights_are_kept(flowers, whole, same):
    run = fl.train(fl.replace(whole, {"monitor": "none", "patience": 3, "epochs": 30, f"{RATE}.peak": 0.1}), flowers)
    assert (run.best_epoch, len(run.history)) == (30, 30)
    assert same(run.state.params, run.state.best_params)


def test_what_does_not_fit_is_one_sentence(flowers, prices, whole):
    for change, data, sentence in (
        ({"monitor": "acuracy"}, flowers, "metric 'acuracy' is not one of classification: did you mean 'accuracy'"),
        ({"monitor": "rmse"}, flowers, "metric 'rmse' is not one of classification"),
        ({"monitor": 3}, flowers, "metric 3 is not one of classification"),
        ({"epochs": fl.Constant(3)}, flowers, r"Recipe\.epochs = Constant\(value=3\.0\) would change during the run"),
        ({"scaler.clip": fl.Cosine(3, floor=1)}, flowers, r"Recipe\.scaler\.clip = Cosine"),
        ({"loss": fl.SquaredError()}, flowers, "loss 'squared_error' is for regression; the target makes this a class"),
        ({"loss": fl.SoftmaxCrossEntropy()}, prices, "loss 'softmax_cross_entropy' is for classification"),
    ):
        with pytest.raises(fl.FalllineError, match=sentence):
            fl.train(fl.replace(whole, change), data)
    for seed in (-1, 2**32, 1.5, True, "0", None):
        with pytest.raises(fl.FalllineError, match="is not a whole number from 0 to"):
            fl.train(whole, flowers, seed=seed)
    with pytest.raises(fl.FalllineError, match="expected a Table"):
        fl.train(whole, np.zeros((3, 2)))


# -- Ctrl-C -----------------------------------------------------------------------------------------------------------


def test_ctrl_c_finishes_the_chunk_and_keeps_what_is_finished(flowers, whole, tmp_path, same):
    before = signal.getsignal(signal.SIGINT)
    run = fl.train(whole, flowers, folder=tmp_path, watch=lambda moment: signal.raise_signal(signal.SIGINT))
    assert run.interrupted
    assert 1 <= len(run.history) < 40
    assert "interrupted after" in run.sentence
    assert signal.getsignal(signal.SIGINT) is before
    resumed, straight = fl.train(whole, flowers, folder=tmp_path, resume=True), fl.train(whole, flowers)
    assert same(resumed.state, straight.state)
    assert same(resumed.history.columns, straight.history.columns)


def test_ctrl_c_twice_stops_now(flowers, whole):
    def twice(moment):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        fl.train(whole, flowers, watch=twice)
    assert signal.getsignal(signal.SIGINT) is before


def test_whoever_watches_sees_every_chunk(flowers, whole):
    moments = []
    run = fl.train(whole, flowers, watch=moments.append)
    assert [m.epoch for m in moments] == [len(m.history) for m in moments]
    assert moments[0].epoch == 1
    assert moments[-1].epoch == moments[-1].epochs == 40
    assert moments[-1].best_epoch == run.best_epoch
