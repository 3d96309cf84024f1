"""The cases of `waiting.py` that train: a step, 64 configurations, and a search. They use the benchmarks of each."""

import functools
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import one_run
import population
import search_wall
from waiting_case import Case, spent

TARGET = 0.975  # the accuracy that a search is to reach first


def step() -> Iterator[Case]:
    """Seconds of a step of 784-512-512-10 in a run of five epochs, beside PyTorch (or scikit-learn, without PyTorch)."""
    sizes, count = one_run.CASES[-1]
    x, y = one_run.rows(sizes, count)
    steps = one_run.EPOCHS * -(-count // one_run.BATCH)
    ours, other = one_run.ours(sizes, x, y)[0], one_run.torch(sizes, x, y)
    name, theirs = ("PyTorch", other[0]) if other else ("scikit-learn", one_run.scikit(sizes, x, y)[0])
    shape = "-".join(map(str, sizes))
    yield Case(f"a step, {shape}", lambda: ours() / steps, name, lambda: theirs() / steps, 7)


OURS = """
import sys, time
sys.path.insert(0, {0!r})
begun = time.perf_counter()
import population
from fallline.population import evaluate
sizes, count, many, epochs = population.CASES[{1}]
data = population.table(*population.rows(sizes, count))
evaluate(population.recipes(sizes, population.settings(many), epochs), data)
print(time.perf_counter() - begun)
"""
THEIRS = """
import sys, time
sys.path.insert(0, {0!r})
begun = time.perf_counter()
import population
sizes, count, many, epochs = population.CASES[{1}]
x, y = population.rows(sizes, count)
import sklearn.neural_network
imported = time.perf_counter() - begun
begun, part = time.perf_counter(), population.settings(many)[: many // 8]
for rate, strength in part:
    population.fit_scikit(sizes, x, y, rate, strength, epochs)
print(imported + (time.perf_counter() - begun) * many / len(part))
"""


def configurations() -> Iterator[Case]:
    """64 configurations, imports and compilation included, beside scikit-learn's loop, of which an eighth is run."""
    home = str(Path(__file__).parent)
    for place, (sizes, _, many, _) in enumerate(population.CASES[:2]):
        shape = "-".join(map(str, sizes))
        ours, theirs = OURS.format(home, place), THEIRS.format(home, place)
        yield Case(
            f"{many} x {shape}, cold",
            lambda code=ours: spent(code, tempfile.mkdtemp()),
            "scikit-learn, a loop",
            lambda code=theirs: spent(code),
            1,
            warm=False,
        )


def searching() -> Iterator[Case]:
    """A search of 128 trials x 5 folds on digits, to its end and to a score, beside Optuna's; each search is run once."""
    try:
        import optuna  # noqa: F401
    except ImportError:
        print("no optuna: searches are not measured")
        return
    rows = search_wall.prepare("digits", None, 0)

    @functools.cache
    def trace(who: str) -> list[list[float]]:
        file = Path(tempfile.mkdtemp()) / "found.jsonl"
        search_wall.alone("digits", who, 0, rows, file)
        found: list[list[float]] = json.loads(file.read_text())["trace"]
        return found

    def ended(who: str) -> float:
        return float(trace(who)[-1][0])

    def reached(who: str) -> float:
        return float(search_wall.reached(trace(who), TARGET, "") or float("nan"))

    for who, title in (("fallline", "cold"), ("fallline-kept", "kept")):
        for what, seconds in (("to its end", ended), (f"to {TARGET}", reached)):
            ours = lambda who=who, seconds=seconds: seconds(who)  # noqa: E731
            theirs = lambda seconds=seconds: seconds("optuna")  # noqa: E731
            yield Case(f"search {what}, {title}", ours, "Optuna", theirs, 1, warm=False)
