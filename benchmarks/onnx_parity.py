"""How far is the exported graph, run by ONNX Runtime, from the model itself? On real tables, whole and damaged.

python benchmarks/onnx_parity.py FOLDER [--epochs 60]

FOLDER holds titanic/train.csv, small/penguins.csv, small/mpg.csv, adult/train.csv, california_housing/housing.csv,
bike_sharing/hour_canonical.csv and diamonds/diamonds.csv. Damaged: every tenth cell is missing, and every tenth text is
one that no training row has.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
import polars as pl

import fallline as fl
from fallline.data.schema import Schema
from fallline.data.sources import read
from fallline.onnx import feed

CASES = [
    ("Titanic", "titanic/train.csv", "Survived", None),
    ("penguins", "small/penguins.csv", "species", None),
    ("mpg, classes of origin", "small/mpg.csv", "origin", None),
    ("Adult", "adult/train.csv", "income", None),
    ("diamonds, classes of cut", "diamonds/diamonds.csv", "cut", None),
    ("California housing", "california_housing/housing.csv", "median_house_value", None),
    ("California housing, binned", "california_housing/housing.csv", "median_house_value", fl.BinnedCrossEntropy()),
    ("bike sharing, with a date", "bike_sharing/hour_canonical.csv", "cnt", fl.Poisson()),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--epochs", type=int, default=60)
    options = parser.parse_args()
    print("| data | task | rows | inputs | largest difference | damaged rows | labels that differ |")
    print("|---|---|---|---|---|---|---|")
    for name, path, target, loss in CASES:
        table = fl.load(str(options.folder / path), target)
        model = fl.train(fl.Recipe(loss=loss, epochs=options.epochs), table).model
        rows = read(options.folder / path)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "model.onnx"
            inputs = len(model.to_onnx(file).inputs)
            session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
        found = [difference(model, session, each) for each in (rows, damaged(rows, model.schema))]
        wrong = "-" if model.task == "regression" else str(found[0][1] + found[1][1])
        whole, broken = (f"{each:.1e}" for each, _ in found)
        print(f"| {name} | {model.task} | {len(rows):,} | {inputs} | {whole} | {broken} | {wrong} |", flush=True)
    print("\nDifferences are of probabilities, or of predictions in standard deviations of the predictions.")


def difference(model: fl.Predictor, session: onnxruntime.InferenceSession, rows: pl.DataFrame) -> tuple[float, int]:
    """The largest difference of an answer, and how many labels are not the same."""
    answer = model.judge(model.schema.encode(rows))[0]
    outputs = session.run(None, feed(model.schema, rows))
    decided, theirs = outputs[0], outputs[-1]
    if model.task == "regression":
        return float(np.abs(answer - theirs).max() / answer.std()), 0
    return float(np.abs(answer - theirs).max()), int((decided != model.decide(answer)).sum())


def damaged(rows: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """The rows with every tenth cell missing and every tenth text unseen."""
    rng = np.random.default_rng(0)
    for column in schema.columns:
        luck = pl.Series(rng.random(len(rows)))
        cell = pl.when(luck < 0.1).then(None)
        if column.kind in ("category", "boolean"):
            cell = cell.when(luck < 0.2).then(pl.lit("never seen"))
        rows = rows.with_columns(cell.otherwise(pl.col(column.name)).alias(column.name))
    return rows


if __name__ == "__main__":
    main()
