"""The gradient check exactly at kinks: correct subgradients must pass, and slopes that neither side has must be found.

    python benchmarks/kinks.py [POINTS] [--seed SEED]

Every point is a random function of a few kinked terms with curvature, at a place where each term is at its kink; its gradient
is derived by hand from those of the terms. Half of the points come from seed 0, on which the check's tolerances were chosen,
and the others from SEED. Prints, by family, the number of points, false alarms, planted faults and missed faults.
"""

import argparse
from collections.abc import Callable, Iterator
from typing import NamedTuple

import jax
import numpy as np

from fallline.gradients import GradientCheck, check_gradient

Slope = tuple[float, float]  # below and above


class Case(NamedTuple):
    """A function of a vector, a point, and the smallest and largest correct slopes there."""

    family: str
    f: Callable[[np.ndarray], float]
    x: np.ndarray
    low: np.ndarray
    high: np.ndarray


def _elementwise(rng: np.random.Generator) -> dict[str, tuple[Callable[[np.ndarray], np.ndarray], float, Slope]]:
    """By name: a function of one number, its kink, and the slopes on either side."""
    a, e = rng.uniform(0.05, 3.0), 10.0 ** rng.uniform(-9, -2)
    c, s = rng.normal(), 10.0 ** rng.uniform(-1, 1.5)

    def expm1(z: np.ndarray) -> np.ndarray:
        return np.expm1(np.minimum(z, 0.0))

    return {
        "relu": (lambda z: np.maximum(z, 0.0), 0.0, (0.0, 1.0)),
        "absolute value": (np.abs, 0.0, (-1.0, 1.0)),
        "leaky relu": (lambda z: np.where(z > 0, z, a * z), 0.0, (a, 1.0)),
        "elu": (lambda z: np.where(z > 0, z, a * expm1(z)), 0.0, (a, 1.0)),
        "selu": (lambda z: 1.0507 * np.where(z > 0, z, 1.67326 * expm1(z)), 0.0, (1.0507 * 1.67326, 1.0507)),
        "hard sigmoid": (lambda z: np.clip(z / 6 + 0.5, 0.0, 1.0), 3.0, (1 / 6, 0.0)),
        "hard swish": (lambda z: z * np.clip(z / 6 + 0.5, 0.0, 1.0), -3.0, (0.0, -0.5)),
        "clip": (lambda z: np.clip(z, -a, a), a, (1.0, 0.0)),
        "hinge": (lambda z: np.maximum(0.0, 1.0 - z), 1.0, (-1.0, 0.0)),
        "squared hinge": (lambda z: np.maximum(0.0, 1.0 - z) ** 2, 1.0, (0.0, 0.0)),
        "epsilon-insensitive": (lambda z: np.maximum(0.0, np.abs(z) - a), -a, (-1.0, 0.0)),
        "pinball": (lambda z: np.where(z > 0, a * z, (a - 4.0) * z), 0.0, (a - 4.0, a)),
        "tanh of |x|": (lambda z: np.tanh(s * np.abs(z)), 0.0, (-s, s)),
        "square root of |x|": (lambda z: np.sqrt(np.abs(z) + e), 0.0, (-0.5 / np.sqrt(e), 0.5 / np.sqrt(e))),
        "exp of |x|": (lambda z: np.exp(s * np.abs(z - c)), c, (-s, s)),
        "|sin|": (lambda z: np.abs(np.sin(s * z)), 0.0, (-s, s)),
        "x|x|": (lambda z: z * np.abs(z), 0.0, (0.0, 0.0)),
        "ties of max": (lambda z: np.maximum(np.exp(a * z), np.exp(-s * z)), 0.0, (-s, a)),
        "ties of min": (lambda z: np.minimum(np.exp(a * z), np.cos(z) - s * z), 0.0, (a, -s)),
    }


