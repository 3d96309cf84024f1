"""A run under a rule that remembers evaluations: none is done twice, and none is taken for another objective's."""

from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize
from jax.flatten_util import ravel_pytree

import fallline as fl
from fallline.core.block import as_arrays
from fallline.layers import Layer
from fallline.models import Network
from fallline.optimizers import SkipNonfinite, WeightDecay
from fallline.penalties import MaxNorm
from fallline.training import program
from fallline.training.moment import network_of
from fallline.training.objective import Batch, cost_of, inputs_of
from fallline.training.preparation import prepare
from fallline.training.slope import lasts
from fallline.training.train import train_from

CALLS = []


class Watched(fl.L2):
    """A penalty, which every evaluation of the objective computes and nothing else, that counts on the host."""

    name: ClassVar[str] = ""

    def __call__(self, params):
        jax.debug.callback(lambda _: CALLS.append(1), self.strength)
        return super().__call__(params)


class Trembling(Layer):
    """Noise of the user's own."""

    name: ClassVar[str] = ""

    def apply(self, params, stats, x, call):
        return (x + 0.1 * jax.random.normal(call.key, x.shape) if call.training else x), stats


@pytest.fixture(scope="module")
def steep():
    return fl.Recipe(
        model=fl.MLP(hidden=(5,), activation=fl.Tanh()),
        optimizer=fl.LBFGS(),
        penalty=Watched(1e-3),
        encoding=None,
        epochs=30,
        patience=None,
        keep="last",
    )


def counted(recipe, table, **options):
    """A run, and the evaluations that the host has seen of it."""
    CALLS.clear()
    run = train_from(recipe, table, **options)
    jax.effects_barrier()
    return run, len(CALLS)


def test_a_step_takes_one_evaluation_and_the_history_says_so(flowers, steep):
    run, calls = counted(steep, flowers)
    count = run.history["evaluations"]
    assert count[-1] == calls
    assert calls <= 1.2 * 30
    assert (np.diff(count) == 1).mean() > 0.8
    assert run.history["train_loss"][-1] < 0.5 * run.history["train_loss"][0]


def test_what_is_remembered_is_what_the_epoch_shows(flowers, steep):
    """The loss, the objective and the accuracy of an epoch are those of the params before its step."""
    half, whole = train_from(steep, flowers, until=6), fl.train(steep, flowers)
    recipe, arrays, _ = prepare(steep, flowers, 0)
    weight = jnp.ones(len(arrays.train))
    moment = inputs_of(recipe, arrays, half.state, Batch(arrays.train, weight, half.state.step, jnp.int32(1)))
    cost, (loss, prediction, _) = moment.objective(half.state.params)
    accuracy = np.mean(np.argmax(prediction, axis=-1) == arrays.y[arrays.train])
    shown = {name: whole.history[name][6] for name in ("train_objective", "train_loss", "train_accuracy")}
    np.testing.assert_allclose(list(shown.values()), [cost, loss, accuracy], rtol=1e-5)
    assert cost > 1.01 * loss


def test_the_minimum_is_scipys_and_so_are_the_evaluations(flowers, steep):
    """Of a logistic regression with a penalty on all its numbers there is one."""
    recipe = fl.replace(steep, {"model.hidden": (), "penalty": fl.L2(1e-2, acts_on="all"), "gradient_tolerance": 1e-4})
    run = fl.train(recipe, flowers)
    completed, arrays, key = prepare(recipe, flowers, 0)
    state = program.start(completed, arrays, key)
    start, tree = ravel_pytree(state.params)
    network, x = network_of(completed, arrays), completed.scaler.apply(state.scaling, arrays.x[arrays.train])
    y, weight = arrays.y[arrays.train], jnp.ones(len(arrays.train))

    @jax.jit
    @jax.value_and_grad
    def slope(w):
        return cost_of(completed, network, tree(w), {}, x, y, weight, key=None, training=True)[0]

    theirs = scipy.optimize.minimize(
        lambda w: tuple(np.asarray(each, np.float64) for each in slope(jnp.float32(w))),
        np.asarray(start, np.float64),
        jac=True,
        method="L-BFGS-B",
        options={"gtol": 5e-5, "ftol": 0.0},
    )
    assert run.history["train_objective"][-1] == pytest.approx(theirs.fun, rel=1e-5)
    assert run.history["evaluations"][-1] <= 1.2 * theirs.nfev


