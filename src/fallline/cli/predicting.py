"""A model's predictions for new rows, read, computed and written; it needs no option parser."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fallline.cli.models import check_order, parse_names, remark_on_outcome
from fallline.cli.output import give, say, warn
from fallline.core.errors import FalllineError

if TYPE_CHECKING:
    import polars as pl


def predict_rows(
    model: Path,
    source: str,
    *,
    names: str | None = None,
    out: Path | None = None,
    id_: list[str] | None = None,
    append: bool = False,
    probabilities: bool = False,
    threshold: float | None = None,
    interval: float | None = None,
    spread: bool = False,
    json: bool = False,
) -> int:
    """What `fallline predict` does; its arguments are those of the command."""
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
    from fallline.streams.stream import scan
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
