"""The contract of activations: an elementwise function, its gradient, and the facts that it declares."""

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array
from scipy.special import erfinv

from fallline.activations import Activation
from fallline.core.block import lookup
from fallline.core.random import Seed
from fallline.testing.base import demand, of
from fallline.testing.compare import draw, finite, in_both_precisions, right_gradient, same_bits

NORMAL = np.sqrt(2) * erfinv(2 * (np.arange(20_000) + 0.5) / 20_000 - 1)  # quantiles: sums approximate integrals
WIDE = np.concatenate([-np.logspace(7, 1.6, 100), np.linspace(-40, 40, 80_001), np.logspace(1.6, 7, 100)])
FAR = (-1e30, -1e15, -1e4, -100.0, -0.0, 0.0, 100.0, 1e4)


def by_default(f: Activation) -> Any:
    """The activation with its fields at their defaults, for which the facts are declared."""
    defaults = {each.name: each.default for each in dataclasses.fields(f) if each.default is not dataclasses.MISSING}
    return dataclasses.replace(f, **defaults)


def values(f: Activation, x: np.ndarray) -> np.ndarray:
    """f(x) at the defaults, computed in float32."""
    return np.asarray(jax.jit(by_default(f))(jnp.asarray(x, jnp.float32)), np.float64)


@of("activation")
def dtypes(f: Activation) -> None:
    """Shape and dtype of the input are kept."""

    def both(dtype: str) -> tuple[Any, Any]:
        x = [jax.ShapeDtypeStruct(shape, jnp.dtype(dtype)) for shape in ((), (3,), (2, 0), (2, 3, 4))]
        return [jax.eval_shape(f, each) for each in x], x

    in_both_precisions(both, "f(x)")


@of("activation")
def elementwise(f: Activation) -> None:
    """Every output depends on its own input alone."""
    x = jnp.asarray(draw(0, 4, 6) * 3, jnp.float32)
    y = f(x)
    same_bits(f(x[::-1])[::-1], y, "f of the rows in another order")
    same_bits(f(x.at[:, 1:].set(7.0))[:, 0], y[:, 0], "f beside other numbers")


@of("activation")
def gradient(f: Activation) -> None:
    """The gradient is that of the values."""
    right_gradient(f, draw(1, 40) * 4)


@of("activation")
def far(f: Activation) -> None:
    """Far inputs give finite values and slopes; a NaN stays one."""
    x = jnp.asarray(FAR, jnp.float32)
    y, slope = jax.jit(jax.vmap(jax.value_and_grad(f)))(x)
    finite(y, f"f(x) for x in {FAR}")
    finite(slope, f"f'(x) for x in {FAR}")
    demand(np.isnan(f(jnp.float32(jnp.nan))), "f(NaN) is a number, so a broken input would go unseen")


@of("activation")
def range(f: Activation) -> None:
    """Values fill the declared range and stay within it."""
    low, high = f.range
    y = values(f, WIDE)
    bounds = f"the declared range is ({low:g}, {high:g})"
    demand(low - 1e-6 <= y.min(), f"f comes down to {y.min():.6g}; {bounds}")
    demand(y.max() <= high + 1e-6, f"f comes up to {y.max():.6g}; {bounds}")
    demand(math.isinf(low) or y.min() <= low + 1e-6, f"f comes down to {y.min():.6g} only; {bounds}")
    demand(math.isinf(high) or y.max() >= high - 1e-6, f"f comes up to {y.max():.6g} only; {bounds}")


@of("activation")
def zero_at_zero(f: Activation) -> None:
    """F(0) = 0 where declared, and only there."""
    at = float(values(f, np.zeros(1))[0])
    demand(f.zero_at_zero == (at == 0), f"f(0) = {at:.6g}; declared: zero_at_zero = {f.zero_at_zero}")


@of("activation")
def zero_centred(f: Activation) -> None:
    """For standard normal inputs the mean lies within a quarter deviation of 0 where declared, and only there."""
    y = values(f, NORMAL)
    found = abs(y.mean()) < y.std() / 4
    demand(
        f.zero_centred == found,
        f"mean {y.mean():.4g}, deviation {y.std():.4g}; declared: zero_centred = {f.zero_centred}",
    )


@of("activation")
def saturates(f: Activation) -> None:
    """The slope vanishes somewhere far out unless it is declared to do so nowhere."""
    flat = np.asarray(by_default(f).flat(jnp.asarray([-39.0, -20.0, 20.0, 39.0], jnp.float32))).any()
    where = "|x| of 20 or 39"
    demand((f.saturates != "nowhere") == flat, f"flat at {where}: {flat}; declared: saturates {f.saturates!r}")


@of("activation")
def initializer(f: Activation) -> None:
    """The recommended initial weights exist, and a signal is alive after ten layers of them."""
    weights, f = lookup("initializer", f.initializer)(), by_default(f)
    x = jnp.asarray(draw(2, 128, 64), jnp.float32)
    keys = jax.random.split(jax.random.key(0), 10)

    def layer(x: Array, key: Seed) -> tuple[Any, None]:
        return f(x @ weights(key, (64, 64))), None  # type: ignore[operator]

    x, _ = jax.jit(lambda x: jax.lax.scan(layer, x, keys))(x)
    finite(x, "the signal after ten layers")
    demand(float(x.std()) > 1e-3, f"after ten layers the signal's deviation is {float(x.std()):.2g}, from 1")


def example(f: Activation) -> Any:
    """An activation's values at some numbers."""
    return f(jnp.asarray(draw(3, 5, 4) * 3, jnp.float32))
