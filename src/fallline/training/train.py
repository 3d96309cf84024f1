"""`train(recipe, data, seed) -> run`: the compiled run in chunks of epochs, and what happens between them."""

import dataclasses
import functools
import hashlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fallline.core.block import as_arrays
from fallline.core.errors import FalllineError
from fallline.core.outcome import Outcome
from fallline.core.random import key_of
from fallline.data.table import Table
from fallline.metrics import metrics_of
from fallline.training import program
from fallline.training.arrays import Arrays, to_device
from fallline.training.checkpoint import load_checkpoint, save_checkpoint
from fallline.training.chunks import compiled_advance as compiled_advance
from fallline.training.chunks import compiled_start, run_chunks
from fallline.training.history import History, join, name_columns
from fallline.training.predictor import Predictor
from fallline.training.recipe import Recipe, complete_for, recipe_to_plain
from fallline.training.state import Epoch, State
from fallline.training.watch import layer_names


@dataclasses.dataclass(frozen=True)
class Moment:
    """Where a run stands between two chunks, for a progress bar or a callback."""

    epoch: int
    epochs: int
    seconds: float
    history: History
    best_epoch: int


@dataclasses.dataclass(frozen=True)
class Run:
    """A finished training.

    Arguments:
        recipe: the completed recipe, everything that the data decided filled in.
        model: the trained model, with the best parameters.
        history: one row per epoch.
        metrics: `metrics["test"]["accuracy"]`; for every split that has rows.
        outcome: how it ended.
        interrupted: whether Ctrl-C ended it before its time.
        notes: sentences on what a person should know.
    """

    recipe: Recipe
    model: Predictor
    state: State
    history: History
    metrics: dict[str, dict[str, float]]
    outcome: Outcome
    interrupted: bool
    seconds: float
    compile_seconds: float
    seed: int
    notes: tuple[str, ...] = ()

    @property
    def best_epoch(self) -> int:
        """The epoch whose parameters are kept, from 1; 0 for the initial ones."""
        return int(self.state.best_epoch)

    @property
    def scaling(self) -> dict[str, float]:
        """What the inputs' scaler found on the training rows: the components that PCA keeps; empty for most."""
        return self.model.scaling

    @property
    def sentence(self) -> str:
        """How the run ended, in words."""
        epochs, kept = len(self.history), self.recipe.keep
        if self.interrupted:
            return f"interrupted after {epochs} epochs; the parameters are those of epoch {self.best_epoch}, the {kept}"
        return self.outcome.sentence(epochs=epochs, best_epoch=self.best_epoch, step=int(self.state.step), kept=kept)


def train(
    recipe: Recipe,
    data: Table,
    *,
    seed: int = 0,
    watch: Callable[[Moment], Any] | None = None,
    folder: Path | None = None,
    checkpoint_seconds: float = 10.0,
    resume: bool = False,
    key: jax.Array | None = None,
    until: int | None = None,
    state: State | None = None,
    given: dict[str, Any] | None = None,
) -> Run:
    """Train one recipe on a table.

    Arguments:
        recipe: what to train and how; what it leaves open the data decide.
        data: a table with its split.
        seed: of initial weights, minibatch order and dropout.
        watch: called between chunks of epochs; an answer of True stops the run.
        folder: where checkpoints go; none are written without it.
        checkpoint_seconds: shortest time between two checkpoints.
        resume: continue from the folder's newest whole checkpoint, if there is one.
        key: the run's random key, where it is not the seed's own.
        until: stop after this epoch, with a state that can be continued.
        state: continue from another run's state, as `continued` makes it fit this recipe.
        given: initial params in place of drawn ones, {layer: {name: array}}; what is left out is drawn.

    Raises: FalllineError for a recipe that does not fit the data.

    >>> from fallline.data.table import load
    >>> run = train(Recipe(epochs=3), load("sklearn:iris"))
    >>> run.outcome.label, len(run.history)
    ('finished', 3)
    """
    began = time.perf_counter()
    if not isinstance(data, Table):
        raise FalllineError(
            f"data of type {type(data).__name__} cannot be trained on: expected a Table, as fallline.load(source) and "
            "fallline.Table.from_arrays(X, y) make"
        )
    table = data
    recipe, arrays, own_key = place(recipe, table, seed)
    key = own_key if key is None else key
    notes: list[str] = []
    traced = as_arrays(recipe)
    seen = None
    identity = {"recipe": _digest(recipe), "data": table.fingerprint, "seed": int(seed)} if folder else {}
    if resume and folder is not None:
        like = jax.eval_shape(program.start, traced, arrays, key)
        activations = program.network_of(recipe, arrays).activations
        state, seen, damaged = load_checkpoint(folder, like, identity, activations)
        notes += [f"{sentence}; the one before it is used" if state is not None else sentence for sentence in damaged]
    state = compiled_start(traced, arrays, key, given) if state is None else continued(state, traced, arrays)
    names = layer_names(recipe, arrays)
    first_metric = metrics_of(table.task)[0].name
    begun = int(state.epoch) - (0 if seen is None else len(seen.train_loss))  # a fork's history counts on
    label = functools.partial(_label, metric=first_metric, monitor=recipe.monitor, names=names, begun=begun)
    jax.block_until_ready(state.step)
    setup = time.perf_counter() - began
    saved = time.perf_counter()

    def between(state: State, epochs: list[Epoch]) -> Any:
        nonlocal saved
        now, answer = time.perf_counter(), None
        if watch is not None:
            total = int(recipe.epochs)
            answer = watch(Moment(int(state.epoch), total, now - began, label(epochs), int(state.best_epoch)))
        if folder is not None and bool(state.running) and now - saved >= checkpoint_seconds:
            save_checkpoint(folder, state, join(epochs), identity)
            saved = now
        return answer

    done = run_chunks(traced, arrays, state, until=until, between=between, seen=[] if seen is None else [seen])
    state, chunks = done.state, done.epochs
    if done.interrupted and folder is not None and chunks:
        save_checkpoint(folder, state, join(chunks), identity)

    del arrays  # the device's copy of the rows goes before the splits are judged on the host's
    model = predictor_of(recipe, table, state)
    return Run(
        recipe=recipe,
        model=model,
        state=state,
        history=label(chunks),
        metrics=evaluate_splits(model, table),
        outcome=Outcome(int(state.outcome)),
        interrupted=done.interrupted,
        seconds=time.perf_counter() - began,
        compile_seconds=setup + done.first_seconds,
        seed=int(seed),
        notes=tuple(notes),
    )


