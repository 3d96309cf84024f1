"""A step of small networks with the products of `layers/dense.py`, and with XLA's own gradient of x W.

    python benchmarks/products.py

Microseconds per gradient step (softmax cross-entropy, a fixed minibatch, plain descent) of a single run on all cores; medians
of three turns, and ratios within one process. The third column is x W with a narrow W transposed behind a barrier.
"""

import itertools
import statistics
import time

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from fallline.layers.dense import product

STEPS = 300
SIZES = ((13, 64, 1), (30, 32, 2), (20, 64, 64, 2), (64, 64, 10), (100, 100, 10), (256, 10), (784, 10), (784, 128, 10))


def plain(x, W):
    return x @ W


def turned(x, W):
    inputs, outputs = W.shape
    narrow = outputs <= 32 and inputs >= 2 * outputs and inputs * outputs <= 16384
    return x @ (lax.optimization_barrier(W.T).T if narrow else W)


def microseconds(multiply, rows, sizes):
    rng = np.random.default_rng(0)

    def array(*shape):
        return jnp.asarray(0.1 * rng.normal(size=shape), jnp.float32)

    params = [(array(a, b), array(b)) for a, b in itertools.pairwise(sizes)]
    x, target = array(rows, sizes[0]), jnp.asarray(rng.integers(0, sizes[-1], rows))

    def loss(params):
        h = x
        for W, b in params[:-1]:
            h = jnp.maximum(multiply(h, W) + b, 0)
        z = multiply(h, params[-1][0]) + params[-1][1]
        z -= lax.stop_gradient(z.max(axis=-1, keepdims=True))
        hit = jnp.where(target[:, None] == jnp.arange(sizes[-1]), z, 0).sum(axis=-1)
        return jnp.mean(jnp.log(jnp.exp(z).sum(axis=-1)) - hit)

    def step(params, _):
        return jax.tree.map(lambda w, g: w - 0.01 * g, params, jax.grad(loss)(params)), None

    run = jax.jit(lambda params: lax.scan(step, params, None, length=STEPS)[0])
    jax.block_until_ready(run(params))
    seconds = []
    for _ in range(7):
        began = time.perf_counter()
        jax.block_until_ready(run(params))
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds) / STEPS * 1e6


def main() -> None:
    print(f"{'rows':>5} {'network':>12} {'ours':>7} {'x W':>7} {'turned':>7} {'x W / ours':>11} {'turned / ours':>14}")
    for rows, sizes in itertools.product((32, 64, 128, 200), SIZES):
        turns = [[microseconds(each, rows, sizes) for each in (product, plain, turned)] for _ in range(3)]
        ours, own, before = (statistics.median(column) for column in zip(*turns, strict=True))
        name = "-".join(map(str, sizes))
        print(
            f"{rows:>5} {name:>12} {ours:>7.1f} {own:>7.1f} {before:>7.1f} {own / ours:>11.2f} {before / ours:>14.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
