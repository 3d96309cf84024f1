"""The lane program: `vmap` of the run's `start` and epoch over lanes, with the lanes spread over all devices.

A lane's own values (the hyperparameters that differ, its parameters and memory) have a leading lane axis. Everything else
is constant under `vmap`: the data, the minibatch order, the scaled minibatch. The state of a lane that has ended does not
change by a single bit.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array

from fallline.core.outcome import Outcome
from fallline.core.random import Seed
from fallline.metrics import metrics_of
from fallline.population.groups import rebuild
from fallline.population.widths import narrow
from fallline.probes import Probe
from fallline.training import program
from fallline.training.arrays import Arrays
from fallline.training.moment import beginning, input_width, network_of, settled, steps_of
from fallline.training.state import Epochs, State
from fallline.training.step import answers, scaled_target
from fallline.training.watch import measured, predict

ROWS = ("train", "train_count", "valid", "valid_count")
LANES, COMMON = PartitionSpec("lanes"), PartitionSpec()


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

    structure: Any
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


@dataclasses.dataclass
class Lanes:
    """Lanes in training: the arguments of a lane program, with the state that it returns."""

    own: tuple[Array, ...]
    common_leaves: tuple[Array, ...]
    arrays: Arrays
    rows: dict[str, Array]
    state: State
    shared: dict[str, Any]


def mesh() -> Mesh:
    """All devices, as one mesh axis of lanes."""
    return Mesh(np.array(jax.devices()), ("lanes",))


def split(state: State, names: tuple[str, ...]) -> tuple[State, dict[str, Any]]:
    """A state without its shared fields, and the shared fields."""
    shared = {name: getattr(state, name) for name in names}
    without: dict[str, Any] = dict.fromkeys(names)
    return dataclasses.replace(state, **without), shared


def without_best(state: State) -> State:
    """A state that keeps no params besides the current ones."""
    return dataclasses.replace(state, best_params=None, best_stats=None)


def _mapped(layout: Layout) -> tuple[Any, Any, Any]:
    """(start, advance, finish) over the lanes of one device."""

    def recipe_of(own: Any, common: Any) -> Any:
        return rebuild(layout.structure, layout.differ, own, common)

    def start_one(own: Any, common: Any, arrays: Arrays, key: Any, widths: Array, given: Any) -> State:
        recipe = recipe_of(own, common)
        state = program.start(recipe, arrays, key, given)
        if layout.padded:
            state = narrow(
                recipe, network_of(beginning(recipe), arrays), state, input_width(recipe, arrays), widths, given
            )
        return state if layout.keeps_params else without_best(state)

    def start(
        own: Any, common: Any, arrays: Arrays, rows: Any, keys: Any, widths: Any, given: Any
    ) -> tuple[State, dict[str, Any]]:
        if layout.own_rows:

            def run(o: Any, r: Any, k: Any, w: Array, g: Any) -> State:
                return start_one(o, common, dataclasses.replace(arrays, **r), k, w, g)

            state = jax.vmap(run)(own, rows, keys, widths, given)
            # All lanes start at epoch 0 and advance together, so the epoch needs no lane axis.
            return split(dataclasses.replace(state, epoch=jnp.int32(0)), layout.common)
        # Any lane yields the shared fields; the compiler removes the rest of this state.
        shared = program.start(recipe_of([leaf[0] for leaf in own], common), arrays, keys)

        def run_own(o: Any, w: Array, g: Any) -> State:
            return split(start_one(o, common, arrays, keys, w, g), layout.common)[0]

        return jax.vmap(run_own)(own, widths, given), split(shared, layout.common)[1]

    def advance(
        own: Any, common: Any, arrays: Arrays, rows: Any, state: State, shared: dict[str, Any], until: Array
    ) -> tuple[State, dict[str, Any], Epochs]:
        def one_lane(o: Any, r: Any, s: State, epoch: Array, last: Array) -> tuple[State, Epochs]:
            whole = dataclasses.replace(s, **{**shared, "epoch": epoch})
            data = dataclasses.replace(arrays, **r) if layout.own_rows else arrays
            new, seen = program.one_epoch(recipe_of(o, common), data, whole, last, layout.recorded)
            return split(new, layout.common)[0], seen

        def epoch_of_all(_: Any, __: Arrays, states: State, last: Array) -> tuple[State, Epochs]:
            alive = states.running
            lanes, _ = split(states, layout.common)
            # `epoch` and `last` have no lane axis: a `cond` on them stays a branch, while `vmap` would compute both sides of
            # one that lanes decide differently.
            new, seen = jax.vmap(one_lane, in_axes=(0, 0, 0, None, None))(own, rows, lanes, states.epoch, last)

            def keep(a: Array, b: Array) -> Array:
                return jnp.where(alive.reshape(-1, *[1] * (a.ndim - 1)), a, b)

            kept = jax.tree.map(keep, new, lanes)
            if not layout.keeps_params:  # for ended lanes these are never read again, and the choice would copy them
                kept = dataclasses.replace(kept, params=new.params, stats=new.stats, memory=new.memory)
            return dataclasses.replace(kept, **{**shared, "epoch": states.epoch + 1}), seen

        whole = dataclasses.replace(state, **shared)
        # `program.advance` needs a recipe for its static facts only; the lanes' own recipes are built in `one_lane`.
        some = recipe_of([leaf[0] for leaf in own], common)
        new, seen = program.advance(some, arrays, whole, until, layout.recorded, epoch_of_all)
        # A device whose lanes have all ended leaves its loop early, but `epoch` is replicated and must be equal on all.
        reached = jnp.minimum(until, shared["epoch"] + program.CAPACITY)
        lanes, after = split(dataclasses.replace(new, epoch=reached), layout.common)
        return lanes, after, seen

    def finish(own: Any, common: Any, arrays: Arrays, rows: Any, state: State, shared: Any, test: Array) -> Any:
        first = metrics_of(arrays.task)[0]

        def one_lane(o: Any, r: Any, s: State) -> tuple[Array, Array]:
            recipe = recipe_of(o, common)
            best = dataclasses.replace(s, **shared, params=s.best_params, stats=s.best_stats)
            data = dataclasses.replace(arrays, **r) if layout.own_rows else arrays
            recipe = settled(recipe, best.watching, best.best_epoch, steps_of(recipe, data))
            prediction = predict(recipe, data, best, test)
            target = arrays.y[test]
            weight = jnp.ones(test.shape[0]) if arrays.weight is None else arrays.weight[test]
            assert recipe.loss is not None
            loss = (
                recipe.loss.evaluation_loss(prediction, scaled_target(recipe, best, target)) @ weight / jnp.sum(weight)
            )
            return loss, measured(first, arrays, answers(recipe, best, prediction), target, weight)

        return jax.vmap(one_lane, axis_size=state.outcome.shape[0])(own, rows, state)

    return start, advance, finish


_TRACED: list[str] = []


def compilations() -> int:
    """Lane programs compiled so far in this process."""
    return len(_TRACED)


def _counted(f: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap a function so that every trace, and therefore every compilation, is counted."""

    @functools.wraps(f)
    def traced(*arguments: Any) -> Any:
        _TRACED.append(f.__name__)
        return f(*arguments)

    return traced


