"""`evaluate(recipes, data)`: recipes x seeds x folds, described as a job, divided into lane batches, trained, tabled."""

import dataclasses
import itertools
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from fallline.core.errors import FalllineError
from fallline.core.interrupt import Interrupt
from fallline.data.table import Table
from fallline.population.call import Call
from fallline.population.contexts import LaneContext, contexts_of
from fallline.population.devices import place_common
from fallline.population.division import batches_of, packed
from fallline.population.groups import group_recipes
from fallline.population.job import Job, completed
from fallline.population.lane_batch import LaneBatch
from fallline.population.ledger import LanesProgress, Ledger
from fallline.population.padding import padded_share
from fallline.population.programs import Programs
from fallline.population.table import Population, Report, population_of
from fallline.population.widths import padded_like, widen
from fallline.probes import RECORDED, Probe, recordable
from fallline.strategies.halving import Halving
from fallline.training.arrays import Arrays, scored_rows, suited, to_device
from fallline.training.chunks import CEILING
from fallline.training.class_weights import weighed, with_class_weights
from fallline.training.moment import shapes_of
from fallline.training.recipe import Recipe
from fallline.training.state import State

PROGRAMS = Programs()  # of this process, so that a call finds the programs of those before it


def evaluate(
    recipes: Sequence[Recipe],
    data: Table,
    *,
    seeds: int | Sequence[int] = 1,
    folds: int | Sequence[tuple[np.ndarray, np.ndarray]] | None = None,
    independent_orders: bool = False,
    test: bool | None = None,
    lanes_per_program: int | None = None,
    widths_together: bool = True,
    state: State | None = None,
    halving: Halving | None = None,
    bars: Mapping[int, float] | None = None,
    keep: bool = False,
    probes: Sequence[Probe] = RECORDED,
    given: Sequence[dict[str, Any]] | None = None,
    watch: Callable[[LanesProgress], Any] | None = None,
) -> Population:
    """Train every recipe with every seed on every fold, in as few programs as possible.

    Arguments:
        recipes: any recipes; recipes of one structure share a program.
        data: a table; with folds, its training and validation rows are divided anew.
        seeds: number of seeds (0, 1, ...), or the seeds themselves.
        folds: number of folds, each validating once; or pairs of index sets (training, validation) of the table's rows; the
            validation set may be empty. None: the table's own split.
        independent_orders: give every recipe its own minibatch order, noise and initial weights. By default all recipes of
            a seed share them, which makes comparisons paired, and is faster.
        test: evaluate every lane on the test rows; default: if there are test rows and no folds.
        lanes_per_program: most lanes in one program, over all devices; default: limited by memory and cache.
        widths_together: let recipes that differ only in widths share programs, padded; the padding is bounded and reported.
        state: state of a run from which every lane continues (a fork), instead of from initial weights.
        halving: stop all but the best recipes at a few epochs, by the mean score over seeds and folds so far.
        bars: worst score at each of halving's rungs with which a recipe goes on; None: the best share of the recipes does.
        keep: keep every lane's arrays for predictions.
        probes: values in every lane's history besides losses and metrics. Without probes, test rows and kept arrays,
            programs compile and run faster, and only the best epoch is known.
        given: initial params of every recipe, by layer, in place of drawn ones; layers left out are drawn.
        watch: callback after every chunk of epochs; the population is interrupted if it returns True.

    Raises: FalllineError for no recipes, a recipe that does not fit the data, monitors whose values cannot be compared, or
        more folds than rows.

    >>> from fallline.core.block import replace
    >>> from fallline.data.table import load
    >>> rates = [replace(Recipe(epochs=3), {"optimizer.learning_rate.peak": rate}) for rate in (1e-4, 1e-2)]
    >>> population = evaluate(rates, load("sklearn:iris"), seeds=2)
    >>> len(population), population.best
    (4, 1)
    """
    began = time.perf_counter()
    if not recipes:
        raise FalllineError("no recipes to evaluate: expected at least one")
    chosen = _seeds_of(seeds)
    data, _ = suited(data, recipes)
    recipes = _with_class_weights(recipes, data)
    contexts = tuple(contexts_of(data, folds, chosen))
    own = completed(recipes, data, contexts)
    arrays = placed(data, contexts, recipes[0])
    together = widths_together and state is None  # a given state has one shape, which padding would change
    wide = tuple(widen(own, *_ends(own[0], arrays), len(contexts))) if together else own
    tested = len(scored_rows(data.dataset, data.dataset.test)) > 0
    job = Job(
        recipes=own,
        wide=wide,
        contexts=contexts,
        data=data,
        recorded=recordable(probes),
        independent=independent_orders,
        test=folds is None and tested if test is None else test and tested,
        keep=keep,
        state=state,
        given=None if given is None else tuple(_as_wide(*each, arrays) for each in zip(given, wide, strict=True)),
        limit=lanes_per_program,
        halving=halving,
        bars=bars,
    )
    with Interrupt() as interrupt:
        rows = place_common(jnp.asarray(data.dataset.test)) if job.test else None
        call = Call(job, arrays, rows, Ledger(job), PROGRAMS, interrupt, watch, began)
        report = run(call)
    return population_of(job, call.ledger, report, interrupt.asked)


