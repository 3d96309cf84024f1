"""What decides a compiled program, as one digest: structure, shapes, settings, versions, sources, machine and devices.

The digest is computed from the arguments alone, so that a program can be looked up before anything is traced. Whatever
cannot be described exactly, such as a block or a function of the user's own, has no digest.
"""

import dataclasses
import enum
import functools
import hashlib
import os
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.sharding import NamedSharding, SingleDeviceSharding

from fallline._version import __version__
from fallline.core.runtime import FLAGS

# Packages above `population`: no program that is kept can depend on them (pyproject.toml, the contract on imports).
ABOVE = ("board", "cli", "doctor", "ensembles", "estimators", "interpretation", "lab", "report", "searching", "testing")
HOMES = ("builtins", "collections", "equinox", "fallline", "jax", "jaxlib", "numpy")  # whose code the digest knows
_PASSING = ("cache", "dump", "explain", "log", "traceback")  # settings that change no program


class UnknownError(Exception):
    """Something has no exact description."""


def key_of(*decides: object, traced: bool = True) -> str | None:
    """The digest of a program in this process; None if something that decides it has no exact description.

    Arguments:
        decides: the arguments' structure and shapes, or the lowered form.
        traced: whether the program depends on sources that are traced; its lowered form does not.
    """
    try:
        text = "\n".join((*environment(), _sources() if traced else "", *map(described, decides)))
    except UnknownError:
        return None
    return hashlib.sha256(text.encode()).hexdigest()


def described(value: Any) -> str:
    """An exact description, equal in every process for equal values.

    Raises: UnknownError for what this package, JAX and NumPy have not made.

    >>> described((1, 2.5, "a", None))
    "(int:1,float:2.5,str:'a',NoneType:None)"
    """
    kind = type(value)
    if value is None or kind in (bool, int, float, complex, str, bytes):
        return f"{kind.__name__}:{value!r}"
    if isinstance(value, type):
        return _name(value)
    if isinstance(value, enum.Enum):
        return f"{_name(kind)}.{value.name}"
    if isinstance(value, np.dtype) or kind is jax.sharding.PartitionSpec:
        return f"{kind.__name__}:{value}"
    if isinstance(value, np.ndarray | np.generic | jax.Array):
        return _of_array(value)
    if isinstance(value, jax.tree_util.PyTreeDef):
        return _of_structure(value)
    if kind in (tuple, list):
        return f"{'' if kind is tuple else 'list'}({','.join(map(described, value))})"
    if kind is dict:
        return f"dict({','.join(f'{described(name)}={described(each)}' for name, each in value.items())})"
    if isinstance(value, SingleDeviceSharding | NamedSharding):
        return _of_sharding(value)
    if dataclasses.is_dataclass(value):
        return f"{_name(kind)}({','.join(described(getattr(value, each.name)) for each in dataclasses.fields(value))})"
    if not getattr(value, "__dict__", True):  # Equinox marks a missing field by an object without contents
        return _name(kind)
    raise UnknownError(repr(kind))


def settings() -> tuple[Any, ...]:
    """The values of JAX's settings here, also of those that hold in a `with` statement only."""
    return tuple(getattr(jax.config, name, None) for name in _names_of_settings())


@functools.cache
def environment() -> tuple[str, ...]:
    """What decides every program of this process: versions, sources, machine and compiler flags."""
    import equinox
    import scipy

    devices = [(each.platform, each.device_kind, each.id) for each in jax.devices()]
    versions = (
        __version__,
        jax.__version__,
        version("jaxlib"),
        np.__version__,
        scipy.__version__,
        equinox.__version__,
    )
    return (
        f"versions {versions} {sys.version_info[:2]}",
        f"flags {FLAGS}",
        f"machine {platform.system()} {platform.machine()} {os.cpu_count()} {_cores()} {_processor()}",
        f"devices {devices} {jax.devices()[0].client.platform_version} {jax.process_count()}",
    )


@functools.cache
def _names_of_settings() -> tuple[str, ...]:
    names = sorted(jax.config.values)
    return tuple(name for name in names if not any(word in name for word in _PASSING))


def _name(kind: type) -> str:
    if kind.__module__.partition(".")[0] not in HOMES or "<" in kind.__qualname__:
        raise UnknownError(repr(kind))
    return f"{kind.__module__}.{kind.__qualname__}"


def _of_array(value: Any) -> str:
    if jax.dtypes.issubdtype(value.dtype, jax.dtypes.extended) or value.dtype.hasobject:
        raise UnknownError(repr(value.dtype))
    content = np.ascontiguousarray(value)
    return f"array:{content.dtype}{content.shape}{hashlib.sha256(content.tobytes()).hexdigest()}"


def _of_structure(structure: Any) -> str:
    node = structure.node_data()
    if node is None:
        return "*" if structure.num_leaves else "NoneType:None"
    children = ",".join(map(_of_structure, structure.children()))
    return f"{_name(node[0])}[{described(node[1])}]({children})"


def _of_sharding(value: Any) -> str:
    if isinstance(value, SingleDeviceSharding):
        return f"one {[each.id for each in value.device_set]} {value.memory_kind}"
    mesh = value.mesh
    return f"mesh {mesh.axis_names} {mesh.devices.shape} {[each.id for each in mesh.devices.flat]} {value.spec}"


@functools.cache
def _sources() -> str:
    """Digest of the sources from which programs are traced."""
    found, home = hashlib.sha256(), Path(__file__).parents[1]
    for each in _files(home):
        content = each.read_bytes()
        found.update(f"{each.relative_to(home)} {len(content)}\n".encode() + content)
    return found.hexdigest()


def _files(home: Path) -> Iterator[Path]:
    for here, folders, files in os.walk(home):
        folders[:] = sorted(each for each in folders if Path(here) != home or each not in ABOVE)
        yield from (Path(here, name) for name in sorted(files) if name.endswith(".py"))


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 0


def _processor() -> str:
    """The processor and what it can do; a machine that does not tell is known by its name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
    except OSError:
        lines = []
    words = ("model", "stepping", "flags", "features", "cpu ", "vendor", "isa")
    told = [line for line in lines if line.lower().startswith(words)]
    return "\n".join(told) or f"{platform.processor()} {platform.node()}"