@functools.cache
def programs(layout: Layout) -> tuple[Any, Any, Any]:
    """(start, advance, finish) of a layout, compiled and spread over the devices; once per layout and process."""
    start, advance, finish = map(_counted, _mapped(layout))
    over = mesh()
    keys = LANES if layout.own_rows else COMMON
    shared: Any = dict.fromkeys(layout.common, COMMON)
    history = PartitionSpec(None, "lanes")
    spread = functools.partial(jax.shard_map, mesh=over, check_vma=False)
    return (
        jax.jit(spread(start, in_specs=(LANES, COMMON, COMMON, LANES, keys, LANES, LANES), out_specs=(LANES, shared))),
        jax.jit(
            spread(
                advance,
                in_specs=(LANES, COMMON, COMMON, LANES, LANES, shared, COMMON),
                out_specs=(LANES, shared, history),
            ),
            donate_argnums=4,
        ),
        jax.jit(spread(finish, in_specs=(LANES, COMMON, COMMON, LANES, LANES, shared, COMMON), out_specs=LANES)),
    )


def place_lanes(tree: Any) -> Any:
    """Put arrays with a lane axis on their devices; keys travel via the host, since moving them would need a program."""
    words = jax.tree.map(lambda leaf: np.asarray(jax.random.key_data(leaf)) if _is_key(leaf) else leaf, tree)
    placed = jax.device_put(words, NamedSharding(mesh(), LANES))
    return jax.tree.map(lambda leaf, there: jax.random.wrap_key_data(there) if _is_key(leaf) else there, tree, placed)


