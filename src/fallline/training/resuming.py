"""The state that a run continues from: a checkpoint of the same recipe and data, or the state of another run."""

import dataclasses
import hashlib
import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from fallline.core.errors import FalllineError
from fallline.core.keeping import Keeping
from fallline.core.outcome import Outcome
from fallline.core.tree import Tree
from fallline.data.table import Table
from fallline.optimizers import forgotten
from fallline.probes import Probe
from fallline.training import program
from fallline.training.arrays import Arrays
from fallline.training.checkpoint import LAST, load_checkpoint, save_checkpoint, write_state
from fallline.training.history import join
from fallline.training.moment import network_of
from fallline.training.recipe import LATER, Recipe, recipe_to_plain
from fallline.training.state import Epochs, State


@dataclasses.dataclass(frozen=True)
class Checkpoints:
    """The checkpoints of one run in its folder.

    Arguments:
        keeping: the run's folder; without one, nothing is read or written.
        identity: what a checkpoint must agree in with the run; see `identity_of`.
        recorded: the probes of the history.
        columns: what a checkpoint says of the columns in its history; see `columns_in`.
    """

    keeping: Keeping
    identity: dict[str, Any]
    recorded: tuple[Probe, ...]
    columns: dict[str, Any] = dataclasses.field(default_factory=dict)

    def load(self, recipe: Recipe, arrays: Arrays, key: jax.Array) -> tuple[State | None, Epochs | None, list[str]]:
        """The state and the history of the newest intact checkpoint, and a sentence for each damaged one.

        Arguments:
            recipe, arrays, key: the arguments of the compiled run.

        Raises: FalllineError for a checkpoint of another run.
        """
        if self.keeping.folder is None:
            return None, None, []
        like = jax.eval_shape(program.start, recipe, arrays, key)
        activations = network_of(recipe, arrays).activations
        state, seen, damaged = load_checkpoint(self.keeping.folder, like, self.identity, activations, self.recorded)
        return state, seen, [f"{each}; the one before it is used" if state is not None else each for each in damaged]

    def save(self, state: State, epochs: list[Epochs]) -> bool:
        """Write the newest checkpoint; returns False if that fails, which is noted."""
        return self.keeping.save(lambda folder: self.write(folder, state, epochs))

    def write(self, folder: Path, state: State, epochs: list[Epochs]) -> None:
        """Write a checkpoint into any folder, from which the run can be resumed."""
        save_checkpoint(folder, state, join(epochs), {**self.identity, "columns": self.columns}, self.recorded)

    def write_last(self, folder: Path, state: State, epochs: list[Epochs]) -> None:
        """Write the last state of a finished run into any folder, from which the run can be extended."""
        write_state(folder / LAST, state, join(epochs), self.identity, self.recorded)


def continued(state: State, recipe: Recipe, arrays: Arrays, same: bool = False) -> State:
    """A copy of a run's state that continues under another recipe, if that recipe has epochs left.

    Unless recipe and data are known to be the `same`, everything that the update rule remembers of the objective is cleared.

    Raises: FalllineError where the structure of the recipe's state, such as its network or update rule, differs.
    """
    fresh = jax.eval_shape(program.start, recipe, arrays, state.key)

    def shapes(tree: Tree) -> list[tuple[Any, Any]]:
        return [(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(tree)]

    if jax.tree.structure(fresh) != jax.tree.structure(state) or shapes(fresh) != shapes(state):
        raise FalllineError(
            "the state does not fit the recipe: a run can be continued under other numbers and other schedules, not "
            "with another network, update rule or scaler; or the data have another number of columns"
        )
    ended = (state.outcome == Outcome.DIVERGED) | (state.epoch >= recipe.epochs)
    outcome = jnp.where(ended, jnp.maximum(state.outcome, Outcome.FINISHED), Outcome.RUNNING).astype(jnp.int32)
    state = jax.tree.map(jnp.copy, state)
    return dataclasses.replace(state, outcome=outcome, memory=state.memory if same else forgotten(state.memory))


def identity_of(recipe: Recipe, table: Table, seed: int) -> dict[str, Any]:
    """What a checkpoint must agree in with the run that continues from it; the recipe is complete."""
    return {"recipe": digest_of(recipe), "data": table.fingerprint, "seed": int(seed)}


def digest_of(recipe: Recipe) -> str:
    """A digest of a recipe; fields of later versions that have their earlier meaning do not change it."""
    plain = recipe_to_plain(recipe)
    plain = {name: value for name, value in plain.items() if name not in LATER or value != LATER[name]}
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()
