"""`fallline tune`: searches hyperparameters, keeps the study, and saves the best recipe and its model."""

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fallline.cli.flags import Flags, Shown
from fallline.cli.found import show_found
from fallline.cli.logs import LogFlags
from fallline.cli.output import say
from fallline.cli.resuming import folder_to_resume
from fallline.cli.shared_flags import DataFlags, RecipeFlags, subject
from fallline.cli.tune_command import HERE, RIVALS, STRATEGIES
from fallline.cli.tune_result import keep
from fallline.core.device import use_device
from fallline.core.errors import FalllineError

if TYPE_CHECKING:
    from fallline.searching.study import Study

Opt = typer.Option
TRIALS, STUDY = 64, "study.db"


@dataclasses.dataclass(frozen=True)
class StudyFlags(Flags):
    """The settings of a study, which stay the same when it is continued."""

    folds: Annotated[int | None, Opt(help="number of cross-validation folds; default: one validation split")] = None
    space: Annotated[Path | None, Opt(help="recipe.toml with distributions (default: usual ranges)")] = None
    strategy: Annotated[str | None, Opt(help=f"{STRATEGIES}; `fallline explain NAME` says more of one")] = None
    halving: Annotated[
        str | None,
        Opt(
            metavar=f"[{RIVALS}]",
            help="prune all but a batch's best third; study: trials that score worse than every good trial of the study",
        ),
    ] = None
    batch: Annotated[int | None, Opt(help="number of trials proposed together")] = None
    study: Annotated[str | None, Opt(help="study file or database URL (default: OUT/study.db)")] = None
    seed: Annotated[int | None, Opt(help="seed of the proposals and of the best model (default: 0)")] = None


def tune(
    *,
    data: DataFlags,
    trials: Annotated[int | None, Opt(help=f"recipes to try (default: {TRIALS})")] = None,
    settings: StudyFlags,
    seconds: Annotated[float | None, Opt(help="time budget in seconds; the last batch may end later")] = None,
    ray: Annotated[str | None, Opt(metavar="[ADDRESS]", help="train on Ray: on this machine, or HOST:PORT")] = None,
    limit: Annotated[float | None, Opt(help="seconds after which work on Ray counts as hung")] = None,
    nested: Annotated[int | None, Opt(help="also score the whole procedure with this many outer folds")] = None,
    members: Annotated[
        int | None, Opt(help="combine the models of so many of the best trials, by greedy selection on validation rows")
    ] = None,
    changes: Annotated[
        RecipeFlags, Shown(helps={"set_": "any field: batch_size=64; a field that is given a distribution is searched"})
    ],
    resume: Annotated[
        str | None,
        Opt(help="continue the search in this run folder; or this study file; with the settings of its start"),
    ] = None,
    out: Annotated[Path | None, Opt(help="run folder of the best model (default: runs/NAME-1)")] = None,
    logs: LogFlags,
    device: Annotated[str | None, Opt(help="cpu or gpu (default: a GPU if JAX finds one)")] = None,
    again: Annotated[bool, Opt("--again", help="search even if the same search is there already")] = False,
    json: Annotated[bool, Opt("--json", help="one JSON document on standard output")] = False,
) -> int:
    """Search hyperparameters; save the best recipe and its model.

    Without --space: learning rate, momentum, dropout and penalties, over their usual ranges. A number that a flag gives
    is not searched.
    """
    from fallline.streams.opening import table_of

    use_device(device)
    callbacks = logs.callbacks()
    if resume is None:
        options = _options(data, changes, settings) | {"trials": TRIALS if trials is None else trials}
    else:
        own = [*data.spelled(), *changes.spelled(), *settings.spelled()]
        if own:
            raise FalllineError(f"--resume continues a study with its own settings: leave {', '.join(own)} out")
        options, out = _begun(resume, trials, out)
    if nested is not None and nested < 2:
        raise FalllineError(f"--nested {nested}: expected 2 or more outer folds")
    if members is not None:
        from fallline.searching.combining import check_members

        check_members(members, table_of(options["data"]))
    if limit is not None and ray is None:
        raise FalllineError(f"--limit {limit:g} is of work on Ray: give --ray too, or --seconds for the whole search")
    options |= {
        "seconds": seconds,
        "ray": True if ray == HERE else ray or False,
        "limit": limit,
        "callbacks": callbacks,
    }
    for sentence in options["data"].warnings:
        say(f"warning: {sentence}")
    # A study that is named is continued, and the sample of a stream does not tell what else the stream holds.
    find = resume is None and settings.study is None and not callbacks
    find = find and table_of(options["data"]) is options["data"]
    same = _found_before(options, nested, members, out) if find and not again else None
    if same is not None:
        return show_found(same, "search", json)[0]
    return _search(options, nested, members, out, json)


