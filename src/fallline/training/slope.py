"""The objective of a step and its gradient, computed or remembered, with what the update rule may use beside them."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array

from fallline.core.operations import depend, operations_of
from fallline.core.tree import Tree
from fallline.optimizers.known import evaluate, known_in
from fallline.training.arrays import Arrays
from fallline.training.objective import Batch, StepInputs, inputs_of, score
from fallline.training.recipe import Recipe
from fallline.training.state import State


class Slope(NamedTuple):
    """The objective at a step's params, with all that was computed on the way.

    Arguments:
        objective: the weighted mean of the loss, plus the penalty.
        loss: the loss alone.
        gradient: the objective's gradient.
        stats: the statistics after the step.
        metric: the first metric of the step; a function, so that it is computed only if a recorded probe asks for it.
        evidence: what the update rule may use beside the gradient.
    """

    objective: Array
    loss: Array
    gradient: Tree
    stats: Tree
    metric: Callable[[], Array]
    evidence: dict[str, Any]


def slope_of(
    recipe: Recipe, arrays: Arrays, state: State, batch: Batch, moment: StepInputs, total: Array, scored: bool
) -> Slope:
    """The objective and its gradient at the state's params; remembered ones, if the update rule knows this point.

    `total` is the sum of the minibatch's weights. `scored` says that the metric will be asked for.
    """
    now, objective = moment.recipe, moment.objective
    share = batch.weight / jnp.maximum(total, 1e-30)
    evidence: dict[str, Any] = {
        "objective": lambda params: objective(params)[0],
        "weight": total,
        "time": moment.time,
        "key": moment.key,
    }

    def noting(params: Tree) -> tuple[Array, tuple[Array, Array]]:
        cost, (loss, prediction, _) = objective(params)
        first = jnp.vdot(score(now, state, arrays, prediction, moment.y, batch.rows), share) if scored else 0.0
        return cost, (loss, jnp.asarray(first, jnp.float32))

    if lasts(recipe, arrays, state, batch):
        # The line search of the last step usually ended at these params; `evaluate` then reuses its value and gradient.
        cost, gradient, (loss, first), anew = evaluate(evidence["objective"], state.params, state.memory, noting)
        stats = objective(state.params)[1][2] if jax.tree.leaves(state.stats) else state.stats
        evidence |= {"noting": noting, "anew": anew, "value": cost}
        return Slope(cost, loss, gradient, stats, lambda: first, evidence)

    (cost, (loss, prediction, stats)), gradient = jax.value_and_grad(objective, has_aux=True)(state.params)

    def metric() -> Array:
        return jnp.vdot(score(now, state, arrays, prediction, moment.y, batch.rows), share)

    return Slope(cost, loss, gradient, stats, metric, evidence | {"value": cost})


def lasts(recipe: Recipe, arrays: Arrays, state: State, batch: Batch) -> bool:
    """Whether a rule that remembers evaluations meets the same objective at every step.

    This does not hold on minibatches, nor if the traced cost depends on the step (through noise or a schedule), on a plateau
    schedule or on running statistics.
    """
    if known_in(state.memory) is None or batch.rows is None or batch.rows.shape[0] < arrays.train.shape[0]:
        return False

    def cost(changing: tuple[Array, Any, Any], params: Tree) -> Array:
        step, watching, stats = changing
        then = dataclasses.replace(state, watching=watching, stats=stats)
        return inputs_of(recipe, arrays, then, batch._replace(step=step)).objective(params)[0]

    # Decided by tracing, not by a list of blocks: blocks written by users are covered as well.
    changing = (batch.step, state.watching, state.stats)
    operations = operations_of(jax.make_jaxpr(cost)(changing, state.params))
    return not depend(operations, operations.inputs[: len(jax.tree.leaves(changing))])
