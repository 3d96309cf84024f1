"""Compiled programs that are kept on disk and looked up by what decides them, before anything is traced.

JAX keeps compiled programs too, but finds one by its lowered form, and tracing and lowering take longer than loading. What
is damaged, made elsewhere or not understood is compiled in the ordinary way.
"""

import hashlib
import os
import pickle
import secrets
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.experimental import serialize_executable
from jax.sharding import NamedSharding, SingleDeviceSharding

from fallline.core import cached
from fallline.core.errors import FalllineError
from fallline.core.files import make_folder, write_atomically
from fallline.core.garbage import collector_rests
from fallline.core.program_key import key_of, settings
from fallline.core.runtime import cache_folder, configure

LOOKS = True  # whether programs are looked up; tests that replace functions of this package turn it off
_MARK = b"fallline program 1\n"
_DIGEST = 32  # bytes of the checksum behind the mark
_ORDINARY = "ordinary"  # in place of a lowered form: JAX cannot write this program


_ALL: "weakref.WeakSet[KeptProgram]" = weakref.WeakSet()


class KeptProgram:
    """A function as `jax.jit` compiles it, whose programs are kept on disk.

    Arguments:
        f: the function.
        name: its name in the digest; together with `decides` it must tell the function from all others.
        decides: values that the function closes over.
        static: number of leading arguments that are static.
        donate: numbers of the arguments that are donated.
    """

    def __init__(
        self, f: Callable[..., Any], name: str, *, decides: object = None, static: int = 0, donate: tuple[int, ...] = ()
    ) -> None:
        self._f = f
        self._options: dict[str, Any] = {"static_argnums": tuple(range(static)), "donate_argnums": donate}
        self._jitted = jax.jit(f, **self._options)
        self._decides = (name, decides, static, donate)
        self._static = static
        self._known: dict[Any, Callable[..., Any]] = {}
        _ALL.add(self)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._jitted, name)

    def __call__(self, *arguments: Any) -> Any:
        signature = self._signature(arguments)
        if signature is None:
            return self._jitted(*arguments)
        if signature not in self._known:
            return self._first(signature, arguments)
        return self._known[signature](*arguments)

    def has(self, *arguments: Any) -> bool:
        """Whether the program for these arguments needs no compilation; it is then loaded."""
        signature = self._signature(arguments)
        if signature is None:
            return False
        if signature not in self._known:
            found = self._loaded(pointed(self._key(signature)), arguments)
            if found is None:
                return False
            self._known[signature] = found
        return True

    def _signature(self, arguments: tuple[Any, ...]) -> tuple[Any, ...] | None:
        """What tells the program for these arguments from others in this process; None if none is kept."""
        if not LOOKS or not _usable():
            return None
        leaves, structure = jax.tree.flatten(arguments[self._static :])
        shapes = tuple(map(_shape_of, leaves))
        found = (arguments[: self._static], structure, shapes, settings())
        try:
            hash(found)
        except TypeError:
            return None
        return None if None in shapes else found

    def _key(self, signature: tuple[Any, ...]) -> str | None:
        if jax.config.jax_debug_nans or jax.config.jax_debug_infs or jax.config.jax_disable_jit:
            return None
        return key_of(self._decides, *signature, os.environ.get("XLA_FLAGS"))

    def _first(self, signature: tuple[Any, ...], arguments: tuple[Any, ...]) -> Any:
        """The first call with arguments of this signature in this process."""
        key = self._key(signature)
        form = pointed(key)
        if key is None or form == _ORDINARY:
            self._known[signature] = self._jitted
            return self._jitted(*arguments)
        with collector_rests():
            loaded = self._loaded(form, arguments)
            if loaded is None:
                self._known[signature] = self._compiled(key, arguments)
                return self._known[signature](*arguments)
        try:
            found = loaded(*arguments)
        except Exception:  # a program that does not fit this process after all
            if any(isinstance(leaf, jax.Array) and leaf.is_deleted() for leaf in jax.tree.leaves(arguments)):
                raise
            loaded, found = self._jitted, self._jitted(*arguments)
        self._known[signature] = loaded
        return found

    def _compiled(self, key: str, arguments: tuple[Any, ...]) -> Callable[..., Any]:
        """The program of these arguments, traced and lowered; it is kept for later processes if it can be."""
        structure = jax.tree.structure((arguments[self._static :], {}))
        name = f"kept_{secrets.token_hex(8)}"
        lowered = self._named(name).lower(*arguments)
        form = key_of(lowered.as_text().replace(name, "kept"), os.environ.get("XLA_FLAGS"), traced=False)
        assert form is not None
        found = read(form, structure)
        if found is None:
            with _unwritten():
                found = lowered.compile()
            try:
                write(form, found, structure)
            except FalllineError:  # there is no room, or no permission
                return self._without_static(found)
            except Exception:  # JAX refuses some programs, and other versions of it might refuse all of them
                form = _ORDINARY
        point(key, form)
        return self._without_static(found)

    def _named(self, name: str) -> Any:
        """The function under a name of its own, so that JAX cannot find its program in a cache.

        What JAX reads from its cache lacks parts of the program when it is written again.
        """
        f = self._f

        def renamed(*arguments: Any) -> Any:
            return f(*arguments)

        renamed.__name__ = renamed.__qualname__ = name
        return jax.jit(renamed, **self._options)

    def _loaded(self, form: str | None, arguments: tuple[Any, ...]) -> Callable[..., Any] | None:
        if form is None or form == _ORDINARY:
            return None
        found = read(form, jax.tree.structure((arguments[self._static :], {})))
        return None if found is None else self._without_static(found)

    def _without_static(self, compiled: Callable[..., Any]) -> Callable[..., Any]:
        count = self._static
        return compiled if count == 0 else lambda *arguments: compiled(*arguments[count:])


