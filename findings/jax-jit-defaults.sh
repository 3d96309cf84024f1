#!/usr/bin/env bash
# JAX 0.12.0.1: `jax.jit` compiles a function again for each way of writing the same call.
# With `static_argnames="n"` and a default of 3, f(x), f(x, 3) and f(x, n=3) are three programs, although JAX reads the function's
# signature to find the position of `n`. It does not bind the arguments to it: an argument left out, one by position and one by
# name are different cache keys. A traced argument with a default behaves alike. Nothing warns. A wrapper that passes an option on,
# beside a caller that leaves it out, pays for a second compilation of the whole training step, in every process.
# Observed: three traces and three cache entries for one value; one of each after binding the arguments before the call.
# Needs Python 3.12 or newer: PYTHON=python3.13 bash findings/jax-jit-defaults.sh
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check "jax==0.12.0.1" "jaxlib==0.12.0.1"
"$folder/venv/bin/python" -W error - <<'PYTHON'
import inspect

import jax
import jax.numpy as jnp

x = jnp.ones(4)


def fresh():
    """A function of its own, since programs of one function are shared by all its `jit`s; and what it was traced with."""
    traced = []

    def power(x, n=3, scale=1.0):
        traced.append((n, type(scale).__name__))
        return scale * x**n

    return jax.jit(power, static_argnames="n"), inspect.signature(power), traced


f, _, traced = fresh()
for call in (lambda: f(x), lambda: f(x, 3), lambda: f(x, n=3), lambda: f(x)):
    call()
by_name = len(traced), f._cache_size()

f, _, traced = fresh()
f(x, n=3)
f(x, n=3, scale=1.0)
by_default = len(traced), f._cache_size()

f, signature, traced = fresh()
for given in (signature.bind(x), signature.bind(x, 3), signature.bind(x, n=3)):
    given.apply_defaults()
    f(*given.args, **given.kwargs)
after_binding = len(traced), f._cache_size()

print("jax", jax.__version__, "traces and programs:", by_name, by_default, after_binding)
assert by_name == (3, 3), "the spellings of a call share a program now"
assert by_default == (2, 2), "an argument left out and its default share a program now"
assert after_binding == (1, 1)
PYTHON
