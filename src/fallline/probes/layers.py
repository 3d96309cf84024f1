"""How every layer learns: the size of its gradient and of its updates."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from fallline.core.tree import Tree
from fallline.probes.base import Axis, Probe, Scale
from fallline.probes.context import Context, Params, StepFacts, sampled, squared_norm


class GradientNorm(Probe):
    """The length of each layer's gradient, root mean square over the epoch's steps.

        sqrt(sum_t ||g_t||^2 / steps)

    It is estimated from a sample of each array's rows; of arrays of up to 8,191 numbers, from all.

    >>> GradientNorm().axis, GradientNorm().scale
    ('layer', 'log')
    """

    name: ClassVar[str] = "gradient_norm"
    axis: ClassVar[Axis] = "layer"
    title: ClassVar[str] = "Gradient norm"
    help: ClassVar[str] = (
        "Length of each layer's gradient, root mean square over the epoch's steps. First layers far below the last ones "
        "hint at vanishing gradients; steady growth hints at exploding ones."
    )
    scale: ClassVar[Scale] = "log"

    def begin(self, params: Params) -> Any:
        return dict.fromkeys(params, jnp.float32(0.0))

    def after_step(self, gathered: Tree, step: StepFacts) -> Any:
        return {name: gathered[name] + jnp.where(step.moves, step.squares[name], 0.0) for name in step.squares}

    def compute(self, context: Context) -> Float[Array, " layers"]:
        squares, steps = context.gathered[self.name], jnp.maximum(context.updates, 1.0)
        return context.per_layer(lambda name: jnp.sqrt(squares[name] / steps))


class UpdateRatio(Probe):
    """The size of each layer's last update relative to its weights, ||delta|| / ||w||.

    The update is the real one, after the optimizer and the bounds; both sizes are estimated as the gradient's is.

    >>> UpdateRatio().reference
    (0.001, '1e-3, usual')
    """

    name: ClassVar[str] = "update_ratio"
    aliases: ClassVar[tuple[str, ...]] = ("update_to_weight_ratio",)
    axis: ClassVar[Axis] = "layer"
    title: ClassVar[str] = "Update to weight ratio"
    help: ClassVar[str] = (
        "Size of an update relative to the layer's weights. Around 1e-3 is usual: far less learns slowly, far "
        "more is unstable."
    )
    scale: ClassVar[Scale] = "log"
    reference: ClassVar[tuple[float, str] | None] = (1e-3, "1e-3, usual")

    def begin(self, params: Params) -> Any:
        return sampled(params)

    def after_step(self, gathered: Tree, step: StepFacts) -> Any:
        return step.latest(gathered, sampled(step.params))

    def compute(self, context: Context) -> Float[Array, " layers"]:
        params = context.params
        now = sampled(params)
        delta = jax.tree.map(jnp.subtract, now, context.gathered[self.name])

        def norm(name: str, sample: Params) -> Array:
            return jnp.sqrt(squared_norm(params[name], sample[name]))

        return context.per_layer(lambda name: norm(name, delta) / jnp.maximum(norm(name, now), 1e-30))
