"""Layers of a network with several members, which share their weights."""

from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from fallline.core.errors import FalllineError
from fallline.core.field import part, required, structure
from fallline.core.namespace import of_groups
from fallline.core.random import Seed, bits, named
from fallline.initializers import Fans, GlorotUniform, Initializer
from fallline.layers.base import Layer, LayerCall, Params, Stats, check_count
from fallline.layers.dense import product


class SharedDense(Layer):
    """A dense layer whose k members share W; each has factors of its own for the inputs and outputs, and its own bias.

        y_i = s_i ((r_i x_i) W) + b_i,  i = 1 .. k

    The members' units stand one after another: an output has k width numbers. The first such layer of a network reads one
    x for all members, and its r starts at +1 or -1 at random, so that the members differ before features are mixed. All
    other factors start at 1. A member costs inputs + 2 width parameters instead of (inputs + 1) width.

    Source: Gorishniy et al., "TabM: advancing tabular deep learning with parameter-efficient ensembling", 2024, section
    3.3; Wen, Tran and Ba, "BatchEnsemble", 2020, equation 5.

    >>> params, _ = SharedDense(3, members=2, first=True).init(jax.random.key(0), (4,))
    >>> {name: array.shape for name, array in params.items()}
    {'bias': (2, 3), 'r': (2, 4), 's': (2, 3), 'weight': (4, 3)}
    """

    name: ClassVar[str] = "shared_dense"
    has_units: ClassVar[bool] = True
    width: int = required(structure(help="number of units of each member"))
    members: int = structure(2, unit="members", help="number of members")
    first: bool = structure(
        False, choices=(True, False), help="whether all members read the same inputs, with random signs"
    )
    initializer: Initializer = part(GlorotUniform(), family="initializer", read="start", help="initial weights")

    def __check_init__(self) -> None:
        check_count("SharedDense", "width", self.width, "units")
        check_count("SharedDense", "members", self.members, "members")

    def outputs(self, inputs: int) -> int:
        return self.members * self.width

    def size(self, inputs: int) -> int:
        each = self._inputs(inputs)
        return each * self.width + self.members * (each + 2 * self.width)

    def init(self, key: Seed, shape: tuple[int, ...], fans: Fans | None = None) -> tuple[Params, Stats]:
        inputs, k = self._inputs(shape[-1]), self.members
        signs = jnp.where(bits(named(key, "r"), (k, inputs)) >> 31 == 0, 1.0, -1.0).astype(jnp.float32)
        return {
            "bias": jnp.zeros((k, self.width), jnp.float32),
            "r": signs if self.first else jnp.ones((k, inputs), jnp.float32),
            "s": jnp.ones((k, self.width), jnp.float32),
            "weight": self.initializer(named(key, "weight"), (inputs, self.width), fans),
        }, {}

    def apply(
        self, params: Params, stats: Stats, x: Float[Array, "batch inputs"], call: LayerCall
    ) -> tuple[Float[Array, "batch outputs"], Stats]:
        batch, k = x.shape[0], self.members
        each = x[:, None] if self.first else x.reshape(batch, k, -1)
        z = product((each * params["r"]).reshape(batch * k, -1), params["weight"])
        y = z.reshape(batch, k, self.width) * params["s"] + params["bias"]
        return y.reshape(batch, k * self.width), stats

    def _inputs(self, inputs: int) -> int:
        """Number of inputs of each member."""
        return inputs if self.first else share_of(inputs, self.members, "SharedDense")


class Heads(Layer):
    """The output layers of k members, which share nothing.

        z_i = x_i W_i + b_i,  i = 1 .. k

    Source: Gorishniy et al., "TabM: advancing tabular deep learning with parameter-efficient ensembling", 2024, section
    3.3.

    >>> params, _ = Heads(3, members=2).init(jax.random.key(0), (8,))
    >>> {name: array.shape for name, array in params.items()}
    {'bias': (2, 3), 'weight': (2, 4, 3)}
    """

    name: ClassVar[str] = "heads"
    has_units: ClassVar[bool] = True
    width: int = required(structure(help="number of outputs of each member"))
    members: int = structure(2, unit="members", help="number of members")
    initializer: Initializer = part(GlorotUniform(), family="initializer", read="start", help="initial weights")

    def __check_init__(self) -> None:
        check_count("Heads", "width", self.width, "outputs")
        check_count("Heads", "members", self.members, "members")

    def outputs(self, inputs: int) -> int:
        return self.members * self.width

    def size(self, inputs: int) -> int:
        return self.members * (share_of(inputs, self.members, "Heads") + 1) * self.width

    def init(self, key: Seed, shape: tuple[int, ...], fans: Fans | None = None) -> tuple[Params, Stats]:
        inputs = share_of(shape[-1], self.members, "Heads")

        def one(member: Array) -> Array:
            return self.initializer(named(key, "weight", member), (inputs, self.width), fans)

        weight = jax.vmap(one)(jnp.arange(self.members))
        return {"bias": jnp.zeros((self.members, self.width), jnp.float32), "weight": weight}, {}

    def apply(
        self, params: Params, stats: Stats, x: Float[Array, "batch inputs"], call: LayerCall
    ) -> tuple[Float[Array, "batch outputs"], Stats]:
        each = x.reshape(x.shape[0], self.members, -1)
        z = of_groups(each, params["weight"]) + params["bias"]
        return z.reshape(x.shape[0], self.members * self.width), stats


def share_of(inputs: int, members: int, owner: str) -> int:
    """Number of inputs of each member.

    Raises: FalllineError for inputs that the members cannot share evenly.
    """
    if inputs % members:
        raise FalllineError(
            f"{owner} of {members} members reads {inputs} inputs: expected as many for each member, as after a shared_dense "
            "of so many members"
        )
    return inputs // members