def continued(state: State, recipe: Recipe, arrays: Arrays) -> State:
    """A copy of a run's state that goes on under another recipe, if that leaves it something to do.

    Raises: FalllineError where the recipe's network or update rule has another memory than the state's.
    """
    fresh = jax.eval_shape(program.start, recipe, arrays, state.key)
    shapes = lambda tree: [(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(tree)]  # noqa: E731
    if jax.tree.structure(fresh) != jax.tree.structure(state) or shapes(fresh) != shapes(state):
        raise FalllineError(
            "the state does not fit the recipe: a run can be continued under other numbers and other schedules, not "
            "with another network, update rule or scaler; or the data have another number of columns"
        )
    ended = (state.outcome == Outcome.DIVERGED) | (state.epoch >= recipe.epochs)
    outcome = jnp.where(ended, jnp.maximum(state.outcome, Outcome.FINISHED), Outcome.RUNNING).astype(jnp.int32)
    return dataclasses.replace(jax.tree.map(jnp.copy, state), outcome=outcome)


def place(recipe: Recipe, table: Table, seed: int) -> tuple[Recipe, Arrays, jax.Array]:
    """The completed recipe, the data on the device and the run's key.

    Raises: FalllineError for a schedule or distribution left in a field that cannot hold it.
    """
    if len(table.dataset.train) == 0:
        raise FalllineError("no rows are left for training: lower the shares for test and validation")
    recipe = complete_for(recipe, table.dataset)
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < 2**32:
        raise FalllineError(f"seed = {seed!r} is not a whole number from 0 to 2^32 - 1")
    return recipe, to_device(table.dataset), key_of(int(seed))


def predictor_of(recipe: Recipe, table: Table, state: State) -> Predictor:
    """What is kept of a state: the best parameters, on the host."""
    kept = {
        "params": state.best_params,
        "stats": state.best_stats,
        "scaling": state.scaling,
        "target_scaling": state.target_scaling,
    }
    outputs = table.dataset.n_classes if table.task == "classification" else table.dataset.y.shape[1]
    return Predictor(recipe, table.schema, outputs, jax.tree.map(np.asarray, kept))


def evaluate_rows(
    model: Predictor,
    x: np.ndarray,
    y: np.ndarray,
    weight: np.ndarray | None = None,
    chosen: np.ndarray | None = None,
) -> dict[str, float]:
    """Loss and every metric of the task on labelled rows, in float64 from float32 predictions."""
    answer, losses = model.judge(x, y, chosen)
    rows: Any = slice(None) if chosen is None else chosen
    w = np.ones(len(losses)) if weight is None else weight[rows].astype(np.float64)
    target = y[rows] if model.task == "classification" else y[rows].astype(np.float64)
    found = {"loss": float(losses.astype(np.float64) @ w / max(w.sum(), 1e-30))}
    for each in metrics_of(model.task):
        found[each.name] = float(each.compute(answer.astype(np.float64), target, w))
    return found


def evaluate_splits(model: Predictor, table: Table) -> dict[str, dict[str, float]]:
    """The metrics of every split that has rows."""
    data = table.dataset
    splits = {"train": data.train, "valid": data.valid, "test": data.test}
    return {name: evaluate_rows(model, data.x, data.y, data.weight, rows) for name, rows in splits.items() if len(rows)}


def _label(
    chunks: list[Epoch], *, metric: str, monitor: str, names: tuple[list[str], list[str]], begun: int
) -> History:
    if not chunks:
        empty = program.empty_history(0, len(names[0]), len(names[1]))
        return name_columns(empty, metric, monitor, *names, begun)
    return name_columns(join(chunks), metric, monitor, *names, begun)


def _digest(recipe: Recipe) -> str:
    return hashlib.sha256(json.dumps(recipe_to_plain(recipe), sort_keys=True).encode()).hexdigest()
