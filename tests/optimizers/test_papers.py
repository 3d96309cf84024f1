"""Fifty float64 steps of each rule against a NumPy transcription of its paper's recurrence."""

import jax
import numpy as np
import pytest

import fallline as fl
from fallline.core.block import as_arrays


def sgd(g, w, a):
    while True:
        w = w - a * g(w)
        yield w


def polyak(g, w, a, mu):
    before = w
    while True:
        w, before = w - a * g(w) + mu * (w - before), w
        yield w


def averaged(g, w, a, beta, corrected):
    v, t = 0 * w, 0
    while True:
        t += 1
        v = beta * v + (1 - beta) * g(w)
        w = w - a * (v / (1 - beta**t) if corrected else v)
        yield w


def sutskever(g, u, a, mu):
    """The gradient at u + mu v; the rule's params are that point."""
    v = 0 * u
    while True:
        v = mu * v - a * g(u + mu * v)
        u = u + v
        yield u + mu * v


def duchi(g, w, a, eps):
    total = 0 * w
    while True:
        total = total + g(w) ** 2
        w = w - a * g(w) / (np.sqrt(total) + eps)
        yield w


def zeiler(g, w, rho, eps):
    eg, ed = 0 * w, 0 * w
    rms = lambda mean: np.sqrt(mean + eps)  # noqa: E731
    while True:
        slope = g(w)
        eg = rho * eg + (1 - rho) * slope**2
        dx = -rms(ed) / rms(eg) * slope
        ed = rho * ed + (1 - rho) * dx**2
        w = w + dx
        yield w


def riedmiller(g, w, start, plus, minus, low, high):
    """Rprop with backtracking, weight by weight, as in the paper's figure."""
    size, last, move = np.full_like(w, start), 0 * w, 0 * w
    while True:
        slope = g(w)
        for i in range(w.size):
            if slope[i] * last[i] > 0:
                size[i] = min(size[i] * plus, high)
                move[i] = -np.sign(slope[i]) * size[i]
                last[i] = slope[i]
            elif slope[i] * last[i] < 0:
                size[i] = max(size[i] * minus, low)
                move[i] = -move[i]
                last[i] = 0
            else:
                move[i] = -np.sign(slope[i]) * size[i]
                last[i] = slope[i]
        w = w + move
        yield w


def igel(g, w, start, plus, minus, low, high, wait):
    """iRprop- (wait) and Rprop- (not)."""
    size, last = np.full_like(w, start), 0 * w
    while True:
        slope = g(w)
        held = slope * last
        size = np.where(
            held > 0, np.minimum(size * plus, high), np.where(held < 0, np.maximum(size * minus, low), size)
        )
        if wait:
            slope = np.where(held < 0, 0, slope)
        w, last = w - np.sign(slope) * size, slope
        yield w


def hinton(g, w, a, decay, eps):
    s = 0 * w
    while True:
        slope = g(w)
        s = decay * s + (1 - decay) * slope**2
        w = w - a * slope / (np.sqrt(s) + eps)
        yield w


def graves(g, w, a, decay, mu, eps):
    """Equations 38 to 41: centred, epsilon under the root, momentum with the rate inside."""
    n, m, d = 0 * w, 0 * w, 0 * w
    while True:
        slope = g(w)
        n = decay * n + (1 - decay) * slope**2
        m = decay * m + (1 - decay) * slope
        d = mu * d - a * slope / np.sqrt(n - m**2 + eps)
        w = w + d
        yield w


def kingma(g, w, a, b1, b2, eps, decay=0.0, corrected=True):
    m, v, t = 0 * w, 0 * w, 0
    while True:
        slope, t = g(w), t + 1
        m = b1 * m + (1 - b1) * slope
        v = b2 * v + (1 - b2) * slope**2
        mhat, vhat = (m / (1 - b1**t), v / (1 - b2**t)) if corrected else (m, v)
        w = w - a * mhat / (np.sqrt(vhat) + eps) - decay * w
        yield w


def kingma_hat(g, w, a, b1, b2, eps):
    m, v, t = 0 * w, 0 * w, 0
    while True:
        slope, t = g(w), t + 1
        m = b1 * m + (1 - b1) * slope
        v = b2 * v + (1 - b2) * slope**2
        w = w - a * np.sqrt(1 - b2**t) / (1 - b1**t) * m / (np.sqrt(v) + eps)
        yield w


def reddi(g, w, a, b1, b2, eps):
    m, v, largest = 0 * w, 0 * w, 0 * w
    while True:
        slope = g(w)
        m = b1 * m + (1 - b1) * slope
        v = b2 * v + (1 - b2) * slope**2
        largest = np.maximum(largest, v)
        w = w - a * m / (np.sqrt(largest) + eps)
        yield w


