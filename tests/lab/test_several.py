"""Rules side by side: each lane moves as its own rule moves it alone, whatever the others remember."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fallline as fl
from fallline.core.block import as_arrays, get, replace
from fallline.lab.contenders import usual_rules
from fallline.lab.rates import rate_place
from fallline.lab.several import Several, side_by_side
from fallline.optimizers import WeightDecay
from fallline.population.division import shared

PARAMS = {
    "dense_1": {"weight": jnp.array([[1.0, -2.0, 0.5], [0.1, 3.0, -1.0]]), "bias": jnp.array([0.5, 0.0, -2.0])},
    "dense_2": {"weight": jnp.array([[2.0], [-0.3], [0.7]]), "bias": jnp.array([1.5])},
}


def slope(params):
    return jax.tree.map(lambda w: 0.3 * w + jnp.sin(3 * w), params)


def walked(rule, params):
    """The params after two steps of a rule."""
    state = rule.init(params)
    for _ in range(2):
        delta, state = rule.update(slope(params), state, params)
        params = jax.tree.map(jnp.add, params, delta)
    return params


def test_every_lane_moves_as_its_rule_alone():
    known, factors = usual_rules(), (0.5, 2.0)
    rules = [known[name] for name in ("sgd", "adadelta", "adamw", "nadam", "amsgrad")]  # memories of many shapes
    lanes = []
    for i, rule in enumerate(rules):
        path = rate_place(rule)
        for factor in factors:
            own = replace(rule, {path: factor * get(rule, path)})
            lanes.append(as_arrays(Several((*rules[:i], own, *rules[i + 1 :]))))
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *lanes)
    found = jax.jit(jax.vmap(walked, (0, None)))(stacked, PARAMS)
    alone = jax.jit(lambda chosen: [walked(rule, PARAMS) for rule in chosen])(
        [several.rules[lane // len(factors)] for lane, several in enumerate(lanes)]
    )
    for lane, right in enumerate(alone):
        own = jax.tree.map(lambda leaf, lane=lane: leaf[lane], found)
        for a, b in zip(jax.tree.leaves(own), jax.tree.leaves(right), strict=True):
            np.testing.assert_allclose(a, b, rtol=2e-6)


def test_lanes_that_cannot_be_divided_are_refused():
    several = as_arrays(Several((fl.SGD(), fl.Adam())))
    stacked = jax.tree.map(lambda leaf: jnp.stack([leaf] * 3), several)
    with pytest.raises(AssertionError, match="3 lanes cannot be divided into 2"):
        jax.vmap(walked, (0, None))(stacked, PARAMS)


@given(each=st.integers(1, 12), shares=st.integers(1, 5), fitting=st.integers(1, 40), devices=st.integers(1, 4))
def test_batches_hold_every_lane_once_and_each_part_at_its_place(each, shares, fitting, devices):
    queue = [(i, 7) for i in range(each * shares)]
    batches = shared(queue, shares, fitting, devices)
    assert sorted(slot for batch in batches for slot in batch if slot) == queue
    (size,) = {len(batch) for batch in batches}
    count = size // (shares * devices)
    assert count == 1 or count * shares <= fitting
    for batch in batches:
        assert batch[0] is not None
        for place, slot in enumerate(batch):
            assert slot is None or slot[0] // each == place // count % shares


def test_only_rules_of_gradient_and_params_share_a_program():
    def rows(*rules):
        return [[fl.Recipe(optimizer=rule)] * 3 for rule in rules]

    assert all(isinstance(each.optimizer, Several) for row in side_by_side(rows(fl.SGD(), fl.Adam())) for each in row)
    for alone in (rows(fl.Adam(), fl.Adam(beta1=0.8)), rows(fl.SGD(), WeightDecay(fl.Adam()))):
        assert side_by_side(alone) == alone