def _begun(resume: str, trials: int | None, out: Path | None) -> tuple[dict[str, Any], Path | None]:
    """The arguments of a search that continues a study, and its folder: a run folder's study is continued in it."""
    from fallline.searching.description import begun

    # A database has an address, and a study file of its own stands for no folder.
    folder = Path(resume) if "://" in resume or Path(resume).is_file() else folder_to_resume(Path(resume), "tune")
    if folder.is_dir():
        out = out or folder
        resume = str(folder / STUDY)
    options = begun(resume)
    return options if trials is None else options | {"trials": trials}, out


def _identity(options: dict[str, Any], nested: int | None, members: int | None) -> dict[str, Any]:
    from fallline.searching.identity import study_identity

    return study_identity(options, nested=nested, members=members, ray=bool(options["ray"]))


def _found_before(options: dict[str, Any], nested: int | None, members: int | None, out: Path | None) -> Path | None:
    """The run folder that holds the same search, finished."""
    from fallline.training.identity import find_run

    return find_run(_identity(options, nested, members), out)


def _options(data: DataFlags, changes: RecipeFlags, settings: StudyFlags) -> dict[str, Any]:
    """The arguments of a new search, but for the number of its trials."""
    from fallline.searching.default_space import default_space
    from fallline.strategies import Halving
    from fallline.strategies.named import DEFAULT, strategy_named
    from fallline.streams.opening import in_memory_if_it_fits, opened
    from fallline.training.recipe import Recipe

    recipe, arguments = subject(settings.space, Recipe(), data, changes, "train on")
    return {
        "space": default_space(recipe, changes.paths(recipe)),
        "data": in_memory_if_it_fits(opened(**arguments)),
        "strategy": strategy_named(settings.strategy or DEFAULT),
        "halving": None if settings.halving is None else Halving(among=settings.halving),
        "folds": settings.folds,
        "batch": settings.batch,
        "seed": settings.seed or 0,
        "study": settings.study,
    }


def _search(options: dict[str, Any], outer: int | None, members: int | None, out: Path | None, json: bool) -> int:
    from fallline.core.files import try_folder
    from fallline.core.holding import Hold
    from fallline.streams.opening import table_of
    from fallline.training import folder as folders
    from fallline.training.identity import forget

    space, data = options["space"], table_of(options["data"])
    folders.checked(folders.Plan(space.fill(space.default), data.source, options["seed"]), data)
    goes_on = out is not None and options["study"] == str(out / STUDY)
    identity = None if options["study"] or data is not options["data"] else _identity(options, outer, members)
    folder = out if out is not None and goes_on else folders.claim_folder(out, data.name)
    options["study"] = options["study"] or str(folder / STUDY)
    try:
        with Hold(folder) as hold:
            try_folder(folder, folders.LEAST)
            forget(folder)  # it will hold another model
            found, procedure = _found(options, outer, json)
            interrupted = found.interrupted or (procedure is not None and procedure.interrupted)
            if not interrupted:
                own = str(found.where) == str(
                    folder / STUDY
                )  # otherwise nobody will look for checkpoints in the folder
                run = found.best.train_in(folder) if own else found.best.run
                combined = None if members is None or run.interrupted else found.ensemble(members)
                if not (run if combined is None else combined.run).interrupted:
                    return keep(found, procedure, combined, folder, hold.check, json, identity)
    finally:
        folders.abandon_folder(folder)  # removes it if nothing was saved in it
    say(f"Interrupted after {len(found)} trials{'' if interrupted else ', while the best was trained once more'}.")
    kept = folder if str(found.where) == str(folder / STUDY) else found.where
    say(f"Continue with: fallline tune --resume {kept}")
    return 130


def _found(options: dict[str, Any], outer: int | None, json: bool) -> tuple["Study", Any]:
    """The study, and the nested scores of the whole procedure if they were requested."""
    from contextlib import redirect_stdout

    from fallline.searching.nested import nested
    from fallline.searching.progress import SearchProgress
    from fallline.searching.search import search

    procedure = None
    # Ray prints on standard output, which is reserved for the JSON document.
    with SearchProgress(quiet=json) as progress, redirect_stdout(sys.stderr):
        found = search(**options, watch=progress, progress=False)
        if outer is not None and not found.interrupted:
            procedure = nested(
                **options | {"data": found.data, "study": found.where, "progress": False, "callbacks": ()},
                outer=outer,
                watch=progress.nested(outer),
            )
    for sentence in found.notes:
        say(f"warning: {sentence}")
    return found, procedure
