"""Replay of a saved policy: its returns on fresh episodes, and a film of one episode."""

import contextlib
import os
from pathlib import Path
from typing import Any

from fallline.control.environments import HORIZON, Environment, Source, named, open_environment, registered
from fallline.control.evaluation import FINAL, Evaluation, evaluate_policy
from fallline.control.policy import TrainedPolicy
from fallline.control.rollouts import Setup, rollout_seed
from fallline.control.workers import RolloutWorkers
from fallline.core.errors import FalllineError
from fallline.core.extras import optional

SUFFIXES = (".mp4", ".gif")
_ORIGIN = "the policy's file"
RATE = 30  # frames per second, if the environment does not specify them


def replay_policy(
    policy: TrainedPolicy,
    environment: Source | None = None,
    *,
    episodes: int = 20,
    seed: int = 0,
    workers: int | None = None,
) -> Evaluation:
    """The returns of a saved policy on fresh episodes, in its training environment or another one.

    The environment name in a policy's file is only accepted if Gymnasium has registered it; see `registered`.

    Raises: FalllineError if the environment cannot be opened or its sizes differ from the policy's.
    """
    source = registered(policy.facts.name, _ORIGIN) if environment is None else environment
    if isinstance(source, str) and source.startswith("jax:"):
        from fallline.control.simulators import Simulations, simulator_named

        collector: Any = Simulations(simulator_named(source.removeprefix("jax:")), policy.horizon)
    else:
        collector = RolloutWorkers(Setup(source, policy.outside, policy.horizon), workers)
    with collector:
        facts = collector.facts
        if (facts.observations, facts.outputs) != (policy.network.widths[0], policy.network.widths[-1]):
            raise FalllineError(
                f"environment {facts.name!r} has {facts.observations} observations and {facts.outputs} outputs; the policy "
                f"has {policy.network.widths[0]} and {policy.network.widths[-1]}: give the one that it was trained on"
            )
        return evaluate_policy(
            collector, policy.network, policy.point, policy.scaling, episodes=episodes, seed=seed, stream=(FINAL, 1)
        )


def film(policy: TrainedPolicy, path: Path, environment: Source | None = None, *, seed: int = 0) -> float:
    """Film one episode of a policy as MP4 or GIF, in its training environment or another one; return the episode's return.

    Frames are rendered off screen. Without a display, MuJoCo needs EGL or OSMesa; it uses the one named by the environment
    variable MUJOCO_GL, or EGL.

    Raises: FalllineError for another kind of file, and if the environment cannot be rendered here.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise FalllineError(f"film {str(path)!r} is no {' or '.join(SUFFIXES)}: choose one of these")
    source = policy.facts.name if environment is None else environment
    if isinstance(source, str) and source.startswith("jax:"):
        raise FalllineError(f"environment {source!r} is a program without pictures: film one of Gymnasium's")
    imageio = optional("imageio.v2", "rl", "a film")
    if not os.environ.get("DISPLAY"):
        os.environ.setdefault("MUJOCO_GL", "egl")
        os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
    source = registered(policy.facts.name, _ORIGIN) if environment is None else environment
    opened = open_environment(source, render_mode="rgb_array")
    try:
        frames, total = _frames(policy, opened, seed)
    except Exception as error:  # any error of a graphics library without a device
        problem = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(".")
        raise FalllineError(
            f"environment {named(source)!r} cannot be drawn here ({problem}): set MUJOCO_GL to egl or osmesa, or film "
            "it on a machine with graphics"
        ) from None
    finally:
        with contextlib.suppress(Exception):
            opened.close()
    rate = int(opened.metadata.get("render_fps") or RATE)
    try:
        if path.suffix.lower() == ".gif":
            imageio.mimwrite(path, frames[:: max(1, rate // RATE)], duration=1000 / min(rate, RATE), loop=0)
        else:
            imageio.mimwrite(path, frames, fps=rate, macro_block_size=2)
    except (OSError, ValueError, ImportError) as error:
        raise FalllineError(f"cannot write film {str(path)!r}: {' '.join(str(error).split())}") from None
    return total


def _frames(policy: TrainedPolicy, environment: Environment, seed: int) -> tuple[list[Any], float]:
    x, _ = environment.reset(seed=rollout_seed(seed, FINAL, 1, 0))
    frames, total, over = [environment.render()], 0.0, False
    while not over and len(frames) <= (policy.horizon or HORIZON):
        x, reward, terminated, truncated, _ = environment.step(policy.act(x, environment.action_space))
        total, over = total + float(reward), terminated or truncated
        frames.append(environment.render())
    return frames, total
