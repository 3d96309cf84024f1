"""The block: an immutable module that *is* its hyperparameters.

Numeric fields are pytree leaves, structural fields are static, parts are subtrees; `jax.tree.structure(block)` is
therefore the program and `jax.tree.leaves(block)` are its hyperparameters.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, ClassVar, TypeVar, cast, dataclass_transform

import equinox as eqx
import jax
import numpy as np
from numpy.typing import DTypeLike

from fallline.core.errors import FalllineError, nearest
from fallline.core.field import Field, check_choice, required
from fallline.core.runtime import configure
from fallline.core.tree import Tree

configure()

Same = TypeVar("Same")
_FAMILIES: dict[str, dict[str, type["Block"]]] = {}


@dataclass_transform(field_specifiers=(required, eqx.field, dataclasses.field))
class Block(eqx.Module):
    """Base of every block. A subclass gives its `family` and, if files may name it, its `name`."""

    family: ClassVar[str] = ""
    name: ClassVar[str] = ""
    aliases: ClassVar[tuple[str, ...]] = ()  # other names that people use: lower case, with underscores
    facts: ClassVar[tuple[str, ...]] = ()  # names of the class attributes that `fallline explain` shows

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)
        cls.aliases = cls.__dict__.get("aliases", ())  # those of a base are the base's own
        if cls.__dict__.get("name"):
            _FAMILIES.setdefault(cls.family, {})[cls.name] = cls
        if "__check_init__" in cls.__dict__ and cls.family != "distribution":
            cls.__check_init__ = _once_filled(cls.__dict__["__check_init__"])  # type: ignore[assignment, method-assign]

    def __check_init__(self) -> None:
        for name, declared in declared_fields(type(self)).items():
            _check(self, name, declared, getattr(self, name))


class Placeholder(Block):
    """Base of blocks that may replace a number in a numeric field: schedules and distributions."""

    def reached(self) -> tuple[float, ...]:
        """Values it takes, as far as they are known before the run; all must lie in the field's valid interval."""
        return ()

    def alternatives(self) -> tuple[Any, ...]:
        """The options it chooses from, if they are not a range of numbers; each is checked as a value of the field."""
        return ()


def _once_filled(check: Callable[[Any], None]) -> Callable[[Any], None]:
    """Skip a block's own check while a field holds a distribution; the check runs once a value has been chosen."""

    @functools.wraps(check)
    def checked(self: Any) -> None:
        if not any(_searched(getattr(self, name)) for name in declared_fields(type(self))):
            check(self)

    return checked


def _searched(value: object) -> bool:
    if isinstance(value, tuple):
        return any(map(_searched, value))
    return isinstance(value, Placeholder) and value.family == "distribution"


def declared_fields(cls: type[Block]) -> dict[str, Field]:
    """The declarations of a block's fields, in order."""
    return {each.name: each.metadata["fallline"] for each in dataclasses.fields(cls) if "fallline" in each.metadata}


def size_field(cls: type[Block]) -> str | None:
    """The name of the field that gives the size of what a block makes, if it declares one."""
    return next((name for name, declared in declared_fields(cls).items() if declared.size), None)


def families() -> tuple[str, ...]:
    """The families of which a block is known, in alphabetical order."""
    return tuple(sorted(_FAMILIES))


def family(kind: str) -> dict[str, type[Block]]:
    """The allow-list: the blocks of one family that a file or a flag may name."""
    return dict(_FAMILIES.get(kind, {}))


def lookup(kind: str, name: str) -> type[Block]:
    """The block of a family by its name, or by another name that people use, in any spelling.

    Raises: FalllineError, with the nearest names, if there is none.

    >>> import fallline.activations
    >>> lookup("activation", "Swish").name, lookup("activation", "Leaky-ReLU").name
    ('silu', 'leaky_relu')
    """
    found = known_as(kind, name)
    if found is None:
        raise FalllineError(f"{kind} {name!r} is unknown: {nearest(name, _FAMILIES.get(kind, {}))}")
    return found


def known_as(kind: str, name: str) -> type[Block] | None:
    """The block that `lookup` gives; None if there is none."""
    known = _FAMILIES.get(kind, {})
    if name in known:
        return known[name]
    plain = spelt(name)
    return next((cls for cls in known.values() if plain in map(spelt, (cls.name, *cls.aliases))), None)


def spelt(name: str) -> str:
    """A name without case and separators.

    >>> spelt("Leaky-ReLU") == spelt("leaky_relu")
    True
    """
    return "".join(letter for letter in name.lower() if letter.isalnum())


def _check(block: Block, name: str, declared: Field, value: object) -> None:
    owner = type(block).__name__
    if value is None:
        if not declared.optional:
            raise FalllineError(f"{owner}.{name} is None: it needs a value ({declared.help})")
    elif isinstance(value, Placeholder) and value.alternatives():
        for each in value.alternatives():
            _check(block, name, declared, each)
    elif declared.role == "structure":
        if declared.choices is not None and not _searched(value):
            check_choice(owner, name, value, declared.choices)
    elif declared.role == "block":
        _check_part(owner, name, declared, value)
    elif isinstance(value, Placeholder) and declared.role == "number":
        _check_reached(owner, name, declared, value)
    elif declared.role == "number" and not isinstance(value, jax.core.Tracer):
        _check_number(owner, name, declared, value)


