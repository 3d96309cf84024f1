"""What an update rule is."""

from abc import abstractmethod
from typing import Any, ClassVar

import jax

from fallline.core.block import Block


class Optimizer(Block):
    """An update rule: its hyperparameters are its fields, its memory is `state`, and `params + delta` is the new point."""

    family: ClassVar[str] = "optimizer"

    @abstractmethod
    def init(self, params: Any) -> Any:
        """The memory at the start."""

    @abstractmethod
    def update(self, gradient: Any, state: Any, params: Any = None, **evidence: Any) -> tuple[Any, Any]:
        """The step to add to the params, and the new memory. `evidence` is what some rules need besides."""


def per_leaf(rule: Any, *trees: Any) -> tuple[Any, ...]:
    """Apply a rule that returns several arrays to every leaf, and return as many trees.

    >>> per_leaf(lambda a, b: (a + b, a - b), {"w": 3}, {"w": 1})
    ({'w': 4}, {'w': 2})
    """
    leaves, structure = jax.tree.flatten(trees[0])
    others = [structure.flatten_up_to(tree) for tree in trees[1:]]
    columns = zip(*(rule(*each) for each in zip(leaves, *others, strict=True)), strict=True)
    return tuple(structure.unflatten(column) for column in columns)
