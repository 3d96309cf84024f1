"""A short training as one function that can be differentiated by its hyperparameters, in float64."""

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from fallline.core.block import as_arrays, get, walk
from fallline.core.errors import FalllineError
from fallline.core.random import Seed, named, permutation
from fallline.core.schedule import Schedule
from fallline.core.tree import Tree
from fallline.data.table import Table
from fallline.optimizers.known import known_in
from fallline.penalties import Penalty
from fallline.schedules import ReduceOnPlateau
from fallline.training import program
from fallline.training.arrays import Arrays
from fallline.training.moment import batch_rows
from fallline.training.objective import Batch, inputs_of
from fallline.training.preparation import bare, prepare_run
from fallline.training.recipe import Recipe
from fallline.training.state import State
from fallline.training.validation import validate

INITIAL = "initial scale"  # of all weights: a factor of 1
PROBES = 8  # random sums of the parameters, from whose tangents the size of the parameters' tangent is estimated
TINY = 1e-100  # its square is a float64 too
LOG, HORIZON, LINEAR = "log", "log of 1/(1 - value)", "linear"


@dataclasses.dataclass(frozen=True)
class ShortRun:
    """A training of a few epochs as a function of some of its numbers.

    Arguments:
        recipe: the completed recipe.
        table: the data.
        paths: dotted paths of numbers, with the size of a schedule in its place; or `initial scale`.
        values: their values.
        scales: the coordinate of each: its logarithm, the logarithm of 1/(1 - value), or the number itself.
        epochs: number of epochs.
    """

    recipe: Recipe
    table: Table
    paths: tuple[str, ...]
    values: tuple[float, ...]
    scales: tuple[str, ...]
    epochs: int

    def moved(self, t: Float[np.ndarray, " paths"]) -> Recipe:
        """The recipe with its numbers moved along their coordinates; the initial scale is not among them."""
        from fallline.core.block import replace

        pairs = zip(self.paths, self.values, self.scales, t, strict=True)
        moved: Recipe = replace(
            self.recipe, {path: float(_moved(value, scale, by)) for path, value, scale, by in pairs if path != INITIAL}
        )
        return moved

    def losses(
        self, points: Float[np.ndarray, "points paths"], seeds: tuple[int, ...]
    ) -> Float[np.ndarray, "points seeds epochs"]:
        """The validation loss after every epoch of real runs, at coordinates relative to the recipe's own."""
        with jax.enable_x64(True):
            found = _losses(*self._arguments(seeds), jnp.asarray(points, jnp.float64))
            return np.asarray(found, np.float64)

    def tangents(
        self, seeds: tuple[int, ...]
    ) -> tuple[
        Float[np.ndarray, "seeds epochs"],
        Float[np.ndarray, "seeds epochs paths"],
        Float[np.ndarray, "seeds epochs paths"],
    ]:
        """The loss after every epoch, its derivatives, and the size of the parameters' derivatives."""
        with jax.enable_x64(True):
            loss, slope, size = _tangents(*self._arguments(seeds))
            return np.asarray(loss), np.asarray(slope), np.asarray(size)

    def _arguments(self, seeds: tuple[int, ...]) -> tuple[Any, ...]:
        run = prepare_run(self.recipe, self.table, seeds[0], ())
        recipe = as_arrays(bare(run.recipe), np.float64)
        keys = jnp.stack([jax.random.key(seed) for seed in seeds])
        return (self.paths, self.scales, self.epochs, recipe, _wide(run.arrays), keys)


