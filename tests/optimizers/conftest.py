"""One objective for all rules: a stiff quadratic plus a small network, made by `benchmarks/record_trajectories.py`."""

import json
from pathlib import Path
from types import SimpleNamespace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

RECORDED = json.loads((Path(__file__).parent / "trajectories.json").read_text())
MADE = RECORDED["problem"]
CURVATURE, X, Y = (np.array(MADE[name]) for name in ("curvature", "x", "y"))
START = {name: np.array(value) for name, value in MADE["start"].items()}
KEEP = np.array(RECORDED["keep"])


def objective(p):
    out = jnp.tanh(X @ p["w1"] + p["b1"][None]) @ p["w2"] + p["b2"][None]
    return 0.5 * jnp.sum(CURVATURE * p["quadratic"] ** 2) + 0.5 * jnp.mean(jnp.sum((out - Y) ** 2, axis=1))


def gradient(p):
    """By hand, in NumPy."""
    hidden = np.tanh(X @ p["w1"] + p["b1"])
    error = (hidden @ p["w2"] + p["b2"] - Y) / len(X)
    back = error @ p["w2"].T * (1 - hidden**2)
    return {
        "quadratic": CURVATURE * p["quadratic"],
        "w1": X.T @ back,
        "b1": back.sum(axis=0),
        "w2": hidden.T @ error,
        "b2": error.sum(axis=0),
    }


def flat(p):
    return np.concatenate([np.asarray(p[name]).ravel() for name in sorted(p)])


def unflat(w):
    sizes = np.cumsum([START[name].size for name in sorted(START)])[:-1]
    parts = zip(sorted(START), np.split(w, sizes), strict=True)
    return {name: part.reshape(START[name].shape) for name, part in parts}


@eqx.filter_jit
def _walked(rule, w, steps):
    def step(carry, _):
        w, memory = carry
        delta, memory = rule.update(jax.grad(objective)(w), memory, w)
        w = jax.tree.map(jnp.add, w, delta)
        return (w, memory), jnp.concatenate([w[name].ravel() for name in sorted(w)])

    return jax.lax.scan(step, (w, rule.init(w)), None, steps)[1]


def walk(rule, steps=50):
    """The params after each step of a rule with Optax's two functions, one row a step.

    Rules whose numbers are arrays share a program with those that differ in them alone.
    """
    return np.asarray(_walked(rule, jax.tree.map(jnp.asarray, START), steps))


def papers_walk(recurrence, steps=50):
    """The params after each step of a NumPy recurrence that takes the gradient's function and the start."""
    rows = recurrence(lambda w: flat(gradient(unflat(w))), flat(START))
    return np.stack([next(rows) for _ in range(steps)])


def recorded(library, label):
    """(step numbers, params) of one of PyTorch's or Keras's trajectories."""
    path = RECORDED["paths" if library == "PyTorch" else "keras_paths"][label]
    return KEEP, np.stack([flat({name: rows[i] for name, rows in path.items()}) for i in range(len(KEEP))])


@pytest.fixture(scope="session")
def hill():
    return SimpleNamespace(
        objective=objective,
        gradient=gradient,
        start=START,
        flat=flat,
        walk=walk,
        papers_walk=papers_walk,
        recorded=recorded,
        labels={"PyTorch": list(RECORDED["paths"]), "Keras": list(RECORDED["keras_paths"])},
        fall_at=RECORDED["fall_at"],
        fall=RECORDED["fall"],
    )
