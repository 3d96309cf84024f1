"""What a compiled run computes: nothing for a probe that is not recorded, and no copy of params that nobody reads."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fallline.core.block import as_arrays, replace
from fallline.probes import RECORDED, Dead, Evaluations, GradientNorm, LearningRate, TrainObjective, UpdateRatio
from fallline.training import program
from fallline.training.preparation import prepare

FREE = {"parameter", "tuple", "get-tuple-element", "constant", "bitcast"}


@pytest.fixture(scope="module")
def run(flowers, whole):
    """(recipe, arrays, state) before the first step."""
    recipe, arrays, key = prepare(replace(whole, {"patience": None}), flowers, 5)
    traced = as_arrays(recipe)
    return traced, arrays, jax.jit(program.start)(traced, arrays, key)


def without_best(state):
    return dataclasses.replace(state, best_params=None, best_stats=None)


def operations(recipe, arrays, state, recorded):
    """Operations of the optimised program, fused ones and those that only name a value apart."""
    text = jax.jit(program.advance).lower(recipe, arrays, state, jnp.int32(3), recorded).compile().as_text()
    count, fused = 0, False
    for line in text.splitlines():
        if line.endswith("{") and not line.startswith(" "):
            fused = "fused_computation" in line
        elif " = " in line and not fused:
            words = line.partition(" = ")[2].partition("(")[0].split()
            count += bool(words) and words[-1] not in FREE
    return count


def test_a_probe_that_is_not_recorded_costs_nothing(run):
    recipe, arrays, state = run
    scores, usual, one = (operations(*run, recorded) for recorded in ((), RECORDED, (TrainObjective(), Evaluations())))
    assert scores <= one < usual
    bare = operations(recipe, arrays, without_best(state), ())
    assert bare < scores


def test_nothing_is_gathered_of_the_steps_for_a_probe_that_does_not_ask(run):
    from fallline.training.step import empty_tally

    recipe, _, state = run
    gathered = lambda *probes: jax.tree.leaves(empty_tally(recipe, state, probes).gathered)  # noqa: E731
    assert gathered() == gathered(Dead(), TrainObjective()) == []
    assert len(gathered(LearningRate())) == 1
    assert len(gathered(GradientNorm())) == 2
    assert len(gathered(UpdateRatio())) == 4
    tolerant = replace(recipe, {"gradient_tolerance": np.float32(0.1)})
    assert empty_tally(tolerant, state, ()).gathered.keys() == {"gradient_norm"}


@pytest.mark.parametrize(
    ("tolerance", "others"),
    [(None, [(), (Dead(),), RECORDED[::-1]]), (0.3, [()])],
    ids=["without tolerance", "with tolerance"],
)
def test_what_is_recorded_and_kept_does_not_change_the_run(run, tolerance, others):
    """To rounding, since other probes make another program: JAX 0.10 gives equal bits and 0.12 does not."""
    recipe, arrays, state = run
    recipe = replace(recipe, {"gradient_tolerance": None if tolerance is None else np.float32(tolerance)})
    advance = jax.jit(program.advance)
    until = jnp.int32(6)
    ends = [advance(recipe, arrays, state, until, probes)[0] for probes in (RECORDED, *others)]
    numbers = lambda state: jax.tree.leaves(dataclasses.replace(state, key=None))  # noqa: E731
    for end in ends[1:]:
        for found, expected in zip(numbers(end), numbers(ends[0]), strict=True):
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
    for probes in (RECORDED, ()):
        bare, _ = advance(recipe, arrays, without_best(state), until, probes)
        assert not bare.keeps_params
        np.testing.assert_allclose(bare.best_score, ends[0].best_score, rtol=1e-6)
        assert (int(bare.best_epoch), int(bare.outcome)) == (int(ends[0].best_epoch), int(ends[0].outcome))
