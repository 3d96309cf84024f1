"""Layers that scale their inputs to mean 0 and variance 1, then apply a learnt scale and shift."""

from typing import ClassVar

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from fallline.core.field import Number, number
from fallline.core.namespace import namespace, rsqrt
from fallline.core.random import Seed
from fallline.initializers import Fans
from fallline.layers.base import Layer, LayerCall, Params, Stats


class BatchNorm(Layer):
    """Batch normalisation: each unit over the examples of the minibatch.

        xhat = (x - mu) / sqrt(var + epsilon),  mu = mean x,  var = mean (x - mu)^2
        y = scale xhat + shift                                    scale (gamma) and shift (beta) are learnt

    Prediction uses running averages of the minibatches' mu and var n / (n - 1):

        average = momentum average + (1 - momentum) value,  running = average / (1 - momentum^t)

    so they are unbiased from the first epoch on. A minibatch of n examples is weighted by its degrees of freedom relative
    to the largest minibatch B seen so far: its momentum is momentum^((n - 1) / (B - 1)). Rows of weight 0, such as padding
    rows, are ignored.

    Deep networks train faster with it and are less sensitive to their initial weights. It makes the examples of a
    minibatch depend on each other, so it is noisy below about 16 examples and impossible with one; use LayerNorm there.

    Source: Ioffe and Szegedy, "Batch normalization: accelerating deep network training by reducing internal covariate
    shift", 2015, algorithms 1 and 2; the correction by 1 - momentum^t after Kingma and Ba, 2015.

    >>> import jax
    >>> layer = BatchNorm(epsilon=1e-9)
    >>> params, stats = layer.init(jax.random.key(0), (1,))
    >>> y, stats = layer.apply(params, stats, jnp.array([[1.0], [3.0]]), LayerCall(True))
    >>> y[:, 0].round(3).tolist()
    [-1.0, 1.0]
    """

    name: ClassVar[str] = "batch_norm"
    aliases: ClassVar[tuple[str, ...]] = ("batch_normalisation", "batch_normalization")
    momentum: Number = number(
        0.9,
        valid="[0, 1)",
        usual=(0.8, 0.99),
        unit="per step",
        read="training",
        searched=True,
        help="share of the running average that is kept",
    )
    epsilon: Number = number(
        1e-5, valid="(0, inf)", usual=(1e-8, 1e-3), scale="log", help="added to the variance", source="PyTorch's value"
    )

    @property
    def min_batch(self) -> int:
        """Two examples, since a single one has no variance."""
        return 2

    def init(self, key: Seed, shape: tuple[int, ...], fans: Fans | None = None) -> tuple[Params, Stats]:
        zeros, none = jnp.zeros(shape[-1]), jnp.zeros(())
        stats = {"mean": zeros, "variance": zeros, "seen": none, "freedom": none}
        return {"scale": jnp.ones(shape[-1]), "shift": zeros}, stats

    def apply(
        self, params: Params, stats: Stats, x: Float[Array, "batch inputs"], call: LayerCall
    ) -> tuple[Float[Array, "batch outputs"], Stats]:
        if call.training:
            w = jnp.ones(x.shape[0], x.dtype) if call.weight is None else call.weight
            share = w / jnp.maximum(jnp.sum(w), 1e-30)
            mu = share @ x
            var = share @ (x - mu) ** 2
            stats = self._average(stats, mu, var, jnp.sum(w > 0).astype(x.dtype))
        else:
            # Before the first step there are no averages, and the inputs pass unchanged.
            xp = namespace(x, stats)
            seen = xp.maximum(stats["seen"], 1e-30)
            mu = stats["mean"] / seen
            var = xp.where(stats["seen"] > 0, stats["variance"] / seen, 1.0)
        xhat = (x - mu) * rsqrt(var + self.epsilon)
        return params["scale"] * xhat + params["shift"], stats

    def _average(self, stats: Stats, mu: Array, var: Array, n: Array) -> Stats:
        """The running averages updated with a minibatch of n examples.

        Padding must not change the result: the minibatches of a population are padded to the longest one.
        """
        freedom = jnp.maximum(n - 1.0, 0.0)
        most = jnp.maximum(stats["freedom"], freedom)
        kept = jnp.asarray(self.momentum, mu.dtype) ** (freedom / jnp.maximum(most, 1.0))
        unbiased = var * n / jnp.maximum(freedom, 1.0)
        new = {"mean": mu, "variance": unbiased, "seen": jnp.ones((), mu.dtype)}
        averages = {name: lax.stop_gradient(kept * stats[name] + (1.0 - kept) * new[name]) for name in new}
        return averages | {"freedom": most.astype(mu.dtype)}


class LayerNorm(Layer):
    """Layer normalisation: each example over its units.

        xhat = (x - mu) / sqrt(var + epsilon),  mu = mean_j x_j,  var = mean_j (x_j - mu)^2
        y = scale xhat + shift                                    scale and shift are learnt, one of each per unit

    It is the same in training and prediction, and for any batch size. For small minibatches and stochastic descent; with
    large minibatches, batch normalisation often scores a little better.

    Source: Ba, Kiros and Hinton, "Layer normalization", 2016, equation 4.

    >>> import jax
    >>> params, _ = LayerNorm().init(jax.random.key(0), (2,))
    >>> LayerNorm().apply(params, {}, jnp.array([[1.0, 5.0]]), LayerCall(True))[0].round(3).tolist()
    [[-1.0, 1.0]]
    """

    name: ClassVar[str] = "layer_norm"
    aliases: ClassVar[tuple[str, ...]] = ("layer_normalisation", "layer_normalization")
    epsilon: Number = number(
        1e-5, valid="(0, inf)", usual=(1e-8, 1e-3), scale="log", help="added to the variance", source="PyTorch's value"
    )

    def init(self, key: Seed, shape: tuple[int, ...], fans: Fans | None = None) -> tuple[Params, Stats]:
        return {"scale": jnp.ones(shape[-1]), "shift": jnp.zeros(shape[-1])}, {}

    def apply(
        self, params: Params, stats: Stats, x: Float[Array, "batch inputs"], call: LayerCall
    ) -> tuple[Float[Array, "batch outputs"], Stats]:
        xp = namespace(x)
        mu = xp.mean(x, axis=-1, keepdims=True)
        var = xp.mean((x - mu) ** 2, axis=-1, keepdims=True)
        return params["scale"] * ((x - mu) * rsqrt(var + self.epsilon)) + params["shift"], stats
