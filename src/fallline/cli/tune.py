"""`fallline tune`: searches hyperparameters, keeps the study, and saves the best recipe and its model."""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from fallline.cli.output import figures, give, metrics_table, say, table
from fallline.core.device import use_device
from fallline.core.errors import FalllineError

if TYPE_CHECKING:
    from fallline.searching.nested_scores import Nested
    from fallline.searching.study import Study
    from fallline.training.folder import Kept

Opt = typer.Option
SHOWN = 6  # most hyperparameters in the importance table
TRIALS = 64
HERE = "here"
STRATEGIES, RIVALS = "{strategies}", "{rivals}"  # placeholders in help texts, filled in from the blocks


class TuneCommand(TyperCommand):
    """Lets `--ray` and `--halving` be given without a value: the next word is their value only if it looks like one."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        found = []
        for index, word in enumerate(args):
            follower = args[index + 1] if index + 1 < len(args) else ""
            looks, usual = _may_stand_alone(word)
            found.append(f"{word}={usual}" if usual and not re.fullmatch(looks, follower) else word)
        return list(super().parse_args(ctx, found))

    def format_help(self, ctx: Any, formatter: Any) -> None:
        for option in self.params:
            for name in ("help", "metavar"):
                text = getattr(option, name, None) or ""
                if STRATEGIES in text or RIVALS in text:
                    setattr(option, name, _filled(text))
        super().format_help(ctx, formatter)


def _may_stand_alone(option: str) -> tuple[str, str]:
    """For an option whose value may be omitted: a pattern of its values, and the value if it is omitted."""
    if option == "--ray":
        return rf"auto|{HERE}|ray://.*|[^/\\]+:\d+", HERE
    if option == "--halving":
        rivals = _rivals()
        return "|".join(rivals), rivals[0]
    return "", ""


def _rivals() -> list[str]:
    """The groups of trials that a trial may compete with, the default first."""
    from fallline.core.block import declared_fields
    from fallline.strategies import Halving

    usual = Halving().among
    return sorted(declared_fields(Halving)["among"].choices or (), key=lambda each: each != usual)


def _filled(text: str) -> str:
    """A help text with the names of all strategies and of the groups that trials compete with."""
    from fallline.strategies.named import spellings

    first, *others = spellings()
    return text.replace(STRATEGIES, ", ".join([f"{first} (default)", *others])).replace(RIVALS, "|".join(_rivals()))


def tune(
    source: Annotated[str | None, typer.Argument(help="CSV, TSV, Parquet, Feather, .npz, sklearn:NAME")] = None,
    target: Annotated[str | None, Opt(help="column to predict")] = None,
    trials: Annotated[int | None, Opt(help=f"recipes to try (default: {TRIALS})")] = None,
    folds: Annotated[int | None, Opt(help="number of cross-validation folds (default: one validation split)")] = None,
    space: Annotated[Path | None, Opt(help="recipe.toml with distributions (default: usual ranges)")] = None,
    strategy: Annotated[str | None, Opt(help=f"{STRATEGIES}; `fallline explain NAME` says more of one")] = None,
    halving: Annotated[
        str | None,
        Opt(
            metavar=f"[{RIVALS}]",
            help="prune all but a batch's best third, or trials that score worse than every good trial of the study",
        ),
    ] = None,
    batch: Annotated[int | None, Opt(help="number of trials proposed together")] = None,
    seconds: Annotated[float | None, Opt(help="time budget in seconds; the last batch may end later")] = None,
    ray: Annotated[str | None, Opt(metavar="[ADDRESS]", help="train on Ray: on this machine, or HOST:PORT")] = None,
    limit: Annotated[float | None, Opt(help="seconds after which work on Ray counts as hung")] = None,
    study: Annotated[str | None, Opt(help="study file or database URL (default: OUT/study.db)")] = None,
    nested: Annotated[int | None, Opt(help="also score the whole procedure with this many outer folds")] = None,
    members: Annotated[
        int | None, Opt(help="combine the models of so many of the best trials, by greedy selection on validation rows")
    ] = None,
    resume: Annotated[str | None, Opt(help="continue this study with the settings of its start")] = None,
    out: Annotated[Path | None, Opt(help="run folder of the best model (default: runs/NAME-1)")] = None,
    seed: Annotated[int | None, Opt(help="seed of the proposals and of the best model (default: 0)")] = None,
    device: Annotated[str | None, Opt(help="cpu or gpu (default: a GPU if JAX finds one)")] = None,
    json: Annotated[bool, Opt("--json", help="one JSON document on standard output")] = False,
) -> int:
    """Search hyperparameters; save the best recipe and its model.

    Without --space: learning rate, momentum, dropout and penalties, over their usual ranges.
    """
    use_device(device)
    given = {
        "SOURCE": source, "--target": target, "--space": space, "--study": study, "--folds": folds, "--batch": batch,
        "--strategy": strategy, "--halving": halving, "--seed": seed,
    }  # fmt: skip
    if resume is not None:
        changed = [name for name, value in given.items() if value is not None]
        if changed:
            raise FalllineError(f"--resume continues a study with its own settings: leave {', '.join(changed)} out")
        from fallline.searching.description import begun

        options = begun(resume)
        options["trials"] = options["trials"] if trials is None else trials
    else:
        options = _options(source, target, space, strategy, halving)
        options |= {"trials": TRIALS if trials is None else trials, "folds": folds, "batch": batch}
        options |= {"seed": seed or 0, "study": study}
    if nested is not None and nested < 2:
        raise FalllineError(f"--nested {nested}: expected 2 or more outer folds")
    if members is not None:
        from fallline.searching.combining import check_members

        check_members(members, options["data"])
    if limit is not None and ray is None:
        raise FalllineError(f"--limit {limit:g} is of work on Ray: give --ray too, or --seconds for the whole search")
    options |= {"seconds": seconds, "ray": True if ray == HERE else ray or False, "limit": limit}
    for sentence in options["data"].warnings:
        say(f"warning: {sentence}")
    return _search(options, nested, members, out, json)


def _options(
    source: str | None, target: str | None, space: Path | None, strategy: str | None, halving: str | None
) -> dict[str, Any]:
    """The arguments of a new search that need more than the value of a flag."""
    from fallline.data.table import load
    from fallline.searching.default_space import default_space
    from fallline.strategies import Halving
    from fallline.strategies.named import DEFAULT, strategy_named
    from fallline.training import folder as folders
    from fallline.training.recipe import Recipe

    recipe, data = Recipe(), {"source": source, "target": target}
    if space is not None:
        plan = folders.read_plan(space)
        recipe, data = plan.recipe, {**plan.data, **{key: value for key, value in data.items() if value is not None}}
    if data.get("source") is None:
        raise FalllineError("no SOURCE to train on: expected a file such as data.csv, or sklearn:digits to try")
    return {
        "space": default_space(recipe),
        "data": load(**data),  # type: ignore[arg-type]
        "strategy": strategy_named(strategy or DEFAULT),
        "halving": None if halving is None else Halving(among=halving),
    }


def _search(options: dict[str, Any], outer: int | None, members: int | None, out: Path | None, json: bool) -> int:
    from fallline.core.files import try_folder
    from fallline.core.holding import Hold
    from fallline.training import folder as folders

    space, data = options["space"], options["data"]
    folders.checked(folders.Plan(space.fill(space.default), data.source, options["seed"]), data)
    folder = folders.claim_folder(out, data.name)
    options["study"] = options["study"] or str(folder / "study.db")
    try:
        with Hold(folder) as hold:
            try_folder(folder, folders.LEAST)
            found, procedure = _found(options, outer, json)
            interrupted = found.interrupted or (procedure is not None and procedure.interrupted)
            if not interrupted:
                run = found.best.run
                combined = None if members is None or run.interrupted else found.ensemble(members)
                if not (run if combined is None else combined.run).interrupted:
                    return _keep(found, procedure, combined, folder, hold.check, json)
    finally:
        folders.abandon_folder(folder)  # removes it if nothing was saved in it
    say(f"Interrupted after {len(found)} trials{'' if interrupted else ', while the best was trained once more'}.")
    say(f"Continue with: fallline tune --resume {found.where}")
    return 130


def _found(options: dict[str, Any], outer: int | None, json: bool) -> tuple["Study", Any]:
    """The study, and the nested scores of the whole procedure if they were requested."""
    from contextlib import redirect_stdout

    from fallline.cli.progress import SearchProgress
    from fallline.searching import search
    from fallline.searching.nested import nested

    procedure = None
    # Ray prints on standard output, which is reserved for the JSON document.
    with SearchProgress(quiet=json) as progress, redirect_stdout(sys.stderr):
        found = search(**options, watch=progress)
        if outer is not None and not found.interrupted:
            procedure = nested(**options | {"study": found.where}, outer=outer, watch=progress.nested(outer))
    for sentence in found.notes:
        say(f"warning: {sentence}")
    return found, procedure


def _keep(
    found: "Study", procedure: "Nested | None", combined: Any, folder: Path, check: Callable[[], None], json: bool
) -> int:
    """Keep the study's best recipe, its model (or that of the combined trials) and a summary of the trials in a folder."""
    from fallline.report.page import write_report
    from fallline.searching.summary import save_summary, summarise
    from fallline.training import folder as folders

    run, said = found.best.run if combined is None else combined.run, summarise(found, procedure, combined)

    def more(home: Path) -> None:
        save_summary(home, said)
        write_report(home)

    plan = folders.Plan(found.best.recipe, found.data.source, found.seed)
    kept = folders.keep(folder, plan, run, found.data, more, check)
    study = str(found.where)
    if json:
        give(_document(found, kept.summary, said, study))
    else:
        _tell(found, said, run.metrics, kept, study)
    if kept.refused:
        say(kept.sentence)
    if found.moved:
        say(f"{found.moved[0].upper()}{found.moved[1:]}.")
    return 1 if kept.refused or found.moved or run.outcome.label == "diverged" else 0


