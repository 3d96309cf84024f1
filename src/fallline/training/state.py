"""What a run carries from step to step, and what it shows of every epoch."""

import dataclasses
from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from fallline.core.outcome import Outcome
from fallline.core.random import Seed
from fallline.schedules.plateau import Watched


class State(eqx.Module):
    """All that the next step needs. Checkpoint, resume, rungs and forks are keeping one of these."""

    params: Any
    stats: Any
    memory: Any
    scaling: Any
    target_scaling: Any
    key: Seed
    step: Int[Array, ""]
    epoch: Int[Array, ""]
    outcome: Int[Array, ""]
    best_params: Any
    best_stats: Any
    best_score: Float[Array, ""]
    best_epoch: Int[Array, ""]
    waited: Int[Array, ""]  # epochs since an improvement
    watching: tuple[Watched, ...] = ()

    @property
    def running(self) -> Array:
        """Whether another epoch is to come."""
        return self.outcome == Outcome.RUNNING


class Epoch(eqx.Module):
    """What a person wants to see of an epoch; per layer where an array has an axis.

    `train_loss` and `train_metric` are means over the epoch's minibatches, as trained; `valid_*` are taken at its end.
    The gradient's norm is its root mean square over the epoch's steps, the update:weight ratio that of its last step;
    dead and saturated shares are taken on a fixed probe of training rows. `evaluations` counts gradients since the start
    of the run, one a step but for rules with a line search. `outcome` is the run's after the epoch.
    """

    train_loss: Float[Array, ""]
    train_objective: Float[Array, ""]
    train_metric: Float[Array, ""]
    valid_loss: Float[Array, ""]
    valid_metric: Float[Array, ""]
    monitor: Float[Array, ""]
    learning_rate: Float[Array, ""]
    evaluations: Float[Array, ""]
    outcome: Float[Array, ""]
    gradient_norm: Float[Array, " layers"]
    update_ratio: Float[Array, " layers"]
    dead: Float[Array, " activations"]
    saturated: Float[Array, " activations"]


def empty_history(capacity: int, layers: int, activations: int, lanes: tuple[int, ...] = ()) -> Epoch:
    """Room for the epochs of one compiled call, NaN until they are written."""
    sizes = {"gradient_norm": (layers,), "update_ratio": (layers,), "dead": (activations,), "saturated": (activations,)}
    names = [each.name for each in dataclasses.fields(Epoch)]
    return Epoch(**{name: jnp.full((capacity, *lanes, *sizes.get(name, ())), jnp.nan, jnp.float32) for name in names})
