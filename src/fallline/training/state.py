"""The state that a run carries from step to step, and the arrays for the records of every epoch."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from fallline.core.outcome import Outcome
from fallline.core.random import Seed
from fallline.probes import SCORES, Probe
from fallline.schedules.plateau import PlateauMemory

LATER = {"unit": np.ones((), np.float32)}  # fields that states of earlier versions lack


class State(eqx.Module):
    """Everything that the next step needs. Checkpoints, resumed runs, rungs and forks all work by keeping a state.

    `best_params` and `best_stats` are None in a run whose params are not read afterwards.
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
    waited: Int[Array, ""]  # epochs since the last improvement
    unit: Float[Array, ""]  # the objective at the first step, at least 1; divergence is measured against it
    watching: tuple[PlateauMemory, ...] = ()

    @property
    def running(self) -> Array:
        """Whether the run continues after this epoch."""
        return self.outcome == Outcome.RUNNING

    @property
    def keeps_params(self) -> bool:
        """Whether the best params are kept. This is static: it decides which program is compiled."""
        return self.best_params is not None


Epochs = dict[str, Float[Array, "epochs ..."]]
"""Records of some epochs: the scores and every probe, by name. The record of a single epoch has no first axis.

`train_loss` is the mean over the epoch's minibatches during training. `valid_loss`, `valid_metric` and `monitor` are
measured at the end of the epoch; `outcome` is the outcome of the run after it.
"""


def empty_history(
    capacity: int,
    layers: int,
    activations: int,
    lanes: tuple[int, ...] = (),
    recorded: Sequence[Probe] = (),
) -> Epochs:
    """Arrays for the epochs of one compiled call, filled with NaN until they are written."""
    sizes: dict[str, tuple[int, ...]] = dict.fromkeys(SCORES, ())
    sizes |= {each.name: each.size(layers, activations) for each in recorded}
    return {name: jnp.full((capacity, *lanes, *size), jnp.nan, jnp.float32) for name, size in sizes.items()}
