"""`fallline predict`: a model's predictions for new rows."""

from pathlib import Path
from typing import Annotated

import typer

from fallline.cli.output import give, say, warn
from fallline.core.errors import FalllineError

Opt = typer.Option


def predict(
    model: Annotated[Path, typer.Argument(help="run folder or model.safetensors")],
    source: Annotated[str, typer.Argument(help="the rows: CSV, TSV, Parquet, Feather, .npz, sklearn:NAME")],
    names: Annotated[str | None, Opt(help="column names of a file without a header: a,b,c")] = None,
    out: Annotated[Path | None, Opt(help="a .csv or .parquet file (default: CSV on standard output)")] = None,
    probabilities: Annotated[bool, Opt("--probabilities", help="add the probability of every class")] = False,
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
    from fallline.data.prediction import read_features
    from fallline.training.model_file import load_predictor
    from fallline.training.predictions import csv_text, predictions_frame, save_predictions

    trained = load_predictor(model)
    if probabilities:
        trained.check_probabilities()
    if spread:
        trained.check_members()
    remarks: list[str] = []
    given = None if names is None else [each.strip() for each in names.split(",")]
    x, _ = read_features(source, trained.schema, given, remarks)
    warn(remarks)
    frame = predictions_frame(trained, x, probabilities, interval, spread)
    if out is not None:
        save_predictions(frame, out)
        say(f"{len(frame):,} predictions in {out}")
    if json:
        give(
            {"model": str(model), "rows": len(frame), "out": None if out is None else str(out), "warnings": remarks}
            | ({} if out is not None else {"predictions": frame.to_dict(as_series=False)})
        )
    elif out is None:
        print(csv_text(frame), end="")
    return 0
