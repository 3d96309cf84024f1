"""From a recipe and a table to the arguments of the compiled run: the completed recipe, the arrays and the key."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax

from fallline.core.block import as_arrays
from fallline.core.errors import FalllineError
from fallline.core.random import key_of
from fallline.core.whole import check_seed
from fallline.data.table import Table
from fallline.metrics import metrics_of
from fallline.probes import Probe, recordable
from fallline.training.arrays import Arrays, scale_of, scored_rows, suited, to_device
from fallline.training.chunks import compiled_start
from fallline.training.class_weights import weighed, with_class_weights
from fallline.training.history import History, columns_in, history_of
from fallline.training.recipe import Recipe, complete_for
from fallline.training.state import Epochs, State
from fallline.training.transform import note_on
from fallline.training.validation import layer_names


def prepare(recipe: Recipe, table: Table, seed: int) -> tuple[Recipe, Arrays, jax.Array]:
    """The completed recipe, the data on the device and the run's key.

    Raises: FalllineError for a schedule or distribution left in a field that cannot hold it.
    """
    if len(table.dataset.train) == 0:
        raise FalllineError("no rows are left for training: lower the shares for test and validation")
    if not len(scored_rows(table.dataset, table.dataset.train)):
        raise FalllineError("every training row has the weight 0: give some of them a weight")
    recipe = with_class_weights(complete_for(recipe, table.dataset), table)
    check_seed(seed)
    return recipe, to_device(weighed(table, recipe).dataset), key_of(int(seed))


def bare(recipe: Recipe) -> Recipe:
    """The recipe without what the compiled run does not read, so that its values do not compile again."""
    return dataclasses.replace(recipe, class_weight=None, calibrate="none", target_transform="none")


@dataclasses.dataclass(frozen=True)
class Prepared:
    """What a run is made of, before its first step.

    Arguments:
        recipe: the completed recipe.
        table: the table, with the rows that the recipe can learn from.
        arrays: the table's rows on the device.
        key: the run's random key.
        recorded: the probes.
        params: initial params that are given; the others are drawn.
        notes: sentences that the user should read.
    """

    recipe: Recipe
    table: Table
    arrays: Arrays
    key: jax.Array
    recorded: tuple[Probe, ...]
    params: dict[str, Any] | None = None
    notes: tuple[str, ...] = ()

    @functools.cached_property
    def traced(self) -> Recipe:
        """The recipe as the compiled run takes it, with numbers as arrays."""
        found: Recipe = as_arrays(bare(self.recipe))
        return found

    def start(self) -> State:
        """The state before the first step."""
        state: State = compiled_start(self.traced, self.arrays, self.key, self.params)
        return state

    def history_from(self, begun: int) -> Callable[[list[Epochs]], History]:
        """A function from the records of some chunks to the history with named columns; `begun` epochs preceded them.

        The function does not hold the arrays, so that these can be freed when the run has ended.
        """
        return functools.partial(
            history_of,
            recorded=self.recorded,
            metric=metrics_of(self.table.task)[0].name,
            monitor=self.recipe.monitor,
            names=layer_names(self.recipe, self.arrays),
            begun=begun,
            scale=scale_of(self.table.dataset),
        )

    def columns(self) -> dict[str, Any]:
        """What a checkpoint says of the columns in its history."""
        names = layer_names(self.recipe, self.arrays)
        metric = metrics_of(self.table.task)[0].name
        return columns_in(self.recorded, metric, self.recipe.monitor, *names, scale_of(self.table.dataset))


def prepare_run(
    recipe: Recipe,
    data: Table,
    seed: int,
    probes: Sequence[Probe],
    key: jax.Array | None = None,
    params: dict[str, Any] | None = None,
) -> Prepared:
    """Check and complete what `train` was given.

    Arguments:
        recipe, data, seed, probes, key, params: as for `train_from`.

    Raises: FalllineError as for `train`.
    """
    if not isinstance(data, Table):
        raise FalllineError(
            f"data of type {type(data).__name__} cannot be trained on: expected a Table, as fallline.load(source) and "
            "fallline.Table.from_arrays(X, y) make"
        )
    recorded = recordable(probes)
    table, note = suited(data, [recipe])
    completed, arrays, own_key = prepare(recipe, table, seed)
    notes = [note] if note else []
    if recipe.target_transform == "auto" and completed.target_transform == "log":
        notes.append(note_on(table.dataset))
    return Prepared(completed, table, arrays, own_key if key is None else key, recorded, params, tuple(notes))
