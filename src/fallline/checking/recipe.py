"""`check_recipe`: the gradient of the whole network, and the sanity checks, in one call."""

import dataclasses
import functools
from collections.abc import Callable

import jax
import numpy as np

from fallline.checking.network import check_network, modes_of
from fallline.checking.sanity import SanityResult, sanity_of
from fallline.core.block import as_arrays
from fallline.core.errors import FalllineError
from fallline.core.random import Seed
from fallline.data.sources import describe
from fallline.data.table import Table
from fallline.gradients import GradientCheck
from fallline.training.arrays import Arrays, suited
from fallline.training.chunks import compiled_start
from fallline.training.ensemble import Ensemble
from fallline.training.predictor import Predictor
from fallline.training.preparation import bare, prepare
from fallline.training.recipe import Recipe


@dataclasses.dataclass(frozen=True)
class RecipeCheck:
    """The results of the checks.

    Arguments:
        gradients: the gradient check by mode: `training`, and `predicting` if that is a different function.
        sanity: one finding per question.
        rows: number of rows on which the gradient was checked.
        parameters: number of parameters of the network.
    """

    gradients: dict[str, GradientCheck]
    sanity: tuple[SanityResult, ...]
    rows: int
    parameters: int

    @property
    def right(self) -> bool:
        """Whether every gradient is right and no finding is wrong."""
        return all(each.right for each in self.gradients.values()) and not any(f.state == "wrong" for f in self.sanity)


def check_recipe(
    recipe: Recipe,
    data: Table,
    *,
    seed: int = 0,
    rows: int = 32,
    model: Predictor | None = None,
    tolerance: float = 1e-6,
    share: float | None = None,
    watch: Callable[[str, int, int], None] | None = None,
) -> RecipeCheck:
    """Check the gradient of a recipe's whole network on data, and run sanity checks before a long training.

    The cost is that of the run: layers, normalisation, loss and penalty; in float64, without dropout, with schedules at
    their first values. With batch normalisation both training and predicting mode are checked.

    Arguments:
        recipe: the recipe to check.
        data: a table; its training rows are used.
        seed: seed of the initial weights.
        rows: number of training rows for the gradient check.
        model: a trained model of this recipe, whose parameters are used for the gradient check; of an ensemble, those of
            the first member; default: initial ones.
        tolerance: largest relative error of a slope that counts as right.
        share: share of the parameters to check, drawn at random; default: all of up to 262,144, or a random sample of that
            size.
        watch: callback for the mode being checked, and the number of evaluations done and expected.

    Raises: FalllineError for a recipe that does not fit the data.

    >>> from fallline.data.table import load
    >>> from fallline.models import MLP
    >>> check = check_recipe(Recipe(model=MLP(hidden=(4,)), encoding=None), load("sklearn:iris"))
    >>> check.gradients["training"].right, check.parameters
    (True, 35)
    """
    if isinstance(rows, bool) or not isinstance(rows, int) or rows < 2:
        raise FalllineError(f"rows = {rows!r} is not a number of rows: expected 2 or more")
    data, _ = suited(data, [recipe])
    recipe, arrays, key = prepare(recipe, data, seed)
    gradients, checked, parameters = _gradients(recipe, arrays, key, seed, rows, model, tolerance, share, watch)
    return RecipeCheck(gradients, sanity_of(recipe, data, seed), checked, parameters)


def gradients_of(recipe: Recipe, data: Table, *, seed: int, rows: int, share: float | None) -> dict[str, GradientCheck]:
    """The gradient checks of `check_recipe` alone, by mode, for a table that suits the recipe."""
    recipe, arrays, key = prepare(recipe, data, seed)
    return _gradients(recipe, arrays, key, seed, rows, None, 1e-6, share, None)[0]


def _gradients(
    recipe: Recipe,
    arrays: Arrays,
    key: Seed,
    seed: int,
    rows: int,
    model: Predictor | None,
    tolerance: float,
    share: float | None,
    watch: Callable[[str, int, int], None] | None,
) -> tuple[dict[str, GradientCheck], int, int]:
    """The gradient checks by mode, and how many rows and parameters they are of."""
    state = compiled_start(as_arrays(bare(recipe)), arrays, key, None)
    if model is not None:
        model = model.members[0] if isinstance(model, Ensemble) else model
        kept = {"params": model.arrays["params"], "stats": model.arrays["stats"], "scaling": model.arrays["scaling"]}
        state = dataclasses.replace(state, **kept, target_scaling=model.arrays["target_scaling"])
    chosen = np.asarray(arrays.train)[: min(rows, int(arrays.train_count))]
    gradients = {}
    for mode in modes_of(state):
        gradients[mode] = check_network(
            recipe,
            arrays,
            state,
            chosen,
            training=mode == "training",
            tolerance=tolerance,
            share=share,
            seed=seed,
            watch=None if watch is None else functools.partial(watch, mode),
        )
    count = sum(np.size(leaf) for leaf in jax.tree.leaves(state.params))
    return gradients, len(chosen), count


def rows_for(model: Predictor, source: object, x: np.ndarray, y: np.ndarray) -> Table:
    """Labelled rows as a table of training rows, encoded as a trained model encodes them."""
    from fallline.data.dataset import Dataset

    none, every = np.zeros(0, np.int32), np.arange(len(x), dtype=np.int32)
    target = model.schema.target
    seen, truth = target.condition(y, describe(source)), y if target.task == "regression" else None
    sets = (every, none, none)
    dataset = Dataset(x, seen, None, *sets, model.schema.scaled, target.task, target.n_classes, truth, target.factor)
    return Table(describe(source), model.schema, dataset)
