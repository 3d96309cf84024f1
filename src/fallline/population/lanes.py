"""The lane program: `vmap` of the run's `start` and epoch over the lanes of one device.

A lane's own values (the hyperparameters that differ, its parameters and memory) have a leading lane axis. Everything else
is constant under `vmap`: the data, the minibatch order, the scaled minibatch. The state of a lane that has ended does not
change by a single bit.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from fallline.core.random import Seed
from fallline.core.tree import Tree
from fallline.metrics import metrics_of
from fallline.population.groups import rebuild
from fallline.population.widths import narrow
from fallline.probes import Probe
from fallline.training import program
from fallline.training.arrays import Arrays
from fallline.training.moment import beginning, input_width, network_of, settled, steps_of
from fallline.training.objective import answers, scaled_target
from fallline.training.recipe import Recipe
from fallline.training.state import Epochs, State
from fallline.training.validation import measured, predict

ROWS = ("train", "train_count", "valid", "valid_count")


@dataclasses.dataclass(frozen=True)
class Layout:
    """The facts that determine a lane program, besides the shapes of its arguments.

    Arguments:
        structure: tree structure of the recipes.
        differ: for every leaf of the recipe, whether each lane has its own value.
        scalers_differ: whether lanes scale their rows differently.
        own_rows: whether every lane has its own index sets and key, as lanes of several folds and seeds do.
        padded: whether lanes may be narrower than the program.
        recorded: the probes that every lane records.
        keeps_params: whether lanes keep their best params.
    """

    structure: Tree
    differ: tuple[bool, ...]
    scalers_differ: bool
    own_rows: bool
    padded: bool = False
    recorded: tuple[Probe, ...] = ()
    keeps_params: bool = True

    @property
    def common(self) -> tuple[str, ...]:
        """The fields of a state that all lanes share."""
        # With a shared key, `vmap` draws one minibatch order and gathers each minibatch once for all lanes; with shared
        # scaling it also scales it once.
        if self.own_rows:
            return ("epoch",)
        return ("epoch", "key") if self.scalers_differ else ("epoch", "key", "scaling", "target_scaling")

    def recipe(self, own: Tree, common: Tree) -> Recipe:
        """The recipe of one lane, from its own leaves and the common ones."""
        return rebuild(self.structure, self.differ, own, common)

    def data(self, arrays: Arrays, rows: dict[str, Any]) -> Arrays:
        """The data of one lane."""
        return dataclasses.replace(arrays, **rows) if self.own_rows else arrays


@dataclasses.dataclass
class Lanes:
    """Lanes in training: the arguments of a lane program, with the state that it returns."""

    own: tuple[Array, ...]
    common_leaves: tuple[Array, ...]
    arrays: Arrays
    rows: dict[str, Array]
    state: State
    shared: dict[str, Any]


def split(state: State, names: tuple[str, ...]) -> tuple[State, dict[str, Any]]:
    """A state without its shared fields, and the shared fields."""
    shared = {name: getattr(state, name) for name in names}
    without: dict[str, Any] = dict.fromkeys(names)
    return dataclasses.replace(state, **without), shared


def without_best(state: State) -> State:
    """A state that keeps no params besides the current ones."""
    return dataclasses.replace(state, best_params=None, best_stats=None)


def start_of(layout: Layout) -> Callable[..., Any]:
    """`start(own, common, arrays, rows, keys, widths, given) -> (lanes' states, what they share)`."""

    def one_lane(own: Tree, common: Tree, arrays: Arrays, key: Seed, widths: Array, given: Tree) -> State:
        recipe = layout.recipe(own, common)
        state = program.start(recipe, arrays, key, given)
        if layout.padded:
            network = network_of(beginning(recipe), arrays)
            state = narrow(recipe, network, state, input_width(recipe, arrays), widths, given)
        return state if layout.keeps_params else without_best(state)

    def start(
        own: Tree, common: Tree, arrays: Arrays, rows: dict[str, Array], keys: Seed, widths: Array, given: Tree
    ) -> tuple[State, dict[str, Any]]:
        if layout.own_rows:

            def run(o: Tree, r: dict[str, Array], k: Seed, w: Array, g: Tree) -> State:
                return one_lane(o, common, dataclasses.replace(arrays, **r), k, w, g)

            state = jax.vmap(run)(own, rows, keys, widths, given)
            # All lanes start at epoch 0 and advance together, so the epoch needs no lane axis.
            return split(dataclasses.replace(state, epoch=jnp.int32(0)), layout.common)
        # Any lane yields the shared fields; the compiler removes the rest of this state.
        shared = program.start(layout.recipe([leaf[0] for leaf in own], common), arrays, keys)

        def run_own(o: Tree, w: Array, g: Tree) -> State:
            return split(one_lane(o, common, arrays, keys, w, g), layout.common)[0]

        return jax.vmap(run_own)(own, widths, given), split(shared, layout.common)[1]

    return start


def advance_of(layout: Layout) -> Callable[..., Any]:
    """`advance(own, common, arrays, rows, state, shared, until) -> (state, shared, history)`."""

    def advance(
        own: Tree,
        common: Tree,
        arrays: Arrays,
        rows: dict[str, Array],
        state: State,
        shared: dict[str, Any],
        until: Array,
    ) -> tuple[State, dict[str, Any], Epochs]:
        def one_lane(o: Tree, r: dict[str, Array], s: State, epoch: Array, last: Array) -> tuple[State, Epochs]:
            whole = dataclasses.replace(s, **{**shared, "epoch": epoch})
            recipe, data = layout.recipe(o, common), layout.data(arrays, r)
            new, seen = program.one_epoch(recipe, data, whole, last, layout.recorded)
            return split(new, layout.common)[0], seen

        def epoch_of_all(_: Tree, __: Arrays, states: State, last: Array) -> tuple[State, Epochs]:
            running = states.running
            lanes, _ = split(states, layout.common)
            # `epoch` and `last` have no lane axis: a `cond` on them stays a branch, while `vmap` would compute both sides of
            # one that lanes decide differently.
            new, seen = jax.vmap(one_lane, in_axes=(0, 0, 0, None, None))(own, rows, lanes, states.epoch, last)
            kept = _unless_ended(running, new, lanes)
            if not layout.keeps_params:  # for ended lanes these are never read again, and the choice would copy them
                kept = dataclasses.replace(kept, params=new.params, stats=new.stats, memory=new.memory)
            return dataclasses.replace(kept, **{**shared, "epoch": states.epoch + 1}), seen

        whole = dataclasses.replace(state, **shared)
        # `program.advance` needs a recipe for its static facts only; the lanes' own recipes are built in `one_lane`.
        some = layout.recipe([leaf[0] for leaf in own], common)
        new, seen = program.advance(some, arrays, whole, until, layout.recorded, epoch_of_all)
        # A device whose lanes have all ended leaves its loop early, but `epoch` is replicated and must be equal on all.
        reached = jnp.minimum(until, shared["epoch"] + program.CAPACITY)
        lanes, after = split(dataclasses.replace(new, epoch=reached), layout.common)
        return lanes, after, seen

    return advance


def _unless_ended(running: Array, new: State, old: State) -> State:
    """The new state of lanes that were running, and the old one of lanes that had ended."""

    def keep(a: Array, b: Array) -> Array:
        return jnp.where(running.reshape(-1, *[1] * (a.ndim - 1)), a, b)

    found: State = jax.tree.map(keep, new, old)
    return found


def finish_of(layout: Layout) -> Callable[..., Any]:
    """`finish(own, common, arrays, rows, state, shared, test) -> (loss, first metric)` of the lanes' best params."""

    def finish(
        own: Tree, common: Tree, arrays: Arrays, rows: dict[str, Array], state: State, shared: Tree, test: Array
    ) -> Any:
        first = metrics_of(arrays.task)[0]

        def one_lane(o: Tree, r: dict[str, Array], s: State) -> tuple[Array, Array]:
            recipe = layout.recipe(o, common)
            best = dataclasses.replace(s, **shared, params=s.best_params, stats=s.best_stats)
            recipe = settled(recipe, best.watching, best.best_epoch, steps_of(recipe, layout.data(arrays, r)))
            prediction = predict(recipe, layout.data(arrays, r), best, test)
            target = arrays.y[test]
            weight = jnp.ones(test.shape[0]) if arrays.weight is None else arrays.weight[test]
            assert recipe.loss is not None
            loss = (
                recipe.loss.evaluation_loss(prediction, scaled_target(recipe, best, target)) @ weight / jnp.sum(weight)
            )
            return loss, measured(first, arrays, answers(recipe, best, prediction), target, weight)

        return jax.vmap(one_lane, axis_size=state.outcome.shape[0])(own, rows, state)

    return finish