def _document(found: "Study", summary: dict[str, Any], said: dict[str, Any], study: str) -> dict[str, Any]:
    axes = said["hyperparameters"]
    return {
        **summary,
        "study": study,
        "trials": len(found),
        "diverged": sum(each.outcome == "diverged" for each in found.trials),
        "search_seconds": said["seconds"],
        "best": said["best"],
        "importance": {e["name"]: round(e["importance"], 4) for e in _ordered(axes) if e["importance"] is not None},
        "sensitivity": {e["name"]: e["sensitivity"] for e in axes if e["sensitivity"]},
        "edges": said["edges"],
        "default": said["default"],
        "outlook": said["outlook"],
        "nested": said["nested"],
        **({"ensemble": said["ensemble"]} if "ensemble" in said else {}),
    }


def _ordered(axes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(axes, key=lambda each: -(each["importance"] or 0.0))


def _tell(found: "Study", said: dict[str, Any], metrics: dict[str, dict[str, float]], kept: "Kept", study: str) -> None:
    best = found.best.trial
    failed = sum(each.outcome == "diverged" for each in found.trials)
    diverged = f", {failed} diverged" if failed else ""
    say(f"{len(found)} trials{diverged} ({found.seconds:.0f} s); the best is trial {best.number}:")
    say()
    rows = [
        [each["name"], _shown(best.values[each["name"]]), _share(each["importance"]), _within(each["sensitivity"])]
        for each in _ordered(said["hyperparameters"])
        if each["name"] in best.values
    ][:SHOWN]
    say(table([["", "best", "importance", "within 1 % of it"], *rows]))
    say()
    monitor, error = found.space.recipe.monitor, f" +- {figures(best.error)}" if best.error == best.error else ""
    again = "the ensemble of the best" if "ensemble" in said else "trained once more"
    say(f"Its validation {monitor}: {figures(best.score * found.sign)}{error}; {again}:")
    say()
    say(metrics_table(metrics))
    if "ensemble" in said:
        say()
        say(f"{said['ensemble']['sentence'][0].upper()}{said['ensemble']['sentence'][1:]}.")
    say()
    if said["nested"] is not None:
        mean, spread = said["nested"]["mean"], said["nested"]["error"]
        scores = ", ".join(f"{name} {figures(mean[name])} +- {figures(spread[name])}" for name in list(mean)[:3])
        say(f"The whole procedure on rows it never saw, {len(said['nested']['folds'])} outer folds: {scores}.")
    for sentence in filter(None, (said["default"], *said["edges"], said["outlook"])):
        say(f"{sentence[0].upper()}{sentence[1:]}.")
    say(f"Saved in {kept.folder}: {', '.join(kept.files)}; the trials in {study}.")


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.0%}"


def _within(card: dict[str, Any] | None) -> str:
    if card is None:
        return "-"
    return str(card["sentence"]) if card["likely"] is None else " to ".join(map(_shown, card["likely"]))


def _shown(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
