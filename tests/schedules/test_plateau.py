"""Reduce on plateau against PyTorch's recurrence, per lane, and on top of another schedule."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fallline.core.block import as_arrays
from fallline.core.errors import FalllineError
from fallline.core.schedule import Time, at_time
from fallline.optimizers import SGD, Adam
from fallline.schedules import Cosine, Linear, ReduceOnPlateau, begun, observed, remembered

NOW = Time(*(jnp.float32(0.5) for _ in range(3)))


def pytorch(losses, factor, patience, threshold, cooldown):
    """torch.optim.lr_scheduler.ReduceLROnPlateau, mode min, threshold_mode rel, after its source."""
    best, bad, cool, share = np.inf, 0, 0, 1.0
    for loss in losses:
        if loss < best * (1 - threshold):
            best, bad = loss, 0
        else:
            bad += 1
        if cool > 0:
            cool -= 1
            bad = 0
        if bad > patience:
            share, cool, bad = share * factor, cooldown, 0
        yield share


@pytest.mark.parametrize("settings", [(0.1, 0, 1e-4, 0), (0.5, 2, 0.05, 0), (0.5, 1, 0.0, 3), (0.9, 3, 0.1, 1)])
def test_it_falls_when_pytorch_does(settings):
    rng = np.random.default_rng(7)
    losses = 1 + np.exp(-np.arange(60) / 8) + 0.1 * rng.normal(size=60)
    recipe = Adam(as_arrays(ReduceOnPlateau(2.0, *settings)))

    def epoch(memory, loss):
        memory = observed(recipe, memory, loss, NOW)
        return memory, at_time(remembered(recipe, memory), NOW).learning_rate

    _, rates = jax.lax.scan(epoch, begun(recipe), jnp.asarray(losses, jnp.float32))
    np.testing.assert_allclose(rates, 2 * np.array(list(pytorch(losses, *settings))), rtol=1e-5, atol=1e-30)
    assert rates[-1] < rates[0]


def test_each_lane_falls_at_its_own_time():
    losses = jnp.array([[3.0, 2.0, 1.0, 0.5], [3.0, 3.0, 3.0, 3.0], [3.0, jnp.nan, jnp.nan, 1.0]])
    patience = jnp.array([0, 1, 0])

    def run(patience, losses):
        recipe = SGD(ReduceOnPlateau(1.0, factor=0.5, patience=patience))
        memory = begun(recipe)
        for loss in losses:
            memory = observed(recipe, memory, loss, NOW)
        return at_time(remembered(recipe, memory), NOW).learning_rate

    assert jax.vmap(run)(patience, losses).tolist() == [1.0, 0.5, 0.25]


def test_it_stands_on_another_schedule_and_has_a_floor():
    recipe = {
        "a": SGD(ReduceOnPlateau(Linear(0.0, 1.0), factor=0.1, patience=0, floor=0.02)),
        "b": ReduceOnPlateau(4.0),
    }
    memory = begun(recipe)
    assert len(memory) == 2
    seen = []
    for _ in range(4):
        memory = observed(recipe, memory, jnp.float32(1.0), NOW)
        now = at_time(remembered(recipe, memory), NOW)
        seen.append(round(float(now["a"].learning_rate), 4))
    assert seen == [0.5, 0.05, 0.02, 0.02]
    assert float(now["b"]) == 4.0


def test_without_one_nothing_is_remembered():
    recipe = Adam(Cosine(1.0))
    assert begun(recipe) == ()
    assert observed(recipe, (), jnp.float32(1.0), NOW) == ()
    assert remembered(recipe, ()) is recipe


def test_outside_of_a_run_it_says_so():
    with pytest.raises(FalllineError, match="follows the validation loss"):
        at_time(SGD(ReduceOnPlateau()), NOW)


def test_the_loss_may_be_negative():
    """A likelihood: going from -1 to -2 is better, from -2 to -2.00001 is not by a ten-thousandth."""
    recipe = ReduceOnPlateau(1.0, patience=0, factor=0.5)
    memory = begun(recipe)
    for loss, factor in ((-1.0, 1.0), (-2.0, 1.0), (-2.00001, 0.5)):
        memory = observed(recipe, memory, jnp.float32(loss), NOW)
        assert float(memory[0].factor) == factor
