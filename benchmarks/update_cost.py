"""The cost of one update, ours and Optax's of the same rule, on a tree of 1,000,000 params, side by side.

    python benchmarks/update_cost.py [--rounds 30] [--steps 20]

Each is one program of `steps` updates of params and memory (a `lax.scan`, as in a run) through `optax.apply_updates`, with
donated buffers. Both are timed twice: with their numbers as constants of the program, as is usual in Optax, and with traced
numbers, as in a run and under `optax.inject_hyperparams`, where other values share the program. Rounds are interleaved and
start from a fresh copy; medians are taken within one process.
"""

import argparse
import statistics
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax

import fallline as fl
from fallline.core.block import as_arrays


def averaged(learning_rate: float, decay: float) -> optax.GradientTransformation:
    """Optax has no averaged momentum by name."""
    return optax.chain(optax.ema(decay, debias=False), optax.scale_by_learning_rate(learning_rate))


PAIRS = {
    "sgd": (fl.SGD(1e-3), optax.sgd, {}),
    "momentum, rate inside": (fl.Momentum(1e-3), optax.sgd, {"momentum": 0.9}),
    "momentum, rate outside": (fl.Momentum(1e-3, rate_place="outside"), optax.sgd, {"momentum": 0.9}),
    "averaged momentum": (fl.AveragedMomentum(1e-3), averaged, {"decay": 0.9}),
    "nesterov, rate inside": (fl.Nesterov(1e-3), optax.sgd, {"momentum": 0.9, "nesterov": True}),
    "nesterov, rate outside": (
        fl.Nesterov(1e-3, rate_place="outside"),
        optax.sgd,
        {"momentum": 0.9, "nesterov": True},
    ),
    "adagrad": (fl.AdaGrad(1e-3, 1e-7, 0.1, epsilon_place="inside"), optax.adagrad, {}),
    "adadelta": (fl.Adadelta(1e-3, 0.9), optax.adadelta, {"rho": 0.9}),
    "rmsprop": (fl.RMSProp(1e-3, epsilon_place="inside"), optax.rmsprop, {}),
    "rmsprop, momentum": (fl.RMSProp(1e-3, momentum=0.9, epsilon_place="inside"), optax.rmsprop, {"momentum": 0.9}),
    "rmsprop, centred": (fl.RMSProp(1e-3, centred=True, epsilon_place="inside"), optax.rmsprop, {"centered": True}),
    "adam": (fl.Adam(1e-3), optax.adam, {}),
    "amsgrad": (fl.Adam(1e-3, amsgrad="corrected"), optax.amsgrad, {}),
    "adamw": (fl.AdamW(1e-3, decayed="all"), optax.adamw, {"weight_decay": 1e-2}),
    "nadam": (fl.Nadam(1e-3, warming=None), optax.nadam, {}),
}
SWITCHES = ("nesterov", "centered")  # arguments of Optax's rules that are not numbers


def tree() -> dict:
    """1,000,000 params: six layers and one further array."""
    shapes = [(784, 500), (500, 500), (500, 500), (500, 100), (100, 100), (100, 10)]
    params = {f"dense_{i}": {"weight": s, "bias": s[1:]} for i, s in enumerate(shapes, 1)}
    rng = np.random.default_rng(0)

    def draw(shape):
        return jnp.asarray(rng.normal(size=shape), jnp.float32)

    params = jax.tree.map(draw, params, is_leaf=lambda node: isinstance(node, tuple))
    count = sum(leaf.size for leaf in jax.tree.leaves(params))
    return {**params, "rest": {"weight": draw((1_000_000 - count,))}}


def looped(rule, steps: int):
    """`steps` updates in one program; the params serve as the gradient, so that nothing else is timed."""

    def step(carry, _):
        w, memory = carry
        delta, memory = rule.update(w, memory, w)
        return (optax.apply_updates(w, delta), memory), None

    return lambda w, memory: jax.lax.scan(step, (w, memory), None, steps)[0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--steps", type=int, default=20)
    given = parser.parse_args()
    params = tree()
    print("| rule | Fallline | Optax | Fallline / Optax | Fallline, traced | Optax, traced | Fallline / Optax |")
    print("|---|---|---|---|---|---|---|")
    for name, (ours, factory, settings) in PAIRS.items():
        theirs = factory(1e-3, **settings)
        injected = optax.inject_hyperparams(factory, static_args=[each for each in SWITCHES if each in settings])
        with_numbers = injected(1e-3, **settings)

        def traced(w, m, rule):
            return looped(rule, given.steps)(w, m)

        calls = [
            (jax.jit(each, donate_argnums=(0, 1)), (params, memory), rest)
            for each, memory, rest in (
                (looped(ours, given.steps), ours.init(params), ()),
                (looped(theirs, given.steps), theirs.init(params), ()),
                (traced, ours.init(params), (as_arrays(ours),)),
                (looped(with_numbers, given.steps), with_numbers.init(params), ()),
            )
        ]
        seconds: list[list[float]] = [[] for _ in calls]
        for turn in range(given.rounds + 1):
            for which in np.roll(range(len(calls)), turn):
                call, donated, rest = calls[which]
                donated = jax.block_until_ready(jax.tree.map(jnp.copy, donated))
                begin = time.perf_counter()
                jax.block_until_ready(call(*donated, *rest))
                if turn:  # the first compiles
                    seconds[which].append((time.perf_counter() - begin) / given.steps)
        a, b, c, d = (statistics.median(each) * 1e6 for each in seconds)
        print(f"| {name} | {a:.0f} | {b:.0f} | {a / b:.2f} | {c:.0f} | {d:.0f} | {c / d:.2f} |", flush=True)


if __name__ == "__main__":
    main()
