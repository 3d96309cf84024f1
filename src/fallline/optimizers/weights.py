"""Selection of the params that weight decay shrinks."""

from collections.abc import Callable
from typing import Any

import jax

from fallline.core.tree import Tree


def on_weights(change: Callable[..., Any], tree: Tree, *others: Tree, everywhere: bool = False) -> Any:
    """The tree with its weights changed; biases, scales and shifts stay unchanged.

    Leaves are recognised as weights by name, as in the penalties. In a tree without names (a bare array, a list), all
    leaves are weights.

    >>> on_weights(lambda w: 2 * w, {"weight": 1, "bias": 1})
    {'bias': 1, 'weight': 2}
    """
    paths, structure = jax.tree_util.tree_flatten_with_path(tree)
    leaves = [leaf for _, leaf in paths]
    columns = [leaves, *(structure.flatten_up_to(other) for other in others)]
    # The last entry of a path: a dict's key or an attribute's name; a list index has neither.
    last = (path[-1] if path else None for path, _ in paths)
    chosen = [everywhere or getattr(p, "key", getattr(p, "name", None)) in (None, "weight") for p in last]
    rows = zip(chosen, *columns, strict=True)
    return structure.unflatten([change(*row) if yes else row[0] for yes, *row in rows])
