"""`evaluate(recipes, data)`: recipes x seeds x folds, grouped, divided into lane programs, run and collected."""

import dataclasses
import itertools
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from fallline.core.errors import FalllineError
from fallline.core.outcome import Outcome
from fallline.data.table import Table
from fallline.population import lanes as lane_program
from fallline.population.collector import Collector, Progress
from fallline.population.contexts import contexts_of
from fallline.population.groups import group_recipes
from fallline.population.result import Population, Report, larger_is_better
from fallline.population.units import Unit, packed, units_of
from fallline.population.widths import padded_like, widen
from fallline.probes import RECORDED, Probe, recordable
from fallline.strategies.halving import Halving
from fallline.training.arrays import Arrays, judging_rows, suited, to_device
from fallline.training.chunks import CEILING
from fallline.training.class_weights import weighed, with_class_weights
from fallline.training.interrupt import Interrupt
from fallline.training.moment import shapes_of
from fallline.training.recipe import Recipe, complete_for
from fallline.training.state import State

FILLED = 8  # approximate number of lanes that fill a program well enough


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
    watch: Callable[[Progress], None] | None = None,
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
        watch: callback after every chunk of epochs.

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
    chosen = list(range(seeds)) if isinstance(seeds, int) else [int(seed) for seed in seeds]
    if not chosen:
        raise FalllineError("no seeds to evaluate: expected at least one")
    data, _ = suited(data, recipes)
    recipes = [with_class_weights(recipe, data) for recipe in recipes]
    if len({recipe.class_weight for recipe in recipes}) > 1:
        raise FalllineError(
            "recipes with different class weights have scores that cannot be compared: give all the same"
        )
    contexts = contexts_of(data, folds, chosen)
    fewest = min(int(context.rows["train_count"]) for context in contexts)
    longest = max(int(context.rows["train_count"]) for context in contexts)
    # The batch size is the same in all folds. If it is not given, the shortest fold determines it; a given size is limited
    # by the longest.
    completed = [
        complete_for(
            recipe, data.dataset, fewest if recipe.batch_size is None and not recipe.optimizer.full_batch else longest
        )
        for recipe in recipes
    ]
    watched = {recipe.monitor for recipe in completed}
    if len(watched) > 1 and any(larger_is_better(each) for each in watched):
        raise FalllineError(
            f"recipes that monitor {', '.join(sorted(watched))} have scores that cannot be compared: give all of them one "
            "monitor, or evaluate them apart"
        )
    arrays = to_device(weighed(data, recipes[0]).dataset, contexts[0].rows["train"], contexts[0].rows["valid"])
    # A row of weight 0 may leave a minibatch without any weight, and such a minibatch must change nothing.
    weightless = data.dataset.weight is not None and not np.all(data.dataset.weight)
    arrays = dataclasses.replace(lane_program.place_common(arrays), ragged=weightless)
    judged = len(judging_rows(data.dataset, data.dataset.test)) > 0
    test = folds is None and judged if test is None else test and judged
    recorded = recordable(probes)
    outputs = completed[0].loss.outputs(arrays.targets, data.task)  # type: ignore[union-attr]
    together = widths_together and state is None  # a given state has one shape, which padding would change
    inputs = completed[0].inputs.outputs(arrays.x.shape[1])
    wide = widen(completed, inputs, outputs, len(contexts)) if together else completed
    own = None if given is None else [_as_wide(*each, arrays) for each in zip(given, wide, strict=True)]
    collector = Collector(completed, contexts, data, test, independent_orders, state, keep, recorded, own)
    before, groups = lane_program.compilations(), group_recipes(wide)
    most = max(int(recipe.epochs) for recipe in completed)
    rungs = () if halving is None else halving.rungs(most, len(completed))
    with Interrupt() as interrupt:
        units = [
            unit
            for group in groups
            for unit in units_of(
                group, wide[group.members[0]], contexts, arrays, collector, independent_orders, lanes_per_program,
                last=_last(halving, rungs, len(group.members), len(contexts)),
            )
        ]  # fmt: skip
        competing = np.ones(len(completed), bool)
        for rung in rungs:
            # Each unit also prepares the next one while the device computes its own first call.
            for unit, after in itertools.zip_longest(units, units[1:]):
                unit.advance(rung, interrupt, watch, began, after)
            if not interrupt.asked:
                bar = None if bars is None else bars.get(rung, np.inf)
                competing = _halve(halving, rung, bar, competing, collector, units)  # type: ignore[arg-type]
                units = packed(units)
        for unit, after in itertools.zip_longest(units, units[1:]):
            unit.advance(CEILING, interrupt, watch, began, after)
    collector.unpad(wide)
    report = Report(
        groups=len(groups),
        programs=len(collector.programs),
        compilations=lane_program.compilations() - before,
        filled=1.0 - collector.useful / max(collector.spent, 1),
        padded=collector.padded(wide, inputs, outputs),
        seconds=time.perf_counter() - began,
        lane_epochs=collector.useful,
    )
    return collector.population(report, interrupt.asked)


def _as_wide(params: dict[str, Any], recipe: Recipe, arrays: Arrays) -> dict[str, Any]:
    """Given params, padded to the arrays of a network that may be wider."""
    return padded_like(params, shapes_of(recipe, arrays)[0])


def _last(halving: Halving | None, rungs: tuple[int, ...], recipes: int, contexts: int) -> int | None:
    """Number of recipes that programs are sized for: those left after the last rung, or a small number if unknown."""
    if halving is None or not rungs:
        return None
    return math.ceil(recipes * halving.factor ** -len(rungs) if halving.among == "batch" else max(2, FILLED / contexts))


def _halve(
    halving: Halving, rung: int, bar: float | None, competing: np.ndarray, collector: Collector, units: list[Unit]
) -> np.ndarray:
    """Stop the lanes of all competing recipes but the best; returns which recipes go on."""
    lanes = np.arange(len(collector.outcome)).reshape(len(collector.recipes), -1)
    # A recipe is judged as a whole: one diverged lane makes its mean infinite.
    scores = np.where(collector.outcome[lanes] == Outcome.DIVERGED, np.inf, collector.score[lanes]).mean(axis=1)
    collector.at_rung(rung, np.where(competing, scores, np.nan))
    kept = halving.kept(scores, competing) if bar is None else competing & (scores <= bar)
    losers = lanes[competing & ~kept]
    for unit in units:
        unit.drop(losers[collector.outcome[losers] == Outcome.RUNNING])
    return kept
