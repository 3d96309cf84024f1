"""Rows per second of one process that is held to one core, and of two workers on two cores.

    python benchmarks/workers.py [--rows 200000] [--epochs 6] [--rounds 3] [--workers 2]

Each contender is a process of its own that trains the same recipe on the same table. The clock runs from the end of the second
epoch to the end of the last one, so that imports, compilation and Ray's start do not count; `total` counts all of it. Rounds
alternate, and medians are compared. `difference` is the largest difference of a parameter at the end, relative to the largest
parameter of its array.

    python benchmarks/workers.py --rules

trains every update rule that takes minibatches for 207 steps, alone and on two workers of Ray, with dropout, batch
normalisation, a penalty and minibatches that do not divide evenly. It prints the same difference for each rule.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

FEATURES = 50
CASES = {"usual": ((128, 64), 1024), "wide": ((512, 256), 4096)}  # widths, batch size


def work(case: str, rows: int, epochs: int, workers: int) -> None:
    """Train one contender and print its numbers; without workers it is held to one core."""
    began = time.perf_counter()
    if not workers:
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    import numpy as np

    import fallline as fl

    rng = np.random.default_rng(0)
    x = rng.standard_normal((rows, FEATURES), np.float32)
    y = (x[:, 0] * x[:, 1] + np.sin(2 * x[:, 2]) + 0.5 * x[:, 3] + 0.5 * rng.standard_normal(rows) > 0.3).astype(int)
    table = fl.Table.from_arrays(x, y)
    widths, batch = CASES[case]
    recipe = fl.Recipe(model=fl.MLP(hidden=widths), batch_size=batch, epochs=epochs, patience=None, encoding=None)
    times: list[tuple[int, float]] = []

    def note(moment: fl.Moment) -> None:
        times.append((moment.epoch, time.perf_counter()))

    run = fl.train(recipe, table, workers=workers or None, watch=note, callbacks=[fl.Callback()], progress=False)
    (first, start), (last, end) = times[1], times[-1]
    speed = (last - first) * len(table.dataset.train) / (end - start)
    ends = flat(run.state.params)
    found = {
        "rows_per_second": speed,
        "total": time.perf_counter() - began,
        "loss": float(run.history["train_loss"][-1]),
    }
    print(json.dumps({**found, "params": {name: leaf.ravel().tolist() for name, leaf in ends.items()}}))


def flat(params: dict) -> dict:
    """The parameters by layer and name."""
    import numpy as np

    return {f"{layer}/{name}": np.asarray(leaf) for layer, part in params.items() for name, leaf in part.items()}


def measured(case: str, workers: int, options: argparse.Namespace) -> dict:
    """The numbers of a contender, from a process of its own."""
    words = [sys.executable, __file__, "--case", case, "--only", str(workers)]
    words += ["--rows", str(options.rows), "--epochs", str(options.epochs)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def difference(one: dict, other: dict) -> float:
    """The largest difference of a parameter, relative to the largest parameter of its array."""
    import numpy as np

    pairs = [(own, flat(other)[name]) for name, own in flat(one).items()]
    return max(float(np.abs(own - beside).max() / np.abs(own).max()) for own, beside in pairs)


def rules() -> None:
    """Compare every update rule alone and on two workers."""
    import dataclasses

    import numpy as np

    import fallline as fl
    from fallline.core.block import family

    rng = np.random.default_rng(0)
    x = rng.standard_normal((1000, 12), np.float32)
    table = fl.Table.from_arrays(x, (x[:, 0] * x[:, 1] + x[:, 2] > 0).astype(int))
    model = fl.MLP(hidden=(16, 8), batch_norm=True, dropout=0.1)
    recipe = fl.Recipe(
        model=model, batch_size=31, epochs=9, patience=None, encoding=None, penalty=fl.L2(1e-4), scaler=fl.Standardise()
    )
    for name, cls in sorted(family("optimizer").items()):
        rule = cls()
        if rule.full_batch or name == "without_gradient":
            continue
        own = dataclasses.replace(recipe, optimizer=rule)
        alone, shared = fl.train(own, table, probes=()), fl.train(own, table, probes=(), workers=2)
        found = difference(alone.state.params, shared.state.params)
        print(f"{name:20} {alone.steps} steps, difference {found:.1e}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rules", action="store_true", help="compare update rules instead")
    parser.add_argument("--case", choices=list(CASES))
    parser.add_argument(
        "--only", type=int, help="measure this contender in this process: a number of workers, 0 for none"
    )
    options = parser.parse_args()
    if options.rules:
        rules()
        return
    if options.only is not None:
        work(options.case, options.rows, options.epochs, options.only)
        return
    for case in [options.case] if options.case else CASES:
        found: dict[int, list[dict]] = {0: [], options.workers: []}
        for _ in range(options.rounds):
            for workers, results in found.items():
                results.append(measured(case, workers, options))
        alone, shared = (statistics.median(each["rows_per_second"] for each in results) for results in found.values())
        totals = [statistics.median(each["total"] for each in results) for results in found.values()]
        own, other = found[0][0]["params"], found[options.workers][0]["params"]
        most = max(
            max(abs(a - b) for a, b in zip(own[name], other[name], strict=True)) / max(map(abs, own[name]))
            for name in own
        )
        print(
            f"{case:6} {CASES[case][0]}, batch {CASES[case][1]}: {alone:,.0f} rows/s on one core, {shared:,.0f} with "
            f"{options.workers} workers: {shared / alone:.2f} times; total {totals[0]:.1f} s and {totals[1]:.1f} s; "
            f"training loss {found[0][0]['loss']:.6f} and {found[options.workers][0]['loss']:.6f}; difference {most:.1e}",
            flush=True,
        )


if __name__ == "__main__":
    main()
