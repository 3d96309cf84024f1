"""`evaluate(recipes, data)`: recipes x seeds x folds, grouped, cut into lane programs, run, compacted, collected."""

import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from fallline.core.block import as_arrays
from fallline.core.errors import FalllineError
from fallline.core.outcome import Outcome
from fallline.core.random import named
from fallline.data.split import folds as cut
from fallline.data.table import Table
from fallline.metrics import metrics_of
from fallline.population import lanes as lane_program
from fallline.population.groups import Group, group_recipes
from fallline.population.result import Population, Report, larger_is_better
from fallline.population.sizes import SIZES, lanes_per_device
from fallline.population.widths import arithmetic, widen
from fallline.training import program
from fallline.training.arrays import Arrays, to_device
from fallline.training.history import join
from fallline.training.interrupt import Interrupt
from fallline.training.recipe import Recipe, complete
from fallline.training.state import Epoch, State
from fallline.training.step import batch_rows
from fallline.training.train import CHUNK_SECONDS, Run, continued, train
from fallline.training.watch import layer_names

SHARED_FROM = 8  # recipes from which lanes of one fold and seed are worth a program of their own


@dataclasses.dataclass(frozen=True)
class Progress:
    """Where a population stands, for a progress bar or a callback."""

    lanes_done: int
    lanes: int
    lane_epochs: int
    seconds: float
    seconds_left: float


@dataclasses.dataclass(frozen=True)
class Context:
    """A seed and a fold: what several recipes are trained on alike."""

    seed: int
    fold: int
    rows: dict[str, np.ndarray]


def evaluate(
    recipes: Sequence[Recipe],
    data: Table,
    *,
    seeds: int | Sequence[int] = 1,
    folds: int | None = None,
    independent_orders: bool = False,
    test: bool | None = None,
    lanes_per_program: int | None = None,
    widths_together: bool = True,
    state: State | None = None,
    watch: Callable[[Progress], None] | None = None,
) -> Population:
    """Train every recipe with every seed on every fold, as few programs.

    Arguments:
        recipes: any recipes; those of one structure share a program.
        data: a table; with folds, its training and validation rows are cut anew.
        seeds: how many seeds (0, 1, ...), or which.
        folds: how many folds; each validates once. None: the table's own split.
        independent_orders: a minibatch order, noise and initial weights of its own for every recipe, too. By default
            they are the same for all recipes of a seed, so that comparisons are paired, and faster.
        test: judge every lane on the test rows; default: where there are some and no folds.
        lanes_per_program: at most so many lanes at once, over all devices; default: what memory and cache bear.
        widths_together: let recipes that differ only in widths share programs, padded; bounded and reported.
        state: fork: every lane goes on from this state of a run, instead of from initial weights.
        watch: called after every chunk of epochs.

    Raises: FalllineError for no recipes, a recipe that does not fit the data, or more folds than rows.

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
    contexts = [Context(seed, fold, rows) for fold, rows in _folds(data, folds) for seed in chosen]
    fewest = min(int(context.rows["train_count"]) for context in contexts)
    completed = [complete(recipe, task=data.task, training_rows=fewest) for recipe in recipes]
    arrays = to_device(data.dataset, contexts[0].rows["train"], contexts[0].rows["valid"])
    arrays = lane_program.place_common(arrays)
    test = folds is None and len(data.dataset.test) > 0 if test is None else test
    collector = _Collector(completed, contexts, data, test, independent_orders, state)
    outputs = completed[0].loss.outputs(arrays.targets, data.task)  # type: ignore[union-attr]
    together = widths_together and state is None
    wide = widen(completed, arrays.x.shape[1], outputs) if together else completed
    before, groups = lane_program.compilations(), group_recipes(wide)
    with Interrupt() as interrupt:
        for group in groups:
            first = wide[group.members[0]]
            _run_group(
                group, first, contexts, arrays, collector, independent_orders, lanes_per_program, interrupt, watch, began
            )
            if interrupt.asked:
                break
    collector.unpad(wide)
    report = Report(
        groups=len(groups),
        programs=len(collector.programs),
        compilations=lane_program.compilations() - before,
        filled=1.0 - collector.useful / max(collector.spent, 1),
        padded=collector.padded(wide, arrays.x.shape[1], outputs),
        seconds=time.perf_counter() - began,
        lane_epochs=collector.useful,
    )
    return collector.population(report, interrupt.asked, folds)


def _folds(data: Table, folds: int | None) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
    """(number, index sets) of every fold, padded to one length; without folds the table's own split, number -1."""
    dataset = data.dataset
    if folds is None:
        pairs = [(-1, dataset.train, dataset.valid)]
    else:
        rows = np.concatenate([dataset.train, dataset.valid])
        classes = dataset.y[rows] if data.task == "classification" else None
        parts = cut(len(rows), folds, classes=classes)
        pairs = [(i, np.delete(rows, part), rows[part]) for i, part in enumerate(parts)]
    longest = max(len(train) for _, train, _ in pairs), max(len(valid) for _, _, valid in pairs)
    for number, train, valid in pairs:
        padded = [np.pad(part, (0, size - len(part)), mode="edge") if len(part) else part
                  for part, size in zip((train, valid), longest, strict=True)]  # fmt: skip
        yield number, {
            "train": padded[0].astype(np.int32),
            "train_count": np.int32(len(train)),
            "valid": padded[1].astype(np.int32),
            "valid_count": np.int32(len(valid)),
        }


