"""A lane beside its run: how much of a difference is rounding."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fallline.core.block import as_arrays, replace
from fallline.methods import ARS, WithoutGradient
from fallline.testing.common import beside_its_run
from fallline.testing.optimizers import example

NUMBERS = {"rate": np.float32(0.3), "count": np.int32(3)}


def steady(numbers):
    return [100 * numbers["rate"] * jnp.arange(4.0), numbers["count"]]


def rounding(numbers):
    """What is left of large numbers: every rounding is multiplied by ten thousand."""
    return [jnp.stack([jnp.float32(1e4) * (1 + numbers["rate"]) - jnp.float32(13000), jnp.float32(100)])]


@pytest.mark.parametrize("off", [0.0, 1e-4, -1e-4])
def test_a_lane_may_be_off_by_a_few_roundings(off):
    beside_its_run([(1 + off) * each for each in steady(NUMBERS)], steady, NUMBERS, "a lane")


@pytest.mark.parametrize("off", [1e-3, -1e-3, np.nan, np.inf])
@pytest.mark.parametrize("run", [steady, rounding])
def test_a_lane_that_is_further_off_is_found(off, run):
    lane = [np.array(each, np.float64) for each in run(NUMBERS)]
    lane[0][-1] = lane[0][-1] * (1 + 3 * off)
    with pytest.raises(AssertionError, match=r"a lane: .* \(at \(\d,\); 1 of"):
        beside_its_run(lane, run, NUMBERS, "a lane")


def test_a_run_that_multiplies_its_roundings_gives_its_lane_twice_as_much_room():
    run = rounding(NUMBERS)
    nearby = [{**NUMBERS, "rate": NUMBERS["rate"] * np.float32(1 + change)} for change in (-2.4e-7, 2.4e-7)]
    moved = max(abs(float(rounding(each)[0][0] - run[0][0])) for each in nearby)
    assert moved > 5e-4
    beside_its_run([run[0].at[0].add(1.5 * moved)], rounding, NUMBERS, "a lane")
    with pytest.raises(AssertionError, match="a lane"):
        beside_its_run([run[0].at[0].add(3 * moved)], rounding, NUMBERS, "a lane")


def test_a_walk_from_differences_of_nearly_equal_values_does_that():
    """Far from the minimum, the values on both sides of a point are alike in their first digits."""
    alone, moved = jax.jit(example), []
    for step in (np.float32(0.02), np.float32(9.0)):
        steps = (step, np.nextafter(step, np.float32(np.inf)))
        rules = [as_arrays(replace(WithoutGradient(ARS()), {"method.step": float(each)})) for each in steps]
        here, there = (np.asarray(alone(rule)["weight"][-1]) for rule in rules)
        moved.append(np.max(np.abs(here - there)) / np.max(np.abs(here)))
    assert moved[0] < 1e-6 < 1e-5 < moved[1]
