"""Directions in the space of a network's weights: random ones with the size of its filters, and those of its training."""

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from fallline.core.errors import FalllineError
from fallline.core.tree import Tree
from fallline.layers import Layer, Maxout, Sequential


def random_direction(layers: Sequential, weights: Tree, seed: int) -> Tree:
    """A random direction in which every filter has the norm of the network's own filter.

        d = d norm(w) / (norm(d) + 1e-10)

    A filter is the incoming weights of one unit: a column of a dense layer's (inputs, outputs) weights. Biases, the scales
    and shifts of normalisation, other arrays than weights, and running statistics do not move: their direction is 0. A
    picture in these directions does not change if a layer of ReLU units is multiplied by a number and the next divided by
    it.

    Source: Li et al., "Visualizing the loss landscape of neural nets", 2018, section 4.
    """
    draw = np.random.default_rng(seed)
    kinds = dict(zip(layers.names(), layers.layers, strict=True))
    params: dict[str, Any] = {}
    for name, own in sorted(weights["params"].items()):
        params[name] = {}
        for part, w in sorted(own.items()):
            d = draw.standard_normal(w.shape)
            moves = part == "weight" and w.ndim >= 2
            params[name][part] = _scaled(d, w, kinds[name]) if moves else np.zeros(w.shape, np.float32)
    return {"params": params, "stats": jax.tree.map(np.zeros_like, weights["stats"])}


def _scaled(d: Float[np.ndarray, "..."], w: Float[np.ndarray, "..."], layer: Any) -> Float[np.ndarray, "..."]:
    axis = 0 if isinstance(layer, Layer) and isinstance(layer, Maxout) else -2
    sizes = [np.linalg.norm(np.asarray(each, np.float64), axis=axis, keepdims=True) for each in (w, d)]
    found: Float[np.ndarray, "..."] = (d * sizes[0] / (sizes[1] + 1e-10)).astype(np.float32)
    return found


def difference(end: Tree, start: Tree) -> Tree:
    """The direction from one network's weights to another's."""
    return jax.tree.map(lambda a, b: np.asarray(a) - np.asarray(b), end, start)


def to_vector(params: Tree) -> Float[np.ndarray, " n"]:
    """All parameters as one vector in float64."""
    return np.concatenate([np.asarray(leaf, np.float64).ravel() for leaf in jax.tree.leaves(params)])


def to_params(vector: Float[np.ndarray, " n"], like: Tree) -> Tree:
    """A vector as parameters of a known form, in float32.

    >>> to_params(np.arange(3.0), {"a": np.zeros(1), "b": np.zeros((2, 1))})["b"].tolist()
    [[1.0], [2.0]]
    """
    leaves, form = jax.tree.flatten(like)
    ends = np.cumsum([leaf.size for leaf in leaves])[:-1]
    parts = np.split(vector, ends)
    return jax.tree.unflatten(
        form, [part.reshape(leaf.shape).astype(np.float32) for part, leaf in zip(parts, leaves, strict=True)]
    )


def principal_directions(
    points: Sequence[Float[np.ndarray, " n"]] | Float[np.ndarray, "count n"],
) -> tuple[Float[np.ndarray, "2 n"], Float[np.ndarray, "2"]]:
    """The two directions in which points vary most, as unit vectors, and the share of the variation along each.

    A random walk in many dimensions has the shares 6/(pi j)^2: 60.8 % and 15.2 %. A path of training whose shares are
    these says no more than that.

    Raises: FalllineError for fewer than three different points.

    >>> points = np.array([[0.0, 0.0, 1.0], [3.0, 0.0, 1.0], [0.0, 1.0, 1.0], [3.0, 1.0, 1.0]])
    >>> principal_directions(points)[1].round(2).tolist()
    [0.9, 0.1]
    """
    moved = np.asarray(points) - np.mean(points, axis=0)
    values, vectors = np.linalg.eigh(moved @ moved.T)  # far fewer points than coordinates
    values, vectors = np.maximum(values[::-1], 0.0), vectors[:, ::-1]
    if len(values) < 3 or not values[1] > 1e-12 * values[0]:
        raise FalllineError("the plane of a training needs three different points: train for two epochs or more")
    along = (moved.T @ vectors[:, :2] / np.sqrt(values[:2])).T
    return along, values[:2] / values.sum()


def coordinates(
    points: Float[np.ndarray, "count n"], origin: Float[np.ndarray, " n"], axes: Float[np.ndarray, "k n"]
) -> tuple[Float[np.ndarray, "count k"], Float[np.ndarray, " count"]]:
    """The coordinates of the nearest point of a plane, by least squares, and the distance from it.

    >>> place, away = coordinates(np.array([[2.0, 1.0, 3.0]]), np.zeros(3), np.array([[1.0, 0, 0], [1.0, 1.0, 0]]))
    >>> place.round(6).tolist(), away.round(6).tolist()
    ([[1.0, 1.0]], [3.0])
    """
    moved = points - origin
    found = np.linalg.lstsq(axes.T, moved.T, rcond=None)[0].T
    return found, np.linalg.norm(moved - found @ axes, axis=1)
