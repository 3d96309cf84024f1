"""Fallline's estimators beside scikit-learn's at equal settings: their accuracy, and the duration of a whole fit.

    python benchmarks/estimators.py accuracy [--data FOLDER] [--only digits ...]   ten seeds, paired, with 95 % intervals
    python benchmarks/estimators.py speed [--data FOLDER] [--only digits ...]      seconds of whole fits

The settings are scikit-learn's defaults, with one hidden layer of 100 units. Data sets included in scikit-learn need no folder;
FOLDER holds adult/train.csv, california_housing/housing.csv and the folder fashion_mnist. Both libraries receive the same
encoded, standardised float64 rows; for larger sets, accuracy is compared on 4,000 rows drawn at random. The first fit runs in
a process with an empty cache and compiles its programs, the next in another process that finds them in the cache, and the
last is a second fit in the first process.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np

TEST = 0.25  # share of test rows
FILES = {
    "adult": ("adult/train.csv", "income"),
    "california": ("california_housing/housing.csv", "median_house_value"),
    "fashion": ("fashion_mnist", None),
}
ACCURACY = ("digits", "breast_cancer", "wine", "diabetes", "california", "adult")
SPEED = ("iris", "digits", "breast_cancer", "diabetes", "adult", "california", "fashion")
MOST = 4000  # rows of a large set used in the comparison of accuracy


def rows(name, folder, most=None):
    """(X, y, whether y holds classes), encoded and standardised."""
    import fallline as fl

    path, target = FILES.get(name, (f"sklearn:{name}", None))
    table = fl.load(str(folder / path) if name in FILES else path, target, test=0.0, valid=0.0)
    x = np.nan_to_num(table.dataset.x.astype(np.float64))
    y, classes = table.dataset.y, table.task == "classification"
    x = x / 255.0 if name == "fashion" else (x - x.mean(axis=0)) / np.maximum(x.std(axis=0), 1e-9)
    if not classes:
        y = (y[:, 0] - y.mean()) / y.std()
    if most is not None and len(x) > most:
        chosen = np.random.default_rng(0).permutation(len(x))[:most]
        x, y = x[chosen], y[chosen]
    return x, y, classes


def models(classes):
    import sklearn.neural_network as theirs

    import fallline.estimators as ours

    name = "MLPClassifier" if classes else "MLPRegressor"
    return getattr(ours, name), getattr(theirs, name)


def accuracy(names, folder, seeds):
    from scipy.stats import t
    from sklearn.model_selection import train_test_split

    print(
        "| data | rows | score | Fallline | scikit-learn | difference | 95 % interval |\n|---|---|---|---|---|---|---|"
    )
    for name in names:
        X, y, classes = rows(name, folder, MOST)
        pairs = []
        for seed in range(seeds):
            X_train, X_test, y_train, y_test = train_test_split(
                X, y, test_size=TEST, random_state=seed, stratify=y if classes else None
            )
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                pairs.append(
                    [m(random_state=seed).fit(X_train, y_train).score(X_test, y_test) for m in models(classes)]
                )
        ours, theirs = np.array(pairs).T
        difference = ours - theirs
        half = t.ppf(0.975, seeds - 1) * difference.std(ddof=1) / np.sqrt(seeds)
        low, high = difference.mean() - half, difference.mean() + half
        print(
            f"| {name} | {len(X):,} | {'accuracy' if classes else 'R2'} | {ours.mean():.4f} | {theirs.mean():.4f} | "
            f"{difference.mean():+.4f} | {low:+.4f} to {high:+.4f} |",
            flush=True,
        )


def one_speed(name, folder, both):
    """Seconds of our first fit in this process, of a second one, and of scikit-learn's fit."""
    X, y, classes = rows(name, folder)
    ours, theirs = models(classes)
    found = {"rows": len(X), "features": X.shape[1]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for label, cls in (("first", ours), ("again", ours), ("theirs", theirs))[: 3 if both else 1]:
            began = time.perf_counter()
            model = cls(random_state=0).fit(X, y)
            found[label] = time.perf_counter() - began
            found[f"{label} epochs"] = model.n_iter_
    print(json.dumps(found))


def speed(names, folder):
    print("| data | rows | features | first fit | programs kept | again | scikit-learn | first fit: times | epochs |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name in names:
        with tempfile.TemporaryDirectory() as cache:
            first, kept = (
                subprocess.run(
                    [sys.executable, __file__, what, "--only", name, *(["--data", str(folder)] if folder else [])],
                    capture_output=True,
                    text=True,
                    check=True,
                    env={**os.environ, "FALLLINE_CACHE": cache},
                )
                for what in ("both", "ours")
            )
        f, second = (json.loads(each.stdout.splitlines()[-1]) for each in (first, kept))
        print(
            f"| {name} | {f['rows']:,} | {f['features']} | {f['first']:.2f} | {second['first']:.2f} | {f['again']:.2f} | "
            f"{f['theirs']:.2f} | {f['theirs'] / f['first']:.2f} | {f['first epochs']}, {f['theirs epochs']} |",
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("accuracy", "speed", "both", "ours"))
    parser.add_argument("--data", type=Path, help="folder of the public data sets")
    parser.add_argument("--seeds", type=int, default=10, help="of the comparison of accuracy")
    parser.add_argument("--only", nargs="+", help="these data sets alone")
    arguments = parser.parse_args()
    known = ACCURACY if arguments.what == "accuracy" else SPEED
    names = arguments.only or [name for name in known if name not in FILES or arguments.data is not None]
    if arguments.what in ("both", "ours"):
        one_speed(names[0], arguments.data, arguments.what == "both")
    elif arguments.what == "accuracy":
        accuracy(names, arguments.data, arguments.seeds)
    else:
        speed(names, arguments.data)


if __name__ == "__main__":
    main()
