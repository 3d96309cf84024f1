"""What a user waits for, beside what others take on the same machine: one line per case, median and quartiles.

    python benchmarks/waiting.py [WORD ...]     only the cases whose names hold one of the words

A case is a name, our call, the other's call, and how often each is made; the two take turns. Run it on an idle machine.
"""

import importlib.util
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

import fallline as fl


class Case(NamedTuple):
    """One line of the table."""

    name: str
    ours: Callable[[], object]
    peer: str
    theirs: Callable[[], object]
    times: int


def seconds(calls: list[Callable[[], object]], times: int) -> np.ndarray:
    """Seconds of each call, (calls, times); the calls take turns, after one of each that does not count."""
    found = np.zeros((len(calls), times))
    for each in calls:
        each()
    for i in range(times):
        for k, each in enumerate(calls):
            begun = time.perf_counter()
            each()
            found[k, i] = time.perf_counter() - begun
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


CASES: list[Callable[[], Iterator[Case]]] = [probabilities, process]


def main(words: list[str]) -> None:
    """Prints the table."""
    warnings.simplefilter("ignore")
    print(f"{'case':28} {'ours':>10} {'quartiles':>20} {'theirs':>10} {'quartiles':>20} {'ratio':>6}  beside, in us")
    for each in (case for cases in CASES for case in cases()):
        if words and not any(word in each.name for word in words):
            continue
        numbers = 1e6 * np.quantile(seconds([each.ours, each.theirs], each.times), [0.25, 0.5, 0.75], axis=1)
        (a, ours, b), (c, theirs, d) = numbers.T
        spread = f"{a:9,.0f} - {b:,.0f}", f"{c:9,.0f} - {d:,.0f}"
        print(
            f"{each.name:28} {ours:10,.0f} {spread[0]:>20} {theirs:10,.0f} {spread[1]:>20} {ours / theirs:6.2f}  {each.peer}, us"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