def _check_part(owner: str, name: str, declared: Field, value: object) -> None:
    families = (declared.family or "").split("|")
    if isinstance(value, tuple) != declared.several and not isinstance(value, Placeholder):
        expected = "a tuple of blocks" if declared.several else "one block"
        raise FalllineError(f"{owner}.{name} = {value!r} is not {expected} of the kind {' or '.join(families)}")
    for each in _apart(value):
        if not isinstance(each, Block) or each.family not in families:
            known = [known for kind in families for known in sorted(_FAMILIES.get(kind, {}))]
            raise FalllineError(
                f"{owner}.{name} = {each!r} is not a block of the kind {' or '.join(families)}: expected one such as "
                f"{', '.join(known[:6])}"
            )


def _apart(value: object) -> Iterator[Any]:
    """The blocks of a part, with every option of a choice among them."""
    for each in value if isinstance(value, tuple) else (value,):
        if isinstance(each, Placeholder) and each.alternatives():
            yield from _apart(each.alternatives())
        else:
            yield each


def _check_reached(owner: str, name: str, declared: Field, value: Placeholder) -> None:
    assert declared.valid is not None
    for each in value.reached():
        if each not in declared.valid:
            raise FalllineError(
                f"{owner}.{name} = {value!r} comes to {each:g}, which is outside the valid interval {declared.valid.text}"
            )


def _check_number(owner: str, name: str, declared: Field, value: object) -> None:
    if isinstance(value, str) and value in declared.words:
        return
    if isinstance(value, jax.Array) and not value.is_fully_addressable:
        return
    try:
        numbers = np.asarray(None if isinstance(value, tuple | list) else value)
        fits = numbers.dtype.kind in ("iuf" if not declared.integer else "iu")
    except (TypeError, ValueError):
        fits = False
    if not fits or isinstance(value, bool):
        whole = "a whole number" if declared.integer else "a number, a schedule or a distribution"
        words = "".join(f" or {each!r}" for each in declared.words)
        raise FalllineError(f"{owner}.{name} = {value!r} is not {whole}{words}")
    assert declared.valid is not None
    for each in numbers.reshape(-1):
        if float(each) not in declared.valid:
            raise FalllineError(f"{owner}.{name} = {each} is outside the valid interval {declared.valid.text}")


def walk(block: Any, path: str = "") -> Iterator[tuple[str, Field, Any]]:
    """Every field of a block and of its parts, with its dotted path.

    Schedules and distributions in numeric fields are traversed as parts are.
    """
    for name, declared in declared_fields(type(block)).items():
        value = getattr(block, name)
        here = f"{path}.{name}" if path else name
        if isinstance(value, tuple) and declared.role in ("block", "options"):
            for index, each in enumerate(value):
                yield f"{here}.{index}", declared, each
                if isinstance(each, Block):
                    yield from walk(each, f"{here}.{index}")
        else:
            yield here, declared, value
            if isinstance(value, Block):
                yield from walk(value, here)


def get(block: object, path: str) -> Any:
    """The value at a dotted path."""
    for name in path.split("."):
        block = _step(block, name, path)
    return block


def replace(block: Same, changes: Mapping[str, Any]) -> Same:
    """A copy of a block with new values at the given dotted paths.

    Raises: FalllineError for a path that does not exist, with the nearest, and for a value that is not valid there.
    """
    changed: Any = block
    for path, value in changes.items():
        changed = _replace(changed, path.split("."), value, path)
    return cast(Same, changed)


def _replace(block: Any, names: list[str], value: Any, path: str) -> Any:
    if not names:
        return value
    old = _step(block, names[0], path)
    new = _replace(old, names[1:], value, path)
    if isinstance(block, tuple):
        index = int(names[0])
        return (*block[:index], new, *block[index + 1 :])
    return dataclasses.replace(block, **{names[0]: new})


def _step(block: object, name: str, path: str) -> Any:
    if isinstance(block, tuple) and name.isdigit() and int(name) < len(block):
        return block[int(name)]
    if isinstance(block, Block) and name in declared_fields(type(block)):
        return getattr(block, name)
    owner = type(block).__name__ if isinstance(block, Block) else repr(block)
    valid = declared_fields(type(block)) if isinstance(block, Block) else []
    hint = nearest(name, valid) if valid else "it is a value, without fields of its own"
    raise FalllineError(f"path {path!r}: {owner} has no field {name!r}: {hint}")


def as_arrays(tree: Tree, dtype: DTypeLike = np.float32) -> Any:
    """The tree with every number as a 0-d array, ready for tracing: floats as `dtype`, whole numbers as int32."""

    def convert(leaf: object) -> Any:
        if isinstance(leaf, float | np.floating) or (
            isinstance(leaf, jax.Array | np.ndarray) and leaf.dtype.kind == "f"
        ):
            return np.asarray(leaf, dtype) if not isinstance(leaf, jax.Array) else leaf.astype(dtype)
        if isinstance(leaf, int | np.integer) and not isinstance(leaf, bool):
            return np.asarray(leaf, np.int32)
        return leaf

    with np.errstate(over="ignore"):  # a number beyond the dtype's range becomes infinity, and the run diverges
        return jax.tree.map(convert, tree)
