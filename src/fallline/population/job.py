"""A job: the complete description of a population, on the host. It is made once, checked, and never changed."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from fallline.core.errors import FalllineError
from fallline.core.scores import larger_is_better
from fallline.data.table import Table
from fallline.metrics import metrics_of
from fallline.population.completing import complete_alike
from fallline.population.contexts import LaneContext, key_of
from fallline.probes import RECORDED, Probe
from fallline.strategies.halving import Halving
from fallline.training.arrays import Arrays, scale_of, to_device
from fallline.training.recipe import Recipe, complete_for
from fallline.training.run import Run
from fallline.training.state import State
from fallline.training.train import train_from


@dataclasses.dataclass(frozen=True, eq=False)
class Job:
    """Recipes x contexts to be trained. Lanes are numbered by recipe, then by context (seeds within folds).

    Arguments:
        recipes: completed recipes.
        wide: the same recipes, with networks as wide as those of the programs that train them.
        contexts: the seeds and folds.
        data: the table.
        recorded: the probes that every lane records.
        independent: whether every recipe has its own randomness under a seed.
        test: whether lanes are evaluated on the test rows.
        keep: whether every lane's arrays are kept.
        state: state of a run from which every lane continues.
        given: initial params of every recipe, as wide as its program's.
        limit: most lanes in one program, over all devices; None: by memory and cache.
        halving: stops lanes at rungs.
        bars: worst score at a rung with which a recipe goes on; None: the best share of the recipes does.
    """

    recipes: tuple[Recipe, ...]
    wide: tuple[Recipe, ...]
    contexts: tuple[LaneContext, ...]
    data: Table = dataclasses.field(repr=False)
    recorded: tuple[Probe, ...] = RECORDED
    independent: bool = False
    test: bool = False
    keep: bool = False
    state: State | None = dataclasses.field(default=None, repr=False)
    given: tuple[dict[str, Any], ...] | None = dataclasses.field(default=None, repr=False)
    limit: int | None = None
    halving: Halving | None = None
    bars: Mapping[int, float] | None = None

    def __len__(self) -> int:
        """Number of lanes."""
        return len(self.recipes) * len(self.contexts)

    def lane(self, recipe: int, context: int) -> int:
        """The number of the lane that trains a recipe in a context."""
        return recipe * len(self.contexts) + context

    def recipe(self, lane: int) -> Recipe:
        """The recipe of a lane, without padding."""
        return self.recipes[lane // len(self.contexts)]

    @property
    def keeps_params(self) -> bool:
        """Whether the lanes' best params are needed: to keep them, or to evaluate them on the test rows."""
        return self.keep or self.test

    @property
    def first_epoch(self) -> int:
        """The epoch from which lanes continue; 0 unless they continue a run."""
        return 0 if self.state is None else int(self.state.epoch)

    @property
    def monitor(self) -> str:
        """The monitored value by which lanes are compared."""
        return str(self.recipes[0].monitor)

    @property
    def metric(self) -> str:
        """The first metric of the task."""
        return metrics_of(self.data.task)[0].name

    @property
    def scale(self) -> float:
        """Factor that turns a run's errors into the target's own unit."""
        return scale_of(self.data.dataset)

    @property
    def rungs(self) -> tuple[int, ...]:
        """The epochs after which halving stops lanes."""
        if self.halving is None:
            return ()
        return self.halving.rungs(max(int(recipe.epochs) for recipe in self.recipes), len(self.recipes))

    @functools.cached_property
    def one_row(self) -> Arrays:
        """The data with a single row: enough for the shapes and names of a network."""
        return to_device(dataclasses.replace(self.data.dataset, x=self.data.dataset.x[:1]))

    def given_to(self, recipes: Sequence[int]) -> dict[str, Any] | None:
        """The given initial params of some recipes, with a lane axis; None if they are drawn."""
        if self.given is None:
            return None
        found: dict[str, Any] | None = jax.tree.map(
            lambda *leaves: np.stack(leaves), *(self.given[each] for each in recipes)
        )
        return found

    def replay(self, lane: int) -> Run:
        """Train one lane alone."""
        recipe, index = divmod(lane, len(self.contexts))
        context, dataset = self.contexts[index], self.data.dataset
        rows = {name: context.rows[name][: int(context.rows[f"{name}_count"])] for name in ("train", "valid")}
        table = dataclasses.replace(self.data, dataset=dataclasses.replace(dataset, **rows))
        key = key_of(context.seed, recipe if self.independent else None)
        return train_from(
            self.recipes[recipe], table, seed=context.seed, key=key, state=self.state, probes=self.recorded or RECORDED
        )


def completed(recipes: Sequence[Recipe], data: Table, contexts: Sequence[LaneContext]) -> tuple[Recipe, ...]:
    """The recipes with everything that depends on the data filled in, the same in all folds.

    Raises: FalllineError for a recipe that does not fit the data, and for monitors whose values cannot be compared.
    """
    counts = [int(context.rows["train_count"]) for context in contexts]
    # The batch size is the same in all folds. If it is not given, the shortest fold determines it; a given size is limited
    # by the longest.
    found = complete_alike(
        recipes,
        lambda recipe: complete_for(recipe, data.dataset, min(counts) if _batch_size_is_open(recipe) else max(counts)),
    )
    monitored = {recipe.monitor for recipe in found}
    if len(monitored) > 1 and any(larger_is_better(str(each)) for each in monitored):
        raise FalllineError(
            f"recipes that monitor {', '.join(sorted(map(str, monitored)))} have scores that cannot be compared: give all of "
            "them one monitor, or evaluate them apart"
        )
    return found


def _batch_size_is_open(recipe: Recipe) -> bool:
    return recipe.batch_size is None and not recipe.optimizer.full_batch
