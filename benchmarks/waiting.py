"""What a user waits for, beside what others take on the same machine: one line per case, median and quartiles.

    python benchmarks/waiting.py [--small] [WORD ...]

The words choose some of them: probabilities, process, first_fit, first_shape, loading, step, configurations, searching. A case
is a name, our call, the other's call, and how often each is made; the two take turns. Run it on an idle machine. `--small`
reads 20,000 rows in place of a million, and makes every call once, to try the script.
"""

import importlib.util
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import polars as pl
from waiting_case import Case, seconds, spent
from waiting_training import configurations, searching, step

import fallline as fl

SMALL = "--small"


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

    row = folder / "row.csv"
    yield Case(
        "fallline predict 1 row",
        ran("-m", "fallline", "predict", folder / "model.safetensors", row),
        "ONNX Runtime",
        ran(folder / "script.py", folder / "model.onnx", row),
        9,
    )


def ran(*words: object) -> Callable[[], object]:
    """A process of Python with these words."""
    return lambda: subprocess.run([sys.executable, *map(str, words)], check=True, capture_output=True)


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


SHAPE = """
import time, fallline as fl
table, recipe = fl.load("sklearn:digits"), fl.Recipe()
fl.train
times = []
for _ in range({0}):
    begun = time.perf_counter()
    fl.train(recipe, table)
    times.append(time.perf_counter() - begun)
print(times[-1])
"""


def first_shape() -> Iterator[Case]:
    """`fl.train` of digits by the default recipe: of a shape that was never seen, kept, and the second in a process."""
    kept = tempfile.mkdtemp()
    second = lambda: spent(SHAPE.format(2), kept)  # noqa: E731
    yield Case("first fl.train, cold", lambda: spent(SHAPE.format(1), tempfile.mkdtemp()), "its second", second, 2)
    yield Case("first fl.train, kept", lambda: spent(SHAPE.format(1), kept), "its second", second, 3)


LOAD = """
import resource, time
import polars as pl, fallline as fl, fallline.data.table
begun = time.perf_counter()
{0}
spent = time.perf_counter() - begun
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, "MB", spent)
"""


def loading(rows: int) -> Iterator[Case]:
    """`fl.load` of a million rows and 21 columns in a new process, after imports, beside Polars; and their prediction."""
    folder, rng = Path(tempfile.mkdtemp()), np.random.default_rng(0)
    x = rng.normal(size=(rows, 20)).astype(np.float32)
    frame = pl.DataFrame(x, schema=[f"x{each}" for each in range(20)]).with_columns(y=(x[:, 0] > 0).astype(np.int64))
    frame.write_csv(folder / "t.csv")
    frame.write_parquet(folder / "t.parquet")
    frame.head(5_000).write_parquet(folder / "part.parquet")
    del frame, x
    for ending in ("csv", "parquet"):
        path = str(folder / f"t.{ending}")
        ours, theirs = LOAD.format(f"fl.load({path!r}, 'y')"), LOAD.format(f"pl.read_{ending}({path!r})")
        yield Case(
            f"load {rows:,} {ending}", lambda code=ours: spent(code), "Polars", lambda code=theirs: spent(code), 5
        )
        _say_memory(f"fl.load of {ending}", [sys.executable, "-c", ours])
    if importlib.util.find_spec("onnxruntime") is None:
        print("no onnxruntime: predictions for many rows are not measured")
        return
    model = fl.train(fl.Recipe(epochs=3), fl.load(str(folder / "part.parquet"), "y")).model
    model.save(folder / "model.safetensors")
    model.to_onnx(folder / "model.onnx", inputs="array")
    (folder / "many.py").write_text(MANY)
    words = ["-m", "fallline", "predict", folder / "model.safetensors", folder / "t.parquet", "--out", folder / "p.csv"]
    other = ran(folder / "many.py", folder / "model.onnx", folder / "t.parquet")
    yield Case(f"fallline predict {rows:,}", ran(*words), "ONNX Runtime, reading included", other, 3)
    _say_memory("fallline predict", [sys.executable, *map(str, words)])


MANY = """
import sys, numpy as np, polars as pl, onnxruntime
session = onnxruntime.InferenceSession(sys.argv[1])
rows = pl.read_parquet(sys.argv[2]).drop("y").to_numpy().astype(np.float32)
session.run(None, {session.get_inputs()[0].name: rows})
"""


def _say_memory(what: str, words: list[str]) -> None:
    """Prints the most memory that a process of these words holds."""
    code = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL); "
    code += "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024)"
    peak = subprocess.run([sys.executable, "-c", code, *words], check=True, capture_output=True, text=True).stdout
    print(f"  {what}: at most {peak.split()[-1]} MB")


def main(words: list[str]) -> None:
    """Prints the table."""
    warnings.simplefilter("ignore")
    small = SMALL in words
    words = [each for each in words if each != SMALL]
    cases: dict[str, Callable[[], Iterator[Case]]] = {
        "probabilities": probabilities,
        "process": process,
        "first_fit": first_fit,
        "first_shape": first_shape,
        "loading": lambda: loading(20_000 if small else 1_000_000),
        "step": step,
        "configurations": configurations,
        "searching": searching,
    }
    print(f"{'case':30} {'ours':>11} {'quartiles':>22} {'theirs':>11} {'quartiles':>24} {'ratio':>6}  beside, in us")
    chosen = [each for name, each in cases.items() if not words or any(word in name for word in words)]
    for each in (case for cases in chosen for case in cases()):
        times = 1 if small else each.times
        numbers = 1e6 * np.quantile(seconds([each.ours, each.theirs], times, each.warm), [0.25, 0.5, 0.75], axis=1)
        (a, ours, b), (c, theirs, d) = numbers.T
        spread = f"{a:,.0f} - {b:,.0f}", f"{c:,.0f} - {d:,.0f}"
        print(
            f"{each.name:30} {ours:11,.0f} {spread[0]:>22} {theirs:11,.0f} {spread[1]:>24} {ours / theirs:6.2f}  "
            f"{each.peer}",
            flush=True,
        )


if __name__ == "__main__":
    main(sys.argv[1:])