def _whole(rng: np.random.Generator) -> dict[str, tuple[Callable[[np.ndarray], float], np.ndarray, Slope]]:
    """By name: a function of a vector, a point at which all of its entries tie, and the slopes of each on either side."""
    n, t, a = int(rng.integers(3, 7)), rng.normal(), rng.uniform(0.2, 3.0)
    odd = n | 1
    w = np.arange(1.0, n + 1)
    return {
        "norm at 0": (lambda x: float(np.sinh(a * np.linalg.norm(x))), np.zeros(n), (-a, a)),
        "max pool": (lambda x: float(np.exp(a * np.max(x))), np.full(n, t), (0.0, a * np.exp(a * t))),
        "min": (lambda x: float(np.exp(a * np.min(x))), np.full(n, t), (a * np.exp(a * t), 0.0)),
        "median": (lambda x: float(np.sin(np.median(x))), np.full(odd, t), (0.0, 0.0)),
        "sort": (lambda x: float(w @ np.tanh(np.sort(x))), np.full(n, t), _scaled(1.0, n, 1 / np.cosh(t) ** 2)),
        "largest size": (lambda x: float(np.expm1(a * np.max(np.abs(x)))), np.zeros(n), (-a, a)),
        "maxout": (
            lambda x: float(np.square(1.0 + np.max(np.stack([x, 2 * x, -a * x]), axis=0)).sum()),
            np.zeros(n),
            (-2 * a, 4.0),
        ),
    }


def _scaled(low: float, high: float, by: float) -> Slope:
    return low * by, high * by


def cases(count: int, seed: int = 0) -> Iterator[Case]:
    """The requested number of points, alternating between families; the same seed yields the same points."""
    single, whole = list(_elementwise(np.random.default_rng(0))), list(_whole(np.random.default_rng(0)))
    names = [*single, *whole, "products", "relu networks"]
    for k in range(count):
        rng, name = np.random.default_rng([seed, k]), names[k % len(names)]
        if name == "products":
            yield _product(rng)
        elif name == "relu networks":
            yield _network(rng)
        elif name in single:
            yield _terms(rng, name)
        else:
            f, x, (one, other) = _whole(rng)[name]
            yield Case(name, f, x, np.full(len(x), min(one, other)), np.full(len(x), max(one, other)))


def _outer(rng: np.random.Generator) -> tuple[Callable[[float], float], Callable[[float], float]]:
    """A smooth function with curvature, and its slope."""
    b = 10.0 ** rng.uniform(-1, 0.5)
    return [
        (lambda u: np.exp(b * u), lambda u: b * np.exp(b * u)),
        (lambda u: np.sin(u) + b * u**2, lambda u: np.cos(u) + 2 * b * u),
        (lambda u: np.log1p(b * u**2) + u, lambda u: 2 * b * u / (1 + b * u**2) + 1),
        (lambda u: u, lambda u: 1.0),
    ][int(rng.integers(4))]


def _terms(rng: np.random.Generator, name: str) -> Case:
    """A smooth function of a weighted sum of one kinked function of every entry, plus a steep smooth term."""
    f, at, sides = _elementwise(rng)[name]
    n = int(rng.integers(1, 5))
    w, (g, slope), steep = rng.normal(size=n), _outer(rng), 10.0 ** rng.uniform(-1, 2)
    x = np.full(n, at)

    def inner(x: np.ndarray) -> float:
        return float(w @ f(x)) / n

    def whole(x: np.ndarray) -> float:
        return float(g(inner(x)) + np.sum(np.cos(steep * (x - at) + 0.3)) / 10)

    ends = np.stack([slope(inner(x)) * w / n * side for side in sides]) - 0.1 * steep * np.sin(0.3)
    return Case(name, whole, x, ends.min(axis=0), ends.max(axis=0))


