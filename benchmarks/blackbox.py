"""Methods without gradients: evaluations to a tolerance, the speed of a generation, a perceptron; docs/blackbox.md.

python benchmarks/blackbox.py functions [--dimensions 10] [--function sphere] [--method cma_es] [--evaluations 300000]
                                                              evaluations to a tolerance, of every method or of one
python benchmarks/blackbox.py generation                      10,000 evaluations, mapped and in a Python loop
python benchmarks/blackbox.py perceptron                      breast_cancer, with gradients and without
python benchmarks/blackbox.py lqr                             50 seeds of a linear regulator
"""

import argparse
import itertools
import time

import jax
import jax.numpy as jnp
import numpy as np

import fallline as fl
from fallline.blackbox import minimize
from fallline.blackbox.objectives import Mapped
from fallline.blackbox.origin import origin_of
from fallline.core.block import as_arrays, replace
from fallline.methods import ARS, BRS, CMAES, SPSA, FiniteDifference, OpenAIES
from fallline.optimizers import SGD, Adam
from fallline.schedules import Cosine

SEEDS = 5
TOLERANCES = (1e-3, 1e-8)


def sphere(x):
    return jnp.sum(x**2)


def ellipsoid(x):
    return jnp.sum(10.0 ** jnp.linspace(0, 6, x.size) * x**2)


def rosenbrock(x):
    return jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


FUNCTIONS = {"sphere": (sphere, 1.0), "ellipsoid 10^6": (ellipsoid, 1.0), "Rosenbrock": (rosenbrock, 0.0)}


