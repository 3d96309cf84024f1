"""Probes of the units after each activation, on a fixed sample of training rows."""

from typing import ClassVar

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from fallline.probes.base import Axis, Probe, Scale
from fallline.probes.context import Context, Padding


class Dead(Probe):
    """The share of units that pass no gradient on any row of the sample.

    >>> Dead().axis, Dead().scale
    ('activation', 'share')
    """

    name: ClassVar[str] = "dead"
    aliases: ClassVar[tuple[str, ...]] = ("dead_units", "dead_relus")
    axis: ClassVar[Axis] = "activation"
    title: ClassVar[str] = "Dead units"
    help: ClassVar[str] = "Share of a layer's units that pass no gradient on any row of the sample."
    scale: ClassVar[Scale] = "share"

    def compute(self, context: Context) -> Float[Array, " activations"]:
        return context.per_activation(lambda tap: jnp.mean(jnp.min(tap.activation.flat(tap.before), axis=0)))

    def unpad(self, value: Float[np.ndarray, "epochs n"], padding: Padding) -> Float[np.ndarray, "epochs n"]:
        # A padding unit has an input of 0, where the activation's slope may be 0 (ReLU) or not (tanh).
        silent = float(padding.activation.flat(jnp.zeros(1))[0])
        factor = padding.wide_units.astype(np.float32) / padding.units.astype(np.float32)
        return value * factor - silent * (factor - 1)


class Saturated(Probe):
    """The share of values that lie where the activation is squashed flat, near either bound.

    >>> Saturated().title
    'Saturated units'
    """

    name: ClassVar[str] = "saturated"
    aliases: ClassVar[tuple[str, ...]] = ("saturated_units",)
    axis: ClassVar[Axis] = "activation"
    title: ClassVar[str] = "Saturated units"
    help: ClassVar[str] = "Share of a layer's values that lie where its activation is squashed flat."
    scale: ClassVar[Scale] = "share"

    def compute(self, context: Context) -> Float[Array, " activations"]:
        return context.per_activation(lambda tap: jnp.mean(tap.activation.squashed(tap.after)))
