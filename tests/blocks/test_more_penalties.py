"""L1, elastic net and max-norm against NumPy and central differences; which params they act on."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fallline.core.block import family
from fallline.core.errors import FalllineError
from fallline.penalties import L1, L2, ElasticNet, MaxNorm, Penalties

RANDOM = np.random.default_rng(0)
SHAPES = {"dense_1": {"weight": (5, 4), "bias": (4,)}, "maxout_1": {"weight": (4, 2, 3), "bias": (2, 3)},
          "batch_norm_1": {"scale": (3,), "shift": (3,)}}  # fmt: skip
ARRAYS = {layer: {name: RANDOM.normal(size=shape) for name, shape in of.items()} for layer, of in SHAPES.items()}
FORMULAS = {
    "l1": (L1(0.3), lambda w: 0.3 * abs(w)),
    "l2": (L2(0.3), lambda w: 0.5 * 0.3 * w**2),
    "elastic_net": (ElasticNet(0.3, alpha=0.2), lambda w: 0.3 * (0.2 * abs(w) + 0.8 * w**2)),
    "penalties": (Penalties((L1(0.1), L2(0.2))), lambda w: 0.1 * abs(w) + 0.1 * w**2),
}
EACH = pytest.mark.parametrize(("penalty", "formula"), FORMULAS.values(), ids=FORMULAS)


def put(dtype="f4"):
    return jax.tree.map(lambda a: jnp.asarray(a, dtype), ARRAYS)


def test_every_penalty_is_met():
    assert {type(each) for each, _ in FORMULAS.values()} | {MaxNorm} == set(family("penalty").values())


@EACH
def test_value_and_gradient_follow_the_formula(penalty, formula, float64):
    value, gradient = jax.value_and_grad(penalty)(put("f8"))
    weights = [ARRAYS["dense_1"]["weight"], ARRAYS["maxout_1"]["weight"]]
    assert float(value) == pytest.approx(sum(formula(w).sum() for w in weights), rel=1e-12)
    h = 1e-6
    for layer in ("dense_1", "maxout_1"):
        w = ARRAYS[layer]["weight"]
        np.testing.assert_allclose(gradient[layer]["weight"], (formula(w + h) - formula(w - h)) / (2 * h), atol=1e-8)
        assert not gradient[layer]["bias"].any()
    assert not gradient["batch_norm_1"]["scale"].any()


@EACH
def test_the_slope_at_zero_is_zero(penalty, formula):
    zeros = jax.tree.map(jnp.zeros_like, put())
    value, gradient = jax.value_and_grad(penalty)(zeros)
    assert float(value) == 0
    assert not any(leaf.any() for leaf in jax.tree.leaves(gradient))


def test_layers_and_what_they_act_on():
    params = put()
    total = lambda *names: sum(abs(ARRAYS[a][b]).sum() for a, b in names)  # noqa: E731
    assert float(L1(1.0, layers=("dense_1",))(params)) == pytest.approx(total(("dense_1", "weight")), rel=1e-5)
    everything = [(layer, name) for layer in SHAPES for name in SHAPES[layer]]
    assert float(L1(1.0, acts_on="all")(params)) == pytest.approx(total(*everything), rel=1e-5)
    both = L1(1.0, layers=("dense_1",), acts_on="all")
    assert float(both(params)) == pytest.approx(total(("dense_1", "weight"), ("dense_1", "bias")), rel=1e-5)
    with pytest.raises(FalllineError, match=r"'dense_9'.*did you mean 'dense_1'"):
        L2(1.0, layers=("dense_9",))(params)
    with pytest.raises(FalllineError, match="list of layer names"):
        L2(1.0, layers="dense_1")


def test_elastic_net_has_lasso_and_ridge_at_its_ends():
    params = put()
    assert float(ElasticNet(0.2, 1.0)(params)) == pytest.approx(float(L1(0.2)(params)), rel=1e-6)
    assert float(ElasticNet(0.2, 0.0)(params)) == pytest.approx(float(L2(0.4)(params)), rel=1e-6)
    many = jax.vmap(lambda a: ElasticNet(0.2, a)(params))(jnp.array([0.0, 0.5, 1.0]))
    for a, value in zip((0.0, 0.5, 1.0), many, strict=True):
        assert float(value) == pytest.approx(float(ElasticNet(0.2, a)(params)), rel=1e-5)


def test_max_norm_shortens_what_is_too_long_and_nothing_else():
    params, limit = put(), 1.5
    new = jax.jit(MaxNorm(limit).project)(params)
    assert float(MaxNorm(limit)(params)) == 0
    for layer in ("dense_1", "maxout_1"):
        w = ARRAYS[layer]["weight"]
        length = np.linalg.norm(w, axis=0)
        assert (length > limit).any()
        np.testing.assert_allclose(new[layer]["weight"], w * np.minimum(1, limit / length), rtol=1e-5)
        np.testing.assert_array_equal(new[layer]["bias"], params[layer]["bias"])
    again = MaxNorm(limit * 1.0001).project(new)
    jax.tree.map(np.testing.assert_array_equal, again, new)
    only = MaxNorm(limit, layers=("dense_1",)).project(params)
    np.testing.assert_array_equal(only["maxout_1"]["weight"], params["maxout_1"]["weight"])
    zero = MaxNorm().project({"dense_1": {"weight": jnp.zeros((3, 2))}})["dense_1"]["weight"]
    assert not np.asarray(zero).any()


def test_several_at_once_keep_their_bounds():
    params = put()
    both = Penalties((L2(0.2), MaxNorm(0.7)))
    assert float(both(params)) == pytest.approx(float(L2(0.2)(params)))
    jax.tree.map(np.testing.assert_array_equal, both.project(params), MaxNorm(0.7).project(params))
    assert L2().project(params) is params


@pytest.mark.parametrize("size", [1.0, 1e18, 1.8e19, 1e30, 3e38])
def test_max_norm_shortens_weights_whose_squares_overflow(size):
    w = np.array([[0.6, 1e-30], [-0.8, 0.0], [0.1, 1e-30]])
    w = (w * size).astype(np.float32)
    w[:, 1] = [0.2, 0.1, 0.0]
    found = np.asarray(MaxNorm(2.0).project({"dense_1": {"weight": jnp.asarray(w)}})["dense_1"]["weight"])
    length = np.linalg.norm(w[:, 0].astype(np.float64))
    np.testing.assert_allclose(found[:, 0], w[:, 0] * min(1.0, 2.0 / length), rtol=1e-6)
    assert found[:, 1].tolist() == w[:, 1].tolist()
