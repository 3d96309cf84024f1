"""The difference between the exported graph, run by ONNX Runtime, and the model itself, on real and on damaged tables.

python benchmarks/onnx_parity.py FOLDER [--epochs 60]

FOLDER holds titanic/train.csv, small/penguins.csv, small/mpg.csv, small/tips.csv, adult/train.csv, diamonds/diamonds.csv,
california_housing/housing.csv, bike_sharing/hour_canonical.csv and the folder fashion_mnist. In damaged tables, every tenth
cell is missing and every tenth text is unseen in training. "Own rounding" is the difference to the same model on the same
encoded rows, computed in float64 by JAX.
"""

import argparse
import tempfile
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import onnxruntime
import polars as pl

import fallline as fl
from fallline.core.block import as_arrays
from fallline.data.arrays import RawArrays
from fallline.data.schema import Schema
from fallline.data.sources import read
from fallline.layers import LayerCall
from fallline.onnx import feed

CASES = [
    ("Titanic", "titanic/train.csv", "Survived", None),
    ("penguins", "small/penguins.csv", "species", None),
    ("mpg, classes of origin", "small/mpg.csv", "origin", None),
    ("tips, lunch or dinner", "small/tips.csv", "time", None),
    ("Adult", "adult/train.csv", "income", None),
    ("diamonds, classes of cut", "diamonds/diamonds.csv", "cut", None),
    ("Fashion-MNIST, test images", "fashion_mnist", None, None),
    ("California housing", "california_housing/housing.csv", "median_house_value", None),
    ("California housing, binned", "california_housing/housing.csv", "median_house_value", fl.BinnedCrossEntropy()),
    ("bike sharing, with a date", "bike_sharing/hour_canonical.csv", "cnt", fl.Poisson()),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--epochs", type=int, default=60)
    options = parser.parse_args()
    print("| data | task | rows | inputs | largest difference | damaged rows | own rounding | labels that differ |")
    print("|---|---|---|---|---|---|---|---|")
    for name, path, target, loss in CASES:
        table = fl.load(str(options.folder / path), target)
        model = fl.train(fl.Recipe(loss=loss, epochs=options.epochs), table).model
        rows = read(options.folder / path)
        rows = rows.held_out()[0] if isinstance(rows, RawArrays) else rows.frame
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "model.onnx"
            inputs = len(model.to_onnx(file).inputs)
            session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
        found = [difference(model, session, rows)]
        if not isinstance(rows, np.ndarray):  # images have no missing pixels
            found.append(difference(model, session, damaged(rows, model.schema)))
        wrong = "-" if model.task == "regression" else str(sum(each[2] for each in found))
        broken = f"{found[1][0]:.1e}" if len(found) > 1 else "-"
        numbers = f"{found[0][0]:.1e} | {broken} | {max(each[1] for each in found):.1e}"
        print(f"| {name} | {model.task} | {len(rows):,} | {inputs} | {numbers} | {wrong} |", flush=True)
    print("\nDifferences are of probabilities, or of predictions in standard deviations of the predictions.")


def difference(
    model: fl.Predictor, session: onnxruntime.InferenceSession, rows: pl.DataFrame | np.ndarray
) -> tuple[float, float, int]:
    """The largest difference of an answer, the model's own difference to float64, and the number of differing labels."""
    x = model.schema.encode(rows, "rows", [])
    answer = model.answer(x)[0]
    outputs = session.run(None, feed(model.schema, rows))
    unit = float(answer.std()) if model.task == "regression" else 1.0
    wrong = 0 if model.task == "regression" else int((outputs[0] != model.decide(answer)).sum())
    theirs, own = (np.abs(answer - each).max() / unit for each in (outputs[-1], in_float64(model, x)))
    return float(theirs), float(own), wrong


def in_float64(model: fl.Predictor, x: np.ndarray) -> np.ndarray:
    """The model's answers, with every step computed in float64."""
    with jax.enable_x64(True):
        recipe = as_arrays(model.recipe, np.float64)
        wide = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), model.arrays)
        network = recipe.model.network(recipe.loss.outputs(model.outputs, model.task))
        scaled = recipe.scaler.apply(wide["scaling"], jnp.asarray(x, jnp.float64))
        z, _ = network.apply(wide["params"], wide["stats"], scaled, LayerCall(False))
        answer = recipe.loss.mean(z)
        if recipe.target_scaler is not None:
            answer = recipe.target_scaler.invert(wide["target_scaling"], answer)
        return np.asarray(answer)


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
