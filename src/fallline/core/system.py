"""What this machine has for Fallline: versions, devices, cores, memory, and the folder of compiled programs."""

import importlib.metadata
import os
import platform
from collections import Counter
from pathlib import Path
from typing import Any

from fallline._version import __version__
from fallline.core.runtime import cache_folder, configure

PACKAGES = (
    "jax",
    "jaxlib",
    "equinox",
    "numpy",
    "scipy",
    "scikit-learn",
    "polars",
    "plotly",
    "safetensors",
    "sqlalchemy",
)
EXTRAS = ("onnx", "onnxruntime", "optax", "optuna", "cma", "ray", "gymnasium", "pandas", "pyarrow")
CARD = Path("/proc/driver/nvidia/version")  # exists where NVIDIA's driver is loaded
MEMORY, LIMIT = Path("/proc/meminfo"), Path("/sys/fs/cgroup/memory.max")


def system() -> dict[str, Any]:
    """The facts that decide where and how fast Fallline computes; starts JAX.

    >>> sorted(system())  # doctest: +NORMALIZE_WHITESPACE
    ['cache', 'cores', 'devices', 'extras', 'fallline', 'machine', 'matmul_precision', 'memory', 'notes', 'packages',
     'plugins', 'python']
    """
    import jax

    configure()
    devices, problem = _devices()
    return {
        "fallline": __version__,
        "python": platform.python_version(),
        "machine": platform.platform(),
        "packages": {name: _version(name) for name in PACKAGES},
        "plugins": _plugins(),
        "extras": {name: found for name in EXTRAS if (found := _version(name))},
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        "memory": _memory(),
        "devices": devices,
        "matmul_precision": jax.config.jax_default_matmul_precision or "default",
        "cache": _cache(),
        "notes": [*problem, *_notes(devices)],
    }


def _devices() -> tuple[list[dict[str, Any]], list[str]]:
    """The devices that JAX uses by default, equal ones counted, and a sentence if JAX does not start."""
    import jax

    try:
        found = jax.devices()
    except RuntimeError as error:
        return [], [f"JAX does not start: {' '.join(str(error).split())}"]
    counts = Counter((each.platform, each.device_kind) for each in found)
    room = {each.platform: (each.memory_stats() or {}).get("bytes_limit") for each in found}
    return [
        {"platform": kind, "kind": name, "count": count, "memory": room[kind]} for (kind, name), count in counts.items()
    ], []


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _plugins() -> dict[str, str]:
    """The installed packages that teach JAX a kind of device."""
    names = {each.metadata["Name"] for each in importlib.metadata.distributions()}
    known = {name.replace("_", "-").lower() for name in names if name}
    found = [name for name in known if name.startswith(("jax-cuda", "jax-rocm", "libtpu", "jax-metal"))]
    return {name: _version(name) or "unknown" for name in sorted(found)}


def _memory() -> dict[str, int | None]:
    """Bytes of memory that this process may use, and how many of them are free now; None where the system does not say."""
    lines = MEMORY.read_text().splitlines() if MEMORY.is_file() else []
    kept = {name: int(value.split()[0]) * 1024 for name, value in (line.split(":", 1) for line in lines)}
    total, free = kept.get("MemTotal"), kept.get("MemAvailable")
    text = LIMIT.read_text().strip() if LIMIT.is_file() else "max"
    if text.isdigit() and total is not None:
        total = min(total, int(text))
        free = None if free is None else min(free, total)
    return {"total": total, "free": free}


def _cache() -> dict[str, Any]:
    folder = cache_folder() / "programs"
    files = [each for each in folder.glob("*") if each.is_file()] if folder.is_dir() else []
    programs = sum(not each.name.endswith("-atime") for each in files)
    return {"folder": str(folder), "programs": programs, "bytes": sum(each.stat().st_size for each in files)}


def _notes(devices: list[dict[str, Any]]) -> list[str]:
    kinds = {each["platform"] for each in devices}
    notes = []
    if CARD.is_file() and devices and "gpu" not in kinds:
        chosen = os.environ.get("JAX_PLATFORMS")
        how = f"JAX_PLATFORMS={chosen} leaves it out" if chosen else "pip install 'jax[cuda13]' teaches JAX to use it"
        notes.append(f"an NVIDIA card is here, and JAX does not use it: {how}")
    return notes
