#!/usr/bin/env bash
# cma 4.5.0: the option `seed` of CMAEvolutionStrategy seeds NumPy's global generator, and every strategy draws from it.
# One would expect a seeded strategy to have a generator of its own. Creating one resets `np.random` for the whole process, so
# other code that draws from it repeats its numbers. Two seeded strategies that take turns share one stream: each of them gets
# other samples than it gets alone, so a seeded run changes when a second one runs beside it.
# A generator of one's own (option `randn`) keeps a strategy's samples the same, whatever runs beside it.
# Observed: draws after two creations are equal; the first samples of a strategy differ once another one takes turns with it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check "cma==4.5.0" "numpy>=2,<3"
"$folder/venv/bin/python" -W ignore - <<'PYTHON'
import cma
import numpy as np


def strategy(**options):
    return cma.CMAEvolutionStrategy([1.0, 1.0], 0.5, {"seed": 3, "verbose": -9, **options})


draws = []
for _ in range(2):
    strategy()
    draws.append(np.random.rand())


def best(beside, own):
    """The best point of a seeded strategy after five generations, alone or with another one that takes turns."""
    strategies = []
    for k in range(1 + beside):
        generator = np.random.default_rng(3 + k)
        strategies.append(strategy(randn=lambda *shape, g=generator: g.standard_normal(shape)) if own else strategy())
    for _ in range(5):
        for each in strategies:
            points = each.ask()
            each.tell(points, [float(np.sum(np.square(x))) for x in points])
    return strategies[0].result.xbest


shared = np.array_equal(best(0, False), best(1, False))
own = np.array_equal(best(0, True), best(1, True))
print("cma", cma.__version__, "draws repeat:", draws[0] == draws[1], "same beside another:", shared, "with randn:", own)
assert draws[0] == draws[1], "a strategy leaves np.random alone now"
assert not shared, "a strategy has a generator of its own now"
assert own
PYTHON