@pytest.mark.parametrize(
    "change",
    [{"model.dropout": 0.2}, {"penalty": Watched(fl.Cosine(1e-2))}, {"optimizer": WeightDecay(fl.LBFGS(), 1e-2)}],
    ids=["dropout", "schedule", "decay"],
)
def test_another_objective_or_another_point_is_evaluated_anew(flowers, steep, change):
    run, calls = counted(fl.replace(steep, {"epochs": 8, **change}), flowers)
    count = run.history["evaluations"]
    assert count[-1] == calls
    assert (np.diff(count) >= 2).all()


OBJECTIVES = {
    "as it is": ({}, True),
    "a schedule of the rule": ({"optimizer.learning_rate": fl.Cosine(1.0)}, True),
    "a wrapper": ({"optimizer": SkipNonfinite(fl.LBFGS())}, True),
    "batch normalisation": ({"model.batch_norm": True}, True),
    "a bound": ({"penalty": MaxNorm(1.0)}, True),  # looked at, and evaluated anew where it has moved the params
    "dropout": ({"model.dropout": 0.1}, False),
    "noise of a user's own": ({"model": Network((Trembling(),))}, False),
    "a schedule in the penalty": ({"penalty": fl.L2(fl.Cosine(1e-2))}, False),
    "a plateau in the penalty": ({"penalty": fl.L2(fl.ReduceOnPlateau(1e-2))}, False),
    "a schedule in the loss": ({"loss": fl.SoftmaxCrossEntropy(smoothing=fl.Cosine(0.1))}, False),
    "a rule that remembers nothing": ({"optimizer": fl.SGD(0.1), "batch_size": "all"}, False),
}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_whether_the_objective_lasts_is_read_off_its_trace(flowers, steep, name):
    change, expected = OBJECTIVES[name]
    recipe, arrays, key = prepare(fl.replace(steep, {"penalty": None, **change}), flowers, 0)
    found = []

    def trace():
        state = program.start(as_arrays(recipe), arrays, key)
        weight = jnp.ones(len(arrays.train))
        found.append(
            lasts(as_arrays(recipe), arrays, state, Batch(arrays.train, weight, state.step, jnp.int32(1)))
            | lasts(as_arrays(recipe), arrays, state, Batch(arrays.train[:9], weight[:9], state.step, jnp.int32(9))) * 2
        )

    jax.eval_shape(trace)
    assert found == [expected]


def test_a_resumed_run_remembers_to_the_bit(flowers, steep, tmp_path, same, monkeypatch):
    monkeypatch.setattr("fallline.core.driving.CALL_SECONDS", 0.0)
    steep, epochs = fl.replace(steep, {"penalty": fl.L2(1e-3)}), []

    def die(moment):
        if moment.epoch == 7:
            raise KeyError

    with pytest.raises(KeyError):
        fl.train(steep, flowers, folder=tmp_path, checkpoint_seconds=0.0, watch=die)
    resumed = fl.train(steep, flowers, folder=tmp_path, resume=True, watch=lambda m: epochs.append(m.epoch))
    straight = fl.train(steep, flowers)
    assert epochs[0] > 1, "nothing was resumed"
    assert same(resumed.state, straight.state)
    assert same(resumed.history.columns, straight.history.columns)


def test_a_fork_looks_at_its_own_objective(flowers, steep):
    half = train_from(steep, flowers, until=5)
    other = fl.replace(steep, {"penalty.strength": 0.1})
    fork, calls = counted(other, flowers, state=half.state)
    again = train_from(steep, flowers, state=half.state)
    straight = fl.train(steep, flowers)
    sums = sum(float(jnp.sum(layer["weight"] ** 2)) for layer in half.state.params.values())
    here = fork.history["train_loss"][0]
    assert here == pytest.approx(straight.history["train_loss"][5], rel=1e-5)
    assert fork.history["train_objective"][0] - here == pytest.approx(0.05 * sums, rel=1e-3)
    assert fork.history["evaluations"][-1] - half.history["evaluations"][-1] == calls
    np.testing.assert_allclose(again.history["train_loss"], straight.history["train_loss"][5:], rtol=1e-2)


def test_lanes_remember_as_their_runs_do(flowers, steep):
    recipe = fl.replace(steep, {"epochs": 12, "penalty": fl.L2(1e-3)})
    recipes = [fl.replace(recipe, {"penalty.strength": value}) for value in (1e-3, 1e-2)]
    population = fl.evaluate(recipes, flowers, seeds=2)
    assert population.report.programs == 1
    for lane in range(4):
        alone, own = population.replay(lane).history, population.history(lane)
        np.testing.assert_array_equal(own["evaluations"], alone["evaluations"])
        np.testing.assert_allclose(own["train_objective"], alone["train_objective"], rtol=1e-3)
        assert own["evaluations"][-1] <= 1.5 * 12
