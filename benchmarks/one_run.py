"""Microseconds per step of one run: Fallline, scikit-learn and, where installed, PyTorch, side by side in one process.

All train the same network with the same rows, batch size, epochs and update rule (Adam). Rounds are interleaved, and medians
are compared within this run. Without compilation, the second and later trainings of a shape are timed; with compilation, all
of it from a fresh compilation on. A second process then trains the same shapes with this process's compilation cache and
counts the programs that it compiles.

    python benchmarks/one_run.py [--rounds 5]
"""

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings

CASES = [((20, 64, 64, 2), 12800), ((64, 128, 10), 12800), ((784, 128, 10), 12800), ((784, 512, 512, 10), 3200)]
BATCH, EPOCHS = 128, 5


def rows(sizes, count):
    import numpy as np

    rng = np.random.default_rng(0)
    x = rng.normal(size=(count, sizes[0])).astype(np.float32)
    teacher = rng.normal(size=(sizes[0], sizes[-1]))
    return x, np.argmax(x @ teacher + rng.gumbel(size=(count, sizes[-1])), axis=1).astype(np.int32)


def ours(sizes, x, y):
    from fallline.core.block import replace
    from fallline.data.table import Table
    from fallline.models import MLP
    from fallline.optimizers import Adam
    from fallline.training.recipe import Recipe
    from fallline.training.train import train

    recipe = replace(
        Recipe(model=MLP(hidden=sizes[1:-1]), optimizer=Adam(1e-3), encoding=None),
        {"batch_size": BATCH, "epochs": EPOCHS, "patience": None, "scaler.clip": None},
    )
    table = Table.from_arrays(x, y, test=0.0, valid=0.0, task="classification")

    def run():
        import jax

        from fallline.core.block import as_arrays
        from fallline.probes import RECORDED
        from fallline.training.chunks import compiled_advance, compiled_start
        from fallline.training.preparation import prepare

        completed, arrays, key = prepare(recipe, table, 0)
        traced = as_arrays(completed)
        state = compiled_start(traced, arrays, key)
        jax.block_until_ready(state)
        began = time.perf_counter()
        state, _ = compiled_advance(traced, arrays, state, EPOCHS, RECORDED)
        jax.block_until_ready(state)
        return time.perf_counter() - began

    def whole():
        began = time.perf_counter()
        train(recipe, table)
        return time.perf_counter() - began

    return run, whole


def scikit(sizes, x, y):
    from sklearn.neural_network import MLPClassifier

    def run():
        model = MLPClassifier(
            sizes[1:-1],
            batch_size=BATCH,
            max_iter=EPOCHS,
            alpha=1e-4,
            tol=0.0,
            n_iter_no_change=EPOCHS + 1,
            random_state=0,
        )
        began = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(x, y)
        return time.perf_counter() - began

    return run, run


def torch(sizes, x, y):
    try:
        import torch
    except ImportError:
        return None
    torch.set_num_threads(os.cpu_count() or 1)

    def run():
        torch.manual_seed(0)
        layers = []
        for a, b in itertools.pairwise(sizes):
            layers += [torch.nn.Linear(a, b), torch.nn.ReLU()]
        model = torch.nn.Sequential(*layers[:-1])
        rule = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
        features, target = torch.from_numpy(x), torch.from_numpy(y).long()
        began = time.perf_counter()
        for _ in range(EPOCHS):
            order = torch.randperm(len(features))
            for i in range(0, len(features), BATCH):
                chosen = order[i : i + BATCH]
                loss = torch.nn.functional.cross_entropy(model(features[chosen]), target[chosen])
                rule.zero_grad()
                loss.backward()
                rule.step()
        return time.perf_counter() - began

    return run, run


def second_process():
    """Train every case once and print the number of programs that had to be compiled."""
    import jax

    compiled = []
    jax.monitoring.register_event_listener(
        lambda event, **_: compiled.append(event) if event == "/jax/compilation_cache/cache_misses" else None
    )
    for sizes, count in CASES:
        _, whole = ours(sizes, *rows(sizes, count))
        whole()
    print(json.dumps({"compiled": len(compiled)}))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--second", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.second:
        second_process()
        return
    with tempfile.TemporaryDirectory() as cache:
        os.environ["FALLLINE_CACHE"] = cache
        print(f"{'network':>16} {'who':>13} {'us/step':>9} {'with compilation':>17} {'ratio':>7} {'with':>7}")
        for sizes, count in CASES:
            x, y = rows(sizes, count)
            steps = EPOCHS * -(-count // BATCH)
            runs = {"fallline": ours(sizes, x, y), "scikit-learn": scikit(sizes, x, y), "PyTorch": torch(sizes, x, y)}
            runs = {name: pair for name, pair in runs.items() if pair is not None}
            first = {name: pair[1]() for name, pair in runs.items()}
            for pair in runs.values():
                pair[0]()
            times = {name: [] for name in runs}
            for _ in range(arguments.rounds):
                for name, pair in runs.items():
                    times[name].append(pair[0]())
            medians = {name: statistics.median(each) / steps * 1e6 for name, each in times.items()}
            for name in runs:
                ratio = medians["scikit-learn"] / medians[name]
                whole = first["scikit-learn"] / first[name]
                print(
                    f"{'-'.join(map(str, sizes)):>16} {name:>13} {medians[name]:9.0f} {first[name] / steps * 1e6:17.0f} "
                    f"{ratio:6.2f}x {whole:6.2f}x",
                    flush=True,
                )
        out = subprocess.run([sys.executable, __file__, "--second"], capture_output=True, text=True, check=True)
        print(f"programs compiled by a second process: {json.loads(out.stdout)['compiled']}")


if __name__ == "__main__":
    main()