def hidden_of(recipe: Recipe) -> tuple[int, ...]:
    """The hidden widths of an MLP; none for another model."""
    return getattr(recipe.model, "hidden", ())


def _key(seed: int, recipe: int | None) -> jax.Array:
    key = jax.random.key(seed)
    return key if recipe is None else named(key, "recipe", recipe)


def _run_group(
    group: Group,
    first: Recipe,
    contexts: list[Context],
    arrays: Arrays,
    collector: "_Collector",
    independent: bool,
    limit: int | None,
    interrupt: Interrupt,
    watch: Callable[[Progress], None] | None,
    began: float,
) -> None:
    """Every lane of one group, unit by unit."""
    size = batch_rows(first, arrays)
    steps = {-(-int(context.rows["train_count"]) // size) for context in contexts}
    arrays = dataclasses.replace(arrays, ragged=len(steps | {-(-arrays.train.shape[0] // size)}) > 1)
    own_rows = independent or len(group.members) < SHARED_FROM or not any(group.differ)
    padded = any(collector.widths(member) != hidden_of(first) for member in group.members)
    layout = lane_program.Layout(group.structure, group.differ, group.scalers_differ, own_rows, padded)
    everyone = range(len(group.members))
    if own_rows:
        queues = [[(place, c) for c in range(len(contexts)) for place in everyone]]
    else:
        queues = [[(place, c) for place in everyone] for c in range(len(contexts))]
    devices = len(jax.devices())
    per_device = lanes_per_device(first, arrays, max(map(len, queues)), None if limit is None else limit // devices)
    for queue in queues:
        for begin in range(0, len(queue), per_device * devices):
            unit = queue[begin : begin + per_device * devices]
            fitting = next(s for s in (*SIZES, per_device) if s * devices >= len(unit))
            _run_unit(group, layout, unit, fitting * devices, contexts, arrays, collector, independent, interrupt, watch, began)
            if interrupt.asked:
                return


def _run_unit(
    group: Group,
    layout: lane_program.Layout,
    unit: list[tuple[int, int]],
    size: int,
    contexts: list[Context],
    arrays: Arrays,
    collector: "_Collector",
    independent: bool,
    interrupt: Interrupt,
    watch: Callable[[Progress], None] | None,
    began: float,
) -> None:
    """One program's worth of lanes, from start to end, compacted whenever a smaller program holds those left."""
    devices = len(jax.devices())
    filled = unit + [unit[0]] * (size - len(unit))
    own, common = group.take([place for place, _ in filled])
    if layout.own_rows:
        rows = {name: np.stack([contexts[c].rows[name] for _, c in filled]) for name in lane_program.ROWS}
        keys = [_key(contexts[c].seed, group.members[place] if independent else None) for place, c in filled]
    else:
        here, rows = contexts[unit[0][1]], {}
        arrays = dataclasses.replace(arrays, **lane_program.place_common(here.rows))
        keys = [_key(here.seed, None)]
    if collector.state is not None:
        recipes = [as_arrays(collector.recipes[group.members[place]]) for place, _ in filled]
        states = [continued(collector.state, recipe, arrays) for recipe in recipes]
        lanes = lane_program.resume(layout, own, common, arrays, rows, states)
    else:
        key = lane_program.place_lanes(jnp.stack(keys)) if layout.own_rows else keys[0]
        widths = np.array([collector.widths(group.members[place]) for place, _ in filled], np.int32)
        lanes = lane_program.begin(layout, own, common, arrays, rows, key, widths)
    who = np.array([collector.lane(group.members[place], c) for place, c in unit] + [-1] * (size - len(unit)))
    if (who < 0).any():
        lanes = lane_program.pick_lanes(layout, lanes, np.arange(size), who < 0)
    epoch, count = collector.first_epoch, 1
    while True:
        asked = time.perf_counter()
        collector.programs.add((layout, len(who), arrays.x.shape, arrays.train.shape))
        seen = lane_program.go(layout, lanes, epoch + count)
        interrupt.wait(lanes.state.outcome)
        count = min(count, program.CAPACITY)
        outcome = np.asarray(lanes.state.outcome)
        collector.note(who, jax.tree.map(lambda leaf, n=count: np.asarray(leaf)[:n], seen), outcome, lanes)
        epoch += count
        each = (time.perf_counter() - asked) / count
        count = int(np.clip(CHUNK_SECONDS / each, 1, program.CAPACITY))
        if watch is not None:
            watch(collector.progress(began))
        alive = (outcome == Outcome.RUNNING) & (who >= 0)
        ended = ~alive & (who >= 0)
        collector.finish(layout, lanes, who, ended)
        if not alive.any() or interrupt.asked:
            return
        who = np.where(ended, -1, who)
        smaller = next(s for s in (*SIZES, len(who) // devices) if s * devices >= alive.sum())
        if smaller * devices <= len(who) // 2:
            places = np.flatnonzero(alive)
            fill = smaller * devices - len(places)
            places = np.concatenate([places, np.repeat(places[:1], fill)])
            standing = np.arange(len(places)) >= len(places) - fill
            lanes = lane_program.pick_lanes(layout, lanes, places, standing)
            who = np.where(standing, -1, who[places])


class _Collector:
    """Gathers what every lane shows, by lane number: recipes, then seeds and folds within."""

    def __init__(
        self,
        recipes: list[Recipe],
        contexts: list[Context],
        data: Table,
        test: bool,
        independent: bool,
        state: State | None,
    ) -> None:
        self.recipes, self.contexts, self.data, self.independent = recipes, contexts, data, independent
        self.state = state
        self.first_epoch = 0 if state is None else int(state.epoch)
        count = len(recipes) * len(contexts)
        self.outcome = np.zeros(count, np.int32)
        self.best_epoch, self.step = np.zeros(count, np.int32), np.zeros(count, np.int32)
        self.score = np.full(count, np.inf)
        self.chunks: list[list[Epoch]] = [[] for _ in range(count)]
        self.metric = metrics_of(data.task)[0].name
        self.test = lane_program.place_common(jnp.asarray(data.dataset.test)) if test else None
        self.test_columns = {name: np.full(count, np.nan) for name in ("test_loss", f"test_{self.metric}")}
        self.programs: set[object] = set()
        self.useful = self.spent = 0

    def widths(self, recipe: int) -> tuple[int, ...]:
        """The true hidden widths of a recipe; none for a model that is no MLP."""
        return hidden_of(self.recipes[recipe])

    def lane(self, recipe: int, context: int) -> int:
        """The number of a lane."""
        return recipe * len(self.contexts) + context

    def note(self, who: np.ndarray, seen: Epoch, outcome: np.ndarray, lanes: lane_program.Lanes) -> None:
        """Keep a chunk of epochs of every lane that was running, up to its end."""
        best, step = np.asarray(lanes.state.best_epoch), np.asarray(lanes.state.step)
        score = np.asarray(lanes.state.best_score)
        count, longest = len(seen.outcome), 0
        for place in np.flatnonzero(who >= 0):
            number = who[place]
            ends = np.flatnonzero(seen.outcome[:, place] != Outcome.RUNNING)
            lived = int(ends[0]) + 1 if len(ends) else count
            self.chunks[number].append(jax.tree.map(lambda leaf, p=place, n=lived: leaf[:n, p], seen))
            self.useful += lived
            longest = max(longest, lived)
            self.outcome[number], self.best_epoch[number] = outcome[place], best[place]
            self.step[number], self.score[number] = step[place], score[place]
        self.spent += longest * len(who)

    def finish(self, layout: lane_program.Layout, lanes: lane_program.Lanes, who: np.ndarray, ended: np.ndarray) -> None:
        """Judge lanes that have ended on the test rows."""
        if self.test is None or not ended.any():
            return
        found = lane_program.judge(layout, lanes, self.test)
        for column, values in zip(self.test_columns.values(), found, strict=True):
            column[who[ended]] = np.asarray(values)[ended]

    def progress(self, began: float) -> Progress:
        """Lanes done, epochs, and the time left if the other lanes take as many epochs as the recipes allow."""
        seconds = time.perf_counter() - began
        done = int((self.outcome != Outcome.RUNNING).sum())
        most = sum(int(recipe.epochs) for recipe in self.recipes) * len(self.contexts)
        spared = sum(int(self.recipes[n // len(self.contexts)].epochs) - sum(len(c.outcome) for c in self.chunks[n])
                     for n in np.flatnonzero(self.outcome != Outcome.RUNNING))  # fmt: skip
        left = max(most - spared - self.useful, 0)
        return Progress(done, len(self.outcome), self.useful, seconds, seconds * left / max(self.useful, 1))

    def unpad(self, wide: list[Recipe]) -> None:
        """Shares of units are over a lane's own units: what only pads is neither dead nor saturated."""
        for number, chunks in enumerate(self.chunks):
            place = number // len(self.contexts)
            true, padded = self.widths(place), hidden_of(wide[place])
            if true != padded:
                factor = np.array(padded, np.float32) / np.array(true, np.float32)
                # Of a sum of 0, a padded unit's, an activation's slope may be 0 (ReLU) or not (tanh).
                dead = float(self.recipes[place].model.activation.flat(jnp.zeros(1))[0])  # type: ignore[attr-defined]
                self.chunks[number] = [
                    dataclasses.replace(
                        seen, dead=seen.dead * factor - dead * (factor - 1), saturated=seen.saturated * factor
                    )
                    for seen in chunks
                ]

    def padded(self, wide: list[Recipe], inputs: int, outputs: int) -> float:
        """Arithmetic on padding, as a share of all, over the lanes' epochs."""
        own = spent = 0
        for number, chunks in enumerate(self.chunks):
            place, epochs = number // len(self.contexts), sum(len(seen.outcome) for seen in chunks)
            own += epochs * arithmetic(self.widths(place), inputs, outputs)
            spent += epochs * arithmetic(hidden_of(wide[place]), inputs, outputs)
        return 1.0 - own / max(spent, 1)

    def population(self, report: Report, interrupted: bool, folds: int | None) -> Population:
        """Everything, as columns."""
        recipe, context = np.divmod(np.arange(len(self.outcome)), len(self.contexts))
        seen = tuple(join(chunks) if chunks else None for chunks in self.chunks)
        # A fork whose best epoch was before it began has no row for it.
        best = self.best_epoch - 1 - self.first_epoch
        columns = {}
        for name, field in (
            ("train_loss", "train_loss"),
            ("valid_loss", "valid_loss"),
            (f"valid_{self.metric}", "valid_metric"),
        ):
            columns[name] = np.array(
                [np.nan if each is None or b < 0 else getattr(each, field)[b] for each, b in zip(seen, best, strict=True)]
            )
        if self.test is not None:
            columns |= self.test_columns
        if any(larger_is_better(each.monitor) for each in self.recipes) and len({e.monitor for e in self.recipes}) > 1:
            raise FalllineError("recipes that monitor different things have scores that cannot be compared")
        shown = {group.structure: layer_names(self.recipes[group.members[0]], self._arrays()) for group in group_recipes(self.recipes)}
        return Population(
            recipes=tuple(self.recipes),
            task=self.data.task,
            layers=tuple(shown[jax.tree.structure(as_arrays(each))] for each in self.recipes),
            recipe=recipe,
            seed=np.array([self.contexts[c].seed for c in context]),
            fold=np.array([self.contexts[c].fold for c in context]),
            outcome=self.outcome,
            epochs=np.array([0 if each is None else len(each.outcome) for each in seen]),
            best_epoch=self.best_epoch,
            step=self.step,
            score=self.score,
            columns=columns,
            report=report,
            interrupted=interrupted,
            epochs_seen=seen,
            again=self.again,
        )

    def _arrays(self) -> Arrays:
        return to_device(dataclasses.replace(self.data.dataset, x=self.data.dataset.x[:1]))

    def again(self, lane: int) -> Run:
        """Train one lane alone."""
        recipe, place = divmod(lane, len(self.contexts))
        context, dataset = self.contexts[place], self.data.dataset
        rows = {
            name: context.rows[name][: int(context.rows[f"{name}_count"])] for name in ("train", "valid")
        }
        table = dataclasses.replace(self.data, dataset=dataclasses.replace(dataset, **rows))
        key = _key(context.seed, recipe if self.independent else None)
        return train(self.recipes[recipe], table, seed=context.seed, key=key, state=self.state)
