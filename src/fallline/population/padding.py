"""What padding did to a lane's arrays, probes and arithmetic, and how it is undone."""

from typing import Any

import jax
import numpy as np

from fallline.population.job import Job
from fallline.population.widths import arithmetic, hidden_of
from fallline.probes import Padding
from fallline.training.moment import shapes_of
from fallline.training.recipe import Recipe
from fallline.training.state import Epochs


def cut(job: Job, recipe: Recipe, found: dict[str, Any]) -> dict[str, Any]:
    """The params and stats of a lane without padding: the first entries along every axis."""
    like = shapes_of(recipe, job.one_row)

    def first(leaf: Any, true: Any) -> Any:
        return leaf[tuple(map(slice, true.shape))]

    params, stats = jax.tree.map(first, (found["params"], found["stats"]), like)
    return {**found, "params": params, "stats": stats}


def unpadded(job: Job, lane: int, seen: Epochs) -> Epochs:
    """A lane's history with the effect of padding removed from the values of its probes."""
    index = lane // len(job.contexts)
    if not job.recorded or hidden_of(job.recipes[index]) == hidden_of(job.wide[index]):
        return seen
    padding = padding_of(job, index)
    return {**seen, **{each.name: each.unpad(seen[each.name], padding) for each in job.recorded}}


def padding_of(job: Job, index: int) -> Padding:
    """How much wider a recipe's lanes were than its own network."""
    own, wide = job.recipes[index], job.wide[index]
    activation = own.model.activation  # type: ignore[attr-defined]
    units = np.array(hidden_of(own)), np.array(hidden_of(wide))
    return Padding(activation, *units, _layer_sizes(job, own), _layer_sizes(job, wide))


def _layer_sizes(job: Job, recipe: Recipe) -> np.ndarray:
    """Number of parameters in every layer, in the order of the history."""
    params, _ = shapes_of(recipe, job.one_row)
    return np.array([sum(leaf.size for leaf in jax.tree.leaves(params[name])) for name in sorted(params)])


def padded_share(job: Job, epochs: np.ndarray, inputs: int, outputs: int) -> float:
    """Share of all arithmetic that was spent on padding.

    Arguments:
        job: the job.
        epochs: number of epochs of every lane.
        inputs, outputs: numbers of inputs and outputs of the networks.
    """
    own = spent = 0
    for lane, count in enumerate(epochs.tolist()):
        index = lane // len(job.contexts)
        own += count * arithmetic(hidden_of(job.recipes[index]), inputs, outputs)
        spent += count * arithmetic(hidden_of(job.wide[index]), inputs, outputs)
    return 1.0 - own / max(spent, 1)
