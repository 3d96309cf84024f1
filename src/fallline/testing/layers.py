"""The contract of layers: shapes, gradients, independent rows in prediction, and no effect of padding rows."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from fallline.layers import Layer, LayerCall
from fallline.layers.base import Params, Stats
from fallline.testing.base import demand, of
from fallline.testing.compare import (
    as_double,
    close,
    draw,
    finite,
    in_both_precisions,
    quick,
    right_gradient,
    same_bits,
)

KEY = jax.random.key(0)
ROWS, INPUTS = 6, 4


def begun(layer: Layer, dtype: str = "float32") -> tuple[Any, Any]:
    """Params moved away from special values such as 0, and stats after one training minibatch."""
    params, stats = layer.init(KEY, (INPUTS,))
    leaves, tree = jax.tree.flatten(params)
    params = tree.unflatten([w + 0.3 * draw(i, *w.shape).astype(np.float32) for i, w in enumerate(leaves)])
    if dtype == "float64":
        params, stats = as_double(params), as_double(stats)
    _, stats = layer.apply(params, stats, rows(dtype=dtype), LayerCall(True, KEY))
    return params, stats


def rows(seed: int = 0, dtype: str = "float32") -> jax.Array:
    """A minibatch."""
    return jnp.asarray(draw(seed, ROWS, INPUTS) * 2, dtype)


BEGUN = quick(begun, static_argnums=1)


@of("layer")
def dtypes(layer: Layer) -> None:
    """Outputs have the declared width and the inputs' dtype, and the stats stay as they are in shape and dtype."""

    def both(dtype: str) -> tuple[Any, Any]:
        params, stats = jax.eval_shape(lambda: begun(layer, dtype))

        def use(p: Params, s: Stats, x: Array, training: bool) -> Any:
            return layer.apply(p, s, x, LayerCall(training, KEY))

        found = [
            jax.eval_shape(lambda p, s, t=training: use(p, s, rows(dtype=dtype), t), params, stats)
            for training in (True, False)
        ]
        y = jax.ShapeDtypeStruct((ROWS, layer.outputs(INPUTS)), jnp.dtype(dtype))
        return found, [(y, stats), (y, stats)]

    in_both_precisions(both, "outputs and stats")


@of("layer")
def init(layer: Layer) -> None:
    """Params and stats begin finite, in float32, and the same for the same key; `size` counts the params."""
    initial = jax.jit(lambda key: layer.init(key, (INPUTS,)))
    params, stats = initial(KEY)
    finite((params, stats), "an initial value")
    kinds = {str(leaf.dtype) for leaf in jax.tree.leaves((params, stats))}
    demand(kinds <= {"float32"}, f"initial values are of {kinds}")
    same_bits(
        jax.jit(lambda key: layer.init(key, (INPUTS,)))(KEY), (params, stats), "initialised again with the same key"
    )
    count = sum(leaf.size for leaf in jax.tree.leaves(params))
    demand(layer.size(INPUTS) == count, f"size says {layer.size(INPUTS)} params, there are {count}")


@of("layer")
def gradient(layer: Layer) -> None:
    """The gradients by the params and by the inputs, in training, are those of the outputs."""
    with jax.enable_x64(True):
        params, stats = BEGUN(layer, "float64")
        f = lambda at: layer.apply(at[0], stats, at[1], LayerCall(True, KEY))[0]  # noqa: E731
        right_gradient(f, (params, rows(dtype="float64")))


@of("layer")
def prediction(layer: Layer) -> None:
    """Prediction needs no key, changes no stats, and a row's answer does not depend on its neighbours."""
    params, stats = BEGUN(layer)
    predict = jax.jit(lambda x: layer.apply(params, stats, x, LayerCall(False)))
    y, after = predict(rows())
    same_bits(after, stats, "the stats after a prediction")
    other = predict(rows().at[1:].set(50.0))[0]
    close(other[0], y[0], "a row among other rows", rtol=1e-5, atol=1e-5)


@of("layer")
def filling(layer: Layer) -> None:
    """Rows of weight 0, which only fill a minibatch, change neither the other rows nor the stats."""
    params, stats = BEGUN(layer)
    weight = jnp.asarray([1.0, 1.0, 1.0, 1.0, 0.0, 0.0])
    use = jax.jit(lambda x: layer.apply(params, stats, x, LayerCall(True, KEY, weight)))
    (y, after), (other, otherwise) = use(rows()), use(rows().at[4:].set(1e3))
    close(other[:4], y[:4], "rows beside other filling", rtol=1e-5, atol=1e-5)
    close(otherwise, after, "stats after other filling", rtol=1e-5, atol=1e-6)


@of("layer")
def smallest(layer: Layer) -> None:
    """The smallest minibatch that is declared, of zeros, has finite outputs and gradients."""
    params, stats = BEGUN(layer)
    f = lambda x: jnp.sum(layer.apply(params, stats, x, LayerCall(True, KEY))[0])  # noqa: E731
    value, slope = jax.jit(jax.value_and_grad(f))(jnp.zeros((layer.min_batch, INPUTS)))
    finite(value, "an output")
    finite(slope, "a gradient")


def example(layer: Layer) -> Any:
    """A layer's outputs for some rows, in training and in prediction."""
    params, stats = begun(layer)
    y, stats = layer.apply(params, stats, rows(1), LayerCall(True, KEY))
    return params, y, stats, layer.apply(params, stats, rows(1), LayerCall(False))[0]


@of("layer", concerns=lambda layer: layer.has_units)
def has_units(layer: Layer) -> None:
    """A layer with units of its own has as many as its field `width` says for each member, whatever its input's width."""
    found = [layer.outputs(inputs) for inputs in (INPUTS, 2 * INPUTS)]
    width = getattr(layer, "width", None)
    units = None if width is None else width * getattr(layer, "members", 1)
    demand(found == [units, units], f"its width is {width}; outputs for {INPUTS} and {2 * INPUTS} inputs: {found}")
    demand(layer.size(2 * INPUTS) > layer.size(INPUTS), "its units have no weight for each input")
