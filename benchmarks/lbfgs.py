"""Evaluations of L-BFGS beside SciPy's on the same problems, from the same points, to the same gradient, in float64.

    python benchmarks/lbfgs.py

An evaluation is one value with its gradient; the last column is the ratio of ours to theirs. Each loop evaluates points with
`evaluate`, which reuses the point at which the line search ended.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import scipy.optimize
from jax.flatten_util import ravel_pytree

from fallline.optimizers import LBFGS, evaluate

TOLERANCE = 1e-6  # largest absolute entry of the gradient
STEPS = 400
Problem = tuple[str, Callable[[jax.Array], jax.Array], np.ndarray]


def problems() -> list[Problem]:
    rng = np.random.default_rng(0)

    def rosenbrock(w: jax.Array) -> jax.Array:
        return jnp.sum(100 * (w[1:] - w[:-1] ** 2) ** 2 + (1 - w[:-1]) ** 2)

    def beale(w: jax.Array) -> jax.Array:
        near, middle, far = 1.5 - w[0] + w[0] * w[1], 2.25 - w[0] + w[0] * w[1] ** 2, 2.625 - w[0] + w[0] * w[1] ** 3
        return near**2 + middle**2 + far**2

    def himmelblau(w: jax.Array) -> jax.Array:
        return (w[0] ** 2 + w[1] - 11) ** 2 + (w[0] + w[1] ** 2 - 7) ** 2

    found: list[Problem] = [
        ("Rosenbrock, 2", rosenbrock, np.array([-1.2, 1.0])),
        ("Rosenbrock, 10", rosenbrock, np.tile([-1.2, 1.0], 5)),
        ("Beale", beale, np.array([1.0, 1.0])),
        ("Himmelblau", himmelblau, np.zeros(2)),
    ]
    for condition in (10.0, 1e3):
        scale = np.geomspace(1.0, condition, 20)
        found.append((f"quadratic, condition {condition:g}", lambda w, s=scale: jnp.sum(s * w**2) / 2, np.ones(20)))
    X, y = rng.normal(size=(200, 8)), None
    y = (X @ rng.normal(size=8) + rng.normal(size=200) > 0) * 1.0

    def logistic(w: jax.Array) -> jax.Array:
        return jnp.mean(jnp.logaddexp(0.0, X @ w) - y * (X @ w)) + 5e-4 * w @ w

    found.append(("logistic regression", logistic, np.zeros(8)))
    for seed in range(3):
        draws = np.random.default_rng(seed)
        tree = {"u": draws.normal(size=(8, 6)) / 3, "b": np.zeros(6), "v": draws.normal(size=6) / 3}
        start, unravel = ravel_pytree(tree)

        def network(w: jax.Array, unravel: Callable[[jax.Array], dict[str, jax.Array]] = unravel) -> jax.Array:
            p = unravel(w)
            z = jnp.tanh(X @ p["u"] + p["b"]) @ p["v"]
            return jnp.mean(jnp.logaddexp(0.0, z) - y * z) + 5e-4 * w @ w

        found.append((f"network, seed {seed}", network, np.asarray(start)))
    return found


def ours(f: Callable[[jax.Array], jax.Array], start: np.ndarray) -> tuple[int, int, float]:
    """(steps, evaluations, value) of our rule, in a loop that passes the value and the gradient of each point to it."""
    rule = LBFGS()

    @jax.jit
    def step(w: jax.Array, state: object) -> tuple[jax.Array, object, jax.Array, jax.Array, jax.Array]:
        value, gradient, _, anew = evaluate(f, w, state)
        delta, new = rule.update(gradient, state, w, value=value, objective=f, anew=anew)
        return w + delta, new, value, jnp.max(jnp.abs(gradient)), anew

    w, state = jnp.asarray(start), rule.init(jnp.asarray(start))
    for k in range(STEPS):
        after, new, value, slope, anew = step(w, state)
        if slope <= TOLERANCE:
            return k, int(rule.evaluations(state)) + int(anew), float(value)
        w, state = after, new
    return STEPS, int(rule.evaluations(state)), float(value)


def theirs(f: Callable[[jax.Array], jax.Array], start: np.ndarray) -> tuple[int, int, float]:
    slope = jax.jit(jax.value_and_grad(f))
    found = scipy.optimize.minimize(
        lambda w: tuple(map(np.asarray, slope(w))),
        start,
        jac=True,
        method="L-BFGS-B",
        options={"gtol": TOLERANCE, "ftol": 0.0, "maxcor": 10, "maxiter": STEPS},
    )
    return found.nit, found.nfev, float(found.fun)


def main() -> None:
    print(f"{'problem':<28}{'steps':>7}{'SciPy':>7}{'evaluations':>13}{'SciPy':>7}{'ratio':>7}")
    ratios = []
    for name, f, start in problems():
        (steps, mine, _), (iterations, other, _) = ours(f, start), theirs(f, start)
        ratios.append(mine / other)
        print(f"{name:<28}{steps:>7}{iterations:>7}{mine:>13}{other:>7}{ratios[-1]:>7.2f}")
    print(f"median {np.median(ratios):.2f}")


if __name__ == "__main__":
    with jax.enable_x64(True):
        main()
