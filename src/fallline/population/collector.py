"""The collector: the records of every lane, by lane number, until they become a `Population`."""

import dataclasses
import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fallline.core.block import as_arrays
from fallline.core.outcome import Outcome
from fallline.data.table import Table
from fallline.metrics import metrics_of
from fallline.population import lanes as lane_program
from fallline.population.contexts import Context, key_of
from fallline.population.groups import group_recipes
from fallline.population.result import Population, Report, larger_is_better
from fallline.population.widths import arithmetic, hidden_of
from fallline.probes import RECORDED, Padding, Probe
from fallline.strategies.halving import SCORE_AFTER
from fallline.training.arrays import Arrays, scale_of, to_device
from fallline.training.history import in_own_unit, join
from fallline.training.moment import shapes_of
from fallline.training.recipe import Recipe
from fallline.training.state import Epochs, State
from fallline.training.train import Run, train_from
from fallline.training.watch import layer_names


@dataclasses.dataclass(frozen=True)
class Progress:
    """Progress of a population, for a progress bar or a callback."""

    lanes_done: int
    lanes: int
    lane_epochs: int
    seconds: float
    seconds_left: float


class Collector:
    """Collects the records of every lane, by lane number: recipes first, seeds and folds within each recipe."""

    def __init__(
        self,
        recipes: list[Recipe],
        contexts: list[Context],
        data: Table,
        test: bool,
        independent: bool,
        state: State | None,
        keep: bool = False,
        recorded: tuple[Probe, ...] = RECORDED,
        given: list[dict[str, Any]] | None = None,
    ) -> None:
        self.recipes, self.contexts, self.data, self.independent = recipes, contexts, data, independent
        self.state, self.recorded, self.given = state, recorded, given
        self.first_epoch = 0 if state is None else int(state.epoch)
        count = len(recipes) * len(contexts)
        self.outcome = np.zeros(count, np.int32)
        self.best_epoch, self.step = np.zeros(count, np.int32), np.zeros(count, np.int32)
        self.score = np.full(count, np.inf)
        self.chunks: list[list[Epochs]] = [[] for _ in range(count)]
        self.metric, self.scale = metrics_of(data.task)[0].name, scale_of(data.dataset)
        self.test = lane_program.place_common(jnp.asarray(data.dataset.test)) if test else None
        self.test_columns = {name: np.full(count, np.nan) for name in ("test_loss", f"test_{self.metric}")}
        self.rungs: dict[str, np.ndarray] = {}
        self.kept: list[dict[str, Any] | None] | None = [None] * count if keep else None
        self.programs: set[object] = set()
        self.useful = self.spent = 0

    @property
    def keeps_params(self) -> bool:
        """Whether the lanes' best params are needed: to keep them, or to evaluate them on the test rows."""
        return self.kept is not None or self.test is not None

    def widths(self, recipe: int) -> tuple[int, ...]:
        """The hidden widths of a recipe without padding; empty for a model other than an MLP."""
        return hidden_of(self.recipes[recipe])

    def lane(self, recipe: int, context: int) -> int:
        """The number of the lane that trains a recipe in a context."""
        return recipe * len(self.contexts) + context

    def given_to(self, recipes: list[int]) -> dict[str, Any] | None:
        """The given initial params of some recipes, with a lane axis; None if they are drawn."""
        if self.given is None:
            return None
        return jax.tree.map(lambda *leaves: np.stack(leaves), *(self.given[each] for each in recipes))

    def note(self, who: np.ndarray, seen: Epochs, outcome: np.ndarray, lanes: lane_program.Lanes) -> None:
        """Store a chunk of epochs for every lane that was running, up to the epoch in which it ended."""
        best, step = np.asarray(lanes.state.best_epoch), np.asarray(lanes.state.step)
        score = np.asarray(lanes.state.best_score)
        sign = -1.0 if larger_is_better(str(self.recipes[0].monitor)) else 1.0
        count, longest = len(seen["outcome"]), 0
        # `who` maps places in the program to lane numbers; -1 marks an ended lane or a place that only fills the program.
        for place in np.flatnonzero(who >= 0):
            number = who[place]
            ends = np.flatnonzero(seen["outcome"][:, place] != Outcome.RUNNING)
            lived = int(ends[0]) + 1 if len(ends) else count  # records after a lane's end mean nothing
            self.chunks[number].append(jax.tree.map(lambda leaf, p=place, n=lived: leaf[:n, p], seen))
            self.useful += lived
            longest = max(longest, lived)
            self.outcome[number], self.best_epoch[number] = outcome[place], best[place]
            self.step[number], self.score[number] = step[place], score[place]
            if self.recipes[number // len(self.contexts)].keep == "last":
                last = sign * seen["monitor"][lived - 1, place]
                self.score[number] = last if np.isfinite(last) and outcome[place] != Outcome.DIVERGED else np.inf
            self.score[number] = in_own_unit(str(self.recipes[0].monitor), self.score[number], self.scale)
        # A program runs until its last lane has ended, and every place in it costs the same.
        self.spent += longest * len(who)

    def at_rung(self, epoch: int, scores: np.ndarray) -> None:
        """Store the recipes' scores at a rung; NaN for recipes that no longer compete there."""
        self.rungs[f"{SCORE_AFTER}{epoch}"] = np.repeat(scores, len(self.contexts))

    def finish(
        self, layout: lane_program.Layout, lanes: lane_program.Lanes, who: np.ndarray, ended: np.ndarray
    ) -> None:
        """Evaluate lanes that have ended on the test rows, and keep their arrays on request."""
        if not ended.any():
            return
        if self.kept is not None:
            self._keep(lanes, who, ended)
        if self.test is None:
            return
        # The program evaluates all of its lanes; only the results of lanes that have just ended are read.
        found = lane_program.judge(layout, lanes, self.test)
        for column, values in zip(self.test_columns.values(), found, strict=True):
            column[who[ended]] = np.asarray(values)[ended]

    def _keep(self, lanes: lane_program.Lanes, who: np.ndarray, ended: np.ndarray) -> None:
        """Keep the best params and stats of lanes that have ended, cut to their own widths, and their scaling."""
        assert self.kept is not None
        own = {"params": lanes.state.best_params, "stats": lanes.state.best_stats}
        common = {}
        for name in ("scaling", "target_scaling"):
            if name in lanes.shared:
                common[name] = jax.tree.map(np.asarray, lanes.shared[name])
            else:
                own[name] = getattr(lanes.state, name)
        on_host = jax.tree.map(np.asarray, own)
        for place in np.flatnonzero(ended):
            number = int(who[place])
            found = jax.tree.map(lambda leaf, p=place: leaf[p].copy(), on_host) | common
            self.kept[number] = found | self._cut(self.recipes[number // len(self.contexts)], found)

    def _cut(self, recipe: Recipe, found: dict[str, Any]) -> dict[str, Any]:
        """Params and stats without padding: the first entries along every axis."""
        like = shapes_of(recipe, self._arrays())

        def cut(leaf: Any, true: Any) -> Any:
            return leaf[tuple(map(slice, true.shape))]

        params, stats = jax.tree.map(cut, (found["params"], found["stats"]), like)
        return {"params": params, "stats": stats}

    def progress(self, began: float) -> Progress:
        """Lanes done, epochs trained, and the time left if the other lanes use all epochs that their recipes allow."""
        seconds = time.perf_counter() - began
        done = int((self.outcome != Outcome.RUNNING).sum())
        most = sum(int(recipe.epochs) for recipe in self.recipes) * len(self.contexts)
        # Epochs that lanes saved by ending early.
        spared = sum(int(self.recipes[n // len(self.contexts)].epochs) - sum(len(c["outcome"]) for c in self.chunks[n])
                     for n in np.flatnonzero(self.outcome != Outcome.RUNNING))  # fmt: skip
        left = max(most - spared - self.useful, 0)
        return Progress(done, len(self.outcome), self.useful, seconds, seconds * left / max(self.useful, 1))

    def unpad(self, wide: list[Recipe]) -> None:
        """Remove the effect of padding from the probe values of every lane."""
        for number, chunks in enumerate(self.chunks):
            place = number // len(self.contexts)
            if self.recorded and chunks and self.widths(place) != hidden_of(wide[place]):
                padding = self._padding(place, wide[place])
                for seen in chunks:
                    seen.update({each.name: each.unpad(seen[each.name], padding) for each in self.recorded})

    def _padding(self, place: int, wide: Recipe) -> Padding:
        """How much wider a recipe's lanes were than its own network."""
        activation = self.recipes[place].model.activation  # type: ignore[attr-defined]
        units = np.array(self.widths(place)), np.array(hidden_of(wide))
        return Padding(activation, *units, self._numbers(self.recipes[place]), self._numbers(wide))

    def _numbers(self, recipe: Recipe) -> np.ndarray:
        """Number of parameters in every layer, in the order of the history."""
        params, _ = shapes_of(recipe, self._arrays())
        return np.array([sum(leaf.size for leaf in jax.tree.leaves(params[name])) for name in sorted(params)])

    def padded(self, wide: list[Recipe], inputs: int, outputs: int) -> float:
        """Share of all arithmetic that was spent on padding, over the lanes' epochs."""
        own = spent = 0
        for number, chunks in enumerate(self.chunks):
            place, epochs = number // len(self.contexts), sum(len(seen["outcome"]) for seen in chunks)
            own += epochs * arithmetic(self.widths(place), inputs, outputs)
            spent += epochs * arithmetic(hidden_of(wide[place]), inputs, outputs)
        return 1.0 - own / max(spent, 1)

    def population(self, report: Report, interrupted: bool) -> Population:
        """The `Population` with all records as columns."""
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
                [np.nan if each is None or b < 0 else each[field][b] for each, b in zip(seen, best, strict=True)]
            )
            columns[name] = in_own_unit(name.partition("_")[2], columns[name], self.scale)
        if self.test is not None:
            columns |= {
                name: in_own_unit(name.partition("_")[2], each, self.scale) for name, each in self.test_columns.items()
            }
        columns |= self.rungs
        nothing: tuple[list[str], list[str]] = ([], [])
        shown = {
            group.structure: layer_names(self.recipes[group.members[0]], self._arrays()) if self.recorded else nothing
            for group in group_recipes(self.recipes)
        }
        return Population(
            recipes=tuple(self.recipes),
            task=self.data.task,
            layers=tuple(shown[jax.tree.structure(as_arrays(each))] for each in self.recipes),
            recipe=recipe,
            seed=np.array([self.contexts[c].seed for c in context]),
            fold=np.array([self.contexts[c].fold for c in context]),
            outcome=self.outcome,
            epochs=np.array([0 if each is None else len(each["outcome"]) for each in seen]),
            best_epoch=self.best_epoch,
            step=self.step,
            score=self.score,
            columns=columns,
            report=report,
            interrupted=interrupted,
            epochs_seen=seen,
            again=self.again,
            arrays=None if self.kept is None else tuple(self.kept),
            first_epoch=self.first_epoch,
            scale=self.scale,
            probes=self.recorded,
        )

    def _arrays(self) -> Arrays:
        # One row is enough: these arrays serve shapes and names only.
        return to_device(dataclasses.replace(self.data.dataset, x=self.data.dataset.x[:1]))

    def again(self, lane: int) -> Run:
        """Train one lane alone."""
        recipe, place = divmod(lane, len(self.contexts))
        context, dataset = self.contexts[place], self.data.dataset
        rows = {name: context.rows[name][: int(context.rows[f"{name}_count"])] for name in ("train", "valid")}
        table = dataclasses.replace(self.data, dataset=dataclasses.replace(dataset, **rows))
        key = key_of(context.seed, recipe if self.independent else None)
        return train_from(
            self.recipes[recipe], table, seed=context.seed, key=key, state=self.state, probes=self.recorded or RECORDED
        )
