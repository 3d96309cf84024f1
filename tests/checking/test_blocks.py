"""Losses, activations, normalisations and penalties of ours, every two of them together in at least one network.

One program, in which four switches choose. The seeds stand side by side in the params, so that one check looks at all five.
`benchmarks/gradients.py blocks` checks the complete product, 28 times as many.
"""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.tree_util import Partial

from fallline.activations import Activation
from fallline.core.block import as_arrays, family
from fallline.gradients import check_gradient
from fallline.layers import BatchNorm, LayerCall, LayerNorm, Maxout
from fallline.losses import BinaryCrossEntropy, BinnedCrossEntropy, Hinge, OfMembers, Poisson, SoftmaxCrossEntropy
from fallline.penalties import L1, L2, ElasticNet, MaxNorm, Penalties

SEEDS, ROWS, INPUTS, WIDTH, OUTPUTS = 5, 5, 2, 3, 4
RNG = np.random.default_rng(0)
X = RNG.normal(size=(ROWS, INPUTS))
TARGETS = np.abs(RNG.normal(size=(ROWS, OUTPUTS))) + 0.1
LABELS = RNG.integers(0, OUTPUTS, ROWS).astype(np.int32)
BINS = RNG.integers(0, 2, (ROWS, 2)).astype(np.float64)
SIGNS = RNG.integers(0, 2, (ROWS, OUTPUTS)).astype(np.float64)

ACTIVATIONS = [cls() for name, cls in sorted(family("activation").items())]
NORMS = ("none", "layer", "batch training", "batch predicting")
PENALTIES = [
    None,
    L2(0.1),
    L1(0.1),
    ElasticNet(0.1),
    Penalties((L2(0.1), L1(0.2))),
    L2(0.1, acts_on="all"),
    MaxNorm(3.0),
]


def losses():
    """Every loss with a target that fits it, and its variants."""
    found = {}
    for name, cls in sorted(family("loss").items()):
        if cls is SoftmaxCrossEntropy:
            found |= {name: (cls(), LABELS), f"{name}, smoothed": (cls(0.1), LABELS)}
        elif cls is BinaryCrossEntropy:
            found |= {name: (cls(), SIGNS), f"{name}, smoothed": (cls(0.1), SIGNS)}
        elif cls is Hinge:
            found |= {form: (cls(form=form), LABELS) for form in ("crammer_singer", "weston_watkins")}
        elif cls is OfMembers:
            found |= {name: (cls(members=OUTPUTS), TARGETS[:, :1])}
        elif cls is BinnedCrossEntropy:
            found[name] = (cls(bins=2), BINS)
        elif "regression" not in cls().tasks:
            found[name] = (cls(), LABELS)
        else:
            found[name] = (cls(), TARGETS.round() if cls is Poisson else TARGETS)
    return found


LOSSES = losses()


def normalised(kind, params, z):
    if kind == "none":
        return z
    if kind == "layer":
        return LayerNorm().apply(params, {}, z, LayerCall(True))[0]
    stats = {
        "mean": jnp.full(WIDTH, 0.1),
        "variance": jnp.full(WIDTH, 1.3),
        "seen": jnp.ones(()),
        "freedom": jnp.ones(()),
    }
    return BatchNorm().apply(params, stats, z, LayerCall(kind == "batch training"))[0]


def network(loss, activation, norm, penalty, params):
    """The cost of a network with a hidden layer; in place of its activation, after the last of them, a maxout layer."""
    z = X @ params["dense_1"]["weight"] + params["dense_1"]["bias"]
    hidden = [lambda z, each=each: normalised_then(each, z) for each in ACTIVATIONS]

    def normalised_then(f: Activation, z):
        kinds = [lambda z, kind=kind: normalised(kind, params["norm_1"], z) for kind in NORMS]
        return f(jax.lax.switch(norm, kinds, z))

    def maxout(z):
        h = normalised_then(lambda h: h, z)
        return Maxout(WIDTH, pieces=2).apply(params["maxout_1"], {}, h, LayerCall(True))[0]

    h = jax.lax.switch(activation, [*hidden, maxout], z)
    out = h @ params["dense_2"]["weight"] + params["dense_2"]["bias"]
    judges = [lambda z, rule=rule, y=y: jnp.mean(rule(z, y)) for rule, y in LOSSES.values()]
    costs = [
        lambda p, each=each: jnp.zeros(()) if each is None else each(p) for each in as_arrays(PENALTIES, np.float64)
    ]
    return jax.lax.switch(loss, judges, out) + jax.lax.switch(penalty, costs, params)


def of_all_seeds(loss, activation, norm, penalty, params):
    one = lambda p: network(loss, activation, norm, penalty, p)  # noqa: E731
    return jnp.sum(jax.vmap(one)(params))


def params():
    draw = lambda *shape: RNG.normal(size=(SEEDS, *shape))  # noqa: E731
    return {
        "dense_1": {"weight": draw(INPUTS, WIDTH), "bias": draw(WIDTH)},
        "norm_1": {"scale": 1 + 0.2 * draw(WIDTH), "shift": 0.3 * draw(WIDTH)},
        "maxout_1": {"weight": draw(WIDTH, 2, WIDTH), "bias": draw(2, WIDTH)},
        "dense_2": {"weight": draw(WIDTH, OUTPUTS), "bias": draw(OUTPUTS)},
    }


COMBINATIONS = list(
    itertools.product(range(len(LOSSES)), range(len(ACTIVATIONS) + 1), range(len(NORMS)), range(len(PENALTIES)))
)
PAIRED = [c for c in COMBINATIONS if sum(c[:3]) % len(NORMS) == 0 and (2 * c[0] + c[1]) % len(PENALTIES) == c[3]]
PARAMS = params()
# A switch under `grad` of a traced index; compiled once for all choices.
GRADIENT = jax.jit(jax.grad(of_all_seeds, argnums=4))


def checked(choice):
    """The check of one combination."""
    indices = [np.int32(each) for each in choice]
    with jax.enable_x64(True):
        gradient = jax.tree.map(np.asarray, GRADIENT(*indices, PARAMS))
    return check_gradient(Partial(of_all_seeds, *indices), PARAMS, gradient)


@pytest.mark.parametrize("loss", range(len(LOSSES)), ids=LOSSES)
def test_combinations_pass_with_five_seeds(loss):
    for choice in PAIRED:
        if choice[0] == loss:
            check = checked(choice)
            assert check.right, (choice, check.verdict)


def test_any_two_blocks_meet():
    kinds = (len(LOSSES), len(ACTIVATIONS) + 1, len(NORMS), len(PENALTIES))
    for one, other in itertools.combinations(range(4), 2):
        assert len({(choice[one], choice[other]) for choice in PAIRED}) == kinds[one] * kinds[other]
