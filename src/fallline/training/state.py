"""What a run carries from step to step, and what it shows of every epoch."""

import dataclasses
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from fallline.core.outcome import Outcome
from fallline.core.random import Seed
from fallline.schedules.plateau import Watched

LATER = {"unit": np.ones((), np.float32)}  # what states of earlier versions lack


class State(eqx.Module):
    """All that the next step needs. Checkpoint, resume, rungs and forks are keeping one of these.

    Without `best_params` it is lean: only the run's scores are wanted, so its epochs compute nothing else.
    """

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
    unit: Float[Array, ""]  # the objective at the first step, or 1 where it is below: what divergence is measured by
    watching: tuple[Watched, ...] = ()

    @property
    def running(self) -> Array:
        """Whether another epoch is to come."""
        return self.outcome == Outcome.RUNNING

    @property
    def lean(self) -> bool:
        """Whether only scores are wanted."""
        return self.best_params is None


class Epoch(eqx.Module):
    """What a person wants to see of an epoch; per layer where an array has an axis.

    `train_loss` and `train_metric` are means over the epoch's minibatches, as trained; `valid_*` are taken at its end.
    The gradient's norm is its root mean square over the epoch's steps, the update:weight ratio that of its last step;
    dead and saturated shares are taken on a fixed probe of training rows. `evaluations` counts gradients since the start
    of the run, one a step but for rules with a line search. `outcome` is the run's after the epoch. A lean run shows only
    what has no default here.
    """

    train_loss: Float[Array, ""]
    valid_loss: Float[Array, ""]
    valid_metric: Float[Array, ""]
    monitor: Float[Array, ""]
    outcome: Float[Array, ""]
    train_objective: Float[Array, ""] = eqx.field(default=None)
    train_metric: Float[Array, ""] = eqx.field(default=None)
    learning_rate: Float[Array, ""] = eqx.field(default=None)
    evaluations: Float[Array, ""] = eqx.field(default=None)
    gradient_norm: Float[Array, " layers"] = eqx.field(default=None)
    update_ratio: Float[Array, " layers"] = eqx.field(default=None)
    dead: Float[Array, " activations"] = eqx.field(default=None)
    saturated: Float[Array, " activations"] = eqx.field(default=None)


def empty_history(
    capacity: int, layers: int, activations: int, lanes: tuple[int, ...] = (), lean: bool = False
) -> Epoch:
    """Room for the epochs of one compiled call, NaN until they are written."""
    sizes = {"gradient_norm": (layers,), "update_ratio": (layers,), "dead": (activations,), "saturated": (activations,)}
    fields = dataclasses.fields(Epoch)
    names = [each.name for each in fields if not lean or each.default is dataclasses.MISSING]
    return Epoch(**{name: jnp.full((capacity, *lanes, *sizes.get(name, ())), jnp.nan, jnp.float32) for name in names})
