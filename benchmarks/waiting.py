"""What a user waits for, beside what others take on the same machine: one line per case, median and quartiles.

    python benchmarks/waiting.py [WORD ...]     only some: probabilities, process, first_fit, loading

A case is a name, our call, the other's call, and how often each is made; the two take turns. Run it on an idle machine.
"""

import importlib.util
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

import fallline as fl


class Case(NamedTuple):
    """One line of the table."""

    name: str
    ours: Callable[[], object]
    peer: str
    theirs: Callable[[], object]
    times: int


def seconds(calls: list[Callable[[], object]], times: int) -> np.ndarray:
    """Seconds of each call, (calls, times); the calls take turns, after one of each that does not count.

    A call that returns a number has measured itself.
    """
    found = np.zeros((len(calls), times))
    for each in calls:
        each()
    for i in range(times):
        for k, each in enumerate(calls):
            begun = time.perf_counter()
            own = each()
            found[k, i] = own if isinstance(own, float) else time.perf_counter() - begun
    return found


def probabilities() -> Iterator[Case]:
    """`predict_proba` of a classifier of digits."""
    from sklearn.datasets import load_digits
    from sklearn.neural_network import MLPClassifier

    X, y = load_digits(return_X_y=True)
    ours = fl.MLPClassifier(max_iter=20, random_state=0).fit(X, y)
    theirs = MLPClassifier(max_iter=20, random_state=0).fit(X, y)
    model = ours.predictor_
    for rows, times in ((1, 3000), (100, 1000), (len(X), 300)):
        x, encoded = X[:rows], X[:rows].astype(np.float32)
        beside = lambda x=x: theirs.predict_proba(x)  # noqa: E731
        yield Case(f"predict_proba {rows:,}", lambda x=x: ours.predict_proba(x), "scikit-learn", beside, times)
        yield Case(
            f"model.probabilities {rows:,}", lambda x=encoded: model.probabilities(x), "scikit-learn", beside, times
        )


SCRIPT = """
import sys, numpy as np, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1])
row = np.loadtxt(sys.argv[2], delimiter=",", skiprows=1, dtype=np.float32, ndmin=2)
print(session.run(None, {session.get_inputs()[0].name: row})[0])
"""


def process() -> Iterator[Case]:
    """`fallline predict` of one row of iris as a whole process, beside a script that asks ONNX Runtime."""
    if importlib.util.find_spec("onnxruntime") is None:
        print("no onnxruntime: `fallline predict` is not measured")
        return
    folder = Path(tempfile.mkdtemp())
    table = fl.load("sklearn:iris")
    model = fl.train(fl.Recipe(epochs=5), table).model
    model.save(folder / "model.safetensors")
    model.to_onnx(folder / "model.onnx", inputs="array")
    names = [column.name for column in model.schema.columns]
    (folder / "row.csv").write_text(",".join(names) + "\n" + ",".join(str(each) for each in table.dataset.x[0]) + "\n")
    (folder / "script.py").write_text(SCRIPT)

    def ran(*words: object) -> Callable[[], object]:
        return lambda: subprocess.run([sys.executable, *map(str, words)], check=True, capture_output=True)

    row = folder / "row.csv"
    yield Case(
        "fallline predict 1 row",
        ran("-m", "fallline", "predict", folder / "model.safetensors", row),
        "ONNX Runtime",
        ran(folder / "script.py", folder / "model.onnx", row),
        9,
    )


FIT = """
import time, warnings
warnings.simplefilter("ignore")
from sklearn import datasets, neural_network
import fallline
X, y = datasets.load_{0}(return_X_y=True)
model = {1}(random_state=0)
begun = time.perf_counter()
model.fit(X, y)
print(time.perf_counter() - begun)
"""


def first_fit() -> Iterator[Case]:
    """The first fit of a new process, after imports; "kept" finds the programs of the process before."""
    for data in ("iris", "digits"):
        theirs = lambda data=data: spent(FIT.format(data, "neural_network.MLPClassifier"))  # noqa: E731
        code = FIT.format(data, "fallline.MLPClassifier")
        yield Case(
            f"first fit {data}, cold", lambda code=code: spent(code, tempfile.mkdtemp()), "scikit-learn", theirs, 3
        )
        kept = tempfile.mkdtemp()
        yield Case(f"first fit {data}, kept", lambda code=code, kept=kept: spent(code, kept), "scikit-learn", theirs, 3)


def spent(code: str, cache: str | None = None) -> float:
    """Seconds that a script in a new process prints."""
    own = os.environ | ({"FALLLINE_CACHE": cache} if cache else {})
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, env=own)
    return float(found.stdout.split()[-1])


LOAD = """
import resource, sys, time
import polars as pl, fallline as fl, fallline.data.table
begun = time.perf_counter()
{0}
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, "MB", file=sys.stderr)
print(time.perf_counter() - begun)
"""


def loading() -> Iterator[Case]:
    """`fl.load` of a million rows and 21 columns in a new process, after imports, beside Polars' own reading."""
    folder, rng = Path(tempfile.mkdtemp()), np.random.default_rng(0)
    x = rng.normal(size=(1_000_000, 20)).astype(np.float32)
    frame = pl.DataFrame(x, schema=[f"x{each}" for each in range(20)]).with_columns(y=(x[:, 0] > 0).astype(np.int64))
    frame.write_csv(folder / "t.csv")
    frame.write_parquet(folder / "t.parquet")
    del frame, x
    for ending in ("csv", "parquet"):
        path = str(folder / f"t.{ending}")
        ours, theirs = LOAD.format(f"fl.load({path!r}, 'y')"), LOAD.format(f"pl.read_{ending}({path!r})")
        yield Case(
            f"load 1,000,000 {ending}", lambda code=ours: spent(code), "Polars", lambda code=theirs: spent(code), 5
        )
        peak = subprocess.run([sys.executable, "-c", ours], check=True, capture_output=True, text=True).stderr
        print(f"  fl.load of {ending}: at most {peak.strip()}")


CASES: list[Callable[[], Iterator[Case]]] = [probabilities, process, first_fit, loading]


def main(words: list[str]) -> None:
    """Prints the table."""
    warnings.simplefilter("ignore")
    print(f"{'case':28} {'ours':>10} {'quartiles':>20} {'theirs':>10} {'quartiles':>20} {'ratio':>6}  beside, in us")
    chosen = [each for each in CASES if not words or any(word in each.__name__ for word in words)]
    for each in (case for cases in chosen for case in cases()):
        numbers = 1e6 * np.quantile(seconds([each.ours, each.theirs], each.times), [0.25, 0.5, 0.75], axis=1)
        (a, ours, b), (c, theirs, d) = numbers.T
        spread = f"{a:9,.0f} - {b:,.0f}", f"{c:9,.0f} - {d:,.0f}"
        print(
            f"{each.name:28} {ours:10,.0f} {spread[0]:>20} {theirs:10,.0f} {spread[1]:>20} {ours / theirs:6.2f}  {each.peer}, us"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
