"""`train_policy`: ask a method for perturbed policies, roll them out, tell it their returns; keep the best confirmed."""

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fallline.control.checkpoint import load_checkpoint, save_checkpoint
from fallline.control.evaluation import Collector
from fallline.control.presets import preset
from fallline.control.recipe import PolicyRecipe
from fallline.control.rollouts import Setup
from fallline.control.training import PolicyRun, Progress, Training
from fallline.training.interrupt import Interrupt
from fallline.training.keeping import Keeping

LEAST = 1_000_000  # bytes of a checkpoint, generously


def train_policy(
    environment: object,
    recipe: PolicyRecipe | None = None,
    *,
    seed: int = 0,
    workers: int | None = None,
    timeout: float = 300.0,
    ray: str | None = None,
    collector: Collector | None = None,
    watch: Callable[[Progress], None] | None = None,
    folder: str | Path | None = None,
    checkpoint_seconds: float = 10.0,
    resume: bool = False,
) -> PolicyRun:
    """Train a policy on an environment without gradients.

        x_1 .. x_n = ask();  r_i = return of a rollout with x_i, less shift per step;  tell(-r);  merge statistics

    The result depends on recipe and seed, not on the number of workers. Two rollouts of a pair have resets of their own.

    Arguments:
        environment: a name that Gymnasium knows, `jax:NAME` of a simulator, a `Simulator`, or a function that makes one
            of Gymnasium's environments.
        recipe: how; None: the environment's preset.
        seed: of directions, resets and initial weights.
        workers: processes; None: one per core.
        timeout: seconds that one rollout may take.
        ray: address of a Ray cluster to roll out on, "" for a Ray on this machine; None: processes.
        collector: what does the rollouts, if not workers of this call's own.
        watch: called after every iteration.
        folder: where checkpoints are kept; None: none. It is tried first; where it refuses one later, the training goes on
            and the run's notes say so.
        checkpoint_seconds: time between two.
        resume: continue from the folder's checkpoint.

    Raises: FalllineError for a bad seed, where the environment cannot be opened, and where every rollout fails.

    Source: Mania, Guy and Recht, "Simple random search provides a competitive approach to reinforcement learning", 2018,
    algorithms 1 and 2.

    >>> from fallline.methods import ARS
    >>> recipe = PolicyRecipe(method=ARS(step=0.1, noise=0.1, directions=4), steps=20_000, evaluations=4, target=475)
    >>> train_policy("jax:cartpole", recipe).score > 400
    True
    """
    recipe = preset(environment) if recipe is None else recipe
    if collector is None:
        with open_collector(environment, recipe, workers, timeout, ray) as own:
            return train_policy(
                environment,
                recipe,
                seed=seed,
                collector=own,
                watch=watch,
                folder=folder,
                checkpoint_seconds=checkpoint_seconds,
                resume=resume,
            )
    began = time.monotonic()
    training = Training(recipe, collector, seed)
    progress = training.start()
    folder = None if folder is None else Path(folder)
    last: Callable[[Path], None] = lambda folder: save_checkpoint(folder, progress, training.description)  # noqa: E731
    with Keeping(folder) as keeping, Interrupt() as interrupt:
        if resume and folder is not None:
            progress = load_checkpoint(folder, progress, training.description) or progress
            progress.reached = training.has_reached(progress)
        keeping.try_for(LEAST)
        saved = time.monotonic()
        outcome = ""
        while not outcome:
            if training.evaluation_is_due(progress):
                training.evaluate(progress)
            if progress.reached:
                outcome = "reached"
            elif progress.steps >= float(recipe.steps):
                outcome = "completed"
            elif interrupt.asked:
                outcome = "interrupted"
            else:
                training.iterate(progress)
                if watch is not None:
                    watch(progress)
                if folder is not None and time.monotonic() - saved > checkpoint_seconds:
                    keeping.save(last)
                    saved = time.monotonic()
        # Also of a training that is done: what is left to do takes time in which the process may be killed.
        unsaved = not keeping.save(last)
    run = training.finish(progress, outcome, time.monotonic() - began)
    return dataclasses.replace(run, notes=tuple(keeping.notes), unsaved=last if unsaved else None)


def open_collector(
    environment: Any,
    recipe: PolicyRecipe,
    workers: int | None = None,
    timeout: float = 300.0,
    ray: str | None = None,
) -> Any:
    """What does the rollouts of an environment: worker processes, or the program of a simulator."""
    from fallline.control.simulators import Simulations, Simulator, simulator_named
    from fallline.control.workers import Workers

    if isinstance(environment, str) and environment.startswith("jax:"):
        environment = simulator_named(environment.removeprefix("jax:"))
    if isinstance(environment, Simulator):
        return Simulations(environment, recipe.horizon)
    return Workers(Setup(environment, recipe.outside, recipe.horizon), workers, timeout, ray)
