"""`fallline predict`: a model's predictions for new rows."""

from pathlib import Path
from typing import Annotated

import typer

from fallline.cli.predicting import predict_rows

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
    return predict_rows(
        model,
        source,
        names=names,
        out=out,
        id_=id_,
        append=append,
        probabilities=probabilities,
        threshold=threshold,
        interval=interval,
        spread=spread,
        json=json,
    )
