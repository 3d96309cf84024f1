"""Answer times and memory of the board, with 1,000 runs and a million points.

    python benchmarks/board.py            # 1,000 runs of 1,000 epochs
    python benchmarks/board.py --runs 50 --epochs 100

It makes the runs in a temporary folder, starts `fallline board` on it, and asks as the page does: first while the board has
read nothing, then while a run changes between the questions. It exits with 1 if an answer takes 200 ms or the server 300 MB.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

from fallline.training.folder import Plan, plan_to_toml
from fallline.training.recipe import Recipe

MOST_MS, MOST_MB = 200.0, 300.0
ROUNDS = 20
MOST_LOOKS = 300  # until everything has been read for the first time
COLUMNS = ("train_loss", "valid_loss", "train_accuracy", "valid_accuracy", "learning_rate", "dense_1.gradient_norm")


def make(home: Path, runs: int, epochs: int) -> None:
    """Finished runs; the epochs of all of them are the points of every column."""
    recipe = plan_to_toml(Plan(Recipe(), {"source": "rows.csv", "target": "y"}, 0))
    rng = np.random.default_rng(0)
    for k in range(runs):
        folder = home / f"run-{k}"
        folder.mkdir()
        (folder / "recipe.toml").write_text(recipe.replace("seed = 0", f"seed = {k}", 1))
        write_history(folder, epochs, rng)
        metrics = {split: {"loss": 0.3, "accuracy": float(rng.uniform())} for split in ("train", "valid", "test")}
        said = {"outcome": "finished", "sentence": "finished", "epochs": epochs, "seconds": 1.0, "metrics": metrics,
                "data": {"name": "rows"}}  # fmt: skip
        (folder / "metrics.json").write_text(json.dumps(said))


def write_history(folder: Path, epochs: int, rng: np.random.Generator) -> None:
    curves = {name: rng.normal(size=epochs).cumsum().astype(np.float32) for name in COLUMNS}
    pl.DataFrame({"epoch": np.arange(1, epochs + 1, dtype=np.int32), **curves}).write_parquet(
        folder / "history.parquet"
    )


class Asking:
    """Questions to a board, and how long their answers took in milliseconds."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.times: dict[str, list[float]] = {}
        self.largest = 0

    def __call__(self, label: str, question: str, **parts: object) -> dict:
        began = time.perf_counter()
        with urllib.request.urlopen(f"{self.address}api/{question}?{urllib.parse.urlencode(parts)}") as answer:
            content = answer.read()
        self.times.setdefault(label, []).append(1000 * (time.perf_counter() - began))
        self.largest = max(self.largest, len(content))
        return json.loads(content)


def look(asked: Asking, home: Path, epochs: int) -> None:
    """What a page asks: from its first look on, and then again and again."""
    rng = np.random.default_rng(1)
    for _ in range(MOST_LOOKS):
        found = asked("list, first looks", "runs", since=0)
        if not found["pending"]:
            break
    revision, keys = found["revision"], [each["id"] for each in found["runs"]]
    for label, some in (("4 runs", keys[:4]), ("all runs", keys)):
        wanted = {"ids": ",".join(some), "columns": "valid_loss,train_loss", "width": 800}
        for _ in range(MOST_LOOKS):
            if not asked(f"curves of {label}, first looks", "curves", **wanted)["pending"]:
                break
        for _ in range(ROUNDS):
            asked(f"curves of {label}", "curves", **wanted)
    for k in range(ROUNDS):
        write_history(home / f"run-{k}", epochs, rng)
        found = asked("list, one run changed", "runs", since=revision)
        revision = found["revision"]
        asked(
            "curves of 4 runs, one changed",
            "curves",
            ids=",".join([keys[k], *keys[-3:]]),
            columns="valid_loss",
            width=800,
        )
        asked("search", "search", q=f"learning_rate>0 seed={k}")
        asked("one run", "run", id=keys[k])
        asked("30 runs beside each other", "compare", ids=",".join(keys[:30]))


def long_run(asked: Asking, home: Path, points: int) -> None:
    """A single run with all points, every column."""
    folder = home / "run-long"
    folder.mkdir()
    (folder / "recipe.toml").write_text((home / "run-0" / "recipe.toml").read_text())
    write_history(folder, points, np.random.default_rng(2))
    time.sleep(1)
    for _ in range(MOST_LOOKS):
        found = asked("list, one run more", "runs", since=0)
        if any(each["name"] == "run-long" for each in found["runs"]):
            break
    key = next(each["id"] for each in found["runs"] if each["name"] == "run-long")
    for name in COLUMNS:
        asked(f"one curve of {points:,} points", "curves", ids=key, columns=name, width=1000)


def peak(process: int) -> float:
    """The largest memory of a process so far in MB."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(each.split()[1]) / 1000 for each in lines if each.startswith("VmHWM"))


def rows(asked: Asking) -> Iterator[str]:
    yield "| question | answers | median ms | largest ms |"
    yield "|---|---|---|---|"
    for label, times in asked.times.items():
        yield f"| {label} | {len(times)} | {statistics.median(times):.0f} | {max(times):.0f} |"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--epochs", type=int, default=1000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        make(Path(home), given.runs, given.epochs)
        words = [sys.executable, "-m", "fallline", "board", home]
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as board:
            try:
                assert board.stdout is not None
                asked = Asking(board.stdout.readline().strip())
                look(asked, Path(home), given.epochs)
                long_run(asked, Path(home), given.runs * given.epochs)
                memory = peak(board.pid)
            finally:
                board.terminate()
    print("\n".join(rows(asked)))
    slowest = max(max(times) for times in asked.times.values())
    print(
        f"\nSlowest answer {slowest:.0f} ms, largest answer {asked.largest / 1e3:.0f} kB, peak memory {memory:.0f} MB."
    )
    return int(slowest > MOST_MS or memory > MOST_MB)


if __name__ == "__main__":
    sys.exit(main())