def dozat(g, w, a, b1, b2, eps, psi):
    mu = lambda t: b1 * (1 - 0.5 * 0.96 ** (t * psi))  # noqa: E731
    m, v, t = 0 * w, 0 * w, 0
    while True:
        slope, t = g(w), t + 1
        m = mu(t) * m + (1 - mu(t)) * slope
        v = b2 * v + (1 - b2) * slope**2
        past = np.prod([mu(i) for i in range(1, t + 1)])
        mhat = mu(t + 1) * m / (1 - past * mu(t + 1)) + (1 - mu(t)) * slope / (1 - past)
        w = w - a * mhat / (np.sqrt(v / (1 - b2**t)) + eps)
        yield w


RPROP = (0.1, 1.2, 0.5, 1e-6, 50.0)
CASES = [
    (fl.SGD(0.01), sgd, (0.01,)),
    (fl.SGD(0.021), sgd, (0.021,)),  # beyond 2 / 100: one direction grows
    (fl.Momentum(0.01, 0.9), polyak, (0.01, 0.9)),
    (fl.Momentum(0.01, 0.9, rate_place="outside"), polyak, (0.01, 0.9)),
    (fl.AveragedMomentum(0.1, 0.9), averaged, (0.1, 0.9, False)),
    (fl.AveragedMomentum(0.01, 0.8, corrected=True), averaged, (0.01, 0.8, True)),
    (fl.Nesterov(0.01, 0.9), sutskever, (0.01, 0.9)),
    (fl.Nesterov(0.01, 0.9, rate_place="outside"), sutskever, (0.01, 0.9)),
    (fl.AdaGrad(0.3), duchi, (0.3, 1e-8)),
    (fl.Adadelta(), zeiler, (0.95, 1e-6)),
    (fl.Adadelta(rho=0.9, epsilon=1e-2), zeiler, (0.9, 1e-2)),
    (fl.Rprop(), riedmiller, RPROP),
    (fl.Rprop(0.7, 1.3, 0.4, 1e-2, 0.5), riedmiller, (0.7, 1.3, 0.4, 1e-2, 0.5)),
    (fl.Rprop(flip="wait"), igel, (*RPROP, True)),
    (fl.Rprop(flip="go_on"), igel, (*RPROP, False)),
    (fl.RMSProp(0.01), hinton, (0.01, 0.9, 1e-8)),
    (fl.RMSProp(1e-3, 0.95, 0.9, 1e-4, centred=True, epsilon_place="inside"), graves, (1e-3, 0.95, 0.9, 1e-4)),
    (fl.Adam(0.1), kingma, (0.1, 0.9, 0.999, 1e-8)),
    (fl.Adam(0.1, 0.5, 0.9, 1e-2), kingma, (0.1, 0.5, 0.9, 1e-2)),
    (fl.Adam(0.01, corrected=False), kingma, (0.01, 0.9, 0.999, 1e-8, 0.0, False)),
    (fl.Adam(0.1, epsilon=1e-3, epsilon_place="hat"), kingma_hat, (0.1, 0.9, 0.999, 1e-3)),
    (fl.Adam(0.1, 0.9, 0.9, corrected=False, amsgrad="raw"), reddi, (0.1, 0.9, 0.9, 1e-8)),
    (fl.AdamW(0.1, weight_decay=0.05, decay_by="itself", decayed="all"), kingma, (0.1, 0.9, 0.999, 1e-8, 0.05)),
    (fl.Nadam(0.05), dozat, (0.05, 0.9, 0.999, 1e-8, 0.004)),
    (fl.Nadam(0.05, warming=0.5), dozat, (0.05, 0.9, 0.999, 1e-8, 0.5)),
]


@pytest.mark.parametrize(
    ("rule", "recurrence", "settings"), CASES, ids=[f"{c[1].__name__}{i}" for i, c in enumerate(CASES)]
)
def test_fifty_steps_are_the_papers(rule, recurrence, settings, hill, float64, equal_ranks):
    expected = hill.papers_walk(lambda g, w: recurrence(g, w, *settings))
    np.testing.assert_allclose(hill.walk(as_arrays(rule, np.float64)), expected, rtol=1e-6, atol=1e-10)


def test_the_gradient_by_hand_is_the_objectives(hill, float64):
    by_hand = hill.gradient(hill.start)
    for name, each in jax.grad(hill.objective)(hill.start).items():
        np.testing.assert_allclose(each, by_hand[name], rtol=1e-10, atol=1e-14)
