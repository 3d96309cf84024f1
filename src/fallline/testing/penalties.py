"""The contract of penalties: a scalar of the weights, zero at zero, no effect on biases, and a bound."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import DTypeLike

from fallline.penalties import Penalty
from fallline.testing.base import demand, of
from fallline.testing.compare import close, finite, in_both_precisions, right_gradient, same_bits

SHAPES: dict[str, dict[str, tuple[int, ...]]] = {
    "dense_1": {"weight": (5, 4), "bias": (4,)},
    "maxout_1": {"weight": (4, 2, 3), "bias": (2, 3)},
    "batch_norm_1": {"scale": (3,), "shift": (3,)},
}


def params(seed: int = 0, dtype: DTypeLike = np.float32) -> Any:
    """The params of a network: weights, biases, and a normalisation's scale and shift."""
    rng = np.random.default_rng(seed)
    return {k: {n: rng.normal(size=s).astype(dtype) for n, s in layer.items()} for k, layer in SHAPES.items()}


def on_weights_alone(penalty: Penalty) -> bool:
    """Whether the penalty acts on weights only, and not on biases and normalisations as well."""
    parts = getattr(penalty, "parts", (penalty,))
    return all(getattr(each, "acts_on", "weights") == "weights" for each in parts)


@of("penalty")
def dtypes(penalty: Penalty) -> None:
    """The penalty is a scalar of the params' dtype, and the bound keeps their shapes and dtypes."""

    def both(dtype: str) -> tuple[Any, Any]:
        w = params(dtype=dtype)
        found = jax.eval_shape(lambda w: (penalty(w), penalty.project(w)), w)
        return found, (jax.ShapeDtypeStruct((), jnp.dtype(dtype)), w)

    in_both_precisions(both, "penalty and bounded params")


@of("penalty")
def gradient(penalty: Penalty) -> None:
    """The gradient is that of the value."""
    right_gradient(penalty, params(dtype=np.float64))


@of("penalty")
def zero_at_zero(penalty: Penalty) -> None:
    """Weights of zero cost nothing, have a slope of zero, and are within the bound."""
    zeros = jax.tree.map(jnp.zeros_like, params())
    value, slope = jax.jit(jax.value_and_grad(penalty))(zeros)
    demand(float(value) == 0, f"the penalty of zero weights is {float(value):.6g}")
    same_bits(slope, zeros, "the slope at zero")
    same_bits(penalty.project(zeros), zeros, "zero weights within the bound")
    if getattr(penalty, "layers", None) is None:
        demand(float(penalty({})) == 0, "a network without params costs something")


@of("penalty")
def grows(penalty: Penalty) -> None:
    """Larger weights never cost less, and large ones cost a finite number."""
    value = jax.jit(penalty)
    costs = [float(value(jax.tree.map(lambda w, size=size: size * w, params()))) for size in (0.5, 1.0, 2.0, 1e6)]
    finite(np.array(costs), "a penalty")
    demand(all(a <= b for a, b in zip([0.0, *costs], costs, strict=False)), f"at 0.5, 1, 2 and 10^6 times: {costs}")


@of("penalty", concerns=on_weights_alone)
def weights_alone(penalty: Penalty) -> None:
    """Biases and a normalisation's scale and shift have no say and are left alone."""
    w = params()
    other = {k: {n: a if n == "weight" else 3 * a + 1 for n, a in layer.items()} for k, layer in w.items()}
    value = jax.jit(penalty)
    same_bits(value(other), value(w), "the penalty with other biases, scales and shifts")
    bounded = penalty.project(other)
    for layer, arrays in other.items():
        for name in arrays:
            if name != "weight":
                same_bits(bounded[layer][name], arrays[name], f"{layer}/{name} after the bound")


@of("penalty")
def bound(penalty: Penalty) -> None:
    """What the bound has shortened stays as it is, is no longer than before, and costs no more."""
    project = jax.jit(penalty.project)
    w = jax.tree.map(lambda w: 3 * w, params())
    once = project(w)
    close(project(once), once, "the bound applied twice", rtol=1e-6, atol=1e-7)
    longer = [float(np.max(abs(a) - abs(b))) for a, b in zip(jax.tree.leaves(once), jax.tree.leaves(w), strict=True)]
    demand(max(longer) <= 1e-6, f"a weight has grown by {max(longer):.3g}")
    demand(float(penalty(once)) <= float(penalty(w)) * (1 + 1e-6), "the penalty has grown")


def example(penalty: Penalty) -> Any:
    """A penalty's value and bounded params, for some params."""
    w = jax.tree.map(lambda w: 2 * w, params(1))
    return penalty(w), penalty.project(w)
