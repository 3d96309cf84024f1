"""JAX, set up once: every core a device, compiled programs kept on disk.

A host program whose JAX has already started keeps its own settings: the first setting below is refused by a started
backend, and then none of the others is touched.
"""

import functools
import os
from pathlib import Path


def cache_folder() -> Path:
    """Where compiled programs are kept: `FALLLINE_CACHE`, or the user's cache folder."""
    root = os.environ.get("FALLLINE_CACHE")
    if root:
        return Path(root)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fallline"


@functools.cache
def configure() -> bool:
    """Set JAX up before its backend starts; returns whether the settings are ours."""
    import jax

    chosen = os.environ.get("JAX_NUM_CPU_DEVICES") or "host_platform_device_count" in os.environ.get("XLA_FLAGS", "")
    if jax.config.jax_num_cpu_devices == -1 and not chosen:
        try:
            jax.config.update("jax_num_cpu_devices", _cores())
        except RuntimeError:
            return False
    if jax.config.jax_compilation_cache_dir is None:
        jax.config.update("jax_compilation_cache_dir", str(cache_folder() / "programs"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    return True


def _cores() -> int:
    """Cores this process may use; an affinity mask counts, a container's share does not show here."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