def short_run(recipe: Recipe, table: Table, paths: tuple[str, ...], epochs: int) -> ShortRun:
    """The short run of a recipe.

    Raises: FalllineError for a path that is not that of a number, an update rule that searches along lines, a schedule that
        follows the validation loss, and data without validation rows.
    """
    if isinstance(epochs, bool) or not isinstance(epochs, int) or not 1 <= epochs <= 10_000:
        raise FalllineError(f"epochs = {epochs!r} is not a length of a short run: expected 1 to 10000")
    if not len(table.dataset.valid):
        raise FalllineError(
            "there are no validation rows, so there is no validation loss: load the data with valid=0.2"
        )
    if recipe.optimizer.line_search or recipe.optimizer.full_batch:
        raise FalllineError(
            f"the rule {recipe.optimizer.name} searches along lines or remembers evaluations, so that its run has no derivative: "
            "choose a rule such as momentum or adam"
        )
    recipe = dataclasses.replace(recipe, epochs=epochs, patience=None, gradient_tolerance=None)
    done = prepare_run(recipe, table, 0, ()).recipe
    if any(isinstance(value, ReduceOnPlateau) for _, _, value in walk(done)):
        raise FalllineError("a schedule that follows the validation loss has no derivative: choose a schedule of time")
    found = [_place(done, path) for path in paths]
    if not found or len(set(paths)) < len(paths):
        raise FalllineError("paths is empty or names a number twice: expected such as ('optimizer.learning_rate',)")
    places, values, scales = (tuple(each) for each in zip(*found, strict=True))
    return ShortRun(done, table, places, values, scales, epochs)


def _place(recipe: Recipe, path: str) -> tuple[str, float, str]:
    """The path of the number itself, its value and its scale."""
    if path == INITIAL:
        return path, 1.0, LOG
    value = get(recipe, path)
    if isinstance(value, Schedule):
        path = f"{path}.{value._size_field()}"
        value = get(recipe, path)
    declared = {place: field for place, field, _ in walk(recipe)}.get(path)
    if (
        declared is None
        or declared.role != "number"
        or declared.integer
        or isinstance(value, bool | str)
        or value is None
    ):
        raise FalllineError(
            f"{path!r} is not a number that a loss has a derivative by: expected such as optimizer.learning_rate"
        )
    if not isinstance(value, int | float):
        raise FalllineError(f"{path!r} is {value!r}: expected a number")
    high = np.inf if declared.valid is None else declared.valid.high
    if high == 1 and 0 <= value < 1:
        return path, float(value), HORIZON
    return path, float(value), LOG if declared.scale == "log" and value > 0 else LINEAR


def _moved(value: Any, scale: str, by: Any) -> Any:
    """A number moved along its coordinate."""
    if scale == LOG:
        return value * jnp.exp(by)
    return 1 - (1 - value) * jnp.exp(-by) if scale == HORIZON else value + by


def _displaced(
    recipe: Recipe, paths: tuple[str, ...], scales: tuple[str, ...], t: Float[Array, " paths"]
) -> tuple[Recipe, Any]:
    """The recipe with its numbers moved by t, and the factor of the initial params."""
    factor: Array | float = 1.0
    for path, scale, by in zip(paths, scales, t, strict=True):
        if path == INITIAL:
            factor = jnp.exp(by)
        else:
            recipe = _with(recipe, path, _moved(get(recipe, path), scale, by))
    return recipe, factor


def _wide(tree: Tree) -> Any:
    """The tree with its floats in float64."""

    def wide(leaf: Any) -> Any:
        is_float = isinstance(leaf, jax.Array | np.ndarray) and jnp.issubdtype(leaf.dtype, jnp.floating)
        return jnp.asarray(leaf, jnp.float64) if is_float else leaf

    return jax.tree.map(wide, tree)


