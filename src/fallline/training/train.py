"""`train(recipe, data, seed) -> run`: the compiled run in chunks of epochs, with callbacks and checkpoints in between."""

import dataclasses
import functools
import hashlib
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from fallline.core.block import as_arrays
from fallline.core.driving import Progress
from fallline.core.errors import FalllineError
from fallline.core.keeping import Keeping, size_of
from fallline.core.outcome import Outcome
from fallline.core.random import key_of
from fallline.core.tree import Tree
from fallline.data.table import Table
from fallline.metrics import exactly, metrics_of
from fallline.optimizers import forgotten
from fallline.probes import RECORDED, Probe, recordable
from fallline.training import program
from fallline.training.arrays import Arrays, judging_rows, scale_of, suited, to_device
from fallline.training.calibration import Calibration, temper
from fallline.training.checkpoint import LAST, load_checkpoint, save_checkpoint, write_state
from fallline.training.chunks import compiled_advance as compiled_advance
from fallline.training.chunks import compiled_start, run_chunks
from fallline.training.class_weights import weighed, with_class_weights
from fallline.training.history import History, join, name_columns
from fallline.training.moment import network_of, settled
from fallline.training.outlook import Outlook, outlook_of
from fallline.training.predictor import Predictor
from fallline.training.recipe import Recipe, complete_for, recipe_to_plain
from fallline.training.state import Epochs, State, empty_history
from fallline.training.step import LIMIT
from fallline.training.transform import note_on
from fallline.training.watch import layer_names

if TYPE_CHECKING:
    from fallline.diagnosis import Diagnosis


@dataclasses.dataclass(frozen=True)
class Moment(Progress):
    """Where a run stands between two chunks, for a progress bar or a callback."""

    unit: ClassVar[str] = "epochs"
    history: History
    best_epoch: int

    @property
    def epoch(self) -> int:
        """The epoch that has just ended, counted from 1."""
        return int(self.done)

    @property
    def epochs(self) -> int:
        """Most epochs of the run."""
        return int(self.total)


