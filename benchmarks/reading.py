"""The cost of reading a text table, compared with `polars.read_csv`, which guesses types and checks nothing.

python benchmarks/reading.py [ROWS] [ROUNDS]: median times in seconds, and their ratios to Polars in the same round. The
file has 20 columns (whole numbers, fractions, categories, dates, times, booleans, quoted text), four of them with missing
cells. It is read once before the first round, so that it comes from memory.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

import fallline as fl
from fallline.data.sources import read


def table(rows: int) -> pl.DataFrame:
    random = np.random.default_rng(0)
    columns: dict[str, pl.Series] = {}
    for i in range(5):
        columns[f"whole_{i}"] = pl.Series(random.integers(0, 10 ** (i + 1), rows))
    for i in range(7):
        columns[f"fraction_{i}"] = pl.Series(np.round(random.normal(size=rows) * 10**i, 4))
    for i in range(4):
        levels = np.array([f"level {j}" for j in range(5 * (i + 1))])
        columns[f"category_{i}"] = pl.Series(levels[random.integers(0, len(levels), rows)])
    days = np.datetime64("2020-01-01") + random.integers(0, 2000, rows)
    seconds = np.datetime64("2020-01-01T00:00:00", "us") + random.integers(0, 10**9, rows).astype("timedelta64[s]")
    columns["day"] = pl.Series(days).cast(pl.Date)
    columns["time"] = pl.Series(seconds).dt.to_string("%Y-%m-%d %H:%M:%S")
    columns["quoted"] = pl.Series(np.array(["a, b", "c", 'd "e"'])[random.integers(0, 3, rows)])
    columns["target"] = pl.Series(random.integers(0, 2, rows) == 1)
    holes = [pl.when(pl.lit(pl.Series(random.random(rows) >= 0.03))).then(pl.col(name)).alias(name)
             for name in ("whole_1", "fraction_2", "category_1", "day")]  # fmt: skip
    return pl.DataFrame(columns).with_columns(holes)


def seconds(work: Callable[[], object]) -> tuple[float, float]:
    """Wall-clock time, and processor time of all cores, which other work on the machine disturbs less."""
    clock, cores = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - clock, time.process_time() - cores


def main(rows: int = 1_000_000, rounds: int = 5) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mixed.csv"
        table(rows).write_csv(path)
        print(f"{rows:,} rows, {path.stat().st_size / 1e6:,.0f} MB")
        works: dict[str, Callable[[], object]] = {
            "polars.read_csv": lambda: pl.read_csv(path),
            "read": lambda: read(path),
            "load": lambda: fl.load(path, "target"),
        }
        for work in works.values():
            work()
        taken = [{name: seconds(work) for name, work in works.items()} for _ in range(rounds)]
    print(f"{'':16}{'seconds':>10}{'ratio':>8}{'of all cores':>15}{'ratio':>8}")
    for name in works:
        parts = [f"{name:16}"]
        for which, width in ((0, 10), (1, 15)):
            median = statistics.median(each[name][which] for each in taken)
            ratio = statistics.median(each[name][which] / each["polars.read_csv"][which] for each in taken)
            parts.append(f"{median:{width}.2f}{ratio:8.2f}")
        print("".join(parts))


if __name__ == "__main__":
    main(*(int(each) for each in sys.argv[1:3]))
