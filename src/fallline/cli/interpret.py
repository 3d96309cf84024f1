"""`fallline interpret`: looks at the predictions of a finished run again, and trains what only more trainings can say."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fallline.cli.output import give, say, table
from fallline.core.errors import FalllineError

if TYPE_CHECKING:
    from fallline.data.table import Table
    from fallline.training.folder import Plan

Opt = typer.Option


def interpret(
    run: Annotated[Path, typer.Argument(help="run folder")],
    drop_column: Annotated[bool, Opt("--drop-column", help="train without each column: what does it add?")] = False,
    learning_curve: Annotated[bool, Opt("--learning-curve", help="train on fewer rows: would more help?")] = False,
    permute_labels: Annotated[bool, Opt("--permute-labels", help="train on shuffled targets: a p-value")] = False,
    leave_out: Annotated[str | None, Opt(metavar="COLUMN", help="train without each group of a column")] = None,
    json: Annotated[bool, Opt("--json", help="one JSON document on standard output")] = False,
) -> int:
    """Say how good a run's predictions are, and where not.

    Writes interpretation.json into the run folder, and its report again.
    """
    from fallline.interpretation import interpret as look
    from fallline.interpretation import requests
    from fallline.interpretation.document import write_interpretation
    from fallline.report.page import write_report
    from fallline.report.scores_section import score_rows
    from fallline.training.model_file import load_predictor

    plan, data = _plan_and_table(run)
    model = load_predictor(run)
    if leave_out is not None:
        requests.check_groups(data, leave_out)
    found = look(model, data)
    tell = (lambda text: None) if json else say
    more = {}
    if drop_column:
        more["drop_column"] = requests.drop_column(plan.recipe, data, say=tell)
    if learning_curve:
        more["learning_curve"] = requests.learning_curve(plan.recipe, data)
    if permute_labels:
        more["permuted_labels"], _ = requests.permuted_labels(plan.recipe, data, say=tell)
    if leave_out is not None:
        more["left_out"] = requests.leave_one_group_out(plan.recipe, data, leave_out)
    found = dataclasses.replace(found, tables={**found.tables, **more})
    write_interpretation(run, found)
    path = write_report(run)
    if json:
        give({"run": str(run), "report": str(path), **found.to_plain()})
        return 0
    head, rows = score_rows(found)
    print(table([head, *([*row] for row in rows)]))
    say()
    for sentence in (*found.sentences, *found.notes):
        say(sentence)
    for each in more.values():
        say()
        print(table([list(each.columns), *([_shown(cell) for cell in row] for row in each.iter_rows())]))
    say(f"Report in {path}")
    return 0


def _plan_and_table(run: Path) -> "tuple[Plan, Table]":
    """The plan of a run and its table, read again.

    Raises: FalllineError for a run without a source, and a source that has changed.
    """
    from fallline.report.finished import read_finished
    from fallline.streams.opening import counts_of, opened, table_of

    finished = read_finished(run)
    plan = finished.plan
    if "source" not in plan.data:
        raise FalllineError(f"run {str(run)!r} names no source: use fallline.interpret(run, table) in Python")
    data = opened(**plan.data)
    rows = finished.summary["data"]["rows"]
    known = counts_of(data)
    if "out_of_fold" not in rows and any(known[name] != count for name, count in rows.items()):
        raise FalllineError(
            f"the source {plan.data['source']!r} has changed since run {str(run)!r}: it has other numbers of rows; train again"
        )
    return plan, table_of(data)


def _shown(cell: object) -> str:
    return f"{cell:.4g}" if isinstance(cell, float) else "-" if cell is None else str(cell)