def stack_keys(keys: Sequence[Seed]) -> Seed:
    """Stack keys, one per lane, on the default device."""
    return jax.random.wrap_key_data(jax.device_put(np.stack([np.asarray(jax.random.key_data(key)) for key in keys])))


def _is_key(leaf: Any) -> bool:
    return jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def place_common(tree: Any) -> Any:
    """Put arrays that all lanes share on every device."""
    return jax.device_put(tree, NamedSharding(mesh(), COMMON))


def begin(
    layout: Layout,
    own: Any,
    common: Any,
    arrays: Arrays,
    rows: dict[str, Any],
    keys: Seed,
    widths: np.ndarray,
    given: Any = None,
) -> Lanes:
    """Lanes before their first step.

    Arguments:
        widths: hidden widths with the axes (lanes, hidden layers); used if the layout is padded.
        given: initial params with a lane axis, as wide as the program's; missing layers, or None, are drawn from the keys.
    """
    state, shared = programs(layout)[0](own, common, arrays, rows, keys, widths, given)
    return Lanes(own, common, arrays, rows, state, shared)


def resume(
    layout: Layout, own: Any, common: Any, arrays: Arrays, rows: dict[str, Any], states: Sequence[State]
) -> Lanes:
    """Lanes that continue from given states, one per lane, all at the same epoch."""
    states = list(states) if layout.keeps_params else [without_best(state) for state in states]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *(split(state, layout.common)[0] for state in states))
    shared = split(states[0], layout.common)[1]
    return Lanes(place_lanes(own), common, arrays, place_lanes(rows), place_lanes(stacked), place_common(shared))


def go(layout: Layout, lanes: Lanes, until: int) -> Epochs:
    """Advance all lanes in place; returns the history of these epochs, with the axes (epochs, lanes, ...)."""
    arguments = (lanes.own, lanes.common_leaves, lanes.arrays, lanes.rows, lanes.state, lanes.shared, np.int32(until))
    lanes.state, lanes.shared, seen = programs(layout)[1](*arguments)
    return seen


def judge(layout: Layout, lanes: Lanes, test: Array) -> tuple[Array, Array]:
    """(loss, first metric) of every lane's best parameters on test rows."""
    arguments = (lanes.own, lanes.common_leaves, lanes.arrays, lanes.rows, lanes.state, lanes.shared, test)
    return programs(layout)[2](*arguments)


def pick_lanes(many: Sequence[Lanes], places: np.ndarray, standing: np.ndarray) -> Lanes:
    """The lanes at some places of one program, or of several concatenated; lanes in `standing` are marked as ended."""

    def take(*trees: Any) -> Any:
        return jax.tree.map(lambda *leaves: _take(leaves, places), *trees)

    state = take(*(lanes.state for lanes in many))
    outcome = np.where(standing, Outcome.FINISHED, state.outcome).astype(np.int32)
    state = dataclasses.replace(state, outcome=outcome)
    first = many[0]
    return Lanes(
        place_lanes(take(*(lanes.own for lanes in many))),
        first.common_leaves,
        first.arrays,
        place_lanes(take(*(lanes.rows for lanes in many))),
        place_lanes(state),
        first.shared,
    )


def _take(leaves: Sequence[Any], places: np.ndarray) -> Any:
    """Some lanes of an array, gathered on the host; on the device this would need one more program per shape."""
    if _is_key(leaves[0]):
        data = np.concatenate([np.asarray(jax.random.key_data(leaf)) for leaf in leaves])
        return jax.random.wrap_key_data(jax.device_put(data[places]))
    return np.concatenate([np.asarray(leaf) for leaf in leaves])[places]
