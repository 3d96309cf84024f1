"""What a run ends with and by: last or best parameters, its own objective, a flat gradient, somebody who watches."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fallline as fl
from fallline.core.block import as_arrays
from fallline.training import program
from fallline.training.chunks import compiled_start
from fallline.training.preparation import prepare
from fallline.training.train import train_from

RATE = "optimizer.learning_rate"


@pytest.fixture(scope="module")
def own(descent):
    """Stops by the training objective and keeps the last parameters; the penalty is shared out over the examples."""
    return fl.replace(
        descent,
        {"penalty": fl.L2(0.5), "penalty_per": "example", "monitor": "train_objective", "keep": "last", "patience": 3},
    )


def test_the_last_parameters_are_kept_whatever_the_best_were(own, prices, same):
    run = fl.train(fl.replace(own, {"tolerance": 1e6}), prices)
    assert run.outcome is fl.Outcome.STOPPED
    assert len(run.history) == run.best_epoch == 4
    assert same(run.state.params, run.state.best_params)
    assert run.sentence.endswith("those of epoch 4, the last")


def test_patience_counts_epochs_that_do_not_fall_by_the_tolerance(own, prices):
    run = fl.train(fl.replace(own, {"tolerance": 0.02, "epochs": 200}), prices)
    objective, waited, lowest = run.history["train_objective"], 0, np.inf
    for epoch, value in enumerate(objective):  # noqa: B007
        waited = 0 if value < np.float32(lowest - np.float32(0.02)) else waited + 1
        lowest = min(lowest, value)
        if waited == 3:
            break
    assert epoch + 1 == len(objective) < 200


def test_a_penalty_per_example_is_divided_by_the_minibatchs_weight(own, prices, same):
    """All rows in one batch: the same as a penalty of strength / rows per step."""
    rows = len(prices.dataset.train)
    whole = fl.replace(own, {"batch_size": "all", "epochs": 5})
    per_step = fl.replace(whole, {"penalty_per": "step", "penalty.strength": 0.5 / rows})
    one, other = fl.train(whole, prices), fl.train(per_step, prices)
    np.testing.assert_allclose(one.history["train_objective"], other.history["train_objective"], rtol=1e-6)
    for a, b in zip(jax.tree.leaves(one.state.params), jax.tree.leaves(other.state.params), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_a_flat_gradient_ends_the_run(prices, descent):
    recipe = fl.replace(descent, {"optimizer": fl.LBFGS(), "batch_size": "all", "epochs": 500, "patience": None})
    run = fl.train(fl.replace(recipe, {"gradient_tolerance": 0.1}), prices)
    norms = np.sqrt(sum(run.history[f"dense_{i}.gradient_norm"] ** 2 for i in (1, 2)))
    assert run.outcome is fl.Outcome.STOPPED
    assert norms[-1] <= 0.1 < norms[:-1].min()


def test_who_watches_can_stop(own, prices):
    run = fl.train(fl.replace(own, {"patience": None}), prices, watch=lambda moment: True)
    assert run.outcome is fl.Outcome.STOPPED
    assert len(run.history) == 1


def test_given_weights_are_where_a_run_begins(own, prices):
    weight = np.full((3, 6), 0.25, np.float32)
    run = train_from(fl.replace(own, {"epochs": 0}), prices, params={"dense_1": {"weight": weight}})
    np.testing.assert_array_equal(run.state.params["dense_1"]["weight"], weight)
    assert np.asarray(run.state.params["dense_2"]["weight"]).std() > 0


def test_steps_counted_while_running_are_those_of_the_rows_alone(own, prices):
    """Index sets padded to twice their length: the same parameters, in the rows' own order."""
    recipe, arrays, key = prepare(fl.replace(own, {"shuffle": False, "batch_size": 16}), prices, 0)
    traced, count = as_arrays(recipe), arrays.train.shape[0]
    padded = dataclasses.replace(arrays, train=jnp.pad(arrays.train, (0, count), mode="edge"), counted=True)
    ends = [
        program.advance(traced, each, compiled_start(traced, each, key, None), jnp.int32(3))[0]
        for each in (arrays, padded)
    ]
    assert int(ends[0].step) == int(ends[1].step) == 3 * -(-count // 16)
    for a, b in zip(jax.tree.leaves(ends[0].params), jax.tree.leaves(ends[1].params), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)
