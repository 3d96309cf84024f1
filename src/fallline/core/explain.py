"""The description of a block: its docstring, its field declarations and its facts."""

import dataclasses
import inspect
import math

from fallline.core.block import Block, declared_fields, families, family
from fallline.core.errors import FalllineError, nearest
from fallline.core.field import Field


@dataclasses.dataclass(frozen=True)
class FieldFacts:
    """One hyperparameter: its meaning, default, valid interval, usual range, and whether changing it recompiles."""

    name: str
    help: str
    default: str
    valid: str
    usual: str
    compiles: bool
    source: str


@dataclasses.dataclass(frozen=True)
class Explanation:
    """A block in words and numbers."""

    name: str
    family: str
    title: str
    text: str
    facts: dict[str, str]
    fields: tuple[FieldFacts, ...]


def blocks_by_family() -> dict[str, list[str]]:
    """The names of all blocks, by family."""
    return {kind: sorted(family(kind)) for kind in families()}


def explain(name: str) -> list[Explanation]:
    """Every block with this name; a few names, such as constant, occur in two families.

    Raises: FalllineError with the nearest names, if there is none.
    """
    kind, _, own = name.rpartition(".")
    found = [cls for each in families() if kind in ("", each) for known, cls in family(each).items() if known == own]
    if not found:
        known = [each for names in blocks_by_family().values() for each in names]
        raise FalllineError(f"no block is called {name!r}: {nearest(own, known)}; `fallline explain` lists them all")
    return [_explanation(cls) for cls in found]


def _explanation(cls: type[Block]) -> Explanation:
    doc = inspect.cleandoc(cls.__doc__ or "")
    text = doc.split(">>>")[0].rstrip()
    title, _, rest = text.partition("\n")
    defaults = {each.name: each.default for each in dataclasses.fields(cls)}
    compiled = getattr(cls, "compiled", True)
    fields = tuple(_facts(key, declared, defaults[key], compiled) for key, declared in declared_fields(cls).items())
    facts = {fact: _fact(getattr(cls, fact)) for fact in cls.facts if _is_fixed(cls, fact)}
    return Explanation(cls.name, cls.family, title, rest.strip("\n"), facts, fields)


def _is_fixed(cls: type[Block], fact: str) -> bool:
    """Whether all blocks of the class share the fact: a wrapper, for example, takes some from the rule it holds."""
    return fact not in declared_fields(cls) and not isinstance(getattr(cls, fact), property)


def _fact(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        low, high = value
        return f"{'(' if math.isinf(low) else '['}{low:g}, {high:g}{')' if math.isinf(high) else ']'}"
    return str(value)


def _facts(name: str, declared: Field, default: object, compiled: bool) -> FieldFacts:
    usual = "" if declared.usual is None else f"{declared.usual[0]:g} to {declared.usual[1]:g}"
    if usual and declared.scale == "log":
        usual += " (log)"
    valid = declared.valid.text if declared.valid is not None else " | ".join(map(str, declared.choices or ()))
    if default is dataclasses.MISSING:
        shown = "(required)"
    elif isinstance(default, Block):
        shown = default.name
    else:
        shown = "none" if default is None else f"{default:g}" if isinstance(default, float) else str(default)
    help = declared.help + (f" [{declared.unit}]" if declared.unit else "")
    return FieldFacts(name, help, shown, valid, usual, compiled and declared.role != "number", declared.source)
