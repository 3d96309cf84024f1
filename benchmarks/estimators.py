"""Fallline's estimators beside scikit-learn's, at equal settings: what they reach, and how long a whole fit takes.

    python benchmarks/estimators.py accuracy [--data FOLDER] [--only digits ...]   ten seeds, paired, with 95 % intervals
    python benchmarks/estimators.py speed [--data FOLDER] [--only digits ...]      one fit each, and a second of ours

The settings are scikit-learn's defaults, one hidden layer of 100. Sets that scikit-learn carries need no folder; Adult,
California housing and Fashion-MNIST are read from FOLDER/adult, FOLDER/california_housing and FOLDER/fashion_mnist as
`fallline.load` reads them. Both libraries get the same encoded, standardised float64 rows.
A speed is of a process of its own with an empty cache of compiled programs: the first fit compiles, the second does not.
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

SEEDS, TEST = 10, 0.25
CARRIED = ("digits", "breast_cancer", "wine", "iris", "diabetes")
ACCURACY = ("digits", "breast_cancer", "wine", "diabetes", "california", "adult")
SPEED = ("iris", "digits", "breast_cancer", "diabetes", "adult", "california", "fashion")
MOST = 4000  # rows of a large set in the comparison of accuracy


def rows(name, folder, most=None):
    """(X, y, whether y are classes), encoded and standardised."""
    import fallline as fl

    target = {"adult": "income", "california": "MedHouseVal"}.get(name)
    place = {"adult": "adult", "california": "california_housing", "fashion": "fashion_mnist"}.get(name, "")
    source = f"sklearn:{name}" if name in CARRIED else str(source_of(Path(folder) / place))
    table = fl.load(source, target, test=0.0, valid=0.0)
    x = np.nan_to_num(table.dataset.x.astype(np.float64))
    y, classes = table.dataset.y, table.task == "classification"
    x = (x - x.mean(axis=0)) / np.maximum(x.std(axis=0), 1e-9) if name != "fashion" else x / 255.0
    if not classes:
        y = (y[:, 0] - y.mean()) / y.std()
    if most is not None and len(x) > most:
        chosen = np.random.default_rng(0).permutation(len(x))[:most]
        x, y = x[chosen], y[chosen]
    return x, y, classes


def source_of(folder):
    """The one table in a folder that is not its test part; the folder itself where it holds images."""
    tables = sorted(p for p in folder.iterdir() if p.suffix in (".csv", ".parquet") and "test" not in p.stem)
    return tables[0] if tables else folder


def models(classes):
    import sklearn.neural_network as theirs

    import fallline.estimators as ours

    name = "MLPClassifier" if classes else "MLPRegressor"
    return getattr(ours, name), getattr(theirs, name)


def accuracy(names, folder):
    from scipy.stats import t
    from sklearn.model_selection import train_test_split

    print(f"{'data':>14} {'score':>9} {'Fallline':>9} {'scikit-learn':>13} {'difference':>11}  95 % interval")
    for name in names:
        X, y, classes = rows(name, folder, MOST)
        pairs = []
        for seed in range(SEEDS):
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
        half = t.ppf(0.975, SEEDS - 1) * difference.std(ddof=1) / np.sqrt(SEEDS)
        print(
            f"{name:>14} {'accuracy' if classes else 'R^2':>9} {ours.mean():9.4f} {theirs.mean():13.4f} "
            f"{difference.mean():+11.4f}  [{difference.mean() - half:+.4f}, {difference.mean() + half:+.4f}]",
            flush=True,
        )


def one_speed(name, folder):
    """Seconds of a first and a second fit of ours, and of one of scikit-learn's."""
    X, y, classes = rows(name, folder)
    ours, theirs = models(classes)
    found = {"rows": len(X), "features": X.shape[1]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for label, cls, seed in (("first", ours, 0), ("second", ours, 0), ("theirs", theirs, 0)):
            began = time.perf_counter()
            model = cls(random_state=seed).fit(X, y)
            found[label] = time.perf_counter() - began
            found[f"{label} epochs"] = model.n_iter_
            found[f"{label} score"] = model.score(X[:5000], y[:5000])
    print(json.dumps(found))


def speed(names, folder):
    print(f"{'data':>14} {'rows':>6} {'first':>7} {'second':>7} {'scikit-learn':>13} {'times':>6} {'epochs':>9}")
    for name in names:
        with tempfile.TemporaryDirectory() as cache:
            out = subprocess.run(
                [sys.executable, __file__, "one", "--only", name, "--data", str(folder)],
                capture_output=True,
                text=True,
                check=True,
                env={**os.environ, "FALLLINE_CACHE": cache},
            )
        f = json.loads(out.stdout.splitlines()[-1])
        print(
            f"{name:>14} {f['rows']:6d} {f['first']:7.2f} {f['second']:7.2f} {f['theirs']:13.2f} "
            f"{f['theirs'] / f['first']:6.2f} {f['first epochs']:4d}/{f['theirs epochs']:4d}",
            flush=True,
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("accuracy", "speed", "one"))
    parser.add_argument("--data", type=Path, help="folder of the public data sets")
    parser.add_argument("--only", nargs="+", help="these data sets alone")
    arguments = parser.parse_args()
    known = {"accuracy": ACCURACY, "speed": SPEED, "one": SPEED}[arguments.what]
    names = arguments.only or [name for name in known if name in CARRIED or arguments.data is not None]
    if arguments.what == "one":
        one_speed(names[0], arguments.data)
    else:
        (accuracy if arguments.what == "accuracy" else speed)(names, arguments.data)


if __name__ == "__main__":
    main()
