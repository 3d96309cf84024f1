"""Every numeric field of every block here: many values are one program, and a population over them is the loop."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fallline.activations import ELU, LeakyReLU
from fallline.core.block import as_arrays, declared_fields, family, replace
from fallline.initializers import Filled, HeNormal, HeUniform, Orthogonal, SmallNormal
from fallline.layers import BatchNorm, Dropout, LayerNorm
from fallline.losses import BinaryCrossEntropy, Hinge, Huber, Quantile, SoftmaxCrossEntropy, Times
from fallline.penalties import L1, L2, ElasticNet, MaxNorm
from fallline.scalers import PCA, Robust, Standardise, Whiten

KEY = jax.random.key(0)
X = np.float32(np.random.default_rng(0).normal(size=(24, 4)) * [3.0, 1.0, 0.4, 2.0])
CLASS = np.arange(24) % 4


def use(block, x):
    """What a block makes of some rows."""
    if block.family == "activation":
        return block(x)
    if block.family == "initializer":
        return block(KEY, (6, 5))
    if block.family == "layer":
        params, stats = block.init(KEY, (4,))
        return block.apply(params, stats, x, key=KEY, training=True)
    if block.family == "loss":
        if "regression" in block.tasks:
            return block(x, 0.5 * x[::-1])
        return block(x[:, :1], CLASS % 2) if block.name == "binary_cross_entropy" else block(x, CLASS)
    if block.family == "penalty":
        params = {"dense_1": {"weight": x, "bias": x[0]}}
        return block(params), block.project(params)
    return block.apply(block.fit(x, jnp.ones(len(x))), x)


CASES = [
    (LeakyReLU(), "slope", (0.0, 0.1, 1.0)), (ELU(), "alpha", (0.5, 1.0, 2.0)),
    (Filled(), "value", (0.0, 0.1, 1.0)), (SmallNormal(), "std", (0.01, 0.1, 1.0)), (Orthogonal(), "gain", (0.5, 1.0, 2.0)),
    (HeNormal(), "slope", (0.0, 0.1, 1.0)), (HeUniform(), "slope", (0.0, 0.1, 1.0)),
    (Dropout(), "rate", (0.0, 0.3, 0.9)), (Dropout(form="vanilla"), "rate", (0.0, 0.3, 0.9)),
    (BatchNorm(), "momentum", (0.0, 0.5, 0.99)), (BatchNorm(), "epsilon", (1e-5, 0.1, 1.0)),
    (LayerNorm(), "epsilon", (1e-5, 0.1, 1.0)),
    (SoftmaxCrossEntropy(0.1), "smoothing", (0.0, 0.1, 0.9)), (BinaryCrossEntropy(0.1), "smoothing", (0.0, 0.1, 0.9)),
    (Hinge(), "margin", (0.5, 1.0, 3.0)), (Huber(), "delta", (0.1, 1.0, 5.0)), (Quantile(), "level", (0.1, 0.5, 0.9)),
    (Times(), "factor", (0.5, 1.0, 3.0)),
    (L1(), "strength", (0.0, 0.1, 1.0)), (L2(), "strength", (0.0, 0.1, 1.0)), (MaxNorm(), "limit", (0.5, 3.0, 100.0)),
    (ElasticNet(), "strength", (0.0, 0.1, 1.0)), (ElasticNet(), "alpha", (0.0, 0.5, 1.0)),
    (Standardise(1.0), "clip", (0.5, 1.0, 9.0)), (Robust(1.0), "clip", (0.5, 1.0, 9.0)),
    (PCA(share=0.9), "share", (0.3, 0.9, 1.0)), (Whiten(), "epsilon", (0.0, 0.01, 1.0)),
]  # fmt: skip


@pytest.mark.parametrize(("block", "field", "values"), CASES, ids=[f"{b.name}-{f}" for b, f, _ in CASES])
def test_a_population_over_a_field_is_the_loop_and_one_program(block, field, values):
    compiled = jax.jit(lambda block, x: use(block, x))  # of its own, with a cache of its own
    loop = [jax.device_get(compiled(as_arrays(replace(block, {field: value})), X)) for value in values]
    assert compiled._cache_size() == 1
    many = jax.device_get(jax.jit(jax.vmap(lambda value: use(replace(block, {field: value}), X)))(np.float32(values)))
    alone = jax.tree.leaves(loop[0])
    changed = False
    for i, each in enumerate(loop):
        for one, lane, first in zip(jax.tree.leaves(each), jax.tree.leaves(many), alone, strict=True):
            lane = lane[i] if lane.ndim > one.ndim else lane
            np.testing.assert_allclose(lane, one, rtol=2e-4, atol=2e-5)
            changed = changed or not np.array_equal(one, first)
    assert changed, "the field does nothing"


def test_every_numeric_field_is_met():
    met = {(block.name, field) for block, field, _ in CASES}
    for kind in ("activation", "initializer", "layer", "loss", "penalty", "scaler"):
        for name, cls in family(kind).items():
            for field, declared in declared_fields(cls).items():
                assert declared.role != "number" or (name, field) in met, f"{kind} {name}.{field}"