def members(d):
    """Name, method, path of its step, candidate steps, and whether the step falls (over several candidate lengths)."""
    n = 8 if d <= 10 else 32
    fine = {"noise": 1e-4, "directions": n}
    slopes = np.logspace(-7, 0, 15)
    return [
        ("finite_difference", FiniteDifference(**fine), "step", slopes, False),
        ("spsa", SPSA(noise=1e-3), "step", np.logspace(-6, 1, 15), False),
        ("brs", BRS(**fine), "step", slopes * 1e4, False),
        ("ars, b = N", ARS(step=Cosine(0.1), **fine), "step.peak", np.logspace(-3, 0, 10), True),
        ("ars, b = N / 2", ARS(step=Cosine(0.1), kept=n // 2, **fine), "step.peak", np.logspace(-3, 0, 10), True),
        ("openai_es", OpenAIES(optimizer=Adam(Cosine(0.1)), **fine), "optimizer.learning_rate.peak",
         np.logspace(-3, 0, 10), True),
    ]  # fmt: skip


def lanes(f, x0, method, path, steps, falls, budget):
    """Evaluations to each tolerance, per step, length and seed; inf if the tolerance is not reached."""
    n = method.candidates(len(x0))
    iterations = budget // n
    lengths = [iterations // 16, iterations // 4, iterations] if falls else [iterations]
    grid = list(itertools.product(steps, lengths))
    choices = [as_arrays(replace(method, {path: float(step)}), np.float64) for step, _ in grid]
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *choices)

    @jax.jit
    def walk(method, length, seed):
        def iteration(carry, t):
            state, hit = carry
            state = method.tell(state, jax.vmap(f)(method.ask(state)))
            value = f(state.point)
            reached = value < jnp.array(TOLERANCES)
            return (state, jnp.where(reached & jnp.isinf(hit), (t + 1.0) * n, hit)), None

        begun = method.start(jnp.asarray(x0), jax.random.key(seed), length)
        (_, hit), _ = jax.lax.scan(iteration, (begun, jnp.full(len(TOLERANCES), jnp.inf)), jnp.arange(iterations))
        return hit

    over_seeds = jax.vmap(walk, (None, None, 0))
    found = jax.vmap(over_seeds, (0, 0, None))(stacked, np.array([float(b) for _, b in grid]), np.arange(SEEDS))
    return grid, np.asarray(found)


def functions(dimensions, budget, function=None, only=None):
    print(f"d = {dimensions}; at most {budget:,} evaluations; median (all {SEEDS} seeds) at the best step of a grid")
    for name, (f, begin) in FUNCTIONS.items() if function is None else [(function, FUNCTIONS[function])]:
        x0 = np.full(dimensions, begin)
        with jax.enable_x64(True):
            for label, method, path, steps, falls in members(dimensions):
                if only not in (None, label):
                    continue
                grid, found = lanes(f, x0, method, path, steps, falls, budget)
                cells = []
                for each in range(len(TOLERANCES)):
                    best = min(
                        range(len(grid)),
                        key=lambda i: (np.median(found[i, :, each]), np.sort(found[i, :, each]).tolist()),
                    )
                    hits = np.sort(found[best, :, each])
                    cells.append(cell(hits) + ("" if np.isinf(hits[0]) else f" at {grid[best][0]:.2g}"))
                print(f"{name:15} {label:18} " + " | ".join(cells), flush=True)
        if only not in (None, "cma_es"):
            continue
        hits = [[], []]
        for seed in range(SEEDS if dimensions <= 10 else 3):
            run = minimize(f, x0, CMAES(noise=0.5), evaluations=budget, target=TOLERANCES[-1], seed=seed)
            for each, tolerance in enumerate(TOLERANCES):
                there = np.flatnonzero(run.history["best"] <= tolerance)
                hits[each].append(float(run.history["evaluations"][there[0]]) if len(there) else np.inf)
        print(f"{name:15} {'cma_es':18} " + " | ".join(cell(np.sort(each)) for each in hits), flush=True)


def cell(hits):
    def show(x):
        return "-" if np.isinf(x) else f"{int(x):,}"

    middle = np.sort(hits)[len(hits) // 2]
    return f"{show(middle)} ({' '.join(show(each) for each in hits)})"


def generation():
    """Time 10,000 evaluations: as one program, as in `minimize`, and as loops over the JAX function as it is, over the
    compiled function and over the NumPy function."""
    rng = np.random.default_rng(0)
    data, target = rng.normal(size=(64, 10)), rng.normal(size=64)

    def network(w, xp=jnp):
        hidden = xp.tanh(data @ w[:160].reshape(10, 16) + w[160:176])
        return xp.mean((hidden @ w[176:192] + w[192] - target) ** 2)

    def numpy_rosenbrock(x):
        return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)

    for name, f, plain, d in (
        ("Rosenbrock, 10 dimensions", rosenbrock, numpy_rosenbrock, 10),
        ("Rosenbrock, 100 dimensions", rosenbrock, numpy_rosenbrock, 100),
        ("10-16-1 network on 64 rows", network, lambda w: network(w, np), 193),
    ):
        x = rng.normal(size=(10_000, d))
        with jax.enable_x64(True):
            mapped = jax.jit(Mapped(f, origin_of(x[0]), maximize=False).rows)
            on_device, rows = jnp.asarray(x), list(x)
            seconds = {
                "mapped": clock(lambda m=mapped, x=on_device: jax.block_until_ready(m(x)), 20),
                # This loop is slow, so a part of the evaluations is timed and scaled up.
                "loop, JAX": 10_000 / 300 * clock(looped(f, list(on_device[:300])), 3),
                "loop, compiled JAX": clock(looped(jax.jit(f), rows), 3),
                "loop, NumPy": clock(looped(plain, rows), 3),
            }
        ratios = ", ".join(f"{label} {s * 1e3:.1f} ms ({s / seconds['mapped']:.0f} x)" for label, s in seconds.items())
        print(f"{name}: {ratios}", flush=True)


def looped(f, rows):
    """A Python loop over the values of a function."""
    return lambda: [float(f(row)) for row in rows]


def clock(run, times):
    """Duration of the fastest of a number of runs in seconds, after a warm-up run."""
    run()
    found = []
    for _ in range(times):
        began = time.perf_counter()
        run()
        found.append(time.perf_counter() - began)
    return min(found)


def perceptron():
    """Mean accuracy on held-out rows, over ten seeds each."""
    data = fl.load("sklearn:breast_cancer")
    rows = {part: len(getattr(data.dataset, part)) for part in ("valid", "test")}
    rules = {
        "gradient (SGD)": SGD(Cosine(0.3)),
        "gradient (Adam)": Adam(Cosine(3e-3)),
        "finite_difference": FiniteDifference(step=Cosine(0.3), directions=32),
        "spsa": SPSA(step=1.0, directions=8),
        "brs": BRS(step=Cosine(1.0)),
        "ars": ARS(step=Cosine(0.02)),
        "openai_es": OpenAIES(optimizer=Adam(Cosine(0.03))),
    }
    for name, rule in rules.items():
        recipe = fl.Recipe(model=fl.MLP(hidden=()), optimizer=rule, encoding=None, epochs=60, patience=None)
        runs = [fl.train(recipe, data, seed=seed) for seed in range(10)]
        test = np.array([run.metrics["test"]["accuracy"] for run in runs])
        held = [sum(run.metrics[part]["accuracy"] * n for part, n in rows.items()) / sum(rows.values()) for run in runs]
        loss = np.mean([run.metrics["train"]["loss"] for run in runs])
        print(
            f"{name:18} held-out {np.mean(held):.4f}  test {test.mean():.4f} (all {np.round(np.sort(test), 3).tolist()})  "
            f"train loss {loss:.4f}  evaluations {int(runs[0].history['evaluations'][-1]):,}",
            flush=True,
        )


def lqr(seeds=50, iterations=400):
    """V1 on the regulator from the tests, with all seeds in one population; costs are compared with the best static gain."""
    import sys
    from pathlib import Path

    sys.path.append(str(Path(__file__).parents[1] / "tests" / "methods"))
    from regulator import best_static, expected_cost, population

    best = best_static()
    costs = np.array([expected_cost(K) for K in population(seeds, iterations)])
    ratio = np.sort(costs / best)
    stable = int((ratio < 10).sum())
    print(f"stabilised {stable} of {seeds}; cost / best static gain: median {np.median(ratio):.3f}")
    print("all:", np.round(ratio, 3).tolist())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("functions", "generation", "perceptron", "lqr"))
    parser.add_argument("--dimensions", type=int, default=10)
    parser.add_argument("--function", choices=FUNCTIONS)
    parser.add_argument("--method", help="as the table names it; by default all")
    parser.add_argument("--evaluations", type=int, help="at most; by default 20,000 to 10 dimensions and 100,000 above")
    asked = parser.parse_args()
    if asked.what == "functions":
        budget = asked.evaluations or (20_000 if asked.dimensions <= 10 else 100_000)
        functions(asked.dimensions, budget, asked.function, asked.method)
    else:
        {"generation": generation, "perceptron": perceptron, "lqr": lqr}[asked.what]()
