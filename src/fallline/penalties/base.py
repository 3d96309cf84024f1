"""The base class of penalties: `(params) -> scalar`, added to the mean loss once per step, not divided by the batch."""

from abc import abstractmethod
from typing import Any, ClassVar

import jax
from jaxtyping import Array, Float

from fallline.core.block import Block
from fallline.core.errors import FalllineError, nearest
from fallline.core.tree import Tree


def chosen(params: Tree, layers: tuple[str, ...] | None = None, acts_on: str = "weights") -> list[bool]:
    """For each leaf of the params, whether a penalty acts on it.

    Raises: FalllineError, with the nearest names, for a layer that the network does not have.
    """
    found = jax.tree_util.tree_flatten_with_path(params)[0]
    paths = [[getattr(key, "key", None) for key in path] for path, _ in found]
    names = {path[0] for path in paths}
    for layer in layers or ():
        if layer not in names:
            raise FalllineError(f"penalty on layer {layer!r}: the network has no such layer: {nearest(layer, names)}")

    def mine(path: list[Any]) -> bool:
        return layers is None or path[0] in layers

    return [mine(path) and (acts_on == "all" or path[-1] == "weight") for path in paths]


def weights(params: Tree, layers: tuple[str, ...] | None = None, acts_on: str = "weights") -> list[Array]:
    """The arrays that a penalty acts on: every `weight`; with acts_on = "all" also biases, scales and shifts."""
    return [w for w, mine in zip(jax.tree.leaves(params), chosen(params, layers, acts_on), strict=True) if mine]


class Penalty(Block):
    """A cost on the size of the weights, or a bound on it."""

    family: ClassVar[str] = "penalty"

    @abstractmethod
    def __call__(self, params: Tree) -> Float[Array, ""]:
        """The penalty of the params."""

    def project(self, params: Tree) -> Any:
        """The params after a step, projected onto the set that the penalty allows; by default unchanged."""
        return params


def check_layers(penalty: Penalty) -> None:
    """Raises: FalllineError if `layers` is not a tuple of layer names."""
    layers = getattr(penalty, "layers", None)
    if layers is not None and not (isinstance(layers, tuple) and all(isinstance(each, str) for each in layers)):
        raise FalllineError(
            f"{type(penalty).__name__}.layers = {layers!r} is not a list of layer names: expected such as "
            "('dense_1', 'dense_2'), or None for all"
        )
