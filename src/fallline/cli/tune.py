"""`fallline tune`: search hyperparameters, keep the study, save the best recipe and its model."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fallline.cli.output import figures, give, metrics_table, say, table
from fallline.core.errors import FalllineError, nearest

if TYPE_CHECKING:
    from fallline.searching.study import Study

Opt = typer.Option
STRATEGIES = ("tpe", "random", "sobol", "grid", "coarse_to_fine")
SHOWN = 6  # hyperparameters of the importance table


def tune(
    source: Annotated[str | None, typer.Argument(help="CSV, TSV, Parquet, Feather, .npz, sklearn:NAME")] = None,
    target: Annotated[str | None, Opt(help="column to predict")] = None,
    trials: Annotated[int, Opt(help="recipes to try")] = 64,
    folds: Annotated[int | None, Opt(help="cross-validate with so many folds (default: one validation split)")] = None,
    space: Annotated[Path | None, Opt(help="recipe.toml with distributions (default: usual ranges)")] = None,
    strategy: Annotated[str, Opt(help="tpe, random, sobol, grid, coarse_to_fine")] = "tpe",
    halving: Annotated[bool, Opt("--halving", help="stop all but the best third early, repeatedly")] = False,
    batch: Annotated[int | None, Opt(help="trials trained together")] = None,
    seconds: Annotated[float | None, Opt(help="begin no batch after this time")] = None,
    study: Annotated[Path | None, Opt(help="study file (default: OUT/study.db)")] = None,
    resume: Annotated[Path | None, Opt(help="study file to continue")] = None,
    out: Annotated[Path | None, Opt(help="run folder of the best model (default: runs/NAME-1)")] = None,
    seed: Annotated[int, Opt(help="of proposals and of the best model")] = 0,
    json: Annotated[bool, Opt("--json", help="one JSON document on standard output")] = False,
) -> int:
    """Search hyperparameters; save the best recipe and its model.

    Without --space: learning rate, momentum, dropout and penalties, over their usual ranges.
    """
    if strategy not in STRATEGIES:
        raise FalllineError(f"--strategy {strategy!r} is unknown: {nearest(strategy, STRATEGIES)}")
    from fallline.data.table import load
    from fallline.searching.store import Store
    from fallline.training import folder as folders
    from fallline.training.recipe import Recipe, recipe_from_plain

    options: dict[str, Any] = {"folds": folds, "batch": batch}
    data: dict[str, Any] = {"source": source, "target": target}
    recipe = Recipe()
    if resume is not None:
        if not resume.is_file():
            raise FalllineError(f"study {str(resume)!r} is not there: expected the study.db of an earlier search")
        found = Store(resume).described()
        if found is None:
            raise FalllineError(f"{str(resume)!r} holds no study: expected the study.db of an earlier search")
        if source or target or space or study or folds or batch:
            raise FalllineError("--resume continues a study as it was begun: leave source, space, folds and batch out")
        seed, kept = found
        recipe, data = recipe_from_plain(kept["space"]), kept["data"]
        options, strategy, halving = {"folds": kept["folds"], "batch": kept["batch"]}, "", kept["halving"] is not None
        proposer = _proposer_of(kept["proposer"])
    else:
        if space is not None:
            plan = folders.read_plan(space)
            recipe, data = plan.recipe, {**plan.data, **{k: v for k, v in data.items() if v is not None}}
        proposer = _proposer(strategy)
    if data.get("source") is None:
        raise FalllineError("no SOURCE to train on: expected a file such as data.csv, or sklearn:digits to try")
    loaded = load(**data)
    for sentence in loaded.warnings:
        say(f"warning: {sentence}")
    return _search(recipe, loaded, proposer, options, trials, seconds, halving, study or resume, out, seed, json)


def _search(
    recipe: Any,
    data: Any,
    proposer: Any,
    options: dict[str, Any],
    trials: int,
    seconds: float | None,
    halving: bool,
    study: Path | None,
    out: Path | None,
    seed: int,
    json: bool,
) -> int:
    from fallline.cli.progress import SearchProgress
    from fallline.population import Halving
    from fallline.searching import search
    from fallline.searching.usual import usual_space
    from fallline.training import folder as folders

    space = usual_space(recipe)
    folders.checked(folders.Plan(space.fill(space.default), data.source, seed), data)
    folder = folders.new_folder(out, data.name)
    if study is None:
        folder.mkdir(parents=True, exist_ok=True)
        study = folder / "study.db"
    try:
        with SearchProgress(quiet=json) as progress:
            found = search(
                space,
                data,
                trials=trials,
                seconds=seconds,
                proposer=proposer,
                halving=Halving() if halving else None,
                seed=seed,
                study=study,
                watch=progress,
                **options,
            )
    except FalllineError:
        if folder.is_dir() and not any(folder.iterdir()):  # bad input leaves nothing behind
            folder.rmdir()
        raise
    if found.interrupted:
        say(f"Interrupted after {len(found)} trials. Continue with: fallline tune --resume {study} --trials {trials}")
        return 130
    plan = folders.Plan(found.best.recipe, data.source, found.seed)
    folders.begin_folder(folder, plan)
    run = found.best.run
    summary = folders.finish_folder(folder, plan, run, data)
    from fallline.report.page import write_report

    write_report(folder)
    document = _document(found, summary, study)
    if json:
        give(document)
    else:
        _tell(found, document, run.metrics, folder, study)
    return 1 if run.outcome.label == "diverged" else 0


def _document(found: "Study", summary: dict[str, Any], study: Path) -> dict[str, Any]:
    from fallline.searching.findings import edges, importance, outlook

    best, ahead = found.best.trial, outlook(found)
    return {
        **summary,
        "study": str(study),
        "trials": len(found),
        "diverged": sum(each.outcome == "diverged" for each in found.trials),
        "search_seconds": round(found.seconds, 3),
        "best": {"trial": best.number, "score": best.score * found.sign, "error": best.error, "values": best.values},
        "importance": {each.name: round(each.share, 4) for each in importance(found)},
        "edges": edges(found),
        "outlook": None if ahead is None else ahead.sentence,
    }


def _tell(found: "Study", document: dict[str, Any], metrics: Any, folder: Path, study: Path) -> None:
    best = found.best.trial
    diverged = f", {document['diverged']} diverged" if document["diverged"] else ""
    say(f"{len(found)} trials{diverged} ({found.seconds:.0f} s); the best is trial {best.number}:")
    say()
    shares = document["importance"] or dict.fromkeys(best.values, float("nan"))
    names = [name for name in shares if name in best.values][:SHOWN]
    rows = [
        [name, _shown(best.values[name]), f"{shares[name]:.0%}" if shares[name] == shares[name] else "-"]
        for name in names
    ]
    say(table([["", "best", "importance"], *rows]))
    say()
    error = f" +- {figures(best.error)}" if best.error == best.error else ""
    say(f"Its validation {found.space.recipe.monitor}: {figures(best.score * found.sign)}{error}; trained once more:")
    say()
    say(metrics_table(metrics))
    say()
    for sentence in (*document["edges"], *([document["outlook"]] if document["outlook"] else [])):
        say(f"{sentence[0].upper()}{sentence[1:]}.")
    say(f"Saved in {folder}: recipe.toml, model.safetensors, report.html; the trials in {study}.")


def _shown(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _proposer(strategy: str) -> Any:
    from fallline.searching.coarse import CoarseToFine
    from fallline.searching.proposers import Grid, Random, Sobol
    from fallline.searching.tpe import TPE

    kinds: dict[str, Any] = {"tpe": TPE, "random": Random, "sobol": Sobol, "grid": Grid, "coarse_to_fine": CoarseToFine}
    return kinds[strategy]()


def _proposer_of(shown: str) -> Any:
    """The strategy of a study, from how it describes itself."""
    names = {"TPE": "tpe", "Random": "random", "Sobol": "sobol", "Grid": "grid", "CoarseToFine": "coarse_to_fine"}
    kind = names.get(shown.partition("(")[0])
    if kind is None or repr(_proposer(kind)) != shown:
        raise FalllineError(f"the study was begun with {shown}, which only Python can continue: use fallline.search")
    return _proposer(kind)
