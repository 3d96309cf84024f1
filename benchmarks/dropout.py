"""The cost of a dropout mask relative to the layer that it masks, for our generator and for two of JAX's.

    python benchmarks/dropout.py [--rounds 15] [--steps 100]

A training step (forward, backward, plain descent) of one dense ReLU layer on 128 rows, in a jitted scan: without dropout,
with dropout, and with the same dropout layer on words from `jax.random.bits`, with Threefry and with 'unsafe_rbg' keys. The
cost of a mask is the difference from the step without dropout. The gradient of the inputs is computed as well, as for any
layer but the first. Rounds are interleaved, differences are taken within a round, and their medians are printed as a Markdown
table.
"""

import argparse
import statistics
import time
from unittest.mock import patch

import jax
import jax.numpy as jnp

from fallline.core.random import bits, named
from fallline.layers import Dense, Dropout, LayerCall

ROWS = 128
SIZES = ((128, 128), (128, 512), (512, 512), (784, 128), (784, 784))


def threefry(key, shape):
    return jax.random.bits(key, shape, jnp.uint32)


def rbg(key, shape):
    words = jax.random.key_data(key)
    return jax.random.bits(jax.random.wrap_key_data(jnp.concatenate([words, words]), impl="unsafe_rbg"), shape)


GENERATORS = {"none": None, "ours": bits, "threefry": threefry, "unsafe_rbg": rbg}


def program(inputs, units, words, steps):
    """Steps of a layer with the dropout layer's own code, which draws its words from the given generator."""
    dense, dropout = Dense(units), Dropout(0.2)

    def step(carry, t):
        key, params, x = carry

        def loss(params, x):
            y = jax.nn.relu(dense.apply(params, {}, x, LayerCall(True))[0])
            if words is not None:
                y, _ = dropout.apply({}, {}, y, LayerCall(True, named(key, "noise", t)))
            return jnp.vdot(y, y)

        gradient = jax.grad(loss, argnums=(0, 1))(params, x)
        return (key, *jax.tree.map(lambda w, g: w - 1e-6 * g, (params, x), gradient)), None

    key = jax.random.key(0)
    carry = key, dense.init(key, (inputs,))[0], jnp.ones((ROWS, inputs))
    with patch("fallline.layers.dropout.bits", words):
        compiled = jax.jit(lambda carry: jax.lax.scan(step, carry, jnp.arange(steps))[0]).lower(carry).compile()
    return lambda: jax.block_until_ready(compiled(carry))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=100)
    given = parser.parse_args()
    masks = [name for name in GENERATORS if name != "none"]
    print("| layer | mask | layer, us | " + " | ".join(f"{name}, us" for name in masks) + " | ours : layer |")
    print("|---" * (len(masks) + 4) + "|")
    for inputs, units in SIZES:
        calls = {name: program(inputs, units, words, given.steps) for name, words in GENERATORS.items()}
        seconds = {name: [] for name in calls}
        for turn in range(given.rounds + 2):
            for name, call in calls.items():
                began = time.perf_counter()
                call()
                if turn >= 2:  # the first two warm up
                    seconds[name].append((time.perf_counter() - began) / given.steps * 1e6)
        layer = statistics.median(seconds["none"])
        cost = {
            name: statistics.median(a - b for a, b in zip(seconds[name], seconds["none"], strict=True))
            for name in masks
        }
        cells = [f"{inputs}-{units}", f"{ROWS} x {units}", f"{layer:.0f}", *(f"{cost[name]:.0f}" for name in masks)]
        print("| " + " | ".join([*cells, f"{cost['ours'] / layer:.0%}"]) + " |", flush=True)


if __name__ == "__main__":
    main()
