"""The linear-quadratic regulator whose costs are known: its rollouts, expected costs, and the population that learns it."""

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg
import scipy.optimize

from fallline.methods import ARS
from fallline.schedules import Cosine

A = np.array([[1.01, 0.01, 0.0], [0.01, 1.01, 0.01], [0.0, 0.01, 1.01]])
Q, R, STEPS = np.eye(3) / 1000, np.eye(3), 300


def expected_cost(K):
    """Of u = K x over all steps, x_1 and the noise of every step being N(0, I)."""
    closed, per_step, X, cost = A + K, Q + K.T @ K, np.eye(3), 0.0
    for _ in range(STEPS):
        cost += np.trace(per_step @ X)
        X = closed @ X @ closed.T + np.eye(3)
    return cost


def optimal_cost():
    """Of the best gains, another for every step (Riccati's recursion)."""
    P, noise = np.zeros((3, 3)), 0.0
    for _ in range(STEPS):
        noise += np.trace(P)
        K = -np.linalg.solve(R + P, P @ A)
        P = Q + A.T @ P @ (A + K)
    return np.trace(P) + noise


def riccati_gain():
    """The gain that is best for ever."""
    P = scipy.linalg.solve_discrete_are(A, np.eye(3), Q, R)
    return -np.linalg.solve(R + P, P @ A)


def best_static():
    """The lowest expected cost of one gain for all steps."""
    found = scipy.optimize.minimize(lambda k: expected_cost(k.reshape(3, 3)), riccati_gain().ravel(), method="BFGS")
    return found.fun


def rollout(k, key):
    """The cost of one noisy run."""
    K = k.reshape(3, 3)
    noise = jax.random.normal(key, (STEPS + 1, 3), k.dtype)

    def step(carry, w):
        x, cost = carry
        u = jnp.sum(K * x, axis=1)  # small products by hand: as a batch of matrices they are far slower
        return (jnp.sum(A * x, axis=1) + u + w, cost + jnp.sum(x * x) / 1000 + jnp.sum(u * u)), None

    (_, cost), _ = jax.lax.scan(step, (noise[0], jnp.zeros((), k.dtype)), noise[1:])
    return cost


def population(seeds, iterations, method=None):
    """The gains that V1 ends with, every seed a lane; a pair's two rollouts have noise of their own."""
    method = method or ARS(step=Cosine(0.03), noise=0.02, directions=8)

    @jax.jit
    @jax.vmap
    def learn(seed):
        def iteration(state, t):
            keys = jax.random.split(jax.random.fold_in(jax.random.key(seed + 1000), t), method.candidates(9))
            return method.tell(state, jax.vmap(rollout)(method.ask(state), keys)), None

        return jax.lax.scan(
            iteration, method.start(jnp.zeros(9), jax.random.key(seed), iterations), jnp.arange(iterations)
        )[0].point

    return np.asarray(learn(np.arange(seeds)), np.float64).reshape(seeds, 3, 3)
