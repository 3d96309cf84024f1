"""No false alarm: more than fifty formulas with right gradients, derived by hand, each at a random point."""

import zlib

import numpy as np
import pytest
from scipy import linalg, special

from fallline.gradients import check_gradient

RNG = np.random.default_rng(7)
N = 4
A = RNG.normal(size=(N, N))
T = RNG.normal(size=N)
SIGNS = np.where(RNG.normal(size=N) > 0, 1.0, -1.0)
COUNTS = RNG.integers(0, 6, N)
OTHERS = RNG.normal(size=(3, N))


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def softmax(z):
    return np.exp(z - special.logsumexp(z))


def normal(z):
    return np.exp(-z * z / 2) / np.sqrt(2 * np.pi)


def eigen(s):
    values, vectors = np.linalg.eigh(s + s.T)
    return values, vectors


# By name: the function, its gradient, and where: `any` numbers, or `positive` ones; a vector, or a `matrix`.
FORMULAS = {
    # activations
    "sigmoid": (lambda x: np.sum(T * sigmoid(x)), lambda x: T * sigmoid(x) * (1 - sigmoid(x)), "any"),
    "tanh": (lambda x: np.sum(T * np.tanh(x)), lambda x: T / np.cosh(x) ** 2, "any"),
    "relu": (lambda x: np.sum(T * np.maximum(x, 0)), lambda x: T * (x > 0), "any"),
    "leaky relu": (lambda x: np.sum(T * np.where(x > 0, x, 0.1 * x)), lambda x: T * np.where(x > 0, 1, 0.1), "any"),
    "elu": (
        lambda x: np.sum(T * np.where(x > 0, x, np.expm1(np.minimum(x, 0)))),
        lambda x: T * np.where(x > 0, 1, np.exp(np.minimum(x, 0))),
        "any",
    ),
    "softplus": (lambda x: np.sum(T * np.logaddexp(0, x)), lambda x: T * sigmoid(x), "any"),
    "silu": (lambda x: np.sum(T * x * sigmoid(x)), lambda x: T * sigmoid(x) * (1 + x * (1 - sigmoid(x))), "any"),
    "gelu": (lambda x: np.sum(T * x * special.ndtr(x)), lambda x: T * (special.ndtr(x) + x * normal(x)), "any"),
    "softsign": (lambda x: np.sum(T * x / (1 + np.abs(x))), lambda x: T / (1 + np.abs(x)) ** 2, "any"),
    "hard tanh": (lambda x: np.sum(T * np.clip(x, -1, 1)), lambda x: T * (np.abs(x) < 1), "any"),
    # losses
    "squared error": (lambda x: np.mean((x - T) ** 2), lambda x: 2 * (x - T) / N, "any"),
    "absolute error": (lambda x: np.mean(np.abs(x - T)), lambda x: np.sign(x - T) / N, "any"),
    "huber": (lambda x: np.sum(special.huber(0.7, x - T)), lambda x: np.clip(x - T, -0.7, 0.7), "any"),
    "log cosh": (lambda x: np.sum(np.log(np.cosh(x - T))), lambda x: np.tanh(x - T), "any"),
    "hinge": (lambda x: np.sum(np.maximum(0, 1 - SIGNS * x)), lambda x: -SIGNS * (SIGNS * x < 1), "any"),
    "squared hinge": (
        lambda x: np.sum(np.maximum(0, 1 - SIGNS * x) ** 2),
        lambda x: -2 * SIGNS * np.maximum(0, 1 - SIGNS * x),
        "any",
    ),
    "logistic": (lambda x: np.sum(np.logaddexp(0, -SIGNS * x)), lambda x: -SIGNS * sigmoid(-SIGNS * x), "any"),
    "cross-entropy": (lambda x: special.logsumexp(x) - x[2], lambda x: softmax(x) - np.eye(N)[2], "any"),
    "smoothed cross-entropy": (
        lambda x: special.logsumexp(x) - 0.9 * x[2] - 0.1 * np.mean(x),
        lambda x: softmax(x) - 0.9 * np.eye(N)[2] - 0.1 / N,
        "any",
    ),
    "poisson": (lambda x: np.sum(np.exp(x) - COUNTS * x), lambda x: np.exp(x) - COUNTS, "any"),
    "quantile": (
        lambda x: np.sum(np.maximum(0.9 * (T - x), -0.1 * (T - x))),
        lambda x: np.where(x < T, -0.9, 0.1),
        "any",
    ),
    "focal": (
        lambda x: -np.sum((1 - sigmoid(x)) ** 2 * np.log(sigmoid(x))),
        lambda x: (1 - sigmoid(x)) ** 2 * (2 * sigmoid(x) * np.log(sigmoid(x)) - (1 - sigmoid(x))),
        "any",
    ),
    "exponential": (lambda x: np.sum(np.exp(-SIGNS * x)), lambda x: -SIGNS * np.exp(-SIGNS * x), "any"),
    "gamma deviance": (lambda x: np.sum(np.log(x) + 2 / x), lambda x: 1 / x - 2 / x**2, "positive"),
    "kullback-leibler": (lambda x: np.sum(x * np.log(x / 0.3)), lambda x: np.log(x / 0.3) + 1, "positive"),
    "cauchy": (lambda x: np.sum(np.log1p((x - T) ** 2)), lambda x: 2 * (x - T) / (1 + (x - T) ** 2), "any"),
    # penalties
    "ridge": (lambda x: 0.05 * np.sum(x**2), lambda x: 0.1 * x, "any"),
    "lasso": (lambda x: 0.1 * np.sum(np.abs(x)), lambda x: 0.1 * np.sign(x), "any"),
    "elastic net": (lambda x: np.sum(0.5 * np.abs(x) + 0.5 * x**2), lambda x: 0.5 * np.sign(x) + x, "any"),
    "norm": (np.linalg.norm, lambda x: x / np.linalg.norm(x), "any"),
    "group lasso": (
        lambda w: np.sum(np.linalg.norm(w, axis=0)),
        lambda w: w / np.linalg.norm(w, axis=0),
        "matrix",
    ),
    "entropy": (
        lambda x: -np.sum(softmax(x) * np.log(softmax(x))),
        lambda x: -softmax(x) * (np.log(softmax(x)) - softmax(x) @ np.log(softmax(x))),
        "any",
    ),
    # linear algebra
    "quadratic form": (lambda x: x @ A @ x, lambda x: (A + A.T) @ x, "any"),
    "least squares": (lambda x: np.sum((A @ x - T) ** 2), lambda x: 2 * A.T @ (A @ x - T), "any"),
    "bilinear form": (lambda w: T @ w @ SIGNS, lambda w: np.outer(T, SIGNS), "matrix"),
    "trace of a product": (lambda w: np.trace(A @ w), lambda w: A.T, "matrix"),
    "frobenius": (lambda w: np.sum((w @ A) ** 2), lambda w: 2 * w @ A @ A.T, "matrix"),
    "determinant": (np.linalg.det, lambda w: np.linalg.det(w) * np.linalg.inv(w).T, "matrix"),
    "log determinant": (lambda w: np.linalg.slogdet(w)[1], lambda w: np.linalg.inv(w).T, "matrix"),
    "inverse": (
        lambda w: np.sum(A * np.linalg.inv(w)),
        lambda w: -np.linalg.inv(w).T @ A @ np.linalg.inv(w).T,
        "matrix",
    ),
    "solution": (
        lambda w: T @ np.linalg.solve(w, SIGNS),
        lambda w: -np.outer(np.linalg.solve(w.T, T), np.linalg.solve(w, SIGNS)),
        "matrix",
    ),
    "nuclear norm": (
        lambda w: np.sum(np.linalg.svd(w)[1]),
        lambda w: linalg.polar(w)[0],
        "matrix",
    ),
    "largest eigenvalue": (
        lambda w: eigen(w)[0][-1],
        lambda w: 2 * np.outer(eigen(w)[1][:, -1], eigen(w)[1][:, -1]),
        "matrix",
    ),
    "matrix exponential": (lambda w: np.trace(linalg.expm(w)), lambda w: linalg.expm(w).T, "matrix"),
    "power of a matrix": (
        lambda w: np.trace(np.linalg.matrix_power(w, 3)),
        lambda w: 3 * (w @ w).T,
        "matrix",
    ),
    # parts of networks
    "mean and deviation": (
        lambda x: np.sum(T * (x - x.mean()) / x.std()),
        lambda x: (T - T.mean() - (x - x.mean()) / x.std() * np.mean(T * (x - x.mean()) / x.std())) / x.std(),
        "any",
    ),
    "root mean square": (
        lambda x: np.sum(T * x / np.sqrt(np.mean(x**2))),
        lambda x: T / np.sqrt(np.mean(x**2)) - x * (T @ x) / N / np.mean(x**2) ** 1.5,
        "any",
    ),
    "largest of pieces": (lambda x: np.max(x[:2]) + np.max(x[2:]), lambda x: _winners(x), "any"),
    "softmax": (lambda x: T @ softmax(x), lambda x: softmax(x) * (T - T @ softmax(x)), "any"),
    "gated": (
        lambda x: np.sum(x * sigmoid(T * x)),
        lambda x: sigmoid(T * x) * (1 + T * x * sigmoid(-T * x)),
        "any",
    ),
    "radial basis": (
        lambda x: np.sum(np.exp(-np.sum((x - OTHERS) ** 2, axis=1))),
        lambda x: -2 * np.exp(-np.sum((x - OTHERS) ** 2, axis=1)) @ (x - OTHERS),
        "any",
    ),
    "cosine similarity": (
        lambda x: T @ x / np.linalg.norm(x),
        lambda x: T / np.linalg.norm(x) - x * (T @ x) / np.linalg.norm(x) ** 3,
        "any",
    ),
    "cumulated sum": (lambda x: np.sum(np.cumsum(x) ** 2), lambda x: 2 * np.cumsum(np.cumsum(x)[::-1])[::-1], "any"),
    "product": (np.prod, lambda x: np.prod(x) / x, "positive"),
    "geometric mean": (
        lambda x: np.exp(np.mean(np.log(x))),
        lambda x: np.exp(np.mean(np.log(x))) / (N * x),
        "positive",
    ),
    "gamma function": (lambda x: np.sum(special.gammaln(x)), special.digamma, "positive"),
    "bessel function": (lambda x: np.sum(special.j0(x)), lambda x: -special.j1(x), "any"),
    "probit": (lambda x: np.sum(special.log_ndtr(x)), lambda x: normal(x) / special.ndtr(x), "any"),
    # surfaces
    "rosenbrock": (
        lambda x: 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2,
        lambda x: np.array(
            [-400 * x[0] * (x[1] - x[0] ** 2) - 2 * (1 - x[0]), 200 * (x[1] - x[0] ** 2), *np.zeros(N - 2)]
        ),
        "any",
    ),
    "rastrigin": (
        lambda x: np.sum(x**2 - 10 * np.cos(2 * np.pi * x)),
        lambda x: 2 * x + 20 * np.pi * np.sin(2 * np.pi * x),
        "any",
    ),
    "styblinski-tang": (
        lambda x: np.sum(x**4 - 16 * x**2 + 5 * x) / 2,
        lambda x: 2 * x**3 - 16 * x + 2.5,
        "any",
    ),
}


def _winners(x):
    return np.concatenate([half == np.max(half) for half in (x[:2], x[2:])]).astype(float)


def test_there_are_more_than_fifty():
    assert len(FORMULAS) > 50


@pytest.mark.parametrize("name", FORMULAS)
def test_no_alarm_where_the_gradient_is_right(name):
    f, gradient, where = FORMULAS[name]
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    x = rng.normal(size=(N, N) if where == "matrix" else N)
    check = check_gradient(f, np.abs(x) + 0.1 if where == "positive" else x, gradient)
    assert check.right, check.verdict
    assert check.worst.relative_error < 1e-6
