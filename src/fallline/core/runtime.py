"""One-time JAX setup: every core is a device, and compiled programs are cached on disk.

A host program that has already started JAX keeps its own settings: a started backend refuses the first setting below,
and then none of the others is changed.
"""

import functools
import importlib.util
import os
from pathlib import Path
from typing import Any

from fallline.core.errors import FalllineError

FLAGS = os.environ.get("XLA_FLAGS", "")  # of the compiler, before anything can have changed them
NEEDED = ("enable_x64", "shard_map", "make_jaxpr", "custom_jvp", "custom_vjp")


def cache_folder() -> Path:
    """The folder of compiled programs: `FALLLINE_CACHE`, or the user's cache folder."""
    root = os.environ.get("FALLLINE_CACHE")
    if root:
        return Path(root)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fallline"


@functools.cache
def configure() -> bool:
    """Set JAX up before its backend starts, and return whether Fallline's settings apply.

    Settings that this version of JAX does not have are skipped.

    Raises: FalllineError for a version of JAX that is too old.
    """
    import jax

    _new_enough(jax)
    chosen = os.environ.get("JAX_NUM_CPU_DEVICES") or "host_platform_device_count" in os.environ.get("XLA_FLAGS", "")
    if getattr(jax.config, "jax_num_cpu_devices", None) == -1 and not chosen:
        try:
            jax.config.update("jax_num_cpu_devices", _cores())
        except RuntimeError:
            return False
    if getattr(jax.config, "jax_compilation_cache_dir", "") is None:
        jax.config.update("jax_compilation_cache_dir", str(cache_folder() / "programs"))
        for name, value in (("min_compile_time_secs", 0.0), ("min_entry_size_bytes", -1)):
            if hasattr(jax.config, f"jax_persistent_cache_{name}"):
                jax.config.update(f"jax_persistent_cache_{name}", value)
    if accelerated() and getattr(jax.config, "jax_default_matmul_precision", "") is None:
        jax.config.update("jax_default_matmul_precision", "highest")
    return True


def accelerated() -> bool:
    """Whether JAX has a plugin for a device other than the CPU.

    A GPU's default products have 10 bits of mantissa (TF32). Their losses differ from a CPU's by up to half after a few
    epochs, where products in float32 differ by 1e-5 (`benchmarks/gpu.py`), so they are asked for by
    `JAX_DEFAULT_MATMUL_PRECISION=default` only.
    """
    return importlib.util.find_spec("jax_plugins") is not None


def _new_enough(jax: Any) -> None:
    for name in NEEDED:
        if not hasattr(jax, name):
            raise FalllineError(
                f"JAX {jax.__version__} has no jax.{name}: expected JAX 0.10.2 or a later version that has it; "
                "`pip install --upgrade fallline jax` finds one"
            )


def _cores() -> int:
    """Number of cores this process may use, by its affinity mask; a container's CPU share is not visible here."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