@dataclasses.dataclass(frozen=True)
class Run:
    """A finished training.

    Arguments:
        recipe: the completed recipe, with everything that depends on the data filled in.
        model: the trained model, with the best parameters.
        history: one row per epoch.
        metrics: metrics of every split that has rows, such as `metrics["test"]["accuracy"]`.
        outcome: how the run ended.
        interrupted: whether Ctrl-C ended the run early.
        notes: sentences that the user should read.
        unsaved: writes the last checkpoint of an interrupted run into another folder, if its own folder refused it.
        data: the table that it was trained on.
        last_state: writes the state after the last epoch into a folder, so that the run can be extended; None for a run
            without a folder of its own.
        calibration: the temperature that the model was given after training, if the recipe says so.
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
    unsaved: Callable[[Path], None] | None = None
    data: Table | None = dataclasses.field(default=None, repr=False)
    calibration: Calibration | None = None
    last_state: Callable[[Path], None] | None = None

    @property
    def best_epoch(self) -> int:
        """The epoch whose parameters are kept, counted from 1; 0 stands for the initial parameters."""
        return int(self.state.best_epoch)

    @property
    def learnt(self) -> bool:
        """Whether there is a model to predict with; False if the run diverged before any epoch was worth keeping."""
        return self.outcome is not Outcome.DIVERGED or self.best_epoch > 0

    @property
    def steps(self) -> int:
        """Number of updates."""
        return int(self.state.step)

    def rows(self, table: Table) -> dict[str, int]:
        """Number of rows behind the metrics of each split."""
        data = table.dataset
        return {"train": len(data.train), "valid": len(data.valid), "test": len(data.test)}

    @property
    def more(self) -> dict[str, Any]:
        """What the summary of a run says besides; nothing for a single network."""
        return {}

    @property
    def scaling(self) -> dict[str, float]:
        """Numbers that the input scaler determined on the training rows, such as the components PCA keeps; often empty."""
        return self.model.scaling

    @functools.cached_property
    def diagnosis(self) -> "Diagnosis":
        """What its history and its data say of it; `fallline.diagnose(run)` also looks into the network."""
        from fallline.diagnosis import judge  # here: a search judges no run, and imports none of it
        from fallline.diagnosis.light import light_evidence

        if self.data is None:
            raise FalllineError("this run does not know its data: fallline.diagnose(run, data) takes them")
        return judge(
            light_evidence(
                self.recipe,
                self.data,
                self.history,
                self.metrics,
                outcome=self.outcome.label,
                best_epoch=self.best_epoch,
                steps=self.steps,
                learnt=self.learnt,
            )
        )

    @property
    def sentence(self) -> str:
        """How the run ended, in words."""
        epochs, kept = len(self.history), self.recipe.keep
        if self.interrupted:
            return f"interrupted after {epochs} epochs; the parameters are those of epoch {self.best_epoch}, the {kept}"
        ended = self.outcome.sentence(epochs=epochs, best_epoch=self.best_epoch, step=int(self.state.step), kept=kept)
        if not self.learnt:
            return f"{ended}; the parameters are the initial ones: there is no model to predict with"
        return ended if self.outlook is None else f"{ended}; {self.outlook.sentence}"

    @property
    def outlook(self) -> Outlook | None:
        """What twice as many epochs promise; None for a run that ended early, or whose validation loss no longer falls."""
        if self.interrupted or self.outcome is not Outcome.FINISHED or not len(self.history):
            return None
        return outlook_of(self.history["valid_loss"], int(self.history["epoch"][0]) - 1)


def train(
    recipe: Recipe,
    data: Table,
    *,
    seed: int = 0,
    probes: Sequence[Probe] = RECORDED,
    watch: Callable[[Moment], Any] | None = None,
    folder: str | Path | None = None,
    checkpoint_seconds: float = 10.0,
    resume: bool = False,
) -> Run:
    """Train one recipe on a table.

    Arguments:
        recipe: the recipe to train; fields left open are chosen from the data.
        data: a table with its split.
        seed: seed of initial weights, minibatch order and dropout.
        probes: values recorded for every epoch besides losses and metrics; see `fallline.probes` for all of them.
        watch: callback between chunks of epochs; the run stops if it returns True.
        folder: folder for checkpoints; without it none are written. Writing is tested first. If a checkpoint cannot be
            written later, training continues and the run's notes say so.
        checkpoint_seconds: shortest time between two checkpoints.
        resume: continue from the newest intact checkpoint in the folder, if there is one.

    Raises: FalllineError for a recipe that does not fit the data, probes that cannot be recorded together, and a folder
        that cannot be written to or is in use.

    >>> from fallline.data.table import load
    >>> run = train(Recipe(epochs=3), load("sklearn:iris"))
    >>> run.outcome.label, len(run.history)
    ('finished', 3)
    """
    return train_from(
        recipe,
        data,
        seed=seed,
        probes=probes,
        watch=watch,
        folder=folder,
        checkpoint_seconds=checkpoint_seconds,
        resume=resume,
    )


def train_from(
    recipe: Recipe,
    data: Table,
    *,
    seed: int = 0,
    probes: Sequence[Probe] = RECORDED,
    watch: Callable[[Moment], Any] | None = None,
    folder: str | Path | None = None,
    checkpoint_seconds: float = 10.0,
    resume: bool = False,
    key: jax.Array | None = None,
    until: int | None = None,
    state: State | None = None,
    params: dict[str, Any] | None = None,
) -> Run:
    """Train as `train` does, from a given key, state or params, or up to an epoch.

    Arguments:
        recipe, data, seed, probes, watch, folder, checkpoint_seconds, resume: as for `train`.
        key: random key of the run, in place of the one derived from the seed.
        until: last epoch to train; the state can be continued from there.
        state: state of another run to continue from; `continued` adapts it to this recipe.
        params: initial params as {layer: {name: array}}; params that are left out are drawn.

    Raises: FalllineError as for `train`.
    """
    began = time.perf_counter()
    if not isinstance(data, Table):
        raise FalllineError(
            f"data of type {type(data).__name__} cannot be trained on: expected a Table, as fallline.load(source) and "
            "fallline.Table.from_arrays(X, y) make"
        )
    recorded = recordable(probes)
    table, unheld = suited(data, [recipe])
    asked = recipe.target_transform
    recipe, arrays, own_key = place(recipe, table, seed)
    key = own_key if key is None else key
    traced = as_arrays(bare(recipe))
    folder = None if folder is None else Path(folder)
    identity = identity_of(recipe, table, seed) if folder else {}
    with Keeping(folder) as keeping:
        seen = None
        notes: list[str] = [unheld] if unheld else []
        if asked == "auto" and recipe.target_transform == "log":
            notes.append(note_on(table.dataset))
        if resume and folder is not None:
            like = jax.eval_shape(program.start, traced, arrays, key)
            activations = network_of(recipe, arrays).activations
            state, seen, damaged = load_checkpoint(folder, like, identity, activations, recorded)
            notes += [
                f"{sentence}; the one before it is used" if state is not None else sentence for sentence in damaged
            ]
        same = seen is not None  # a checkpoint belongs to the same recipe and data
        state = compiled_start(traced, arrays, key, params) if state is None else continued(state, traced, arrays, same)
        keeping.try_for(size_of(state) if folder else 0)
        names = layer_names(recipe, arrays)
        first_metric = metrics_of(table.task)[0].name
        # The history of a fork counts epochs from the state that it continues.
        begun = int(state.epoch) - (0 if seen is None else len(seen["train_loss"]))
        label = functools.partial(
            _label,
            recorded=recorded,
            metric=first_metric,
            monitor=recipe.monitor,
            names=names,
            begun=begun,
            scale=scale_of(table.dataset),
        )
        jax.block_until_ready(state.step)
        setup = time.perf_counter() - began

        def between(state: State, epochs: list[Epochs]) -> Any:
            seconds = time.perf_counter() - began
            return watch and watch(
                Moment(int(state.epoch), int(recipe.epochs), seconds, label(epochs), int(state.best_epoch))
            )

        def save(state: State, epochs: list[Epochs]) -> bool:
            return keeping.save(lambda folder: save_checkpoint(folder, state, join(epochs), identity, recorded))

        done = run_chunks(
            traced,
            arrays,
            state,
            until=until,
            between=between,
            save=save if folder else None,
            save_seconds=checkpoint_seconds,
            seen=[] if seen is None else [seen],
            recorded=as_arrays(recorded),
        )
        state, chunks, unsaved, last_state = done.state, done.epochs, None, None
        if folder is not None and not done.interrupted and chunks and until is None:
            last_state = functools.partial(
                _write_last, state=state, seen=join(chunks), identity=identity, recorded=recorded
            )
        if done.interrupted and folder is not None and chunks:

            def last(folder: Path) -> None:
                save_checkpoint(folder, done.state, join(done.epochs), identity, recorded)

            unsaved = None if keeping.save(last) else last

    if state.outcome == Outcome.DIVERGED and not usable(predictor_of(recipe, table, state), table, float(state.unit)):
        # The kept params are finite, but their loss is not within bounds: fall back to the initial params.
        fresh = compiled_start(traced, arrays, key, params)
        state = dataclasses.replace(
            state, best_params=fresh.best_params, best_stats=fresh.best_stats, best_epoch=jnp.int32(0)
        )
    del arrays  # frees the rows on the device before the splits are evaluated from the host's copy
    model, calibration = predictor_of(recipe, table, state), None
    if recipe.calibrate == "temperature":
        if (tempered := temper(model, table)) is None:
            notes.append("there are no validation rows to fit a temperature to: the probabilities are as trained")
        else:
            model, calibration = tempered
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
        notes=(*notes, *keeping.notes),
        unsaved=unsaved,
        data=table,
        calibration=calibration,
        last_state=last_state,
    )


def _write_last(
    folder: Path, *, state: State, seen: Epochs, identity: dict[str, Any], recorded: tuple[Probe, ...]
) -> None:
    write_state(folder / LAST, state, seen, identity, recorded)


def continued(state: State, recipe: Recipe, arrays: Arrays, same: bool = False) -> State:
    """A copy of a run's state that continues under another recipe, if that recipe has epochs left.

    Unless recipe and data are known to be the `same`, everything that the update rule remembers of the objective is cleared.

    Raises: FalllineError where the structure of the recipe's state, such as its network or update rule, differs.
    """
    fresh = jax.eval_shape(program.start, recipe, arrays, state.key)

    def shapes(tree: Tree) -> list[tuple[Any, Any]]:
        return [(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(tree)]

    if jax.tree.structure(fresh) != jax.tree.structure(state) or shapes(fresh) != shapes(state):
        raise FalllineError(
            "the state does not fit the recipe: a run can be continued under other numbers and other schedules, not "
            "with another network, update rule or scaler; or the data have another number of columns"
        )
    ended = (state.outcome == Outcome.DIVERGED) | (state.epoch >= recipe.epochs)
    outcome = jnp.where(ended, jnp.maximum(state.outcome, Outcome.FINISHED), Outcome.RUNNING).astype(jnp.int32)
    state = jax.tree.map(jnp.copy, state)
    return dataclasses.replace(state, outcome=outcome, memory=state.memory if same else forgotten(state.memory))


def place(recipe: Recipe, table: Table, seed: int) -> tuple[Recipe, Arrays, jax.Array]:
    """The completed recipe, the data on the device and the run's key.

    Raises: FalllineError for a schedule or distribution left in a field that cannot hold it.
    """
    if len(table.dataset.train) == 0:
        raise FalllineError("no rows are left for training: lower the shares for test and validation")
    if not len(judging_rows(table.dataset, table.dataset.train)):
        raise FalllineError("every training row has the weight 0: give some of them a weight")
    recipe = with_class_weights(complete_for(recipe, table.dataset), table)
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < 2**32:
        raise FalllineError(f"seed = {seed!r} is not a whole number from 0 to 2^32 - 1")
    return recipe, to_device(weighed(table, recipe).dataset), key_of(int(seed))


def predictor_of(recipe: Recipe, table: Table, state: State) -> Predictor:
    """The predictor with the best parameters of a state, on the host, and the numbers of the model and the loss at that step."""
    rows = len(table.dataset.train)
    assert isinstance(recipe.batch_size, int)
    steps = -(-rows // max(1, min(recipe.batch_size, rows)))
    as_read = settled(recipe, state.watching, state.best_epoch, steps)
    recipe = jax.tree.map(lambda leaf: leaf.item() if isinstance(leaf, jax.Array) else leaf, as_read)
    kept = {
        "params": state.best_params,
        "stats": state.best_stats,
        "scaling": state.scaling,
        "target_scaling": state.target_scaling,
    }
    outputs = table.dataset.n_classes if table.task == "classification" else table.dataset.y.shape[1]
    return Predictor(recipe, table.schema, outputs, jax.tree.map(np.asarray, kept), table.seen)


def usable(model: Predictor, table: Table, unit: float) -> bool:
    """Whether the loss on the training rows is within the divergence limit of a run with this unit."""
    data = table.dataset
    return evaluate_rows(model, data.x, data.y, data.weight, data.train)["loss"] < LIMIT * unit


def evaluate_rows(
    model: Predictor,
    x: np.ndarray,
    y: np.ndarray,
    weight: np.ndarray | None = None,
    chosen: np.ndarray | None = None,
) -> dict[str, float]:
    """Loss and every metric of the task on labelled rows, in float64 and against the targets as given.

    Arguments:
        model: the model.
        x: encoded rows.
        y: class indices, or targets in their own unit, as in `Dataset.given`.
        weight: weight of each row; rows that all weigh 0 have no metrics.
        chosen: indices of the rows to use; default: all.
    """
    rows: Any = slice(None) if chosen is None else chosen
    target = y[rows] if model.task == "classification" else y[rows].astype(np.float64)
    w = np.ones(len(target)) if weight is None else weight[rows].astype(np.float64)
    if not w.any():
        return {}
    answer, losses = model.judge(x, model.schema.target.condition(y), chosen)
    found = {"loss": float(losses.astype(np.float64) @ w / w.sum())}
    for each in metrics_of(model.task):
        found[each.name] = exactly(each, answer.astype(np.float64), target, w)
    return found


def evaluate_splits(model: Predictor, table: Table) -> dict[str, dict[str, float]]:
    """The metrics of every split that has rows with a weight."""
    data = table.dataset
    splits = {"train": data.train, "valid": data.valid, "test": data.test}
    return {
        name: evaluate_rows(model, data.x, data.given, data.weight, rows)
        for name, rows in splits.items()
        if len(judging_rows(data, rows))
    }


def _label(
    chunks: list[Epochs],
    *,
    recorded: tuple[Probe, ...],
    metric: str,
    monitor: str,
    names: tuple[list[str], list[str]],
    begun: int,
    scale: float,
) -> History:
    seen = join(chunks) if chunks else empty_history(0, len(names[0]), len(names[1]), recorded=recorded)
    return name_columns(seen, recorded, metric, monitor, *names, begun, scale)


def bare(recipe: Recipe) -> Recipe:
    """The recipe without what the compiled run does not read, so that its values do not compile again."""
    return dataclasses.replace(recipe, class_weight=None, calibrate="none", target_transform="none")


def identity_of(recipe: Recipe, table: Table, seed: int) -> dict[str, Any]:
    """What a checkpoint must agree in with the run that continues from it; the recipe is complete."""
    return {"recipe": _digest(recipe), "data": table.fingerprint, "seed": int(seed)}


def _digest(recipe: Recipe) -> str:
    plain = recipe_to_plain(recipe)
    plain = {name: value for name, value in plain.items() if name not in LATER or value != LATER[name]}
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()


# Fields that recipes of earlier versions lack, and their defaults.
LATER = {"class_weight": "none", "calibrate": "none", "target_transform": "none", "encoding": "none"}
