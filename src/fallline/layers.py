"""Layers: `init(key, shape) -> params, stats` and `apply(params, stats, x, *, key, training) -> y, stats`."""

from abc import abstractmethod
from typing import Any, ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from fallline.core.block import Block
from fallline.core.errors import FalllineError
from fallline.core.field import number, part, structure
from fallline.core.random import Seed, bits, named
from fallline.activations import Activation
from fallline.initializers import Fans, GlorotUniform, Initializer, Zeros

Params = dict[str, Any]
Stats = dict[str, Any]


class Layer(Block):
    """One step of a network. Trainable arrays are `params`, running statistics are `stats`; both are dicts."""

    family: ClassVar[str] = "layer"

    def outputs(self, inputs: int) -> int:
        """Width of the layer's output, given its input's."""
        return inputs

    def init(self, key: Seed, shape: tuple[int, ...], fans: Fans | None = None) -> tuple[Params, Stats]:
        """Initial params and stats for inputs of a shape (without the batch axis)."""
        return {}, {}

    @abstractmethod
    def apply(
        self,
        params: Params,
        stats: Stats,
        x: Float[Array, "batch inputs"],
        *,
        key: Seed | None,
        training: bool,
        weight: Float[Array, " batch"] | None = None,
    ) -> tuple[Float[Array, "batch outputs"], Stats]:
        """The output and the new stats. `weight` is 0 for rows that only fill the last minibatch."""


class Dense(Layer):
    """Fully connected layer.

        y = x W + b

    Source: the perceptron's sum (Rosenblatt, 1958), for a batch of rows.

    >>> import jax
    >>> params, _ = Dense(3).init(jax.random.key(0), (2,))
    >>> {name: array.shape for name, array in params.items()}
    {'bias': (3,), 'weight': (2, 3)}
    """

    name: ClassVar[str] = "dense"
    width: int = structure(help="number of units")
    initializer: Initializer = part(GlorotUniform(), family="initializer", help="initial weights")
    bias_initializer: Initializer = part(Zeros(), family="initializer", help="initial biases")
    bias: bool = structure(True, choices=(True, False), help="whether the layer adds a bias")

    def __check_init__(self) -> None:
        if isinstance(self.width, bool) or not isinstance(self.width, int) or self.width < 1:
            raise FalllineError(f"Dense.width = {self.width!r} is not a number of units: expected 1 or more")

    def outputs(self, inputs: int) -> int:
        return self.width

    def init(self, key: Seed, shape: tuple[int, ...], fans: Fans | None = None) -> tuple[Params, Stats]:
        params = {"weight": self.initializer(named(key, "weight"), (shape[-1], self.width), fans)}
        if self.bias:
            params = {"bias": self.bias_initializer(named(key, "bias"), (self.width,), fans), **params}
        return params, {}

    def apply(
        self,
        params: Params,
        stats: Stats,
        x: Float[Array, "batch inputs"],
        *,
        key: Seed | None,
        training: bool,
        weight: Float[Array, " batch"] | None = None,
    ) -> tuple[Float[Array, "batch outputs"], Stats]:
        y = x @ params["weight"]
        return (y + params["bias"] if self.bias else y), stats


class Dropout(Layer):
    """Inverted dropout: each unit is silenced with probability `rate` while training, never when predicting.

        y = x m / (1 - rate),  m ~ Bernoulli(1 - rate)

    Dividing by the share kept leaves the expected value of y equal to x, so prediction needs no correction.

    Source: Srivastava et al., "Dropout: a simple way to prevent neural networks from overfitting", 2014, section 10.

    >>> import jax
    >>> y, _ = Dropout(0.5).apply({}, {}, jnp.ones((1, 8)), key=jax.random.key(0), training=True)
    >>> sorted(set(y[0].tolist()))
    [0.0, 2.0]
    """

    name: ClassVar[str] = "dropout"
    rate: float = number(
        0.5, valid="[0, 1)", usual=(0.0, 0.5), help="probability of dropping a unit", source="Srivastava et al. 2014"
    )

    def apply(
        self,
        params: Params,
        stats: Stats,
        x: Float[Array, "batch inputs"],
        *,
        key: Seed | None,
        training: bool,
        weight: Float[Array, " batch"] | None = None,
    ) -> tuple[Float[Array, "batch outputs"], Stats]:
        if not training:
            return x, stats
        if key is None:
            raise FalllineError("dropout needs a random key while training")
        # 2^32 (1 - 2^-24) is the largest float32 below 2^32, so that the conversion cannot overflow.
        threshold = jnp.minimum(jnp.asarray(self.rate, jnp.float32) * 2.0**32, 2.0**32 - 2.0**8).astype(jnp.uint32)
        kept = bits(key, x.shape) >= threshold
        # The share really kept, also where float32 rounds the rate to 1.
        share = jnp.maximum(1.0 - self.rate, 2.0**-24)
        return jnp.where(kept, x / share, 0.0).astype(x.dtype), stats


class Sequential(Layer):
    """Layers one after another; activations may stand among them.

    Params and stats are dicts by the layer's name: `dense_1`, `dense_2`, ..., numbered per kind. With `taps`, a list,
    every activation's (name of the layer before it, activation, input, output) is appended to it.
    """

    layers: tuple[Layer | Activation, ...] = part(family="layer|activation", help="the layers, in order")

    def __check_init__(self) -> None:
        for each in self.layers:
            if not isinstance(each, Layer | Activation):
                raise FalllineError(f"layer {each!r} is neither a layer nor an activation")

    def names(self) -> list[str]:
        """The name of every layer, in order."""
        counts: dict[str, int] = {}
        names = []
        for each in self.layers:
            counts[each.name] = counts.get(each.name, 0) + 1
            names.append(f"{each.name}_{counts[each.name]}")
        return names

    @property
    def activations(self) -> int:
        """How many of the layers are activations."""
        return sum(isinstance(each, Activation) for each in self.layers)

    def outputs(self, inputs: int) -> int:
        for each in self.layers:
            inputs = each.outputs(inputs) if isinstance(each, Layer) else inputs
        return inputs

    def init(self, key: Seed, shape: tuple[int, ...], fans: Fans | None = None) -> tuple[Params, Stats]:
        params: Params = {}
        stats: Stats = {}
        inputs = shape[-1]
        for name, each in zip(self.names(), self.layers, strict=True):
            if isinstance(each, Layer):
                p, s = each.init(named(key, name), (inputs,))
                if p:
                    params[name] = p
                if s:
                    stats[name] = s
                inputs = each.outputs(inputs)
        return params, stats

    def apply(
        self,
        params: Params,
        stats: Stats,
        x: Float[Array, "batch inputs"],
        *,
        key: Seed | None,
        training: bool,
        weight: Float[Array, " batch"] | None = None,
        taps: list[tuple[str, Activation, Array, Array]] | None = None,
    ) -> tuple[Float[Array, "batch outputs"], Stats]:
        new = dict(stats)
        last = "input"
        for name, each in zip(self.names(), self.layers, strict=True):
            if isinstance(each, Activation):
                y = each(x)
                if taps is not None:
                    taps.append((last, each, x, y))
            else:
                own = None if key is None else named(key, name)
                y, s = each.apply(
                    params.get(name, {}), stats.get(name, {}), x, key=own, training=training, weight=weight
                )
                if s:
                    new[name] = s
                if name in params:
                    last = name
            x = y
        return x, new
