"""The answers of a model for the rows of a stream, piece by piece."""

import os
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fallline.core.errors import DataWarning, FalllineError
from fallline.data.identity import Overlap
from fallline.data.prediction import encode_labelled
from fallline.data.schema import Schema
from fallline.data.sheet import Sheet
from fallline.serving.predictions import csv_text
from fallline.streams.stream import Stream
from fallline.training.stream_scores import StreamAnswers, most_answers

if TYPE_CHECKING:
    import polars as pl


def encoded_pieces(stream: Stream, schema: Schema, remarks: list[str]) -> Iterator[tuple["pl.DataFrame", Any, str]]:
    """The rows of a stream, piece by piece: as read, as encoded features, and the name of their file.

    Arguments:
        stream: the rows.
        schema: of the model.
        remarks: collects the first sentence about each column with cells that do not fit what training learnt.
    """
    known: set[str] = set()
    for name, frame in stream.frames():
        said: list[str] = []
        x = schema.encode(Sheet(frame, stream.separator), name, said)
        for each in said:
            if (column := each.split(" of ")[0]) not in known:
                known.add(column)
                remarks.append(each)
        yield frame, x, name


def in_pieces(model: Any, stream: Stream, **wanted: Any) -> Any:
    """What `model.predict` returns for the rows of a stream, of which a piece is in memory at a time."""
    import polars as pl

    remarks: list[str] = []
    found = [model.predict(x, **wanted) for _, x, _ in encoded_pieces(stream, model.schema, remarks)]
    for each in remarks:
        warnings.warn(each, DataWarning, stacklevel=3)
    return pl.concat(found) if isinstance(found[0], pl.DataFrame) else np.concatenate(found)


def evaluate_stream(model: Any, stream: Stream, remarks: list[str]) -> tuple[dict[str, float], Overlap | None, int]:
    """The metrics of a model on all rows of a stream, how many of them it has seen, and how many there are.

    Answers are held in memory, features are not. If the answers of all rows do not fit into the stream's memory, the metrics
    are those of every k-th row, and a remark says so.

    Raises: FalllineError for a file without the target, or a class that training has not seen.
    """
    answers, schema = StreamAnswers(model, most_answers(model, stream)), model.schema
    seen: Overlap | None = None
    for name, frame in stream.frames():
        x, y = encode_labelled(Sheet(frame, stream.separator), schema, name, remarks)
        answers.add(x, y)
        if model.seen is not None:
            here = model.seen.among(x, schema.target.condition(y))
            before = seen or Overlap(0, 0, 0, here.chance)
            rows, trained = before.rows + here.rows, before.trained + here.trained
            seen = Overlap(rows, trained, before.chose + here.chose, here.chance)
    if len(answers) < answers.rows:
        remarks.append(
            f"the metrics are those of {len(answers):,} of {answers.rows:,} rows: their answers fit into the memory"
        )
    return answers.metrics(), seen, answers.rows


def write_pieces(pieces: Iterator["pl.DataFrame"], path: Path) -> int:
    """Write tables one after the other as one CSV or Parquet file, by the path's ending; returns the number of rows.

    The file is there as a whole or not at all.

    Raises: FalllineError if the folder refuses it.
    """
    try:
        with tempfile.TemporaryDirectory(dir=path.parent or None, prefix=".fallline-predict-") as folder:
            made = Path(folder, "whole")
            count = (_as_parquet if path.suffix == ".parquet" else _as_csv)(pieces, made)
            os.replace(made, path)
    except OSError as error:
        raise FalllineError(
            f"cannot write {path}: {error.strerror}; free some space or choose another folder"
        ) from None
    return count


def _as_csv(pieces: Iterator["pl.DataFrame"], path: Path) -> int:
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        for text, rows in csv_pieces(pieces):
            file.write(text)
            count += rows
    return count


def csv_pieces(pieces: Iterator["pl.DataFrame"]) -> Iterator[tuple[str, int]]:
    """The CSV text of tables one after the other, with one header line, and the rows of each."""
    first = True
    for frame in pieces:
        text = csv_text(frame)
        yield (text if first else text.partition("\n")[2]), frame.height
        first = False


def _as_parquet(pieces: Iterator["pl.DataFrame"], path: Path) -> int:
    import polars as pl

    count, parts = 0, []
    for number, frame in enumerate(pieces):
        parts.append(path.with_name(f"{number:06}.parquet"))
        frame.write_parquet(parts[-1])
        count += frame.height
    pl.scan_parquet(parts).sink_parquet(path)
    return count