def _product(rng: np.random.Generator) -> Case:
    """The product of two kinked functions of one number, both at their kinks, and a smooth function."""
    known = [each for each in _elementwise(rng).values() if each[1] == 0.0]
    (f, _, of_f), (g, _, of_g) = (known[i] for i in rng.integers(0, len(known), 2))
    p, q, b = *rng.normal(size=2), rng.uniform(0.5, 5.0)
    zero = np.zeros(1)

    def whole(x: np.ndarray) -> float:
        return float(((p + f(x)) * (q + g(x)) * np.exp(b * x))[0])

    at_f, at_g = p + f(zero)[0], q + g(zero)[0]
    ends = [s * at_g + r * at_f + b * at_f * at_g for s, r in zip(of_f, of_g, strict=True)]
    return Case("products", whole, zero, np.array([min(ends)]), np.array([max(ends)]))


def _network(rng: np.random.Generator) -> Case:
    """The biases of a ReLU layer at 0, with an input row of zeros: the derived slope is that of the left side."""
    n = int(rng.integers(2, 6))
    v, t = rng.normal(size=n), rng.normal()
    # The other rows are smooth in the biases: their units are far from the kink.
    rows = np.where(rng.random((4, n)) < 0.5, -1.0, 1.0) * rng.uniform(0.5, 2.0, (4, n))
    z = np.concatenate([np.zeros((1, n)), rows])

    def f(b: np.ndarray) -> float:
        return float(np.mean(np.square(np.maximum(z + b, 0.0) @ v - t)))

    d = 2 * (np.maximum(z, 0.0) @ v - t) / len(z)
    base = ((z > 0) * d[:, None]).sum(axis=0) * v
    ends = np.stack([base, base + d[0] * v])
    return Case("relu networks", f, np.zeros(n), ends.min(axis=0), ends.max(axis=0))


def given(case: Case, k: int) -> np.ndarray:
    """A correct subgradient: the slopes of one side, their middle, or any values in between."""
    share = (0.0, 1.0, 0.5, float(np.random.default_rng(k).random()))[k % 4]
    return case.low + share * (case.high - case.low)


def faulty(case: Case, k: int) -> np.ndarray:
    """The same with one slope outside the range of both sides, by a hundredth of their size or more."""
    rng = np.random.default_rng([k, 1])
    planted = given(case, k)
    i = int(rng.integers(len(planted)))
    size = max(abs(case.low[i]), abs(case.high[i]), 1e-3)
    by = size * 10.0 ** rng.uniform(-2, 1)
    planted[i] = case.high[i] + by if rng.random() < 0.5 else case.low[i] - by
    return planted


def checked(case: Case, gradient: np.ndarray) -> GradientCheck:
    return check_gradient(case.f, case.x, gradient)


def main(count: int, seed: int) -> None:
    # A NumPy function is first tried as a JAX function; removing JAX's own frames from that error takes a fifth of the time.
    jax.config.update("jax_traceback_filtering", "off")
    tally: dict[str, list[int]] = {}
    for own, points in ((0, count - count // 2), (seed, count // 2)):
        for k, case in enumerate(cases(points, own)):
            found = tally.setdefault(case.family, [0, 0, 0])
            right, wrong = checked(case, given(case, k)), checked(case, faulty(case, k))
            found[0] += 1
            found[1] += not right.right
            found[2] += wrong.outcome != "wrong"
            if not right.right:
                print(f"false alarm, seed {own}, point {k}, {case.family}: {right.verdict}", flush=True)
            if wrong.outcome != "wrong":
                print(f"missed, seed {own}, point {k}, {case.family}: {wrong.verdict}", flush=True)
    print(f"{'family':<22}{'points':>8}{'false alarms':>14}{'faults missed':>15}")
    tally["all"] = np.sum(list(tally.values()), axis=0).tolist()
    for name, (points, alarms, missed) in tally.items():
        print(f"{name:<22}{points:>8,}{alarms:>14,}{missed:>15,}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("points", nargs="?", type=int, default=10_000, help="how many (10,000)")
    parser.add_argument("--seed", type=int, default=1, help="of the second half of the points (1)")
    chosen = parser.parse_args()
    main(chosen.points, chosen.seed)
