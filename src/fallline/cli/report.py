"""`fallline report`: writes the page of a run folder again."""

from pathlib import Path
from typing import Annotated

import typer

from fallline.cli.output import give, say


def report(
    run: Annotated[Path, typer.Argument(help="run folder")],
    json: Annotated[bool, typer.Option("--json", help="one JSON document on standard output")] = False,
) -> int:
    """Write a run's report.html: one page, no network needed."""
    from fallline.report.page import write_report

    path = write_report(run)
    if json:
        give({"run": str(run), "report": str(path)})
    else:
        say(f"Report in {path}")
    return 0
