"""How accurate is a recipe beside its peers? Equal splits for all, one row of results per fit.

    python benchmarks/accuracy.py run default --data FOLDER                  the default recipe on every development table
    python benchmarks/accuracy.py run longer --set epochs=200 --set patience=40 --data FOLDER --tables concrete,energy
    python benchmarks/accuracy.py run ensemble --members 5 --data FOLDER     the same, five members
    python benchmarks/accuracy.py run tuned --tune 300 --data FOLDER         fallline's search, 300 seconds a split
    python benchmarks/accuracy.py peer lightgbm --data FOLDER                also: sklearn, catboost, realmlp, tabm,
                                                                             lightgbm_tuned, catboost_tuned (--seconds 300)
    python benchmarks/accuracy.py table default --against lightgbm           loss by table, and the ratio paired by split

Each split takes 20 % of the rows as test rows, by class where there are classes. Everything else, such as validation rows
for early stopping, comes from the other 80 %. The loss is RMSE for a regression and log loss for a classification. CPU
seconds are those of fitting, with the compilation of programs that the process has not met before. Rows are appended to a
file (`--out`), so an interrupted run continues where it stopped. Peers are not dependencies: install lightgbm, catboost or
pytabkit for them.
"""

import argparse
import json
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl
from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit

import fallline as fl
from fallline.cli.recipes import changed


class Source(NamedTuple):
    """A table: its file below the data folder (or a set of scikit-learn's), its target, columns to leave out."""

    file: str
    target: str
    drop: tuple[str, ...] = ()


TABLES = {
    "concrete": Source("tabular/concrete.csv", "strength"),
    "power": Source("tabular/power.csv", "output"),
    "wine": Source("tabular/wine.csv", "quality"),
    "california": Source("california_housing/california_sklearn_form.csv", "MedHouseVal"),
    "bike": Source("bike_sharing/hour_canonical.csv", "cnt", ("casual", "registered", "instant")),
    "diamonds": Source("diamonds/diamonds.csv", "price"),
    "mpg": Source("small/mpg.csv", "mpg", ("name",)),
    "diabetes": Source("sklearn:diabetes", "target"),
    "phoneme": Source("tabular/phoneme.csv", "class"),
    "churn": Source("tabular/churn.csv", "Exited"),
    "adult": Source("adult/train.csv", "income"),
    "titanic": Source("titanic/train.csv", "Survived", ("Name", "Ticket", "Cabin", "PassengerId")),
    "penguins": Source("small/penguins.csv", "species"),
    "breast_cancer": Source("sklearn:breast_cancer", "target"),
    "digits": Source("sklearn:digits", "target"),
}
REGRESSIONS = ("concrete", "power", "wine", "california", "bike", "diamonds", "mpg", "diabetes")


class Split(NamedTuple):
    """Training and test rows of one split."""

    train: pl.DataFrame
    test: pl.DataFrame
    target: str
    classes: list[str]  # empty for a regression


class Fitted(NamedTuple):
    """Predictions for the test rows: numbers, or one column of probabilities per class."""

    predictions: np.ndarray
    seconds: float
    cpu: float


def table(name: str, data: Path, rows: int) -> tuple[pl.DataFrame, Source]:
    """A table with a target that is text for a classification and float64 for a regression."""
    source = TABLES[name]
    if source.file.startswith("sklearn:"):
        import sklearn.datasets as sets

        bunch = getattr(sets, f"load_{source.file[8:]}")()
        frame = pl.DataFrame(bunch.data, schema=[f"x{i}" for i in range(bunch.data.shape[1])])
        frame = frame.with_columns(pl.Series("target", bunch.target))
    else:
        frame = pl.read_csv(data / source.file, infer_schema_length=None, null_values=["", "NA"]).drop(source.drop)
    frame = frame.drop_nulls(source.target).sample(fraction=1.0, shuffle=True, seed=0)[:rows]
    kind = pl.Float64 if name in REGRESSIONS else pl.String
    return frame.with_columns(pl.col(source.target).cast(kind)), source


def splits(name: str, data: Path, count: int, rows: int) -> list[Split]:
    """The same splits for every method."""
    frame, source = table(name, data, rows)
    y = frame[source.target].to_numpy()
    maker = ShuffleSplit if name in REGRESSIONS else StratifiedShuffleSplit
    parts = maker(count, test_size=0.2, random_state=0).split(np.zeros(len(y)), y)
    classes = [] if name in REGRESSIONS else sorted(frame[source.target].unique().to_list())
    return [Split(frame[train], frame[test], source.target, classes) for train, test in parts]


def loss(split: Split, predictions: np.ndarray) -> tuple[float, float]:
    """RMSE and R2 of a regression; log loss and accuracy of a classification."""
    y = split.test[split.target].to_numpy()
    if not split.classes:
        error = np.asarray(predictions, float).ravel() - y
        return float(np.sqrt(np.mean(error**2))), float(1 - np.mean(error**2) / np.var(y))
    codes = np.searchsorted(split.classes, y)
    p = np.clip(np.asarray(predictions, float), 1e-15, 1)
    p = p / p.sum(1, keepdims=True)
    return float(-np.mean(np.log(p[np.arange(len(y)), codes]))), float(np.mean(p.argmax(1) == codes))


