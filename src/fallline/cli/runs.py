"""`fallline runs`: lists, compares, tags and removes run folders."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from fallline.cli.output import figures, give, say, table
from fallline.core.errors import FalllineError

if TYPE_CHECKING:
    from fallline.report.differences import Differences
    from fallline.report.runs import RunEntry

Opt = typer.Option
Json = Annotated[bool, Opt("--json", help="one JSON document on standard output")]
Runs = Annotated[list[Path], typer.Argument(metavar="RUN", help="run folders, such as runs/iris-1 runs/iris-2")]
WIDEST = 34  # most characters of a value in a comparison
LIST = "list"


class RunsGroup(TyperGroup):
    """Reads `fallline runs [FOLDER]` as `fallline runs list [FOLDER]`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        first = next((each for each in args if not each.startswith("-")), None)
        asks_help = any(each in ("-h", "--help") for each in args)
        completing = ctx.resilient_parsing
        if first not in self.commands and not completing and not (asks_help and first is None):
            args = [LIST, *args]
        return list(super().parse_args(ctx, args))


def list_(
    folder: Annotated[Path, typer.Argument(help="folder of runs, or one run")] = Path("runs"),
    tag: Annotated[str | None, Opt(help="only runs with this tag")] = None,
    best: Annotated[bool, Opt("--best", help="sort by score, the best last, instead of by time")] = False,
    json: Json = False,
) -> int:
    """List runs, the newest last."""
    from fallline.report.runs import list_runs

    found = [each for each in list_runs(folder) if tag is None or tag in each.tags]
    if best:
        found = _by_score(found)
    if json:
        give({"folder": str(folder), "runs": [each.to_plain() for each in found]})
    elif not found:
        say(f"There are no runs in {folder}{'' if tag is None else f' with the tag {tag}'}.")
    else:
        print(_listed(found))
    return 0


def compare(runs: Runs, json: Json = False) -> int:
    """Show in what runs differ, and their metrics."""
    from fallline.report.differences import differences
    from fallline.report.finished import read_finished

    if len(runs) < 2:
        raise FalllineError(f"one run alone is not compared: fallline runs compare {runs[0]} ANOTHER_RUN")
    found = differences([read_finished(each) for each in runs])
    if json:
        give(found.to_plain())
    else:
        _tell(found)
    return 0


def tag(
    runs: Runs,
    add: Annotated[list[str] | None, Opt(metavar="WORD", help="a tag to add; again for more")] = None,
    remove: Annotated[list[str] | None, Opt(metavar="WORD", help="a tag to take away; again for more")] = None,
    json: Json = False,
) -> int:
    """Give runs tags, by which they can be listed."""
    from fallline.report.runs import tag_runs

    if not add and not remove:
        raise FalllineError("no tag was given: --add WORD adds one, --remove WORD takes one away")
    found = tag_runs(runs, add or [], remove or [])
    if json:
        give({"runs": [each.to_plain() for each in found]})
    else:
        for each in found:
            say(f"{each.folder}: {', '.join(each.tags) or 'no tags'}")
    return 0


def remove(runs: Runs, yes: Annotated[bool, Opt("--yes", "-y", help="do not ask")] = False, json: Json = False) -> int:
    """Remove runs for good. Files that Fallline did not write stay."""
    from fallline.report.runs import check_runs, remove_run

    check_runs(runs)
    names = ", ".join(map(str, runs))
    if not yes:
        if not sys.stdin.isatty():
            raise FalllineError(f"{names} would be removed for good: say so with --yes")
        if input(f"Remove {names} for good? [y/N] ").strip().lower() not in ("y", "yes"):
            say("Nothing was removed.")
            return 0
    left = {str(run): remove_run(run) for run in runs}
    for run, files in left.items():
        say(
            f"Removed {run}."
            if not files
            else f"Removed the run in {run}; these files are not Fallline's: {', '.join(files)}."
        )
    if json:
        give({"removed": list(left), "left": {run: files for run, files in left.items() if files}})
    return 0


def _by_score(runs: list["RunEntry"]) -> list["RunEntry"]:
    """The runs by metric, each from the worst to the best."""
    from fallline.core.scores import larger_is_better

    def goodness(each: "RunEntry") -> float:
        if each.score is None or each.score != each.score:
            return float("-inf")
        return each.score if each.metric == "return" or larger_is_better(each.metric) else -each.score

    return sorted(runs, key=lambda each: (each.metric, each.split, goodness(each)))


def _listed(runs: list["RunEntry"]) -> str:
    """The runs as a table; columns that would say nothing are left out."""
    columns = {
        "run": [str(each.folder) for each in runs],
        "kind": [each.kind for each in runs],
        "data": [each.data for each in runs],
        "outcome": [each.outcome.replace("_", " ") for each in runs],
        "score": ["-" if each.score is None else figures(each.score) for each in runs],
        "of": [f"{each.split} {each.metric}".strip() for each in runs],
        "seconds": ["-" if each.seconds is None else f"{each.seconds:.0f}" for each in runs],
        "written": [time.strftime("%Y-%m-%d %H:%M", time.localtime(each.written)) for each in runs],
        "tags": [",".join(each.tags) for each in runs],
    }
    if all(each == "training" for each in columns["kind"]):
        del columns["kind"]
    if all(each.folder.name.rpartition("-")[0] in (each.data, "") for each in runs):
        del columns["data"]
    if not any(columns["tags"]):
        del columns["tags"]
    left = tuple(place for place, name in enumerate(columns) if name not in ("score", "seconds"))
    return table([list(columns), *map(list, zip(*columns.values(), strict=True))], left=left)


def _tell(found: "Differences") -> None:
    if found.fields:
        cut = [[path, *(_cut(value) for value in values)] for path, values in found.fields]
        print(table([["", *found.names], *cut]))
    else:
        print("Their recipes, data and seeds are the same.")
    if found.same_data is False:
        print("\nThey were trained on different data, or data split otherwise: their metrics are of different rows.")
    print()
    rows = [
        [f"{split} {name}", *("-" if v is None else figures(v) for v in values)]
        for split, name, values in found.metrics
    ]
    print(table([["", *found.names], *rows]))


def _cut(text: str) -> str:
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 1]}…"


app = typer.Typer(cls=RunsGroup, no_args_is_help=False)
COMMANDS: dict[str, Callable[..., int]] = {LIST: list_, "compare": compare, "tag": tag, "remove": remove}
