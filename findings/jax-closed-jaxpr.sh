#!/usr/bin/env bash
# JAX 0.12.0.1: ClosedJaxpr and Jaxpr are one class, and the `.jaxpr` of a jaxpr is itself.
# Code that walks programs distinguishes the two by type (isinstance(x, ClosedJaxpr), or hasattr(x, "jaxpr")) and unwraps only
# the first. Both tests are now true for every program, without a deprecation warning, and the other branch of the walker is never
# reached: inner programs of `jit`, `scan` or `cond` are unwrapped again and again, or their constants are counted twice.
# Observed: `ClosedJaxpr is Jaxpr`, `j.jaxpr is j`, and both names hold the constants; in 0.10.2 all of this was false.
# Needs Python 3.12 or newer: PYTHON=python3.13 bash findings/jax-closed-jaxpr.sh
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check "jax==0.12.0.1" "jaxlib==0.12.0.1"
"$folder/venv/bin/python" -W error - <<'PYTHON'
import jax
import jax.numpy as jnp
from jax.extend import core

program = jax.make_jaxpr(lambda x: jnp.sin(x) + jnp.arange(3.0))(1.0)
seen = {
    "ClosedJaxpr is Jaxpr": core.ClosedJaxpr is core.Jaxpr,
    "j.jaxpr is j": program.jaxpr is program,
    "isinstance(j.jaxpr, ClosedJaxpr)": isinstance(program.jaxpr, core.ClosedJaxpr),
}
print("jax", jax.__version__, seen)
assert all(seen.values()), "the two kinds of program are told apart again"
PYTHON