def ours(options: argparse.Namespace) -> Callable[[Split, int], np.ndarray]:
    """Fallline with a recipe: default, changed by `--set`, an ensemble, or found by a search."""
    recipe = changed(fl.Recipe(), {}, options.set)

    def predict(split: Split, seed: int) -> np.ndarray:
        kinds = {split.target: "category"} if split.classes else {split.target: "number"}
        data = fl.load(split.train, split.target, test_source=split.test, valid=options.valid, seed=seed, kinds=kinds)
        if options.tune:
            model = fl.search(None, data, seconds=options.tune, seed=seed).run.model
        else:
            extra = {"members": options.members} if options.members > 1 else {}
            model = fl.train(recipe, data, seed=seed, **extra).model
        rows = split.test.drop(split.target)
        if not split.classes:
            return np.asarray(model.predict(rows))
        answer = model.predict(rows, probabilities=True)
        return np.stack([answer[f"probability {each}"].to_numpy() for each in split.classes], axis=1)

    return predict


def run(label: str, predict: Callable[[Split, int], np.ndarray], options: argparse.Namespace) -> None:
    """Fit every split of every table that the file does not hold yet."""
    done = {(each["method"], each["table"], each["split"]) for each in read(options.out)}
    for name in options.tables:
        for i, split in enumerate(splits(name, options.data, options.splits, options.rows)):
            if (label, name, i) in done:
                continue
            wall, cpu = time.perf_counter(), time.process_time()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                predictions = predict(split, i)
            spent = time.perf_counter() - wall, time.process_time() - cpu
            value, second = loss(split, predictions)
            row = {"method": label, "table": name, "split": i, "loss": value, "score": second}
            row |= {"seconds": round(spent[0], 2), "cpu": round(spent[1], 2), "settings": options.set}
            with options.out.open("a") as file:
                file.write(json.dumps(row) + "\n")
            print(f"{label:16} {name:14} {i} loss {value:.5f} score {second:.4f} cpu {spent[1]:.1f} s", flush=True)


def read(path: Path) -> list[dict]:
    """All rows of a file of results; none if it is not there."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def show(options: argparse.Namespace) -> None:
    """The loss by table, and its change against another method, paired by split, in percent."""
    rows = read(options.out)
    by = {(each["method"], each["table"], each["split"]): each for each in rows}
    print(f"| table | {options.against} | {options.label} | change, % | standard error | score | CPU s, was | CPU s |")
    print("|---|---|---|---|---|---|---|---|")
    changes: list[float] = []
    for name in options.tables:
        pairs = [
            (by[options.against, name, i], by[options.label, name, i])
            for i in range(options.splits)
            if (options.label, name, i) in by and (options.against, name, i) in by
        ]
        if not pairs:
            continue
        was, now = (np.array([pair[k]["loss"] for pair in pairs]) for k in (0, 1))
        change = 100 * (now / was - 1)
        error = change.std(ddof=1) / np.sqrt(len(change)) if len(change) > 1 else float("nan")
        changes.append(float(change.mean()))
        score = np.mean([pair[1]["score"] for pair in pairs])
        cpu = [np.median([pair[k]["cpu"] for pair in pairs]) for k in (0, 1)]
        print(
            f"| {name} | {was.mean():.4g} | {now.mean():.4g} | {change.mean():+.1f} | {error:.1f} | {score:.4f}", end=""
        )
        print(f" | {cpu[0]:.1f} | {cpu[1]:.1f} |")
    if changes:
        better = sum(each < 0 for each in changes)
        print(
            f"\nmedian {np.median(changes):+.1f} %, better on {better} of {len(changes)}, worst {max(changes):+.1f} %"
        )


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("run", "peer", "table"))
    parser.add_argument("label", help="name of the method in the results")
    parser.add_argument("--data", type=Path, default=Path("."), help="folder with the tables")
    parser.add_argument("--tables", type=lambda text: text.split(","), default=list(TABLES))
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--rows", type=int, default=10_000, help="rows of each table, at most")
    parser.add_argument("--out", type=Path, default=Path("accuracy.jsonl"))
    parser.add_argument("--set", action="append", default=[], help="a field of the recipe, such as epochs=200")
    parser.add_argument("--members", type=int, default=1)
    parser.add_argument("--tune", type=float, default=0, help="seconds of search for each split")
    parser.add_argument("--valid", type=float, default=0.15, help="share of the training rows for validation")
    parser.add_argument("--seconds", type=float, default=300, help="of a tuned peer, for each split")
    parser.add_argument("--against", default="default", help="table: the method to compare with")
    options = parser.parse_args()
    if options.what == "table":
        show(options)
    elif options.what == "run":
        run(options.label, ours(options), options)
    else:
        from accuracy_peers import peer

        run(options.label, peer(options.label, options.seconds), options)


if __name__ == "__main__":
    main()
