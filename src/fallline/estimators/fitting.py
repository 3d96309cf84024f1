"""One fit: the chunks of a run, and what an estimator does between them (print, call back, score, cut the rate)."""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fallline.core.block import as_arrays, replace
from fallline.core.outcome import Outcome
from fallline.core.tensors import flatten, unflatten
from fallline.estimators.settings import SMALLEST_RATE
from fallline.optimizers import forgotten
from fallline.probes import LearningRate, TrainObjective
from fallline.training import program
from fallline.training.arrays import Arrays
from fallline.training.chunks import compiled_start, run_chunks
from fallline.training.history import join
from fallline.training.recipe import Recipe
from fallline.training.state import LATER, Epochs, State


@dataclasses.dataclass(frozen=True)
class Trained:
    """What is kept of a run, on the host, so that an estimator can be pickled, predict and go on.

    Arguments:
        recipe: completed.
        params: by layer.
        rest: everything else of the run's state, by path.
    """

    recipe: Recipe
    params: dict[str, Any]
    rest: dict[str, np.ndarray]

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


RECORDED = (TrainObjective(), LearningRate())  # what an estimator tells of its epochs, besides their scores


@dataclasses.dataclass(frozen=True)
class Progress:
    """Where a fit stands, for a callback: what it answers with True ends the training.

    Arguments:
        epoch: how many are done, earlier fits of a warm start not counted.
        loss: of the last epoch, penalty included.
        loss_curve: of all epochs of this fit.
        validation_score: the last; None without early stopping.
        learning_rate: of the last step.
        params: of the network at this point, by layer.
    """

    epoch: int
    loss: float
    loss_curve: list[float]
    validation_score: float | None
    learning_rate: float
    params: dict[str, Any]


def begin(recipe: Recipe, arrays: Arrays, key: jax.Array, given: dict[str, Any], before: Trained | None) -> State:
    """A new run from given params; of an earlier one go on the statistics, the best score and the epochs without it."""
    state = compiled_start(as_arrays(recipe), arrays, key, given)
    if before is None:
        return state
    carried = ("best_score", "waited") if before.recipe.monitor == recipe.monitor else ()
    known = {name: jnp.asarray(before.rest[name]) for name in carried}
    if state.stats:
        known["stats"] = known["best_stats"] = jax.tree.map(jnp.asarray, before.part("stats"))
        known["best_stats"] = jax.tree.map(jnp.copy, known["stats"])
    return dataclasses.replace(state, **known)


def go_on(recipe: Recipe, arrays: Arrays, params: dict[str, Any], before: Trained) -> State:
    """An earlier run's state with its rule's memory, and the params that stand now.

    Raises: FalllineError where the rule has another memory, or the network other layers.
    """
    like = jax.eval_shape(program.start, as_arrays(recipe), arrays, jax.random.key(0))
    bare = unflatten(LATER | before.rest, dataclasses.replace(like, params=None, best_params=None))
    on_device = jax.tree.map(jnp.asarray, params)
    state = jax.tree.map(jnp.asarray, bare)
    return dataclasses.replace(
        state,
        memory=forgotten(state.memory),  # the rows may be others
        params=on_device,
        best_params=jax.tree.map(jnp.copy, on_device),
        outcome=jnp.int32(Outcome.RUNNING),
    )


def keep(recipe: Recipe, state: State, best: tuple[Any, Any] | None = None) -> Trained:
    """What is kept of a state: its best params and stats, which are the last where the recipe says so, or those given."""
    params, stats = (state.best_params, state.best_stats) if best is None else best
    bare = dataclasses.replace(state, params=None, best_params=None, stats=stats, best_stats=stats)
    return Trained(recipe, jax.tree.map(np.asarray, params), flatten(bare))


@dataclasses.dataclass
class Fit:
    """One fit at work.

    Arguments:
        recipe: completed.
        arrays: the rows on the device.
        state: where it begins.
        adaptive: whether the learning rate is cut by five instead of stopping.
        verbose: whether epochs are printed.
        callbacks: functions of a `Progress`.
        scorer: (params, stats) -> score of the validation rows, where only Python can compute it.
        patience: for the scorer: epochs without a rise by more than `tol` that end the training.
        tol: for the scorer.
    """

    recipe: Recipe
    arrays: Arrays
    state: State
    adaptive: bool = False
    verbose: bool = False
    callbacks: tuple[Callable[[Progress], Any], ...] = ()
    scorer: Callable[[Any, Any], float] | None = None
    patience: float = np.inf
    tol: float = 0.0

    def __post_init__(self) -> None:
        self.first_epoch = int(self.state.epoch)
        self.scores: list[float] = []
        self.best_score, self.best = -np.inf, None
        self.waited, self.printed = 0, 0
        self.asked = False

    def run(self, until: int | None = None) -> tuple[Trained, Epochs | None, Outcome, bool]:
        """Train to the end: what is kept, every epoch of it, how it ended, and whether Ctrl-C ended it."""
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
        params = jax.tree.map(np.asarray, state.params) if self.callbacks else {}
        for each in self.callbacks:
            score = self.scores[-1] if self.scores else float(seen["monitor"][-1])
            progress = Progress(
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


def print_epochs(losses: Any, scores: Any, first: int = 0) -> None:
    """Print a line for every epoch from `first` on, with its validation score where there are some."""
    for place in range(first, len(losses)):
        score = "" if scores is None else f", validation score = {scores[place]:.6f}"
        print(f"Iteration {place + 1}, loss = {losses[place]:.8f}{score}")
