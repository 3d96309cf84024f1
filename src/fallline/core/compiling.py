"""Which compiler options this version of JAX knows. An unknown flag in `XLA_FLAGS` aborts the process."""

import functools
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence


def known_options(options: Mapping[str, object]) -> dict[str, object]:
    """The subset of `jax.jit`'s `compiler_options` that this version of JAX knows.

    >>> known_options({"xla_no_such_option": 1})
    {}
    """
    return {name: value for name, value in options.items() if _compiles(name, value)}


@functools.cache
def _compiles(name: str, value: object) -> bool:
    import jax

    try:
        jax.jit(lambda: 0).lower().compile(compiler_options={name: value})
    except (RuntimeError, ValueError, TypeError):
        return False
    return True


def known_flags(flags: Sequence[str], seconds: float = 60.0) -> list[str]:
    """The subset of flags for `XLA_FLAGS` that this version of JAX knows, tested in a separate process.

    A process that starts JAX with an unknown flag aborts and names the flag. The remaining flags are then tried again. If
    every attempt fails, no flag is returned.

    Arguments:
        flags: each as `--name=value`.
        seconds: time limit for each process.
    """
    left = list(flags)
    while left:
        complaint = _aborted(left, seconds)
        if complaint is None:
            return left
        words = complaint.split()
        rest = [flag for flag in left if flag not in words]
        left = rest if len(rest) < len(left) else []
    return left


def _aborted(flags: Sequence[str], seconds: float) -> str | None:
    """The error output of a process that starts JAX with these flags; None if it succeeds."""
    environment = {**os.environ, "XLA_FLAGS": " ".join(flags), "JAX_PLATFORMS": "cpu"}
    words = [sys.executable, "-c", "import jax; jax.devices()"]
    try:
        done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        return ""
    return done.stderr if done.returncode else None
