"""Training on a table beyond memory: rows per second and peak memory, beside the same recipe in memory and beside PyTorch.

python benchmarks/streams.py FOLDER [--rows 50000000] [--files 32] [--memory 1.5GB] [--part 1000000] [--torch PYTHON]

The table has 20 numbers, two categories and a target of two classes; it is generated into FOLDER as Parquet files if it is
not there. Every contender is a process of its own that trains the same network with the same batch size, and its imports,
its passes over the files and its start are counted:

- stream: `fl.train` on `fl.scan`, one epoch, within --memory
- again: the same once more, from the blocks in the cache
- part: a stream of the first files, at least --part rows of them, forced through windows; its blocks are in the cache
- memory: the rows of `part` in memory, with the same split; rows and blocks are read before the clock starts
- torch: PyTorch with a data set that reads row groups with PyArrow in two workers (`--torch` names an interpreter with both)
- curves: validation losses of three epochs of `part` and of `memory`, with three seeds each

The peak is that of the process, as the system counts it. The last lines compare: rows per second of the stream with those in
memory (`again` leaves out the passes over the files) and with PyTorch, the time of `part` with that of `memory`, the metrics
of both, and the distance of their curves with the spread of the seeds.

The whole table needs about 3.8 GB for its files (75 MB a million rows) and 4.3 GB below FALLLINE_CACHE for blocks (86 bytes a
row). Generating takes two seconds of one core a million rows.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

FILES, NUMBERS, BATCH, HIDDEN, RATE = 32, 20, 1024, (128, 64), 1e-3
EPOCHS, SEEDS = 3, 3  # of the curves
KINDS = {"kind": 8, "town": 20}


def generate(folder: Path, rows: int, files: int) -> None:
    """Write the table; a file that is there already is kept."""
    import numpy as np
    import polars as pl

    folder.mkdir(parents=True, exist_ok=True)
    ends = np.linspace(0, rows, files + 1).astype(int)
    for index in range(files):
        path, count = folder / f"part-{index:03}.parquet", int(ends[index + 1] - ends[index])
        if path.exists():
            continue
        rng = np.random.default_rng(index)
        x = rng.standard_normal((NUMBERS, count), np.float32)
        codes = {name: rng.integers(0, size, count) for name, size in KINDS.items()}
        signal = x[0] * x[1] + np.sin(2 * x[2]) + 0.5 * x[3] + (codes["kind"] == 2) - (codes["town"] > 15)
        columns = {f"n{i}": each for i, each in enumerate(x)}
        columns |= {name: np.array([f"{name} {i}" for i in range(KINDS[name])])[each] for name, each in codes.items()}
        columns["y"] = np.where(signal + 0.5 * rng.standard_normal(count) > 0.3, "yes", "no")
        beside = path.with_suffix(".part")
        pl.DataFrame(columns).write_parquet(beside, row_group_size=2**17)
        os.replace(beside, path)


def files_of(folder: Path, rows: int | None) -> list[Path]:
    """The files, or the first of them that hold so many rows."""
    import polars as pl

    found, count = [], 0
    for path in sorted(folder.glob("*.parquet")):
        if rows is not None and count >= rows:
            break
        found.append(path)
        count += int(pl.scan_parquet(path).select(pl.len()).collect().item())
    return found


def recipe(epochs: int = 1):
    """The network of all contenders."""
    import fallline as fl

    model = fl.MLP(hidden=HIDDEN)
    return fl.Recipe(
        model=model,
        optimizer=fl.Adam(RATE),
        penalty=None,
        encoding=None,
        batch_size=BATCH,
        epochs=epochs,
        patience=None,
    )


def window(stream) -> int:
    """Rows of a window: a quarter of the rows, in whole minibatches."""
    return stream.counts["train"] // 4 // BATCH * BATCH


def curves(folder: Path, part: int) -> dict:
    """Validation losses by windows and in memory, with several seeds."""
    began = time.perf_counter()
    import fallline as fl
    from fallline.training.streamed import train_stream

    stream = fl.scan(files_of(folder, part), "y", memory="64GB")
    table, found = stream.table(), {"windows": [], "memory": []}
    for seed in range(SEEDS):
        runs = (
            train_stream(recipe(EPOCHS), stream, rows=window(stream), seed=seed),
            fl.train(recipe(EPOCHS), table, seed=seed),
        )
        for each, run in zip(found.values(), runs, strict=True):
            each.append([float(loss) for loss in run.history["valid_loss"]])
    rows = 2 * SEEDS * EPOCHS * stream.counts["train"]
    return {"rows": rows, "seconds": time.perf_counter() - began, "kind": "Run", "curves": found}


def ours(folder: Path, which: str, memory: str, part: int) -> dict:
    """Train on the stream, or on the part in memory."""
    began = time.perf_counter()
    import fallline as fl
    from fallline.training.streamed import train_stream

    if which in ("stream", "again"):
        run = fl.train(recipe(), stream := fl.scan(folder, "y", memory=memory))
        rows = stream.counts
    else:
        stream = fl.scan(files_of(folder, part), "y", memory="64GB")
        rows = stream.counts
        table = stream.table() if which == "memory" else None
        began = time.perf_counter()
        run = train_stream(recipe(), stream, rows=window(stream)) if table is None else fl.train(recipe(), table)
    seconds = time.perf_counter() - began
    losses = {name: round(each["loss"], 4) for name, each in run.metrics.items()}
    return {"rows": rows["train"], "seconds": seconds, "kind": type(run).__name__, "losses": losses}


def peer(folder: Path) -> dict:
    """Train the same network with PyTorch, whose rows are read from the files by two workers."""
    began = time.perf_counter()
    import numpy as np
    import pyarrow.parquet as pq
    import torch

    places = [
        (path, group)
        for path in sorted(folder.glob("*.parquet"))
        for group in range(pq.ParquetFile(path).num_row_groups)
    ]
    order = np.random.default_rng(0).permutation(len(places))

    class Groups(torch.utils.data.IterableDataset):
        def __iter__(self):
            own = torch.utils.data.get_worker_info()
            for place in order[own.id :: own.num_workers]:
                path, group = places[place]
                table = pq.ParquetFile(path).read_row_group(group)
                x = [np.stack([table[f"n{i}"].to_numpy() for i in range(NUMBERS)], axis=1)]
                for name, size in KINDS.items():
                    codes = table[name].combine_chunks().dictionary_encode()
                    places_of = np.array([int(each.as_py().split()[1]) for each in codes.dictionary])
                    x.append(np.eye(size, dtype=np.float32)[places_of[codes.indices.to_numpy()]])
                rows = np.concatenate(x, axis=1)
                y = (table["y"].to_numpy(zero_copy_only=False) == "yes").astype(np.int64)
                chosen = np.random.default_rng(int(place)).permutation(len(y))
                for start in range(0, len(y), BATCH):
                    take = chosen[start : start + BATCH]
                    yield torch.from_numpy(rows[take]), torch.from_numpy(y[take])

    torch.manual_seed(0)
    width = NUMBERS + sum(KINDS.values())
    layers = []
    for a, b in zip((width, *HIDDEN), (*HIDDEN, 2), strict=True):
        layers += [torch.nn.Linear(a, b), torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])
    rule = torch.optim.Adam(model.parameters(), lr=RATE, fused=True)
    count = 0
    for x, y in torch.utils.data.DataLoader(Groups(), batch_size=None, num_workers=2, prefetch_factor=4):
        loss = torch.nn.functional.cross_entropy(model(x), y)
        rule.zero_grad()
        loss.backward()
        rule.step()
        count += len(y)
    return {"rows": count, "seconds": time.perf_counter() - began, "kind": "torch", "last": float(loss.detach())}


def measured(arguments: list[str], python: str = sys.executable) -> dict:
    """The result of a process, with its wall time and its own peak of memory."""
    began = time.perf_counter()
    done = subprocess.run([python, __file__, *arguments], stdout=subprocess.PIPE, text=True)
    if done.returncode:
        return {"failed": done.returncode}
    found = json.loads(done.stdout.splitlines()[-1])
    return {**found, "wall": time.perf_counter() - began}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=50_000_000)
    parser.add_argument("--files", type=int, default=FILES)
    parser.add_argument("--memory", default="1.5GB")
    parser.add_argument("--part", type=int, default=1_000_000)
    parser.add_argument("--torch")
    parser.add_argument("--only", nargs="*", default=["stream", "again", "part", "memory", "torch", "curves"])
    parser.add_argument("--as", dest="role", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.role is not None:
        if given.role == "torch":
            found = peer(given.folder)
        elif given.role == "curves":
            found = curves(given.folder, given.part)
        else:
            found = ours(given.folder, given.role, given.memory, given.part)
        own, children = (
            resource.getrusage(each).ru_maxrss / 1e6 for each in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        )
        print(json.dumps({**found, "peak": own, "worker": children}))
        return
    began = time.perf_counter()
    generate(given.folder, given.rows, given.files)
    print(f"{given.rows:,} rows in {given.files} files, ready after {time.perf_counter() - began:.0f} s")
    results: dict[str, dict] = {}
    for which in given.only:
        if which == "torch" and given.torch is None:
            continue
        arguments = [str(given.folder), "--as", which, "--memory", given.memory, "--part", str(given.part)]
        found = measured(arguments, given.torch if which == "torch" else sys.executable)
        if "failed" in found:
            print(f"{which:8} ended with {found['failed']}")
            continue
        results[which], speed = found, found["rows"] / found["seconds"]
        print(
            f"{which:8} {found['rows']:>12,} training rows {found['seconds']:8.1f} s {speed:10,.0f} rows/s "
            f"(process {found['wall']:.1f} s), peak {found['peak']:.2f} GB, {found['kind']} "
            f"{found.get('losses', found.get('last', ''))}",
            flush=True,
        )
    compare(results)


def compare(found: dict[str, dict]) -> None:
    """Print what the contenders are to each other, as far as they were measured."""
    speed = {name: each["rows"] / each["seconds"] for name, each in found.items()}
    for one, other, what in (
        ("stream", "memory", "times the rows per second in memory"),
        ("again", "memory", "times the rows per second in memory"),
        ("stream", "torch", "times the rows per second of PyTorch"),
    ):
        if {one, other} <= found.keys():
            print(f"{one} trains {speed[one] / speed[other]:.2f} {what}")
    if {"part", "memory"} <= found.keys():
        slower, losses = (
            found["part"]["seconds"] / found["memory"]["seconds"],
            [found[e]["losses"] for e in ("part", "memory")],
        )
        print(f"part takes {slower:.2f} times the time in memory; losses {losses[0]} and {losses[1]}")
    if "curves" in found:
        import numpy as np

        ours, theirs = (np.array(each) for each in found["curves"]["curves"].values())
        apart, spread = np.abs(ours.mean(0) - theirs.mean(0)), theirs.std(0, ddof=1)
        for epoch, (gap, sd) in enumerate(zip(apart, spread, strict=True), 1):
            print(
                f"epoch {epoch}: validation loss {ours.mean(0)[epoch - 1]:.5f} by windows and {theirs.mean(0)[epoch - 1]:.5f} "
                f"in memory, {gap:.5f} apart; deviation between seeds {sd:.5f}"
            )


if __name__ == "__main__":
    main()
