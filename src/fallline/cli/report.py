"""`fallline report`: writes the page of a run folder again, and its model card."""

from pathlib import Path
from typing import Annotated

import typer

from fallline.cli.output import give, say


def report(
    run: Annotated[Path, typer.Argument(help="run folder")],
    card: Annotated[Path | None, typer.Option(metavar="FILE", help="also write a model card, as Markdown")] = None,
    json: Annotated[bool, typer.Option("--json", help="one JSON document on standard output")] = False,
) -> int:
    """Write a run's report.html: one page, no network needed."""
    from fallline.report.card import write_card
    from fallline.report.page import write_report

    path = write_report(run)
    if card is not None:
        write_card(run, card)
    if json:
        give({"run": str(run), "report": str(path), **({} if card is None else {"card": str(card)})})
    else:
        say(f"Report in {path}")
        if card is not None:
            say(f"Model card in {card}")
    return 0
