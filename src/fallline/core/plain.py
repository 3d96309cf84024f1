"""Conversion of blocks to plain data (dicts, lists, numbers, strings) and back, for recipe files.

A file can only name a block registered in the family that the field expects; everything else is refused.
"""

from typing import Any

import numpy as np

from fallline.core.block import Block, declared_fields, family, get, known_as, replace
from fallline.core.errors import FalllineError, nearest
from fallline.core.field import Field

MOST_PARTS = 1000  # most blocks in a list, and most layers of a network


def to_plain(block: Block) -> dict[str, Any]:
    """A block's name and every field; `None` becomes the word "none", since TOML has no null."""
    if not block.name:
        raise FalllineError(
            f"{type(block).__name__} has no name that a file could hold: keep the run in memory, or use a named block"
        )
    plain: dict[str, Any] = {"name": block.name}
    for name in declared_fields(type(block)):
        plain[name] = _plain(getattr(block, name))
    return plain


def _plain(value: object) -> Any:
    if value is None:
        return "none"
    if isinstance(value, Block):
        return to_plain(value)
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if hasattr(value, "dtype"):
        # The shortest decimal that reads back as the same number, so that 0.001 does not become 0.0010000000475.
        array = np.asarray(value)
        return array.tolist() if array.ndim or array.dtype.kind in "iub" else float(str(array[()]))
    return value


def from_plain(kind: str, plain: object, where: str = "", field: Field | None = None) -> Any:
    """The block that plain data describe; for a distribution, `field` is the field that holds it.

    Raises: FalllineError naming the place in the file, for an unknown name, field or value.
    """
    where = where or kind
    if isinstance(plain, list) and len(known := family(kind)) == 1:  # [0, 0.1] for a milestone
        plain = dict(zip(declared_fields(next(iter(known.values()))), plain, strict=False))
    plain = dict(plain) if isinstance(plain, dict) else {"name": plain}
    kinds = kind.split("|")
    kind = next((each for each in kinds if known_as(each, str(plain.get("name"))) is not None), kinds[0])
    known = {name: cls for each in kinds for name, cls in family(each).items()}
    name = plain.pop("name", "" if len(known) != 1 else next(iter(known)))
    if not isinstance(name, str) or not name:
        raise FalllineError(f"[{where}] does not say which {kind} it is: {nearest('', _suitable(known, kind))}")
    cls = known_as(kind, name)
    if cls is None:
        raise FalllineError(f"[{where}] {kind} {name!r} is unknown: {nearest(name, _suitable(known, kind))}")
    declared = declared_fields(cls)
    values = {}
    for key, value in plain.items():
        if key not in declared:
            raise FalllineError(f"[{where}] {name} has no field {key!r}: {nearest(key, declared)}")
        if declared[key].role == "options" and field is not None:
            several = value if isinstance(value, list) else [value]
            values[key] = tuple(_value(field, each, f"{where}.{key}.{i}") for i, each in enumerate(several))
        else:
            values[key] = _value(declared[key], value, f"{where}.{key}")
    try:
        return cls(**values)
    except TypeError as error:
        raise FalllineError(f"[{where}] {name} is incomplete: {str(error).split(') ', 1)[-1]}") from None


def _suitable(known: dict[str, type[Block]], kind: str) -> list[str]:
    """The names to suggest: a block of another family only if it says that it may stand in the place of the first."""
    return [name for name, cls in known.items() if cls.family == kind or getattr(cls, "elementwise", True)]


def _value(declared: Field, value: object, where: str) -> Any:
    if isinstance(value, Block):
        return value  # the caller may mix finished blocks with plain data
    if declared.optional and value == "none":
        return None
    if isinstance(value, dict) and value.get("name") in list(family("distribution")):
        return from_plain("distribution", value, where, declared)
    if declared.role == "block":
        assert declared.family is not None
        if isinstance(value, list):
            if len(value) > MOST_PARTS:
                raise FalllineError(f"[{where}] lists {len(value):,} blocks: expected at most {MOST_PARTS:,}")
            return tuple(_entry(declared, each, f"{where}.{i}") for i, each in enumerate(value))
        return from_plain(declared.family, value, where)
    if declared.role == "number" and isinstance(value, dict):
        if str(value.get("name")) in family("schedule"):
            return from_plain("schedule", value, where)
        names = [*family("schedule"), *family("distribution")]
        raise FalllineError(f"[{where}] {value.get('name')!r} is no schedule: {nearest(str(value.get('name')), names)}")
    if declared.role == "number" and isinstance(value, bool | str) and value not in declared.words:
        words = "".join(f" or {each!r}" for each in declared.words)
        raise FalllineError(f"[{where}] = {value!r} is not a number{words}")
    if isinstance(value, list):
        return tuple(_value(declared, each, where) if isinstance(each, dict | list) else each for each in value)
    return value


def _entry(declared: Field, value: object, where: str) -> Any:
    # A list within a list of blocks describes a block: its values, in the order of the fields.
    if isinstance(value, dict):
        return _value(declared, value, where)
    return from_plain(declared.family or "", value, where)


def parse(block: object, path: str, value: object) -> Any:
    """A copy of a block with plain data set at a dotted path: `("optimizer", "sgd")`, `("model.dropout", 0.1)`.

    Raises: FalllineError for a path that does not exist, with the nearest, and for a value that is not valid there.
    """
    parent, _, name = path.rpartition(".")
    owner = get(block, parent) if parent else block
    get(block, path)
    declared = declared_fields(type(owner)).get(name) if isinstance(owner, Block) else None
    return replace(block, {path: value if declared is None else _value(declared, value, path)})
