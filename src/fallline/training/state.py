"""What a run carries from step to step, and the room for what it records of every epoch."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from fallline.core.outcome import Outcome
from fallline.core.random import Seed
from fallline.probes import SCORES, Probe
from fallline.schedules.plateau import Watched

LATER = {"unit": np.ones((), np.float32)}  # what states of earlier versions lack


class State(eqx.Module):
    """All that the next step needs. Checkpoint, resume, rungs and forks are keeping one of these.

    A run whose params nobody reads afterwards keeps none: its `best_params` and `best_stats` are None.
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
    def keeps_params(self) -> bool:
        """Whether the best params are kept, a fact of the program."""
        return self.best_params is not None


Epochs = dict[str, Float[Array, "epochs ..."]]
"""What is recorded of some epochs: the scores and every probe, by name. Of one epoch there is no first axis.

`train_loss` is a mean over the epoch's minibatches, as trained; `valid_loss`, `valid_metric` and `monitor` are taken at
its end; `outcome` is the run's after the epoch.
"""


def empty_history(
    capacity: int,
    layers: int,
    activations: int,
    lanes: tuple[int, ...] = (),
    recorded: Sequence[Probe] = (),
) -> Epochs:
    """Room for the epochs of one compiled call, NaN until they are written."""
    sizes: dict[str, tuple[int, ...]] = dict.fromkeys(SCORES, ())
    sizes |= {each.name: each.size(layers, activations) for each in recorded}
    return {name: jnp.full((capacity, *lanes, *size), jnp.nan, jnp.float32) for name, size in sizes.items()}