def run(call: Call) -> Report:
    """Train all lanes of a job, group by group and from rung to rung; the results are in the call's ledger."""
    job, ledger, programs = call.job, call.ledger, call.programs
    before, groups = programs.compilations, group_recipes(job.wide)
    batches = [batch for group in groups for batch in batches_of(call, group)]
    competing = np.ones(len(job.recipes), bool)
    for until in (*job.rungs, CEILING):
        # Each batch also prepares the next one while the device computes its own first call.
        for batch, after in itertools.zip_longest(batches, batches[1:]):
            batch.advance(call, until, after)
        if until != CEILING and not call.interrupt.asked:
            competing = _halve(call, until, competing, batches)
            batches = packed(batches)
    return Report(
        groups=len(groups),
        programs=len(ledger.programs),
        compilations=programs.compilations - before,
        filled=1.0 - ledger.useful / max(ledger.spent, 1),
        padded=padded_share(job, ledger.epochs, *_ends(job.recipes[0], call.arrays)),
        seconds=time.perf_counter() - call.began,
        lane_epochs=ledger.useful,
    )


def placed(data: Table, contexts: Sequence[LaneContext], recipe: Recipe) -> Arrays:
    """The data on all devices, with the rows of the first context, weighed as a recipe asks."""
    arrays = to_device(weighed(data, recipe).dataset, contexts[0].rows["train"], contexts[0].rows["valid"])
    # A row of weight 0 may leave a minibatch without any weight, and such a minibatch must change nothing.
    weightless = data.dataset.weight is not None and not np.all(data.dataset.weight)
    found: Arrays = dataclasses.replace(place_common(arrays), ragged=weightless)
    return found


def _seeds_of(seeds: int | Sequence[int]) -> list[int]:
    """The seeds 0, 1, ... of a number of seeds, or the given ones."""
    found = list(range(seeds)) if isinstance(seeds, int) else [int(seed) for seed in seeds]
    if not found:
        raise FalllineError("no seeds to evaluate: expected at least one")
    return found


def _with_class_weights(recipes: Sequence[Recipe], data: Table) -> list[Recipe]:
    """The recipes with the weight of each class.

    Raises: FalllineError if they differ in it, since their losses then do.
    """
    found = [with_class_weights(recipe, data) for recipe in recipes]
    if len({recipe.class_weight for recipe in found}) > 1:
        raise FalllineError(
            "recipes with different class weights have scores that cannot be compared: give all the same"
        )
    return found


def _ends(recipe: Recipe, arrays: Arrays) -> tuple[int, int]:
    """Numbers of inputs and outputs of the networks."""
    assert recipe.loss is not None
    return recipe.inputs.outputs(arrays.x.shape[1]), recipe.loss.outputs(arrays.targets, arrays.task)


def _as_wide(params: dict[str, Any], recipe: Recipe, arrays: Arrays) -> dict[str, Any]:
    """Given params, padded to the arrays of a network that may be wider."""
    found: dict[str, Any] = padded_like(params, shapes_of(recipe, arrays)[0])
    return found


def _halve(call: Call, rung: int, competing: np.ndarray, batches: list[LaneBatch]) -> np.ndarray:
    """Stop the lanes of all competing recipes but the best; returns which recipes go on."""
    job, ledger = call.job, call.ledger
    assert job.halving is not None
    # A recipe is scored as a whole: one diverged lane makes its mean infinite.
    scores = ledger.mean_scores()
    ledger.at_rung(rung, np.where(competing, scores, np.nan))
    kept = (
        job.halving.kept(scores, competing) if job.bars is None else competing & (scores <= job.bars.get(rung, np.inf))
    )
    losers = np.arange(len(job)).reshape(len(job.recipes), -1)[competing & ~kept]
    losers = losers[ledger.running[losers]]
    for batch in batches:
        batch.drop(losers)
    ledger.prune(losers)
    return kept
