"""How sharp a minimum is: the largest and smallest eigenvalue of the Hessian, and its trace, from products with vectors."""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jaxtyping import Array, Float

from fallline.core.tree import Tree
from fallline.lab.directions import to_params, to_vector
from fallline.lab.network import NetworkOnRows, loss_at
from fallline.training.recipe import Recipe

STEPS = 20  # of Lanczos: the largest eigenvalue is then exact to 1e-3 even in a flat bulk, and outliers to rounding
DRAWS = (20, 100)  # fewest and most vectors of Hutchinson's estimate
EXACT = 0.02  # relative error of the trace at which no more vectors are drawn
ROUNDING = 1e-6  # relative error of products in float32
ROWS = 2048  # most rows of the products

Product = Callable[[Float[np.ndarray, " n"]], Float[np.ndarray, " n"]]


@dataclasses.dataclass(frozen=True)
class Sharpness:
    """The curvature of the loss at a network.

    Arguments:
        largest: the largest eigenvalue of the Hessian; the true one is at least this.
        smallest: the smallest; the true one is at most this.
        largest_error, smallest_error: an eigenvalue lies within this distance.
        trace: estimate of the sum of all eigenvalues.
        trace_error: its standard error.
        draws: number of random vectors behind the estimate.
        steps: number of steps of Lanczos.
        rows: rows of the loss: the same in every product.
        parameters: number of parameters, and so of eigenvalues.
    """

    largest: float
    smallest: float
    largest_error: float
    smallest_error: float
    trace: float
    trace_error: float
    draws: int
    steps: int
    rows: int
    parameters: int

    def to_plain(self) -> dict[str, Any]:
        """The numbers as plain data."""
        return dataclasses.asdict(self)


def sharpness_of(network: NetworkOnRows, seed: int = 0) -> Sharpness:
    """The curvature of the loss by the parameters, in prediction mode, on at most 2048 rows of the network."""
    network = network.few(ROWS)
    like = network.weights["params"]
    n = sum(leaf.size for leaf in jax.tree.leaves(like))
    product = products(network)
    ends = extremes(product, n, STEPS, seed)
    trace, error, draws = hutchinson(product, n, seed)
    return Sharpness(*ends, trace, error, draws, min(STEPS, n), len(network.x), n)


def products(network: NetworkOnRows) -> Product:
    """The products of the Hessian of a network's loss with vectors."""
    model, like = network.model, network.weights["params"]

    def product(v: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        found = _product(
            model.task, model.outputs, network.recipe, like, to_params(v, like), network.weights["stats"], network.x,
            network.y, network.weight,
        )  # fmt: skip
        return to_vector(found)

    return product


@functools.partial(jax.jit, static_argnums=(0, 1))
def _product(
    task: str, outputs: int, recipe: Recipe, params: Tree, v: Tree, stats: Tree, x: Array, y: Array, weight: Array
) -> Tree:
    def loss(params: Tree) -> Float[Array, ""]:
        return loss_at(task, outputs, recipe, params, stats, x, y, weight)

    return jax.jvp(jax.grad(loss), (params,), (v,))[1]


def extremes(product: Product, n: int, steps: int, seed: int) -> tuple[float, float, float, float]:
    """The largest and the smallest eigenvalue and how near an eigenvalue is to each, by Lanczos with full
    reorthogonalisation.

        H q_j = beta_j-1 q_j-1 + alpha_j q_j + beta_j q_j+1

    The eigenvalues of the tridiagonal matrix lie within those of H, so the largest is a lower bound. An eigenvalue of H is
    within beta_k times the last entry of its vector.

    Source: Lanczos, 1950; Paige, 1972, for the error.

    >>> H = np.diag(np.arange(-3.0, 40.0))
    >>> [round(each, 3) for each in extremes(lambda v: H @ v, len(H), 30, 0)][:2]
    [39.0, -3.0]
    """
    steps = min(steps, n)
    q = np.random.default_rng(seed).standard_normal(n)
    basis = [q / np.linalg.norm(q)]
    alpha, beta = [], []
    for _ in range(steps):
        w = np.asarray(product(basis[-1]), np.float64)
        alpha.append(float(w @ basis[-1]))
        for _ in range(2):  # twice is enough
            for each in basis:
                w -= (w @ each) * each
        beta.append(float(np.linalg.norm(w)))
        if not beta[-1] > 1e-7 * max(abs(each) for each in (*alpha, *beta, 1e-30)) or not math.isfinite(beta[-1]):
            break
        basis.append(w / beta[-1])
    count = len(alpha)
    matrix = np.diag(alpha) + np.diag(beta[: count - 1], 1) + np.diag(beta[: count - 1], -1)
    if not np.isfinite(matrix).all():
        return (math.nan,) * 4
    values, vectors = np.linalg.eigh(matrix)
    errors = np.maximum(beta[count - 1] * np.abs(vectors[-1]), ROUNDING * np.abs(values).max())
    return float(values[-1]), float(values[0]), float(errors[-1]), float(errors[0])


def hutchinson(product: Product, n: int, seed: int) -> tuple[float, float, int]:
    """The trace as a mean of z H z, its standard error, and the number of vectors z with entries of 1 and -1.

    Vectors are drawn until the error is 2 % of the mean, 20 at least and 100 at most.

    Source: Hutchinson, 1990.

    >>> hutchinson(lambda v: 2.0 * v, 5, 0)
    (10.0, 0.0, 20)
    """
    draw = np.random.default_rng([seed, 1])
    found: list[float] = []
    error = math.inf
    while len(found) < DRAWS[0] or (len(found) < DRAWS[1] and error > EXACT * abs(np.mean(found))):
        z = draw.integers(0, 2, n) * 2.0 - 1.0
        found.append(float(z @ product(z)))
        if len(found) > 1:
            error = float(np.std(found, ddof=1) / math.sqrt(len(found)))
    return float(np.mean(found)), error, len(found)
