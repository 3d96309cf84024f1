"""`fallline ars`: train a policy on an environment by augmented random search, or replay one."""

import dataclasses
import sys
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from fallline.cli.output import figures, give, say, table
from fallline.cli.tune import HERE
from fallline.core.errors import FalllineError

if TYPE_CHECKING:
    from fallline.control.folder import Kept, Plan
    from fallline.control.recipe import PolicyRecipe

Opt = typer.Option


class Means(NamedTuple):
    """The means by which rollouts are done; they do not affect the result."""

    workers: int | None
    timeout: float
    ray: str | None


def ars(
    environment: Annotated[
        str | None, typer.Argument(help="a name that Gymnasium knows, or jax:cartpole, jax:lqr")
    ] = None,
    steps: Annotated[float | None, Opt(help="timesteps of training: 1e6")] = None,
    target: Annotated[
        float | None, Opt(help="stop at this return, confirmed; exit code 1 if it is not reached")
    ] = None,
    seeds: Annotated[int | None, Opt(help="number of seeds to train with, one after another")] = None,
    seed: Annotated[int | None, Opt(help="the first seed (default 0)")] = None,
    policy: Annotated[str | None, Opt(help="linear or mlp")] = None,
    hidden: Annotated[str | None, Opt(help="units of the hidden layers of an mlp: 32,32")] = None,
    method: Annotated[str | None, Opt(help="ars, brs or another method without gradients")] = None,
    step_size: Annotated[float | None, Opt(help="a, the size of a step")] = None,
    decay: Annotated[str | None, Opt(help="how the step falls to 0 over the run: cosine, polynomial, ...")] = None,
    noise: Annotated[float | None, Opt(help="nu, the size of the perturbations")] = None,
    directions: Annotated[int | None, Opt(help="N, directions per iteration; each is tried both ways")] = None,
    kept: Annotated[int | None, Opt(help="b, the best directions that make the step")] = None,
    shift: Annotated[float | None, Opt(help="reward per step that training does not count")] = None,
    normalise: Annotated[bool | None, Opt(help="scale observations by the mean and variance seen so far (V2)")] = None,
    horizon: Annotated[int | None, Opt(help="largest number of steps in a rollout")] = None,
    outside: Annotated[str | None, Opt(help="actions outside of their box: clip or raw")] = None,
    episodes: Annotated[int | None, Opt(help="of one evaluation (default 20)")] = None,
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
    flags = {
        "steps": steps,
        "target": target,
        "policy": policy,
        "policy.hidden": hidden,
        "method": method,
        "method.step": step_size,
        "method.noise": noise,
        "method.directions": directions,
        "method.kept": kept,
        "decay": decay,
        "shift": shift,
        "normalise": normalise,
        "horizon": horizon,
        "outside": outside,
        "episodes": episodes,
    }
    given = {name: value for name, value in flags.items() if value is not None}
    if (workers is not None and workers < 1) or not timeout > 0:
        raise FalllineError(
            f"--workers {workers} --timeout {timeout:g}: expected 1 or more processes, and a time above 0"
        )
    if ray is not None and workers is not None:
        raise FalllineError("--workers counts processes of this machine; Ray uses the CPUs that it has: leave one out")
    if replay is not None:
        if given.keys() - {"episodes"} or recipe or resume or out or seeds:
            raise FalllineError("--replay rolls out a policy as it is: leave the flags of training out")
        return _replay(replay, environment, episodes or 20, seed or 0, workers, video, json)
    if video is not None:
        raise FalllineError("--video films a policy that is there: name it with --replay POLICY")
    if resume is not None:
        if given or set_ or recipe or seeds is not None or seed is not None:
            raise FalllineError("--resume continues a training with its own settings: leave the other flags out")
        from fallline.control.environments import registered
        from fallline.control.folder import RECIPE, read_plan

        if not (resume / RECIPE).is_file():
            raise FalllineError(f"{str(resume)!r} is not a run folder: expected one with a {RECIPE}")
        plan = read_plan(resume / RECIPE)
        if environment is None:
            registered(plan.environment, f"recipe {str(resume / RECIPE)!r}")
        elif environment != plan.environment:
            raise FalllineError(f"--resume continues the training on {plan.environment!r}, not on {environment!r}")
        out = out or resume
    else:
        plan = _plan(environment, recipe, given, set_ or [], seed, seeds)
    ray = "" if ray == HERE else ray
    return _train(plan, out, resume, Means(workers, timeout, ray), checkpoint_seconds, json)


def _plan(
    environment: str | None,
    recipe: Path | None,
    flags: dict[str, Any],
    settings: list[str],
    seed: int | None,
    seeds: int | None,
) -> "Plan":
    """The plan of the recipe file or of the environment's preset, changed by the flags."""
    from fallline.control.environments import registered
    from fallline.control.folder import Plan, read_plan
    from fallline.control.presets import preset_of

    if recipe is not None:
        plan = read_plan(recipe)
        if environment is None:
            registered(plan.environment, f"recipe {str(recipe)!r}")
        else:
            plan = dataclasses.replace(plan, environment=environment)
    elif environment is None:
        raise FalllineError("no ENVIRONMENT to train on: expected a name such as CartPole-v1 or HalfCheetah-v5")
    else:
        plan = Plan(environment, preset_of(environment).recipe, 0)
    return Plan(
        plan.environment,
        _changed(plan.recipe, flags, settings),
        plan.seed if seed is None else seed,
        plan.seeds if seeds is None else seeds,
    )


def _changed(recipe: "PolicyRecipe", flags: dict[str, Any], settings: list[str]) -> "PolicyRecipe":
    """The recipe changed by the given flags, then by every `path=value`."""
    import fallline.schedules  # noqa: F401 - a field may name one
    from fallline.cli.recipes import parse_setting, parse_widths
    from fallline.core.block import lookup, replace
    from fallline.core.errors import nearest
    from fallline.core.plain import parse

    decay = flags.pop("decay", None)
    if "policy.hidden" in flags:
        flags["policy.hidden"] = parse_widths(flags["policy.hidden"])
        flags.setdefault("policy", "mlp")
    if "method.directions" in flags and "method.kept" not in flags and getattr(recipe.method, "kept", None) is not None:
        recipe = replace(recipe, {"method.kept": None})  # a preset's b is meant for the preset's N
    for path in sorted(flags, key=lambda path: path.count(".")):
        value = flags[path]
        if path.startswith("method.") and not hasattr(recipe.method, path.removeprefix("method.")):
            raise FalllineError(f"method {recipe.method.name!r} has no field {path.removeprefix('method.')!r}")
        recipe = parse(recipe, path, value)
    if decay is not None:
        falling = ("cosine", "polynomial", "exponential", "inverse", "step")
        if decay not in falling:
            raise FalllineError(f"--decay {decay!r} is unknown: {nearest(decay, falling)}")
        recipe = replace(recipe, {"method.step": lookup("schedule", decay)(peak=recipe.method.step)})  # type: ignore[attr-defined]
    for setting in settings:
        recipe = parse(recipe, *parse_setting(setting))
    return recipe


def _train(
    plan: "Plan", out: Path | None, resume: Path | None, means: Means, checkpoint_seconds: float, json: bool
) -> int:
    """Train every seed of a plan, in a new folder or continuing from the folder `resume`."""
    from fallline.control import folder as folders
    from fallline.control.search import open_collector
    from fallline.core.holding import Hold
    from fallline.training.folder import claim_folder, new_folder

    if resume is not None and all((home / folders.METRICS).is_file() for _, home in plan.folders(resume)):
        raise FalllineError(f"run {str(resume)!r} has finished: there is nothing to resume")
    goes_on = resume is not None and out == resume
    if not goes_on:
        new_folder(out, plan.environment)  # refuses a folder that is not empty, before anything is started
    # Ray prints on standard output, which is reserved for the JSON document.
    with redirect_stdout(sys.stderr), open_collector(plan.environment, plan.recipe, *means) as collector:
        folder = resume if goes_on else claim_folder(out, plan.environment)
        assert folder is not None
        try:
            with Hold(folder) as hold:
                folders.write_plan(folder, plan)
                if resume is not None and not goes_on:
                    folders.copy_begun(resume, folder, plan)
                kept = _seeds(plan, folder, hold.check, collector, resume is not None, checkpoint_seconds, json)
                summaries = [each.summary for each in kept]
                document, refused = _over_seeds(plan, folder, kept)
        except FalllineError:
            if not goes_on:
                folders.abandon(folder, plan)
            raise
        except KeyboardInterrupt:
            say(f"Stopped at once. Continue from the last checkpoint with: fallline ars --resume {folder}")
            raise
    if json:
        give(document)
    else:
        _tell(plan, folder, document, kept)
    for sentence in refused:
        say(sentence)
    if summaries[-1]["outcome"] == "interrupted":
        left = folder if not kept[-1].refused else kept[-1].folder
        say(f"Continue with: fallline ars --resume {left}")
        return 130
    missed = plan.recipe.target is not None and any(each["outcome"] != "reached" for each in summaries)
    return 1 if missed or refused else 0


def _seeds(
    plan: "Plan",
    folder: Path,
    check: Callable[[], None],
    collector: Any,
    resume: bool,
    checkpoint_seconds: float,
    quiet: bool,
) -> list["Kept"]:
    """Trains every seed; seeds that the folder already holds are not trained again, and Ctrl-C ends the list."""
    from fallline.cli.progress import PolicyProgress
    from fallline.control import folder as folders
    from fallline.control.presets import preset_of
    from fallline.control.search import train_policy

    if not quiet and not resume:
        known = preset_of(plan.environment)
        say(f"{plan.environment}: {known.source}{'' if known.recipe == plan.recipe else ', changed by flags'}.")
    found: list[Kept] = []
    for seed, home in plan.folders(folder):
        if (home / folders.METRICS).is_file():
            found.append(folders.Kept(home, folders.read_summary(home)))
            continue
        label = f"seed {seed}  " if plan.seeds > 1 else ""
        with PolicyProgress(plan.recipe.steps, label, quiet=quiet) as progress:
            run = train_policy(
                plan.environment,
                plan.recipe,
                seed=seed,
                collector=collector,
                watch=progress,
                folder=folders.home_for(home, check),
                checkpoint_seconds=checkpoint_seconds,
                resume=resume,
            )
        for sentence in run.notes:
            say(f"warning: {sentence}")
        found.append(folders.keep(folder, home, plan, run, check))
        with suppress(FalllineError):  # the picture only repeats what history.parquet holds
            _draw(found[-1].folder, found[-1].summary)
        if run.outcome == "interrupted":
            break
    return found


def _over_seeds(plan: "Plan", folder: Path, kept: list["Kept"]) -> tuple[dict[str, Any], list[str]]:
    """The JSON document, and a sentence for everything that could not be saved in the requested place."""
    from fallline.control import folder as folders
    from fallline.core.documents import write_json

    refused = [f"Seed {e.summary['seed']} is in {e.folder}, because of this: {e.refused}." for e in kept if e.refused]
    if plan.seeds == 1:
        return kept[0].summary, refused
    summaries = [each.summary for each in kept]
    document = {"run": str(folder), **folders.over_seeds(summaries), "runs": summaries}
    try:
        write_json(folder / "seeds.json", document)
    except FalllineError as error:
        refused.append(f"{error}.")
    return document, refused


def _draw(folder: Path, summary: dict[str, Any]) -> None:
    """Writes the learning curve as a picture."""
    from fallline.core.files import write_atomically
    from fallline.report.figures import Figure, Series
    from fallline.report.svg import to_svg

    rows = summary["evaluations"]
    steps = tuple(row["steps"] for row in rows)
    lines = (("return", "mean_return"), ("best, confirmed", "best"))
    series = tuple(Series(name, steps, tuple(row[key] for row in rows), dashed=key == "best") for name, key in lines)
    figure = Figure(f"{summary['environment']}, seed {summary['seed']}", "", "timesteps", "return", series)
    write_atomically(folder / "curve.svg", to_svg(figure).encode())


def _tell(plan: "Plan", folder: Path, document: dict[str, Any], kept: list["Kept"]) -> None:
    summaries = [each.summary for each in kept]
    heading = ["seed", "return", "+-", "best found at", "reached at", "timesteps", "seconds"]
    rows = [
        [
            str(each["seed"]),
            figures(each["score"]),
            figures(each["deviation"]),
            f"{each['best_steps']:,}",
            "-" if each["reached_at"] is None else f"{each['reached_at']:,}",
            f"{each['steps']:,}",
            f"{each['seconds']:.0f}",
        ]
        for each in summaries
    ]
    say(table([heading, *rows]))
    say()
    first = summaries[0]
    say(f"Returns are of {first['episodes']} fresh episodes of the best policy, without noise or shift.")
    failures = sum(each["failures"] for each in summaries)
    if failures:
        say(
            f"{failures} of {sum(each['rollouts'] for each in summaries)} rollouts failed; their directions were left out."
        )
    if first["threshold"] is not None:
        say(f"The environment counts as solved from {figures(first['threshold'])} on.")
    best = kept[0].folder
    if plan.seeds > 1:
        low, high = (figures(each) for each in document["quartiles"])
        reached = (
            "" if document["reached"] is None else f"; {document['reached']} of {document['seeds']} seeds reach it"
        )
        say(f"Median {figures(document['median'])}, quartiles {low} and {high}{reached}.")
        best = next((e.folder for e in kept if e.summary["seed"] == document["best_seed"]), best)
    for each in kept:
        say(f"Saved in {each.folder}: {', '.join(_saved(each.folder))}.")
    say(f"Next: fallline ars --replay {best} --video film.mp4")


def _saved(folder: Path) -> list[str]:
    """The names of the files that exist, the most interesting first."""
    from fallline.control import folder as folders
    from fallline.control.checkpoint import NAME as CHECKPOINT

    names = (folders.POLICY, folders.CURVE, folders.HISTORY, folders.METRICS, folders.RECIPE, CHECKPOINT)
    return [name for name in names if (folder / name).is_file()]


def _replay(
    path: Path, environment: str | None, episodes: int, seed: int, workers: int | None, video: Path | None, json: bool
) -> int:
    from fallline.control.folder import POLICY
    from fallline.control.policy import load_policy
    from fallline.control.replay import film, replay_policy

    if episodes < 1:
        raise FalllineError(f"--episodes {episodes} is no number of episodes: expected 1 or more")
    policy = load_policy(path / POLICY if path.is_dir() else path)
    for sentence in policy.differing_versions():
        say(f"warning: {sentence}")
    found = replay_policy(policy, environment, episodes=episodes, seed=seed, workers=workers)
    document: dict[str, Any] = {
        "policy": str(path),
        "environment": environment or policy.facts.name,
        "score": found.mean,
        "deviation": found.deviation,
        "episodes": len(found.returns),
        "failures": found.failures,
        "returns": list(found.returns),
        "lengths": list(found.lengths),
        "trained": policy.notes,
        "versions": policy.facts.versions,
    }
    if video is not None:
        document["video"], document["video_return"] = str(video), film(policy, video, environment, seed=seed)
    if json:
        give(document)
    else:
        say(
            f"{document['environment']}: return {figures(found.mean)} +- {figures(found.deviation)}, {episodes} fresh episodes."
        )
        if video is not None:
            say(f"Filmed an episode of return {figures(document['video_return'])} to {video}.")
    return 0
