"""Clipping: gradients are shortened before the rule sees them."""

from abc import abstractmethod
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array

from fallline.core.field import Number, number
from fallline.core.tree import Tree
from fallline.optimizers.base import Evidence
from fallline.optimizers.wrappers import Wrapper


class Clip(Wrapper):
    """Base of wrappers that pass a clipped gradient to their rule."""

    large: ClassVar[str] = "taken"

    @abstractmethod
    def clipped(self, gradient: Tree) -> Any:
        """The gradient that the rule sees."""

    def step(self, gradient: Tree, state: Tree, params: Tree = None, **evidence: Evidence) -> tuple[Any, Any]:
        return self.rule.update(self.clipped(gradient), state, params, **evidence)


class ClipByValue(Clip):
    """Clipping of every coordinate of the gradient to [-limit, limit].

        g <- max(-limit, min(g, limit))

    Limits single outlying coordinates. It changes the gradient's direction.

    Source: Mikolov, "Statistical language models based on neural networks", 2012, section 3.2.2.

    >>> ClipByValue(limit=1.0).clipped(jnp.array([0.5, -30.0])).tolist()
    [0.5, -1.0]
    """

    name: ClassVar[str] = "clip_by_value"
    limit: Number = number(1.0, valid="(0, inf)", usual=(1e-2, 10.0), scale="log", help="largest size of a coordinate")

    def clipped(self, gradient: Tree) -> Any:
        return jax.tree.map(lambda g: jnp.clip(g, -self.limit, self.limit), gradient)


class ClipByNorm(Clip):
    """Clipping of the length of the whole gradient to `norm`.

        g <- g min(1, norm / |g|),  |g| over all params

    The usual guard against exploding gradients; it preserves the direction. One layer with a large gradient shortens the
    step of all layers.

    Source: Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks", 2013, algorithm 1.

    >>> ClipByNorm(norm=2.5).clipped({"a": jnp.array([3.0]), "b": jnp.array([4.0])})["b"].tolist()
    [2.0]
    """

    name: ClassVar[str] = "clip_by_norm"
    aliases: ClassVar[tuple[str, ...]] = ("gradient_clipping", "clip_norm")
    norm: Number = number(1.0, valid="(0, inf)", usual=(0.1, 10.0), scale="log", help="largest length of the gradient")

    def clipped(self, gradient: Tree) -> Any:
        return _shortened(gradient, self.norm)


class ClipByLayerNorm(Clip):
    """Clipping of the length of each layer's gradient to `norm`; a layer is a child of the root of the params.

        g_l <- g_l min(1, norm / |g_l|),  |g_l| over the params of layer l

    One layer with a large gradient does not shorten the others' steps. It changes the direction of the whole gradient.

    Source: the clipping of Pascanu, Mikolov and Bengio, 2013, layer by layer.

    >>> g = {"dense_1": {"weight": jnp.array([3.0]), "bias": jnp.array([4.0])}, "dense_2": {"bias": jnp.array([0.5])}}
    >>> for layer, each in ClipByLayerNorm(norm=2.5).clipped(g).items():
    ...     print(layer, each["bias"].tolist())
    dense_1 [2.0]
    dense_2 [0.5]
    """

    name: ClassVar[str] = "clip_by_layer_norm"
    norm: Number = number(1.0, valid="(0, inf)", usual=(0.1, 10.0), scale="log", help="largest length per layer")

    def clipped(self, gradient: Tree) -> Any:
        return jax.tree.map(lambda g: _shortened(g, self.norm), gradient, is_leaf=lambda node: node is not gradient)


def _shortened(gradient: Tree, norm: Array) -> Any:
    leaves = jax.tree.leaves(gradient)
    squares = sum(jnp.vdot(g, g) for g in leaves)
    if not leaves:
        return gradient

    def plain() -> tuple[Array, Array]:
        # Compared as squares, so that the root of zero is never divided by.
        share = jnp.where(squares > length**2, length / jnp.sqrt(jnp.maximum(squares, length**2)), 1.0)
        return share, one

    def scaled() -> tuple[Array, Array]:
        """Divide by the largest entry first, for a length whose square is out of the dtype's range."""
        largest = jnp.max(jnp.stack([jnp.max(jnp.abs(g), initial=0.0).astype(squares.dtype) for g in leaves]))
        # Clipped so that its inverse is not subnormal: XLA flushes subnormal numbers to 0.
        unit = 1 / jnp.clip(largest, 10 * limits.tiny, 0.1 / limits.tiny)
        root = jnp.sqrt(sum(jnp.vdot(g * unit, g * unit) for g in leaves))
        share = length / jnp.where(root > 0, root, 1.0)
        long = share * unit < 1.0
        return jnp.where(long, unit, one), jnp.where(long, share, one)

    limits = jnp.finfo(squares.dtype)
    one, length = jnp.ones((), squares.dtype), jnp.asarray(norm, squares.dtype)
    least = limits.tiny / limits.eps
    ordinary = (squares < limits.max) & (squares > least) & (length**2 > least) & (length**2 < limits.max)
    first, second = lax.cond(ordinary, plain, scaled)
    return jax.tree.map(lambda g: g * first.astype(g.dtype) * second.astype(g.dtype), gradient)
