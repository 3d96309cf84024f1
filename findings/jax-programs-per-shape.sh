#!/usr/bin/env bash
# JAX 0.12.0.1 on the CPU: a loop of eager operations over arrays of many lengths fills the process with compiled programs.
# Each operation is compiled for each shape that it meets, and each program keeps several memory mappings of the operating system.
# Nothing drops them: the garbage collector cannot, since JAX's own caches hold them. Linux allows a process 65,530 mappings by
# default (`vm.max_map_count`), whatever its memory, so a long service, search or test suite can die of a failed allocation with
# most of the memory free. `jax.clear_caches()` gives the mappings back, but hardly any of the resident memory.
# Padding arrays to a few lengths avoids all of it.
# Observed for one operation on 300 lengths: more than 2 mappings and 0.2 MB a length; after clearing, under a tenth of the mappings
# and more than half of the memory remain.
# Needs Linux, and Python 3.12 or newer: PYTHON=python3.13 bash findings/jax-programs-per-shape.sh
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check "jax==0.12.0.1" "jaxlib==0.12.0.1"
JAX_PLATFORMS=cpu "$folder/venv/bin/python" - <<'PYTHON'
import gc
import os

import jax
import jax.numpy as jnp
import numpy as np

LENGTHS = 300


def mappings():
    with open("/proc/self/maps") as file:
        return sum(1 for _ in file)


def megabytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


jnp.sin(np.ones(1, np.float32)).block_until_ready()
before = mappings(), megabytes()
for n in range(2, 2 + LENGTHS):
    jnp.sin(np.ones(n, np.float32)).block_until_ready()
gc.collect()
kept = mappings() - before[0], megabytes() - before[1]
jax.clear_caches()
gc.collect()
left = mappings() - before[0], megabytes() - before[1]
print("jax", jax.__version__, f"kept {kept[0]} mappings, {kept[1]:.0f} MB; after clear_caches {left[0]}, {left[1]:.0f} MB")
assert kept[0] > 2 * LENGTHS, "programs keep fewer mappings now"
assert kept[1] > 0.2 * LENGTHS, "programs keep less memory now"
assert left[0] < 0.1 * kept[0]
assert left[1] > 0.5 * kept[1], "clear_caches returns the memory now"
PYTHON
