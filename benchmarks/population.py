"""Hundreds of trainings as one program, beside loops over configurations in scikit-learn and PyTorch.

    python benchmarks/population.py compare    64 configurations against scikit-learn, joblib with 2 processes, PyTorch
    python benchmarks/population.py lanes      cost and memory per lane, against their number (lanes 64-128-10: of one network)
    python benchmarks/population.py widths     recipes of two widths as one padded program, and as two
    python benchmarks/population.py mixed      a few configurations x 5 folds, all folds in one program or each in its own
    python benchmarks/population.py folds      1,000 configurations x 5 folds on digits
    python benchmarks/population.py            all of them

Every part runs in one process on one machine, and everything compared is measured in the same run; ratios are of medians.
"""

import argparse
import functools
import gc
import itertools
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings

CASES = [((20, 64, 64, 2), 12800, 64, 20), ((64, 128, 10), 12800, 64, 20), ((784, 128, 10), 6400, 16, 5)]
BATCH = 128


def rows(sizes, count):
    import numpy as np

    rng = np.random.default_rng(0)
    x = rng.normal(size=(count, sizes[0])).astype(np.float32)
    teacher = rng.normal(size=(sizes[0], sizes[-1]))
    return x, np.argmax(x @ teacher + rng.gumbel(size=(count, sizes[-1])), axis=1).astype(np.int32)


def settings(count):
    """Learning rates and penalties of the configurations: the same for every library."""
    import numpy as np

    rng = np.random.default_rng(1)
    return list(zip(10 ** rng.uniform(-4, -2, count), 10 ** rng.uniform(-6, -3, count), strict=True))


def recipes(sizes, configurations, epochs):
    from fallline.models import MLP
    from fallline.optimizers import Adam
    from fallline.penalties import L2
    from fallline.scalers import Standardise
    from fallline.training.recipe import Recipe

    return [
        Recipe(
            encoding=None,
            model=MLP(hidden=sizes[1:-1], dropout=None),
            optimizer=Adam(float(rate)),
            penalty=L2(float(strength)),
            scaler=Standardise(),
            batch_size=BATCH,
            epochs=epochs,
            patience=None,
        )
        for rate, strength in configurations
    ]


def table(x, y):
    from fallline.data.table import Table

    return Table.from_arrays(x, y, test=0.0, valid=0.0, task="classification")


def fit_scikit(sizes, x, y, rate, strength, epochs):
    from sklearn.neural_network import MLPClassifier

    model = MLPClassifier(
        sizes[1:-1],
        batch_size=BATCH,
        learning_rate_init=rate,
        alpha=strength * BATCH,  # its penalty is divided by the batch
        max_iter=epochs,
        tol=0.0,
        n_iter_no_change=epochs + 1,
        random_state=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(x, y).loss_


def fit_torch(sizes, x, y, rate, strength, epochs):
    import torch

    torch.manual_seed(0)
    layers = []
    for a, b in itertools.pairwise(sizes):
        layers += [torch.nn.Linear(a, b), torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])
    rule = torch.optim.Adam(model.parameters(), lr=rate, weight_decay=strength, fused=True)
    features, target = torch.from_numpy(x), torch.from_numpy(y).long()
    for _ in range(epochs):
        order = torch.randperm(len(features))
        for i in range(0, len(features), BATCH):
            chosen = order[i : i + BATCH]
            loss = torch.nn.functional.cross_entropy(model(features[chosen]), target[chosen])
            rule.zero_grad()
            loss.backward()
            rule.step()
    return float(loss.detach())


