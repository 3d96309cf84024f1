"""What `fallline ars` does with a plan: trains every seed, saves the policies and says what came of them."""

import sys
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from fallline.cli.output import figures, give, say, table
from fallline.core.errors import FalllineError

if TYPE_CHECKING:
    from fallline.control.folder import KeptPolicy, PolicyPlan


class Means(NamedTuple):
    """The means by which rollouts are done; they do not affect the result."""

    workers: int | None
    timeout: float
    ray: str | None


def train_seeds(
    plan: "PolicyPlan", out: Path | None, resume: Path | None, means: Means, checkpoint_seconds: float, json: bool
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
    plan: "PolicyPlan",
    folder: Path,
    check: Callable[[], None],
    collector: Any,
    resume: bool,
    checkpoint_seconds: float,
    quiet: bool,
) -> list["KeptPolicy"]:
    """Trains every seed; seeds that the folder already holds are not trained again, and Ctrl-C ends the list."""
    from fallline.cli.progress import PolicyProgress
    from fallline.control import folder as folders
    from fallline.control.presets import preset_of
    from fallline.control.search import train_policy

    if not quiet and not resume:
        known = preset_of(plan.environment)
        say(f"{plan.environment}: {known.source}{'' if known.recipe == plan.recipe else ', changed by flags'}.")
    found: list[KeptPolicy] = []
    for seed, home in plan.folders(folder):
        if (home / folders.METRICS).is_file():
            found.append(folders.KeptPolicy(home, folders.read_summary(home)))
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


def _over_seeds(plan: "PolicyPlan", folder: Path, kept: list["KeptPolicy"]) -> tuple[dict[str, Any], list[str]]:
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
    from fallline.drawing.curves import Series
    from fallline.drawing.figure import Figure

    rows = summary["evaluations"]
    steps = tuple(row["steps"] for row in rows)
    lines = (("return", "mean_return"), ("best, confirmed", "best"))
    series = tuple(Series(name, steps, tuple(row[key] for row in rows), dashed=key == "best") for name, key in lines)
    figure = Figure(f"{summary['environment']}, seed {summary['seed']}", "", "timesteps", "return", series)
    write_atomically(folder / "curve.svg", figure.svg().encode())


def _tell(plan: "PolicyPlan", folder: Path, document: dict[str, Any], kept: list["KeptPolicy"]) -> None:
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
    from fallline.core.checkpoints import NAME as CHECKPOINT

    names = (folders.POLICY, folders.CURVE, folders.HISTORY, folders.METRICS, folders.RECIPE, CHECKPOINT)
    return [name for name in names if (folder / name).is_file()]