def forget() -> None:
    """Drop all compiled programs of this process, JAX's too: it can map only so many. They are loaded again when needed."""
    for each in list(_ALL):
        each._known.clear()
    jax.clear_caches()


@contextmanager
def _unwritten() -> Iterator[None]:
    """JAX writes no program into its own cache."""
    name = "jax_persistent_cache_min_compile_time_secs"
    before = getattr(jax.config, name, None)
    if before is None:
        yield
        return
    jax.config.update(name, 1e9)
    try:
        yield
    finally:
        jax.config.update(name, before)


def point(key: str, form: str) -> None:
    """Note which lowered form belongs to a key."""
    with suppress(FalllineError):
        _put(_path(key, "key"), form.encode())
        cached.trim()


def pointed(key: str | None) -> str | None:
    """The lowered form of a key, if it was noted."""
    found = None if key is None else _opened(_path(key, "key"))
    return None if found is None else found.decode()


def write(form: str, compiled: Any, arguments: Any) -> None:
    """Keep a compiled program.

    Raises: FalllineError where its folder cannot be written to; ValueError and others for a program that JAX cannot write.

    Arguments:
        form: digest of its lowered form.
        compiled: what JAX's `compile` returns.
        arguments: tree structure of its positional and named arguments.
    """
    payload, given, returned = serialize_executable.serialize(compiled)
    devices = _devices_of(compiled)
    if given != arguments or devices is None:
        raise ValueError("this program cannot be loaded without knowing more of it")
    # A tree structure cannot be pickled; a tree whose leaves are numbers has the same structure.
    example = jax.tree.unflatten(returned, range(returned.num_leaves))
    body = pickle.dumps((form, [each.id for each in devices], payload, example))
    _put(_path(form, "program"), body)


def read(form: str, arguments: Any) -> Any:
    """The program of a lowered form; None if none was kept, or it is damaged, or this JAX cannot load it."""
    path = _path(form, "program")
    try:
        body = _opened(path)
        if body is None:
            return None
        same, numbers, payload, example = pickle.loads(body)
        if same != form:
            return None
        known = {each.id: each for each in jax.devices()}
        found = serialize_executable.deserialize_and_load(
            payload, arguments, jax.tree.structure(example), execution_devices=[known[each] for each in numbers]
        )
    except Exception:  # whatever another version of JAX, or a file that nobody here wrote, makes of it
        return None
    with suppress(OSError):
        os.utime(path)  # those that were not used for longest are removed first
    return found


def _put(path: Path, body: bytes) -> None:
    make_folder(path.parent)
    write_atomically(path, _sealed(body), mode=0o600)


def _usable() -> bool:
    """Whether this process keeps programs as Fallline chose: the user may have set up JAX, or its cache, otherwise."""
    own = "JAX_COMPILATION_CACHE_DIR" not in os.environ and jax.config.jax_enable_compilation_cache
    return own and configure() and jax.default_backend() == "cpu"


def _sealed(body: bytes) -> bytes:
    return _MARK + hashlib.sha256(body).digest() + body


def _opened(path: Path) -> bytes | None:
    """What was sealed into a file; None if it is missing or damaged, or if somebody else could have written it.

    A program is code. In a folder that several people share, each of them loads only what they have compiled themselves.
    """
    try:
        with path.open("rb") as file:
            facts = os.fstat(file.fileno())
            if hasattr(os, "geteuid") and (facts.st_uid != os.geteuid() or facts.st_mode & 0o022):
                return None
            content = file.read()
    except OSError:
        return None
    body = content[len(_MARK) + _DIGEST :]
    return body if content == _sealed(body) else None


def _path(digest: str, ending: str) -> Path:
    return cache_folder() / "executables" / f"{digest}.{ending}"


def _shape_of(leaf: Any) -> Any:
    """What a program depends on of an argument; None if it is no array in this process's memory or on its devices."""
    if isinstance(leaf, jax.core.Tracer):
        return None
    if isinstance(leaf, jax.Array):
        if not isinstance(leaf.sharding, SingleDeviceSharding | NamedSharding):
            return None
        return leaf.shape, str(leaf.dtype), leaf.aval.weak_type, leaf.committed, leaf.sharding
    if isinstance(leaf, np.ndarray | np.generic):
        return leaf.shape, str(leaf.dtype)
    return (type(leaf).__name__,) if type(leaf) in (bool, int, float) else None


def _devices_of(compiled: Any) -> list[Any] | None:
    """The devices of a program in their order; None for programs on some of several devices."""
    shardings = jax.tree.leaves((compiled.input_shardings, compiled.output_shardings))
    found = set().union(*(each.device_set for each in shardings))
    known = jax.devices()
    return known if found == set(known) else list(found) if len(found) == 1 else None
