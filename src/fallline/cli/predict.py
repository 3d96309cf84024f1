"""`fallline predict`: a model's predictions for new rows."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fallline.cli.models import check_order, parse_names, remark_on_outcome
from fallline.cli.output import give, say, warn
from fallline.core.errors import FalllineError

if TYPE_CHECKING:
    import polars as pl

Opt = typer.Option


def predict(
    model: Annotated[Path, typer.Argument(help="run folder or model.safetensors")],
    source: Annotated[
        str,
        typer.Argument(help="the rows: CSV, TSV, Parquet, Feather, .npz, sklearn:NAME, images; a folder or pattern"),
    ],
    names: Annotated[str | None, Opt(help="column names of a file without a header: a,b,c")] = None,
    out: Annotated[Path | None, Opt(help="a .csv or .parquet file (default: CSV on standard output)")] = None,
    id_: Annotated[
        list[str] | None, Opt("--id", metavar="COLUMN", help="carry this column along, first: an id for a submission")
    ] = None,
    append: Annotated[bool, Opt("--append", help="write all columns of the rows beside the predictions")] = False,
    probabilities: Annotated[bool, Opt("--probabilities", help="add the probability of every class")] = False,
    threshold: Annotated[
        float | None, Opt(metavar="P", help="predict the second of two classes from this probability on (default: 0.5)")
    ] = None,
    interval: Annotated[
        float | None, Opt(help="add low and high of an interval of this probability (binned_cross_entropy): 0.9")
    ] = None,
    spread: Annotated[
        bool, Opt("--spread", help="add the standard deviation between the members of an ensemble")
    ] = False,
    json: Annotated[bool, Opt("--json", help="one JSON document on standard output")] = False,
) -> int:
    """Predict the target of new rows, as CSV or Parquet."""
    if out is not None and out.suffix not in (".csv", ".parquet"):
        raise FalllineError(f"--out {str(out)!r} has no known ending: expected .csv or .parquet")
    from fallline.data.prediction import FILE, read_features
    from fallline.serving import Served, find_served
    from fallline.serving.predictions import beside, check_threshold, predictions_frame, summary_of
    from fallline.streams.files import is_long

    check_order(model, source, "predict")
    long = is_long(source)
    trained: Any = None if long or spread or interval is not None else find_served(model)
    if trained is None:
        trained = _whole(model)
    if probabilities:
        trained.check_probabilities()
    if spread:
        trained.check_members()
    if threshold is not None:
        check_threshold(trained, threshold)
    remarks = remark_on_outcome(model)
    if long:
        pieces = _pieces(trained, source, parse_names(names), remarks, id_ or [], append, {
            "probabilities": probabilities, "coverage": interval, "spread": spread, "threshold": threshold,
        })  # fmt: skip
        return _write_stream(pieces, remarks, out, json)
    x, read = read_features(source, trained.schema, parse_names(names), remarks)
    warn(remarks)
    if isinstance(trained, Served) and not trained.takes(len(x)):
        trained = _whole(model)
    found = predictions_frame(trained, x, probabilities, interval, spread, threshold)
    # The files of images say which row is which.
    ids = id_ or ([FILE] if trained.schema.image is not None and read is not None and FILE in read.columns else [])
    frame = beside(read, source, ids, append, found)
    document = {
        "model": str(model), "rows": len(frame), "columns": frame.columns, "out": None if out is None else str(out),
        "summary": summary_of(trained.schema.target, found), "warnings": remarks,
    }  # fmt: skip
    _write(frame, out, document if json else None)
    return 0


def _whole(model: Path) -> Any:
    """The model with its blocks, which JAX compiles."""
    from fallline.training.model_file import load_predictor

    return load_predictor(model)


def _pieces(
    trained: Any,
    source: str,
    names: list[str] | None,
    remarks: list[str],
    ids: list[str],
    append: bool,
    wanted: dict[str, Any],
) -> "Iterator[pl.DataFrame]":
    """The predictions for a stream, piece by piece."""
    from fallline.serving.predictions import beside, predictions_frame
    from fallline.streams import scan
    from fallline.training.stream_predictions import encoded_pieces

    for read, x, name in encoded_pieces(scan(source, names=names), trained.schema, remarks):
        yield beside(read, name, ids, append, predictions_frame(trained, x, **wanted))


def _write_stream(pieces: "Iterator[pl.DataFrame]", remarks: list[str], out: Path | None, json: bool) -> int:
    """Write the predictions for a stream to a file, or on standard output as CSV."""
    from fallline.training.stream_predictions import csv_pieces, write_pieces

    if out is None:
        if json:
            raise FalllineError("--json would hold all predictions of a stream at once: give --out FILE.parquet too")
        for text, _ in csv_pieces(pieces):
            print(text, end="")
        warn(remarks)
        return 0
    rows = write_pieces(pieces, out)
    warn(remarks)
    say(f"{rows:,} predictions in {out}")
    if json:
        give({"rows": rows, "out": str(out), "warnings": remarks})
    return 0


def _write(frame: "pl.DataFrame", out: Path | None, document: dict[str, Any] | None) -> None:
    """Write the predictions to a file or on standard output, as CSV or as part of the document."""
    from fallline.serving.predictions import csv_text, json_columns, save_predictions

    if out is not None:
        save_predictions(frame, out)
        say(f"{len(frame):,} predictions in {out}")
    if document is not None:
        give(document | ({} if out is not None else {"predictions": json_columns(frame)}))
    elif out is None:
        print(csv_text(frame), end="")
