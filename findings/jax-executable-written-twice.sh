#!/usr/bin/env bash
# JAX 0.12.0.1: an executable that came out of the compilation cache cannot be serialised again, and says so only when it runs.
# `serialize_executable.serialize(f.lower(x).compile())` is how a service ships a compiled program. With
# `jax_compilation_cache_dir` set, `compile()` answers from the cache in every process but the first, and what it returns runs as
# usual. Serialised, it makes a payload a third smaller, without an error or a warning; `deserialize_and_load` accepts that, too; and
# the first call of it raises an error about a function that the payload lacks. A build that passes on a fresh machine therefore
# ships broken programs from the second time on. A name of its own for the function (the cache's key holds it) or a cache that is
# switched off while it compiles gives whole programs. JAX 0.10.2 does the same.
# Observed: the payload of the first process runs elsewhere; that of the second is smaller, loads, and fails when it is called.
# Needs Python 3.12 or newer: PYTHON=python3.13 bash findings/jax-executable-written-twice.sh
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check "jax==0.12.0.1" "jaxlib==0.12.0.1"
cat >"$folder/ship.py" <<'PYTHON'
import pickle
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
from jax.experimental import serialize_executable

jax.config.update("jax_compilation_cache_dir", str(Path(__file__).parent / "cache"))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)
x, path = jnp.ones((64, 32)), Path(sys.argv[2])


def f(x):
    return (jnp.tanh(x @ x.T) + jax.random.normal(jax.random.key(0), (64, 64))).sum()


if sys.argv[1] == "write":
    compiled = jax.jit(f).lower(x).compile()
    assert jnp.isfinite(compiled(x)), "what the cache gave runs in its own process"
    path.write_bytes(pickle.dumps(serialize_executable.serialize(compiled)))
else:
    payload, given, returned = pickle.loads(path.read_bytes())
    loaded = serialize_executable.deserialize_and_load(payload, given, returned)
    try:
        said = "runs" if jnp.isfinite(loaded(x)) else "other"
    except jax.errors.JaxRuntimeError as error:
        said = "fails" if "not found" in str(error).lower() else str(error)
    print("jax", jax.__version__, "payload of", len(payload), "bytes:", said)
    assert said == sys.argv[3], f"expected {sys.argv[3]}"
PYTHON
python="$folder/venv/bin/python"
"$python" -W error "$folder/ship.py" write "$folder/first"
"$python" -W error "$folder/ship.py" write "$folder/second"
"$python" -W error "$folder/ship.py" read "$folder/first" runs
"$python" -W error "$folder/ship.py" read "$folder/second" fails
