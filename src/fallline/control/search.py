"""`train_policy`: ask a method for perturbed policies, roll them out, tell it the returns, keep the best policy."""

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fallline.control.checkpoint import load_checkpoint, save_checkpoint
from fallline.control.environments import Environment
from fallline.control.evaluation import Collector
from fallline.control.presets import preset
from fallline.control.recipe import PolicyRecipe
from fallline.control.rollouts import Setup
from fallline.control.state import RolloutProgress
from fallline.control.training import PolicyRun, Training
from fallline.core.driving import STOPPED, drive
from fallline.core.interrupt import Interrupt
from fallline.core.keeping import Keeping

LEAST = 1_000_000  # generous size of a checkpoint in bytes


def train_policy(
    environment: object,
    recipe: PolicyRecipe | None = None,
    *,
    seed: int = 0,
    workers: int | None = None,
    timeout: float = 300.0,
    ray: str | None = None,
    collector: Collector | None = None,
    watch: Callable[[RolloutProgress], Any] | None = None,
    folder: str | Path | None = None,
    checkpoint_seconds: float = 10.0,
    resume: bool = False,
) -> PolicyRun:
    """Train a policy on an environment without gradients.

        x_1 .. x_n = ask();  r_i = return of a rollout with x_i, less shift per step;  tell(-r);  merge statistics

    The result depends on recipe and seed, not on the number of workers. The two rollouts of a pair use separate resets.

    Arguments:
        environment: a name that Gymnasium knows, `jax:NAME` of a simulator, a `Simulator`, or a function that makes a
            Gymnasium environment.
        recipe: the settings of the training; None: the environment's preset.
        seed: seed of directions, resets and initial weights.
        workers: number of processes; None: one per core.
        timeout: time limit of one rollout in seconds.
        ray: address of a Ray cluster for the rollouts, "" for Ray on this machine; None: processes.
        collector: runs the rollouts instead of workers opened by this call.
        watch: called after every iteration; the training is interrupted if it returns True.
        folder: folder for checkpoints; None: no checkpoints. It is checked first; if writing fails later, the training
            continues and the run's notes report it.
        checkpoint_seconds: time between two checkpoints in seconds.
        resume: whether to continue from the folder's checkpoint.

    Raises: FalllineError for a bad seed, if the environment cannot be opened, and if every rollout fails.

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
    policy_state = training.start()
    folder = None if folder is None else Path(folder)
    last: Callable[[Path], None] = lambda folder: save_checkpoint(folder, policy_state, training.description)  # noqa: E731
    with Keeping(folder) as keeping, Interrupt() as interrupt:
        if resume and folder is not None:
            policy_state = load_checkpoint(folder, policy_state, training.description) or policy_state
            policy_state.reached = training.has_reached(policy_state)
        keeping.try_for(LEAST)
        policy_state, why = drive(
            policy_state,
            training.iterate,
            goal=training.ending,
            interrupt=interrupt,
            watch=None if watch is None else lambda now: watch(training.progress(now, time.monotonic() - began)),
            save=lambda _: keeping.save(last),
            every=checkpoint_seconds,
        )
        # Also save a completed training: the final evaluation takes time in which the process may be killed.
        unsaved = not keeping.save(last)
    run = training.finish(policy_state, "interrupted" if why == STOPPED else why, time.monotonic() - began)
    return dataclasses.replace(run, notes=tuple(keeping.notes), unsaved=last if unsaved else None)


def open_collector(
    environment: Environment,
    recipe: PolicyRecipe,
    workers: int | None = None,
    timeout: float = 300.0,
    ray: str | None = None,
) -> Any:
    """Open the collector of an environment's rollouts: worker processes, or the program of a simulator."""
    from fallline.control.simulators import Simulations, Simulator, simulator_named
    from fallline.control.workers import RolloutWorkers

    if isinstance(environment, str) and environment.startswith("jax:"):
        environment = simulator_named(environment.removeprefix("jax:"))
    if isinstance(environment, Simulator):
        return Simulations(environment, recipe.horizon)
    return RolloutWorkers(Setup(environment, recipe.outside, recipe.horizon), workers, timeout, ray)
