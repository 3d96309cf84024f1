"""`fallline evaluate`: a model's metrics on labelled rows."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fallline.cli.models import check_order, parse_names, remark_on_outcome
from fallline.cli.output import give, metrics_table, say, warn

if TYPE_CHECKING:
    from fallline.data.identity import Overlap

Opt = typer.Option


def evaluate(
    model: Annotated[Path, typer.Argument(help="run folder or model.safetensors")],
    source: Annotated[
        str, typer.Argument(help="labelled rows: CSV, TSV, Parquet, Feather, .npz, sklearn:NAME; a folder or pattern")
    ],
    names: Annotated[str | None, Opt(help="column names of a file without a header: a,b,c")] = None,
    json: Annotated[bool, Opt("--json", help="one JSON document on standard output")] = False,
) -> int:
    """Judge a model on labelled rows."""
    from fallline.data.prediction import read_labelled
    from fallline.streams.files import is_long
    from fallline.training.evaluation import evaluate_rows
    from fallline.training.model_file import load_predictor

    check_order(model, source, "evaluate")
    trained = load_predictor(model)
    remarks = remark_on_outcome(model)
    if is_long(source):
        return _stream(trained, model, source, parse_names(names), remarks, json)
    x, y = read_labelled(source, trained.schema, parse_names(names), remarks)
    warn(remarks)
    metrics = evaluate_rows(trained, x, y)
    each = [evaluate_rows(member, x, y) for member in getattr(trained, "members", ())]
    alone = {name: sum(one[name] for one in each) / len(each) for name in metrics} if each else None
    known = None if trained.seen is None else trained.seen.among(x, y)
    _tell(model, source, len(x), metrics, alone, known, remarks, json)
    return 0


def _stream(trained: Any, model: Path, source: str, names: list[str] | None, remarks: list[str], json: bool) -> int:
    """Judge a model on the rows of a stream, which are read piece by piece."""
    from fallline.streams.stream import scan
    from fallline.training.stream_predictions import evaluate_stream

    metrics, known, rows = evaluate_stream(trained, scan(source, names=names), remarks)
    warn(remarks)
    _tell(model, source, rows, metrics, None, known, remarks, json)
    return 0


def _tell(
    model: Path,
    source: str,
    rows: int,
    metrics: dict[str, float],
    alone: dict[str, float] | None,
    known: "Overlap | None",
    remarks: list[str],
    json: bool,
) -> None:
    """Print the metrics, as a document or for a person.

    Arguments:
        model, source, rows: the model, the rows and their number.
        metrics: of the model.
        alone: the mean over its members, if it has any.
        known: how many of the rows the model has seen.
        remarks: sentences about the rows.
        json: whether a document is printed.
    """
    label = "these rows" if known is None else known.label  # files of earlier versions do not record their rows
    if json:
        counts = None if known is None else {"trained": known.trained, "chose_epoch": known.chose}
        document = {"model": str(model), "source": source, "rows": rows, "label": label, "seen": counts}
        give({**document, "metrics": metrics, "one_member": alone, "warnings": remarks})
    else:
        say(f"{rows:,} rows of {source}")
        if known is not None and known.sentence:
            say(f"{'' if known.fresh else 'warning: '}{known.sentence}.")
        say()
        beside = {} if alone is None else {"one member": alone}
        say(metrics_table({label: metrics, **beside}, order=(label, *beside)))
