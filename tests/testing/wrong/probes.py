"""Probes that lack a property, and what their check says of each."""

from typing import ClassVar

import jax.numpy as jnp

from fallline.core.field import number
from fallline.probes import GradientNorm, Probe


class Right(Probe):
    """A probe with nothing wrong, for others to spoil."""

    name: ClassVar = "right"
    title: ClassVar = "Right"
    help: ClassVar = "Nothing is wrong with it."

    def compute(self, context):
        return context.train_loss


class Untitled(Right):
    """A probe without a title."""

    name: ClassVar = "untitled"
    title: ClassVar = ""


class PerLayer(GradientNorm):
    """A probe of layers that says it is one of activations; this network has one activation and two layers."""

    name: ClassVar = "per_layer"
    axis: ClassVar = "activation"


class Endless(Right):
    """A probe whose values are infinite."""

    name: ClassVar = "endless"

    def compute(self, context):
        return jnp.inf * context.train_loss


class Meddling(Right):
    """A probe that writes into the run's params."""

    name: ClassVar = "meddling"

    def compute(self, context):
        context.params["dense_1"]["bias"] = jnp.zeros_like(context.params["dense_1"]["bias"])
        return context.train_loss


class Width(Right):
    """The mean size of a layer's outgoing signal, which does not say that padded units must be taken out."""

    name: ClassVar = "width"
    axis: ClassVar = "activation"

    def compute(self, context):
        return context.per_activation(lambda tap: jnp.mean(jnp.abs(tap.after)))

    def unpad(self, value, padding):
        return value


class Idle(Right):
    """A probe with a number that does nothing."""

    name: ClassVar = "idle"
    factor: float = number(1.0, valid="(0, inf)", usual=(0.5, 2.0), help="does nothing")


WRONG = [
    (Untitled(), "facts", "no title"),
    (PerLayer(), "shape", "computes an array of shape (2,)"),
    (Endless(), "ordinary", "its values on an ordinary run"),
    (Meddling(), "unnoticed", "the run's state"),
    (Width(), "lanes", "dense_1.width of a lane beside its run alone"),
    (Idle(), "traced", "the field 'factor' does nothing"),
]
