"""The gradient check: its speed beside loops over coordinates, the gradients of all blocks, and the error over the step.

python benchmarks/gradients.py check                       two networks, side by side in one process
python benchmarks/gradients.py blocks                      every loss x activation x normalisation x penalty, 5 seeds
python benchmarks/gradients.py picture docs/gradients.svg  the error against h, drawn
"""

import argparse
import importlib.util
import itertools
import statistics
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial

from fallline.gradients import check_gradient, step_errors, traced

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(128, 64))


def problem(sizes, count):
    """A ReLU network's cross-entropy, written once for NumPy and JAX, and its params."""
    rows, hit = RNG.normal(size=(count, sizes[0])), np.eye(sizes[-1])[RNG.integers(0, sizes[-1], count)]

    def cost(p, np=jnp):
        h = rows
        for k in range(1, len(sizes)):
            z = h @ p[f"dense_{k}"]["weight"] + p[f"dense_{k}"]["bias"]
            h = np.maximum(z, 0.0)
        top = z.max(axis=1)
        return np.mean(np.log(np.sum(np.exp(z - top[:, None]), axis=1)) + top - np.sum(hit * z, axis=1))

    params = {
        f"dense_{k}": {"weight": RNG.normal(size=(a, b)) * np.sqrt(2 / a), "bias": np.zeros(b)}
        for k, (a, b) in enumerate(itertools.pairwise(sizes), start=1)
    }
    return cost, params


def loop(f, p, coordinates, h=6e-6):
    """The naive implementation: two calls per coordinate."""
    began = time.perf_counter()
    count = 0
    for layer in p.values():
        for array in layer.values():
            flat = array.reshape(-1)
            for i in range(flat.size):
                if count == coordinates:
                    break
                before = flat[i]
                flat[i] = before + h
                up = float(f(p))
                flat[i] = before - h
                _ = (up - float(f(p))) / (2 * h)
                flat[i] = before
                count += 1
    return (time.perf_counter() - began) / count


def seconds(f):
    began = time.perf_counter()
    f()
    return time.perf_counter() - began


def everything(f, p):
    """The check with the whole function evaluated for every shift."""
    before, traced.WORK = traced.WORK, 1 << 62
    found = check_gradient(f, p)
    traced.WORK = before
    return found


def losses_alone(evaluations, rows, classes, lanes=64):
    """Seconds for the losses alone of a number of perturbed logits, as if spread ideally over the cores."""

    def losses(z, d, w, hit):
        z = z[:, :, None] + d[:, None, :] * w
        top = z.max(axis=1)
        return jnp.mean(jnp.log(jnp.sum(jnp.exp(z - top[:, None]), axis=1)) + top - jnp.sum(hit * z, axis=1), axis=0)

    with jax.enable_x64(True):
        f = jax.jit(losses)
        given = (
            RNG.normal(size=(rows, classes)),
            1e-3 * RNG.normal(size=(rows, lanes)),
            RNG.normal(size=(classes, lanes)),
        )
        hit = np.eye(classes)[RNG.integers(0, classes, rows)][:, :, None]
        f(*given, hit)
        least = min(seconds(lambda: f(*given, hit).block_until_ready()) for _ in range(300))
    return least * evaluations / lanes / len(jax.devices())


def check():
    for sizes, rows in (((64, 32, 10), 128), ((64, 128, 64, 10), 32)):
        side_by_side(sizes, rows)


def side_by_side(sizes, rows):
    cost, p = problem(sizes, rows)
    total = sum(leaf.size for leaf in jax.tree.leaves(p))
    f = Partial(cost)
    ways = {"by change": check_gradient, "everything": everything}
    first = {name: seconds(lambda way=way: way(f, p)) for name, way in ways.items()}
    by_change, anew = check_gradient(f, p), everything(f, p)
    assert by_change.right, by_change.verdict
    assert anew.right, anew.verdict
    apart = max(np.max(np.abs(a.numerical - b.numerical)) for a, b in zip(by_change.arrays, anew.arrays, strict=True))
    # Timed one after another, since the threads of NumPy's products keep a core busy for a while after each call.
    times = {name: [seconds(lambda way=way: way(f, p)) for _ in range(9)] for name, way in ways.items()}
    with jax.enable_x64(True):
        compiled = jax.jit(cost)
        compiled(p)
        cost(p)
        loops = {
            "NumPy": (lambda p: cost(p, np), 2000),
            "JAX, compiled": (compiled, 300),
            "JAX, not compiled": (cost, 50),
        }
        for name, (g, some) in loops.items():
            times[name] = [loop(g, p, some) * total for _ in range(5)]
    medians = {name: statistics.median(each) for name, each in times.items()}
    print(f"{'-'.join(map(str, sizes))}, {total:,} parameters, {rows} examples")
    print(
        f"  the loops evaluate {2 * total:,} times (timed on 50 to 2,000 coordinates), the check {by_change.evaluations:,}"
    )
    for name in ways:
        print(
            f"  check_gradient(Partial(cost), p), {name:<10} {medians[name]:7.4f} s; the first time {first[name]:.2f} s"
        )
    print(f"    slopes of the two ways differ by at most {apart:.1e}")
    for name in loops:
        ratios = [medians[name] / medians[way] for way in ways]
        print(f"  loop over {name:<18} {medians[name]:7.3f} s: {ratios[0]:6.1f} and {ratios[1]:6.1f} times the check")
    bound = losses_alone(2 * total, rows, sizes[-1])
    print(
        f"  the losses of so many logits alone {bound:.4f} s: the NumPy loop takes {medians['NumPy'] / bound:.0f} times that"
    )


def blocks():
    path = Path(__file__).parents[1] / "tests/checking/test_blocks.py"
    spec = importlib.util.spec_from_file_location("blocks", path)
    theirs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(theirs)
    began, wrong, worst = time.perf_counter(), [], 0.0
    for choice in theirs.COMBINATIONS:
        check = theirs.checked(choice)
        worst = max(worst, check.worst.relative_error)
        if not check.right:
            wrong.append((choice, check.verdict))
    seconds = time.perf_counter() - began
    print(
        f"{len(theirs.COMBINATIONS):,} combinations, {theirs.SEEDS} seeds each: {len(wrong)} wrong, worst error {worst:.1e}"
    )
    print(f"{seconds:.0f} s")
    for each in wrong[:10]:
        print(each)


def picture(path: Path):
    from fallline.report.step_figure import step_figure

    p = {"weight": RNG.normal(size=(64, 3)) / 8, "bias": RNG.normal(size=3)}

    def f(p):
        return jnp.mean(jnp.sum(jnp.tanh(ROWS @ p["weight"] + p["bias"]) ** 2, axis=1))

    with jax.enable_x64(True):
        right = jax.tree.map(np.asarray, jax.jit(jax.grad(f))(p))
    found = step_errors(f, p, right)
    path.write_text(step_figure(found).svg(), encoding="utf-8")
    k = int(np.argmin(found.central))
    print(f"least error of the central difference {found.central[k]:.1e} at h = {found.steps[k]:.1e};")
    print(f"of the forward difference {min(found.forward):.1e}; at the steps taken by default {found.chosen_error:.1e}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("check", "blocks", "picture"))
    parser.add_argument("path", nargs="?", type=Path, default=Path("gradients.svg"))
    given = parser.parse_args()
    picture(given.path) if given.what == "picture" else {"check": check, "blocks": blocks}[given.what]()


if __name__ == "__main__":
    main()
