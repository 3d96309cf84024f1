"""One fit: the chunks of a run, and the work between them (print, call callbacks, score, cut the rate)."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fallline.core.bar import LATE, Bar, quiet_unless
from fallline.core.block import as_arrays, replace
from fallline.core.outcome import Outcome
from fallline.core.saying import figures
from fallline.core.tensors import flatten, unflatten
from fallline.estimators.settings import SMALLEST_RATE
from fallline.optimizers import forgotten
from fallline.probes import LearningRate, TrainObjective
from fallline.training import program
from fallline.training.arrays import Arrays
from fallline.training.chunks import compiled_start, run_chunks
from fallline.training.history import join
from fallline.training.host import wide
from fallline.training.recipe import Recipe
from fallline.training.state import LATER, Epochs, State


@dataclasses.dataclass(frozen=True)
class FitResult:
    """The part of a run that is kept on the host, so that an estimator can be pickled, predict and train further.

    Arguments:
        recipe: the completed recipe.
        params: the params by layer.
        rest: the rest of the run's state, by path.
    """

    recipe: Recipe
    params: dict[str, Any]
    rest: dict[str, np.ndarray]

    @functools.cached_property
    def fitted(self) -> dict[str, Any]:
        """The statistics that a prediction needs: `stats`, `scaling` and `target_scaling`."""
        found = {name: self.part(name) for name in ("stats", "scaling", "target_scaling")}
        return {**found, "target_scaling": found["target_scaling"] or None}

    @functools.cached_property
    def wide(self) -> dict[str, Any]:
        """The same in float64, read-only."""
        found: dict[str, Any] = wide(self.fitted)
        return found

    def __getstate__(self) -> dict[str, Any]:
        """The fields alone: the rest is made again where it is needed."""
        return {each.name: getattr(self, each.name) for each in dataclasses.fields(self)}

    def part(self, name: str) -> dict[str, Any]:
        """A nested part of the state, such as `stats`."""
        tree: dict[str, Any] = {}
        for path, array in self.rest.items():
            first, *folders = path.split("/")
            if first == name and folders:
                here = tree
                for each in folders[:-1]:
                    here = here.setdefault(each, {})
                here[folders[-1]] = array
        return tree


RECORDED = (TrainObjective(), LearningRate())  # recorded in every epoch, in addition to the scores


@dataclasses.dataclass(frozen=True)
class EpochProgress:
    """The state of a fit, passed to callbacks; a callback that returns True ends the training.

    Arguments:
        epoch: number of epochs done, not counting earlier fits of a warm start.
        loss: loss of the last epoch, including the penalty.
        loss_curve: losses of all epochs of this fit.
        validation_score: the last validation score; None without early stopping.
        learning_rate: learning rate of the last step.
        params: the network's current params, by layer.
    """

    epoch: int
    loss: float
    loss_curve: list[float]
    validation_score: float | None
    learning_rate: float
    params: dict[str, Any]


def begin(recipe: Recipe, arrays: Arrays, key: jax.Array, given: dict[str, Any], before: FitResult | None) -> State:
    """A new run from given params; the stats, the best score and the epochs since then continue from an earlier run."""
    state = compiled_start(as_arrays(recipe), arrays, key, given)
    if before is None:
        found: State = state
        return found
    carried = ("best_score", "waited") if before.recipe.monitor == recipe.monitor else ()
    known = {name: jnp.asarray(before.rest[name]) for name in carried}
    if state.stats:
        known["stats"] = known["best_stats"] = jax.tree.map(jnp.asarray, before.part("stats"))
        known["best_stats"] = jax.tree.map(jnp.copy, known["stats"])
    found = dataclasses.replace(state, **known)
    return found


def go_on(recipe: Recipe, arrays: Arrays, params: dict[str, Any], before: FitResult) -> State:
    """An earlier run's state, including the update rule's memory, with the current params.

    Raises: FalllineError if the rule's memory or the network's layers have changed.
    """
    like = jax.eval_shape(program.start, as_arrays(recipe), arrays, jax.random.key(0))
    bare = unflatten(LATER | before.rest, dataclasses.replace(like, params=None, best_params=None))
    on_device = jax.tree.map(jnp.asarray, params)
    state = jax.tree.map(jnp.asarray, bare)
    found: State = dataclasses.replace(
        state,
        memory=forgotten(state.memory),  # the rows may have changed
        params=on_device,
        best_params=jax.tree.map(jnp.copy, on_device),
        outcome=jnp.int32(Outcome.RUNNING),
    )
    return found


def keep(recipe: Recipe, state: State, best: tuple[Any, Any] | None = None) -> FitResult:
    """The kept part of a state: its best params and stats (the last ones if the recipe says so), or `best` if given."""
    params, stats = (state.best_params, state.best_stats) if best is None else best
    bare = dataclasses.replace(state, params=None, best_params=None, stats=stats, best_stats=stats)
    return FitResult(recipe, jax.tree.map(np.asarray, params), flatten(bare))


@dataclasses.dataclass
class Fit:
    """One fit in progress.

    Arguments:
        recipe: the completed recipe.
        arrays: the rows on the device.
        state: the initial state.
        adaptive: whether the learning rate is divided by five instead of stopping.
        verbose: whether epochs are printed.
        callbacks: functions of a `EpochProgress`.
        scorer: (params, stats) -> score of the validation rows, if only Python can compute it.
        patience: with a scorer, number of epochs without a sufficient rise that are tolerated.
        tol: with a scorer, smallest rise that counts as an improvement.
        progress: whether a progress bar is shown; None: if a person looks.
    """

    recipe: Recipe
    arrays: Arrays
    state: State
    adaptive: bool = False
    verbose: bool = False
    callbacks: tuple[Callable[[EpochProgress], Any], ...] = ()
    scorer: Callable[[Any, Any], float] | None = None
    patience: float = np.inf
    tol: float = 0.0
    progress: bool | None = False

    def __post_init__(self) -> None:
        self.first_epoch = int(self.state.epoch)
        self.scores: list[float] = []
        self.best_score, self.best = -np.inf, None
        self.waited, self.printed = 0, 0
        self.asked = False
        self.bar: Bar | None = None

    def run(self, until: int | None = None) -> tuple[FitResult, Epochs | None, Outcome, bool]:
        """Train to the end; return the trained network, its epochs, the outcome, and whether Ctrl-C ended it."""
        quiet = bool(self.verbose) or quiet_unless(self.progress)  # printed lines say the same
        before, total = (
            "epoch {task.completed:.0f}/{task.total:.0f}",
            max(int(self.recipe.epochs) - self.first_epoch, 1),
        )
        with Bar(before, "{task.description}", quiet=quiet, late=LATE, description="compiling", total=total) as bar:
            self.bar = None if quiet else bar
            return self._run(until)

    def _run(self, until: int | None) -> tuple[FitResult, Epochs | None, Outcome, bool]:
        state, recipe = self.state, self.recipe
        epochs: list[Epochs] = []
        every = 1 if self.scorer is not None or self.callbacks else None
        while True:
            done = run_chunks(
                as_arrays(recipe),
                self.arrays,
                state,
                until=until,
                every=every,
                between=self._between,
                seen=epochs,
                recorded=RECORDED,
            )
            state, epochs, interrupted = done.state, done.epochs, done.interrupted
            rate = recipe.optimizer.learning_rate if self.adaptive else 0.0  # type: ignore[attr-defined]
            stopped = Outcome(int(state.outcome)) is Outcome.STOPPED
            if not stopped or self.asked or rate <= SMALLEST_RATE:
                break
            recipe = replace(recipe, {"optimizer.learning_rate": rate / 5.0})
            self.waited = 0
            state = dataclasses.replace(state, outcome=jnp.int32(Outcome.RUNNING), waited=jnp.int32(0))
            if self.verbose:
                print(f"No improvement by more than tol: the learning rate is now {rate / 5.0:g}.")
        outcome = Outcome(int(state.outcome))
        return keep(self.recipe, state, self.best), join(epochs) if epochs else None, outcome, interrupted

    def _between(self, state: State, epochs: list[Epochs]) -> bool:
        seen = join(epochs)
        if self.scorer is not None:
            self._score(state)
        if self.verbose:
            self._print(seen)
        if self.bar is not None:
            done, loss = int(state.epoch) - self.first_epoch, f"loss {figures(float(seen['train_objective'][-1]))}"
            self.bar.show(f"epoch {done}  {loss}", completed=done, description=loss)
        params = jax.tree.map(np.asarray, state.params) if self.callbacks else {}
        for each in self.callbacks:
            score = self.scores[-1] if self.scores else float(seen["monitor"][-1])
            progress = EpochProgress(
                epoch=int(state.epoch) - self.first_epoch,
                loss=float(seen["train_objective"][-1]),
                loss_curve=seen["train_objective"].tolist(),
                validation_score=score if self.arrays.valid.shape[0] else None,
                learning_rate=float(seen["learning_rate"][-1]),
                params=params,
            )
            self.asked = (each(progress) is True) or self.asked
        return self.asked or self.waited > self.patience

    def _score(self, state: State) -> None:
        score = float(self.scorer(state.params, state.stats))  # type: ignore[misc]
        self.waited = 0 if score >= self.best_score + self.tol else self.waited + 1
        if score > self.best_score or self.best is None:
            self.best_score, self.best = score, jax.tree.map(np.array, (state.params, state.stats))
        self.scores.append(score)

    def _print(self, seen: Epochs) -> None:
        scores = (self.scores or seen["monitor"]) if self.arrays.valid.shape[0] else None
        print_epochs(seen["train_objective"], scores, self.printed)
        self.printed = len(seen["train_objective"])


def print_epochs(losses: Sequence[float], scores: Sequence[float] | None, first: int = 0) -> None:
    """Print a line for every epoch from `first` on, with its validation score if there are scores."""
    for place in range(first, len(losses)):
        score = "" if scores is None else f", validation score = {scores[place]:.6f}"
        print(f"Iteration {place + 1}, loss = {losses[place]:.8f}{score}")