def _run(
    paths: tuple[str, ...], scales: tuple[str, ...], epochs: int, recipe: Recipe, arrays: Arrays, key: Seed,
    t: Float[Array, " paths"],
) -> tuple[Float[Array, " epochs"], Float[Array, "epochs probes"]]:  # fmt: skip
    """The validation loss and the random sums of the parameters after every epoch; the steps are those of a training."""
    recipe, factor = _displaced(recipe, paths, scales, t)
    state = _wide(program.start(recipe, arrays, key))
    state = dataclasses.replace(state, params=_scaled(state.params, factor))
    state = dataclasses.replace(state, memory=_wide(program.first_memory(recipe, state.params)))
    rows, size = arrays.train.shape[0], batch_rows(recipe, arrays)
    steps = -(-rows // size)
    signs = jax.random.rademacher(jax.random.key(0), (PROBES, sum(leaf.size for leaf in jax.tree.leaves(state.params))))

    def step(state: State, inputs: tuple[Array, Array, Array]) -> tuple[State, None]:
        index, number, chosen = inputs
        weight = (index * size + jnp.arange(size) < rows).astype(jnp.float64)
        if arrays.weight is not None:
            weight = weight * arrays.weight[chosen]
        batch = Batch(chosen, weight, number, jnp.asarray(steps))
        now, time, noise, _, objective = inputs_of(recipe, arrays, state, batch)
        (cost, (_, _, stats)), gradient = jax.value_and_grad(objective, has_aux=True)(state.params)
        # The root of a squared gradient of exactly 0 has no derivative; one of 1e-100 has, and changes no step.
        gradient = jax.tree.map(lambda g: g + jnp.where(g == 0, TINY, 0.0), gradient)
        evidence = {"objective": lambda p: objective(p)[0], "weight": jnp.sum(weight), "time": time, "key": noise}
        delta, memory = now.optimizer.update(gradient, state.memory, state.params, value=cost, **evidence)
        params = jax.tree.map(jnp.add, state.params, delta)
        if now.penalty is not None and type(now.penalty).project is not Penalty.project:
            params = now.penalty.project(params)
        new = dataclasses.replace(state, params=params, stats=stats, memory=memory)
        return jax.tree.map(
            lambda a, b: a.astype(b.dtype) if hasattr(b, "dtype") and a.dtype != b.dtype else a, new, state
        ), None

    def epoch(state: State, number: Array) -> tuple[State, tuple[Array, Array]]:
        indices = jnp.minimum(lax.iota(jnp.int32, steps * size), rows - 1)
        if recipe.shuffle and known_in(state.memory) is None:
            indices = permutation(named(key, "order", number), rows, arrays.train_count)[indices]
        order = arrays.train[indices].reshape(steps, size)
        places = jnp.arange(steps, dtype=jnp.int32)
        state, _ = lax.scan(step, state, (places, number * steps + places, order))
        shown = dataclasses.replace(state, params=recipe.optimizer.evaluation_params(state.params, state.memory))
        loss = validate(recipe, arrays, shown, {"train_loss": jnp.float64(0), "train_objective": jnp.float64(0)})[0]
        flat = jnp.concatenate([leaf.ravel() for leaf in jax.tree.leaves(state.params)])
        return state, (loss, signs @ flat)

    found: tuple[Array, Array] = lax.scan(epoch, state, jnp.arange(epochs, dtype=jnp.int32))[1]
    return found


def _with(recipe: Recipe, path: str, value: Any) -> Recipe:
    import equinox as eqx

    changed: Recipe = eqx.tree_at(lambda tree: get(tree, path), recipe, value)
    return changed


def _scaled(params: Tree, factor: Array | float) -> Any:
    """The params with all weights multiplied by a factor; biases and the scales of normalisation are not."""
    return {
        name: {part: leaf * factor if part == "weight" else leaf for part, leaf in own.items()}
        for name, own in params.items()
    }


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _losses(
    paths: tuple[str, ...], scales: tuple[str, ...], epochs: int, recipe: Recipe, arrays: Arrays, keys: Array,
    points: Float[Array, "points paths"],
) -> Float[Array, "points seeds epochs"]:  # fmt: skip
    def one(t: Array) -> Array:
        return jax.vmap(lambda key: _run(paths, scales, epochs, recipe, arrays, key, t)[0])(keys)

    found: Array = lax.map(one, points, batch_size=4)
    return found


@functools.partial(jax.jit, static_argnums=(0, 1, 2))
def _tangents(
    paths: tuple[str, ...], scales: tuple[str, ...], epochs: int, recipe: Recipe, arrays: Arrays, keys: Array
) -> tuple[Array, Array, Array]:
    """Forward mode: a tangent per number goes along with the run, so that memory does not grow with its length."""
    zero = jnp.zeros(len(paths))

    def one(key: Seed) -> tuple[Array, Array, Array]:
        def along(direction: Array) -> tuple[Any, Any]:
            return jax.jvp(lambda t: _run(paths, scales, epochs, recipe, arrays, key, t), (zero,), (direction,))

        (loss, _), (slope, sums) = jax.vmap(along, out_axes=(None, -1))(jnp.eye(len(paths)))
        return loss, slope, jnp.sqrt(jnp.mean(sums**2, axis=1))

    found: tuple[Array, Array, Array] = jax.vmap(one)(keys)
    return found
