"""The cost of one update, ours and Optax's of the same rule, on a tree of 1,000,000 params, side by side.

    python benchmarks/update_cost.py [--rounds 30] [--steps 20]

Both are jitted as a loop of `steps` updates of params and memory (a `lax.scan`, as in a run), with the rule's numbers
traced in ours and closed over in Optax's, as each is used. Rounds are interleaved; the medians and their ratio are of
one process.
"""

import argparse
import statistics
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax

from fallline.core.block import as_arrays
from fallline.optimizers import SGD, Adadelta, AdaGrad, Adam, AdamW, Momentum, Nadam, Nesterov, RMSProp

PAIRS = {
    "sgd": (SGD(1e-3), optax.sgd(1e-3)),
    "momentum, inside": (Momentum(1e-3), optax.chain(optax.scale(-1e-3), optax.trace(0.9))),
    "momentum, outside": (Momentum(1e-3, rate_place="outside"), optax.sgd(1e-3, 0.9)),
    "nesterov": (Nesterov(1e-3), optax.sgd(1e-3, 0.9, nesterov=True)),
    "adagrad": (AdaGrad(1e-3, 1e-7, 0.1, epsilon_place="inside"), optax.adagrad(1e-3)),
    "adadelta": (Adadelta(1.0, 0.9), optax.adadelta(1.0)),
    "rmsprop": (RMSProp(1e-3, epsilon_place="inside"), optax.rmsprop(1e-3)),
    "rmsprop, centred": (RMSProp(1e-3, centred=True, epsilon_place="inside"), optax.rmsprop(1e-3, centered=True)),
    "adam": (Adam(1e-3), optax.adam(1e-3)),
    "amsgrad": (Adam(1e-3, amsgrad="corrected"), optax.amsgrad(1e-3)),
    "adamw": (AdamW(1e-3, decayed="all"), optax.adamw(1e-3, weight_decay=1e-2)),
    "nadam": (Nadam(1e-3, warming=None), optax.nadam(1e-3)),
}


def tree() -> dict:
    """1,000,000 params in six layers and a rest."""
    shapes = [(784, 500), (500, 500), (500, 500), (500, 100), (100, 100), (100, 10)]
    params = {f"dense_{i}": {"weight": s, "bias": s[1:]} for i, s in enumerate(shapes, 1)}
    rng = np.random.default_rng(0)
    draw = lambda shape: jnp.asarray(rng.normal(size=shape), jnp.float32)  # noqa: E731
    params = jax.tree.map(draw, params, is_leaf=lambda node: isinstance(node, tuple))
    count = sum(leaf.size for leaf in jax.tree.leaves(params))
    return {**params, "rest": {"weight": draw((1_000_000 - count,))}}


def looped(rule, steps: int):
    """`steps` updates in one program; the gradient is the params, so that nothing else is timed."""

    def step(carry, _):
        w, memory = carry
        delta, memory = rule.update(w, memory, w)
        return (jax.tree.map(jnp.add, w, delta), memory), None

    return lambda w, memory: jax.lax.scan(step, (w, memory), None, steps)[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--steps", type=int, default=20)
    given = parser.parse_args()
    params = tree()
    print(f"{'rule':<18} {'ours':>10} {'Optax':>10}  ratio of medians (microseconds per update)")
    for name, (ours, theirs) in PAIRS.items():
        numbers = as_arrays(ours)
        calls = [
            (jax.jit(lambda rule, w, m: looped(rule, given.steps)(w, m)), (numbers, params, ours.init(params))),
            (jax.jit(looped(theirs, given.steps)), (params, theirs.init(params))),
        ]
        for call, arguments in calls:
            jax.block_until_ready(call(*arguments))
        seconds: list[list[float]] = [[], []]
        for turn in range(given.rounds):
            for which in (0, 1) if turn % 2 else (1, 0):
                call, arguments = calls[which]
                begin = time.perf_counter()
                jax.block_until_ready(call(*arguments))
                seconds[which].append((time.perf_counter() - begin) / given.steps)
        one, other = (statistics.median(each) * 1e6 for each in seconds)
        print(f"{name:<18} {one:>10.0f} {other:>10.0f}  {one / other:.2f}", flush=True)


if __name__ == "__main__":
    main()
