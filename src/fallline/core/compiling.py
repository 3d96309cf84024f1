"""What this version's compiler can be asked: an unknown flag in `XLA_FLAGS` ends the process without an exception."""

import functools
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence


def known_options(options: Mapping[str, object]) -> dict[str, object]:
    """Those of `jax.jit`'s `compiler_options` that this version of JAX knows.

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
    """Those of some flags for `XLA_FLAGS` that this version of JAX knows, found out in a process of its own.

    A process that starts JAX with an unknown flag is aborted and names the flag. The rest is tried once more, and where
    no process with them comes to an end without an error, none of them is known.

    Arguments:
        flags: each as `--name=value`.
        seconds: how long a process may take.
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
    """What a process that started JAX with some flags said when it was aborted; None: it was not."""
    environment = {**os.environ, "XLA_FLAGS": " ".join(flags), "JAX_PLATFORMS": "cpu"}
    words = [sys.executable, "-c", "import jax; jax.devices()"]
    try:
        done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=seconds)
    except subprocess.TimeoutExpired:
        return ""
    return done.stderr if done.returncode else None
