"""Real tables with one column written in another way: the features must stay the same.

    python benchmarks/respelling.py --data FOLDER     # CSV files, searched for in all folders below
    python benchmarks/respelling.py --data FOLDER --rows 2000 --only titanic
    python benchmarks/respelling.py --german FILE.csv --target COLUMN     # a copy of it as a German office saves it

Each column of each table is written in every spelling of `fallline.testing.spellings` that fits it, one at a time, in a
separate file. The file is used for training, where its features must equal those of the original file, and it is read by the
model trained on the original file, with the same requirement. A refusal or a warning that names the column counts as "named".
Features that differ without any message count as "silent", and the program then exits with code 1.
"""

import argparse
import csv
import datetime
import tempfile
from collections import Counter
from decimal import Decimal, InvalidOperation
from pathlib import Path

import numpy as np
import polars as pl

import fallline as fl
from fallline.core.errors import FalllineError
from fallline.data.prediction import read_features
from fallline.data.schema import Schema
from fallline.data.sources import read
from fallline.testing.spellings import DATES, NUMBERS, TEXTS

TARGETS = {
    "adult/train.csv": "income", "california_housing/housing.csv": "median_house_value", "titanic/train.csv": "Survived",
    "bike_sharing/hour_canonical.csv": "cnt", "diamonds/diamonds.csv": "price", "small/penguins.csv": "species",
    "small/mpg.csv": "mpg", "small/tips.csv": "tip", "tabular/churn.csv": "Exited", "tabular/wine.csv": "quality",
    "tabular/concrete.csv": "strength", "tabular/power.csv": "output", "tabular/phoneme.csv": "class",
    "california_housing/california_sklearn_form.csv": "MedHouseVal",
}  # fmt: skip


def main() -> int:
    """Run the campaign and print its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="the folder with the tables")
    parser.add_argument("--german", type=Path, help="train on this file and on its copy with ; 1,5 and 31/12/2024")
    parser.add_argument("--target", help="of that file")
    parser.add_argument("--rows", type=int, default=1500, help="of each table, at most")
    parser.add_argument("--only", default="", help="a part of the files' names")
    options = parser.parse_args()
    if options.german is not None:
        return _german(options.german, options.target)
    tally: dict[str, Counter[str]] = {"trained on": Counter(), "predicted for": Counter()}
    silent: list[str] = []
    for name, target in TARGETS.items():
        if options.only in name and (options.data / name).exists():
            _table(options.data / name, target, options.rows, tally, silent)
    print("| the respelled table is | same | named | silent |\n|---|---|---|---|")
    for what, counts in tally.items():
        print(f"| {what} | {counts['same']:,} | {counts['named']:,} | {counts['silent']:,} |")
    print(*silent, sep="\n")
    return 1 if silent else 0


def _german(path: Path, target: str) -> int:
    """Compare features and scores of a file with those of its copy with semicolons, decimal commas and the day first."""
    frame = read(str(path)).frame
    columns = []
    for name in frame.columns:
        respelled = dict(_respelled(frame[name], ""))
        cells = respelled.get("decimal comma", frame[name].to_list())
        if "slashes, day first" in respelled:
            cells = [None if each is None else each.split(" ")[0] for each in respelled["slashes, day first"]]
        columns.append(pl.Series(name, cells, dtype=pl.String))
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        _write(pl.DataFrame(columns), copy, ";")
        tables = [fl.load(str(each), target) for each in (path, copy)]
        runs = [fl.train(fl.Recipe(epochs=10), each) for each in tables]
    same = all(np.array_equal(*(getattr(t.dataset, n) for t in tables), equal_nan=True) for n in ("x", "y", "train"))
    print(f"features equal to the bit: {same}")
    print(*(f"test: {run.metrics['test']}" for run in runs), sep="\n")
    return 0 if same and runs[0].metrics == runs[1].metrics else 1


def _table(path: Path, target: str, rows: int, tally: dict[str, Counter[str]], silent: list[str]) -> None:
    sheet = read(str(path))
    frame = sheet.frame.sample(min(rows, sheet.frame.height), seed=0)
    with tempfile.TemporaryDirectory() as folder:
        first = Path(folder) / "first.csv"
        _write(frame, first, ",")
        try:
            table = fl.load(str(first), target)
        except FalllineError as problem:  # a class that the sample of rows holds once, for example
            print(f"left out: {path.name}: {problem}")
            return
        for column in frame.columns:
            kinds = {each.name: each.kind for each in table.schema.columns}
            for spelling, cells in _respelled(frame[column], kinds.get(column, "")):
                other = frame.with_columns(pl.Series(column, cells, dtype=pl.String))
                for separator in ",;":
                    file = Path(folder) / "other.csv"
                    _write(other, file, separator)
                    what = f"{path.name} {column} {spelling!r} separated by {separator!r}"
                    if column != target:
                        _judge("predicted for", what, column, table, _predicted(file, table.schema), tally, silent)
                    _judge("trained on", what, column, table, _trained(file, target), tally, silent)


def _trained(file: Path, target: str) -> tuple[np.ndarray | None, np.ndarray | None, str]:
    try:
        table = fl.load(str(file), target)
    except FalllineError as problem:
        return None, None, str(problem)
    return table.dataset.x, table.dataset.y, "\n".join(table.warnings)


def _predicted(file: Path, schema: Schema) -> tuple[np.ndarray | None, np.ndarray | None, str]:
    remarks: list[str] = []
    try:
        x, _ = read_features(str(file), schema, remarks=remarks)
    except FalllineError as problem:
        return None, None, str(problem)
    return x, None, "\n".join(remarks)


def _judge(
    how: str, what: str, column: str, table: fl.Table, found: tuple[np.ndarray | None, np.ndarray | None, str],
    tally: dict[str, Counter[str]], silent: list[str],
) -> None:  # fmt: skip
    x, y, words = found
    same = x is not None and x.shape == table.dataset.x.shape
    same = same and np.allclose(x, table.dataset.x, rtol=3e-6, atol=1e-12, equal_nan=True)  # type: ignore[arg-type]
    if same and y is not None:
        same = y.shape == table.dataset.y.shape and np.allclose(y, table.dataset.y, rtol=3e-6)
    verdict = "same" if same else "named" if repr(column) in words else "silent"
    tally[how][verdict] += 1
    if verdict != "same":
        print(f"{verdict}: {how} {what}: {words[:300]}", flush=True)
    if verdict == "silent":
        silent.append(f"silent: {how} {what}")


def _respelled(cells: pl.Series, kind: str) -> list[tuple[str, list[str | None]]]:
    values = cells.to_list()
    present = [each for each in values if each is not None]
    numbers = _all(present, Decimal)
    if numbers is not None and kind in ("number", ""):
        return [(name, [None if v is None else write(numbers[v]) for v in values]) for name, write in NUMBERS.items()]
    dates = _all(present, datetime.datetime.fromisoformat)
    if dates is not None:
        return [(name, [None if v is None else write(dates[v]) for v in values]) for name, write in DATES.items()]
    return [(name, [None if v is None else write(v) for v in values]) for name, write in TEXTS.items()]


def _all(cells: list[str], read_one: type[Decimal] | object) -> dict[str, object] | None:
    try:
        return {each: read_one(each) for each in set(cells)}  # type: ignore[operator]
    except (InvalidOperation, ValueError):
        return None


def _write(frame: pl.DataFrame, path: Path, separator: str) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=separator)
        writer.writerow(frame.columns)
        writer.writerows([["" if each is None else each for each in row] for row in frame.iter_rows()])


if __name__ == "__main__":
    raise SystemExit(main())
