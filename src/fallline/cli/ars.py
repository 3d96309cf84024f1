"""`fallline ars`: train a policy on an environment by augmented random search, or replay one."""

import dataclasses
from pathlib import Path
from typing import Annotated, Any

import typer

from fallline.cli.ars_plan import plan_of, resumed_plan
from fallline.cli.ars_replay import replay_run
from fallline.cli.ars_run import Means, train_seeds
from fallline.cli.flags import Flags
from fallline.cli.resuming import folder_to_resume
from fallline.cli.tune_command import HERE
from fallline.core.errors import FalllineError

Opt = typer.Option
PATHS = {  # the field of the recipe that a flag sets, where it has another name
    "hidden": "policy.hidden",
    "step_size": "method.step",
    "noise": "method.noise",
    "directions": "method.directions",
    "kept": "method.kept",
}


@dataclasses.dataclass(frozen=True)
class PolicyFlags(Flags):
    """What differs from the environment's preset, or from the recipe."""

    steps: Annotated[float | None, Opt(help="timesteps of training: 1e6")] = None
    target: Annotated[float | None, Opt(help="stop at this return, confirmed; exit code 1 if it is not reached")] = None
    policy: Annotated[str | None, Opt(help="linear or mlp")] = None
    hidden: Annotated[str | None, Opt(help="units of the hidden layers of an mlp: 32,32")] = None
    method: Annotated[str | None, Opt(help="ars, brs or another method without gradients")] = None
    step_size: Annotated[float | None, Opt(help="a, the size of a step")] = None
    decay: Annotated[str | None, Opt(help="how the step falls to 0 over the run: cosine, polynomial, ...")] = None
    noise: Annotated[float | None, Opt(help="nu, the size of the perturbations")] = None
    directions: Annotated[int | None, Opt(help="N, directions per iteration; each is tried both ways")] = None
    kept: Annotated[int | None, Opt(help="b, the best directions that make the step")] = None
    shift: Annotated[float | None, Opt(help="reward per step that training does not count")] = None
    normalise: Annotated[bool | None, Opt(help="scale observations by the mean and variance seen so far (V2)")] = None
    horizon: Annotated[int | None, Opt(help="largest number of steps in a rollout")] = None
    outside: Annotated[str | None, Opt(help="actions outside of their box: clip or raw")] = None
    episodes: Annotated[int | None, Opt(help="of one evaluation (default 20)")] = None

    def changes(self) -> dict[str, Any]:
        """The given values, by the field that they set.

        >>> PolicyFlags(noise=0.02, normalise=False).changes()
        {'method.noise': 0.02, 'normalise': False}
        """
        return {PATHS.get(name, name): value for name, value in self.given().items()}


def ars(
    *,
    environment: Annotated[
        str | None, typer.Argument(help="a name that Gymnasium knows, or jax:cartpole, jax:lqr")
    ] = None,
    flags: PolicyFlags,
    seeds: Annotated[int | None, Opt(help="number of seeds to train with, one after another")] = None,
    seed: Annotated[int | None, Opt(help="the first seed (default 0)")] = None,
    set_: Annotated[list[str] | None, Opt("--set", help="any field: method.step=0.05")] = None,
    recipe: Annotated[Path | None, Opt(help="recipe.toml of a run to repeat; other flags change it")] = None,
    workers: Annotated[int | None, Opt(help="processes (default: one per core); the result is the same")] = None,
    ray: Annotated[str | None, Opt(metavar="[ADDRESS]", help="roll out on Ray: on this machine, or HOST:PORT")] = None,
    timeout: Annotated[float, Opt(help="seconds that one rollout may take")] = 300.0,
    out: Annotated[Path | None, Opt(help="run folder (default: runs/ENVIRONMENT-1)")] = None,
    resume: Annotated[
        Path | None, Opt(help="continue the interrupted run in this folder; with --out, in another folder")
    ] = None,
    checkpoint_seconds: Annotated[float, Opt(help="time between two checkpoints")] = 10.0,
    replay: Annotated[Path | None, Opt(help="roll out this policy file or run folder instead")] = None,
    video: Annotated[Path | None, Opt(help="with --replay: film one episode, .mp4 or .gif")] = None,
    json: Annotated[bool, Opt("--json", help="one JSON document on standard output")] = False,
) -> int:
    """Train a policy without gradients, or --replay one.

    Without a flag: the environment's preset, a linear policy.
    """
    given = flags.changes()
    if (workers is not None and workers < 1) or not timeout > 0:
        raise FalllineError(
            f"--workers {workers} --timeout {timeout:g}: expected 1 or more processes, and a time above 0"
        )
    if ray is not None and workers is not None:
        raise FalllineError("--workers counts processes of this machine; Ray uses the CPUs that it has: leave one out")
    if replay is not None:
        if given.keys() - {"episodes"} or recipe or resume or out or seeds:
            raise FalllineError("--replay rolls out a policy as it is: leave the flags of training out")
        return replay_run(replay, environment, flags.episodes or 20, seed or 0, workers, video, json)
    if video is not None:
        raise FalllineError("--video films a policy that is there: name it with --replay POLICY")
    if resume is not None:
        if given or set_ or recipe or seeds is not None or seed is not None:
            raise FalllineError("--resume continues a training with its own settings: leave the other flags out")
        resume = folder_to_resume(resume, "ars")
        plan = resumed_plan(resume, environment)
        out = out or resume
    else:
        plan = plan_of(environment, recipe, given, set_ or [], seed, seeds)
    ray = "" if ray == HERE else ray
    return train_seeds(plan, out, resume, Means(workers, timeout, ray), checkpoint_seconds, json)