def clock(call):
    gc.collect()
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def compare(rounds):
    """Seconds for all configurations. Libraries that loop are timed on a part of them, and the time is scaled up."""
    import joblib

    from fallline.population import evaluate

    print(f"{'network':>12} {'configurations':>14} {'who':>26} {'seconds':>8} {'us per step':>12} {'loop / it':>10}")
    for sizes, count, many, epochs in CASES:
        x, y = rows(sizes, count)
        configurations = settings(many)
        data, ours = table(x, y), recipes(sizes, configurations, epochs)
        part = configurations[: max(4, many // 8)]

        def loop(fit, part=part, sizes=sizes, x=x, y=y, epochs=epochs):
            for rate, strength in part:
                fit(sizes, x, y, rate, strength, epochs)

        def pool(part=part, sizes=sizes, x=x, y=y, epochs=epochs):
            run = joblib.delayed(fit_scikit)
            joblib.Parallel(n_jobs=2)(run(sizes, x, y, rate, strength, epochs) for rate, strength in part)

        ways = {
            "fallline, everything": (lambda ours=ours, data=data: evaluate(ours, data), 1.0),
            "fallline": (lambda ours=ours, data=data: evaluate(ours, data), 1.0),
            "scikit-learn loop": (lambda: loop(fit_scikit), many / len(part)),
            "scikit-learn, joblib x 2": (pool, many / len(part)),
        }
        try:
            import torch

            torch.set_num_threads(os.cpu_count() or 1)
            ways["PyTorch loop"] = (lambda: loop(fit_torch), many / len(part))
        except ImportError:
            pass
        first = clock(ways["fallline, everything"][0])
        pool()  # starts joblib's processes
        times = {name: [] for name in ways}
        times["fallline, everything"] = [first]
        for _ in range(rounds):
            for name, (call, factor) in ways.items():
                if name != "fallline, everything":
                    times[name].append(clock(call) * factor)
        medians = {name: statistics.median(each) for name, each in times.items()}
        steps = many * epochs * -(-count // BATCH)
        for name, seconds in medians.items():
            ratio = medians["scikit-learn loop"] / seconds
            print(
                f"{'-'.join(map(str, sizes)):>12} {many:>14} {name:>26} {seconds:8.2f} {seconds / steps * 1e6:12.0f} "
                f"{ratio:9.2f}x",
                flush=True,
            )


def lanes(networks):
    """Microseconds per lane and step over the number of lanes in one program, each number in its own process."""
    print(f"{'network':>12} {'lanes':>6} {'us per lane and step':>21} {'GFLOP/s':>8} {'of peak':>8} {'peak MB':>8}")
    peak = matrix_peak()
    for sizes, count, _, _ in CASES:
        if networks and "-".join(map(str, sizes)) not in networks:
            continue
        for many in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024):
            if sizes[0] == 784 and many > 256:
                continue
            out = subprocess.run(
                [sys.executable, __file__, "one", "-".join(map(str, sizes)), str(count), str(many)],
                capture_output=True, text=True, check=True,
            )  # fmt: skip
            each, memory = map(float, out.stdout.split()[-2:])
            flops = 6 * BATCH * sum(a * b for a, b in itertools.pairwise(sizes)) / each / 1e3
            print(
                f"{'-'.join(map(str, sizes)):>12} {many:>6} {each:21.0f} {flops:8.0f} {flops / peak:8.0%} {memory:8.0f}",
                flush=True,
            )
    print(f"matrix-product peak, float32, both cores: {peak:.0f} GFLOP/s")


def matrix_peak():
    """GFLOP/s of NumPy's float32 product of two 2048 x 2048 matrices, the best of ten."""
    import numpy as np

    a = np.random.default_rng(0).normal(size=(2048, 2048)).astype(np.float32)
    return 2 * 2048**3 / min(clock(lambda: a @ a) for _ in range(10)) / 1e9


def one(name, count, many):
    """One program with a fixed number of lanes; prints us per lane and step, and peak memory in MB."""
    import jax

    from fallline.population import evaluate
    from fallline.population import sizes as chosen

    shape = tuple(map(int, name.split("-")))
    devices = len(jax.devices())
    per_device = max(1, many // devices)
    chosen.SIZES = (per_device,)
    chosen.CACHE = 2**60
    x, y = rows(shape, count)
    epochs = max(1, min(8, 2048 // many))
    data, ours = table(x, y), recipes(shape, settings(max(many, 8)), epochs)[:many]
    evaluate(ours, data)
    seconds = statistics.median(clock(lambda: evaluate(ours, data)) for _ in range(3))
    steps = epochs * -(-count // BATCH)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(seconds / steps / many * 1e6, memory)


def widths(rounds):
    """Recipes of several widths, padded in one program and as one group per width."""
    from fallline.population import evaluate
    from fallline.population import widths as chosen

    small, large = (20, 2), (64, 10)
    cases = [
        (small, [(64, 64), (48, 48)], 16),
        (small, [(64, 64), (32, 32)], 16),
        (large, [(128,), (96,)], 16),
        (large, [(256,), (128,)], 16),
        (small, [(64, 64), (48, 48)], 4),
        (large, [(128,), (96,)], 4),
        (small, [(width, width) for width in range(36, 68, 2)], 1),
        (large, [(width,) for width in range(68, 132, 4)], 1),
    ]
    print(
        f"{'hidden':>24} {'recipes':>9} {'programs':>9} {'padding':>8} {'us per lane and step':>21} {'first time, s':>14}"
    )
    epochs, count = 8, 6400
    chosen.FILLS, chosen.MOST_WASTE = 10**9, 10.0
    for (inputs, outputs), hidden, many in cases:
        data = table(*rows((inputs, outputs), count))
        ours = [each for shape in hidden for each in recipes((inputs, *shape, outputs), settings(many), epochs)]
        steps = len(ours) * epochs * -(-count // BATCH)
        for together in (True, False):
            run = functools.partial(evaluate, ours, data, widths_together=together)
            report = run().report
            seconds = statistics.median(clock(run) for _ in range(rounds))
            names = ["-".join(map(str, shape)) for shape in hidden]
            shown = " ".join(names) if len(names) < 3 else f"{names[0]} ... {names[-1]}"
            print(
                f"{shown:>24} {f'{len(hidden)} x {many}':>9} {report.groups:>9} {report.padded:>8.0%} "
                f"{seconds / steps * 1e6:>21.0f} {report.seconds:>14.1f}",
                flush=True,
            )


def mixed(rounds):
    """Lanes of all folds in one program, each with its own rows, and one program per fold whose lanes share their rows."""
    from fallline.core.block import replace
    from fallline.population import evaluate
    from fallline.population import sizes as rules

    by_rule = rules.mixes
    print(f"{'network':>12} {'recipes':>8} {'one program':>12} {'per fold':>9} {'us per lane and step; chosen':>29}")
    for sizes in ((20, 64, 64, 2), (64, 64, 10), (64, 256, 10), (100, 100, 10), (256, 256, 10), (128, 64, 10),
                  (256, 128, 10), (256, 64, 10), (400, 100, 10), (784, 128, 10)):  # fmt: skip
        data, epochs = table(*rows(sizes, 2000)), 4 if sizes[0] > 500 else 16
        for many in (8, 16):
            ours = [
                replace(each, {"batch_size": 64, "keep": "last"}) for each in recipes(sizes, settings(many), epochs)
            ]
            steps, cost = many * 5 * epochs * 25, {}
            for together in (True, False):
                rules.mixes = lambda *_, together=together: together
                run = functools.partial(evaluate, ours, data, folds=5, test=False, probes=())
                run()
                cost[together] = statistics.median(clock(run) for _ in range(rounds)) / steps * 1e6
            rules.mixes = chosen = Remembered(by_rule)
            run()
            print(
                f"{'-'.join(map(str, sizes)):>12} {many:>8} {cost[True]:>12.1f} {cost[False]:>9.1f} "
                f"{'one' if chosen.answer else 'per fold':>29}",
                flush=True,
            )
    rules.mixes = by_rule


class Remembered:
    """A function that keeps its last answer."""

    def __init__(self, function):
        self.function, self.answer = function, None

    def __call__(self, *arguments):
        self.answer = self.function(*arguments)
        return self.answer


def folds():
    """1,000 configurations x 5 folds on digits in one call; everything else is the default of `Recipe`."""
    import numpy as np

    import fallline as fl

    data = fl.load("sklearn:digits")
    rng = np.random.default_rng(0)
    ours = [
        fl.replace(
            fl.Recipe(),
            {
                "optimizer.learning_rate.peak": float(10 ** rng.uniform(-4, -1)),
                "penalty.strength": float(10 ** rng.uniform(-6, -2)),
                "model.dropout": float(rng.uniform(0, 0.5)),
            },
        )
        for _ in range(1000)
    ]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    population = fl.evaluate(ours, data, folds=5)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    report = population.report
    scores = population.mean_score()
    print(f"1,000 configurations x 5 folds: {report.seconds:.0f} s, {report.lane_epochs:,} epochs, {report}")
    print(
        f"best mean validation loss {scores.min():.4f} at {population.recipes[population.best].optimizer.learning_rate}"
    )
    print(f"peak memory {memory:.0f} MB ({before:.0f} MB before)")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "part", nargs="?", default="all", choices=["all", "compare", "lanes", "widths", "mixed", "folds", "one"]
    )
    parser.add_argument("rest", nargs="*", help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    if arguments.part == "one":
        one(arguments.rest[0], int(arguments.rest[1]), int(arguments.rest[2]))
        return
    with tempfile.TemporaryDirectory() as cache:  # an empty cache, so that timings with compilation really compile
        os.environ["FALLLINE_CACHE"] = cache
        if arguments.part in ("all", "compare"):
            compare(arguments.rounds)
        if arguments.part in ("all", "lanes"):
            lanes(arguments.rest)
        if arguments.part in ("all", "widths"):
            widths(arguments.rounds)
        if arguments.part in ("all", "mixed"):
            mixed(arguments.rounds)
        if arguments.part in ("all", "folds"):
            folds()


if __name__ == "__main__":
    main()
