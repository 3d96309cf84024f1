"""`fallline report`: writes the page of a run folder again, and its model card; or a page that compares runs."""

from pathlib import Path
from typing import Annotated

import typer

from fallline.cli.output import give, say
from fallline.core.errors import FalllineError

COMPARISON = Path("comparison.html")


def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN", help="run folder; several are compared on one page")],
    card: Annotated[Path | None, typer.Option(metavar="FILE", help="also write a model card, as Markdown")] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE", help=f"page of a comparison (default: {COMPARISON})")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="one JSON document on standard output")] = False,
) -> int:
    """Write a run's report.html, or compare runs on one page."""
    if len(runs) > 1:
        if card is not None:
            raise FalllineError("--card is of one run: leave the other runs out")
        return _compare(runs, out or COMPARISON, json)
    if out is not None:
        raise FalllineError("--out is the page of a comparison: name several runs, or open the run's own report.html")
    from fallline.report.card import write_card
    from fallline.report.page import write_report

    run = runs[0]
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


def _compare(runs: list[Path], out: Path, json: bool) -> int:
    from fallline.report.comparison_page import write_comparison

    found, beside, reason = write_comparison(runs, out)
    if json:
        give({**found.to_plain(), "paired": [each.to_plain() for each in beside], "report": str(out)})
        return 0
    for each in beside:
        scores = f"{each.first} {each.errors[0]:.4g}, {each.other} {each.errors[1]:.4g}"
        say(f"On {each.rows:,} {each.split} rows, {each.sentence} ({each.measure}: {scores}).")
    if reason:
        say(f"Not compared row by row: {reason}.")
    say(f"Comparison in {out}")
    return 0
