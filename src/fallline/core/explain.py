"""The description of a block: its docstring, its field declarations and its facts."""

import dataclasses
import inspect
import math
import re
from collections.abc import Iterator

from fallline.core.block import Block, declared_fields, families, family, spelt
from fallline.core.errors import FalllineError, nearest
from fallline.core.field import Field

# Families in the order in which a name of several blocks is most likely meant by somebody who trains a network.
_ORDER = (
    "optimizer", "schedule", "activation", "loss", "layer", "initializer", "penalty", "model", "scaler", "encoding",
    "recipe", "strategy", "pruner", "distribution", "method", "callback",
)  # fmt: skip


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
    aliases: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Mention:
    """A place that speaks of something: a block, or one of a block's fields by its dotted path."""

    name: str
    family: str
    line: str


def blocks_by_family() -> dict[str, list[str]]:
    """The names of all blocks, by family."""
    return {kind: sorted(family(kind)) for kind in families()}


def explain(name: str) -> list[Explanation]:
    """Every block with this name, by `family.name` one alone; what a network is trained with comes first.

    A few names, such as plateau, occur in two families.

    Raises: FalllineError with the nearest names, if there is none.
    """
    kind, _, own = name.rpartition(".")
    blocks = [cls for each in families() if kind in ("", each) for cls in family(each).values()]
    found = [cls for cls in blocks if cls.name == own]
    found += [cls for cls in blocks if cls.name != own and spelt(own) in (spelt(cls.name), *map(spelt, cls.aliases))]
    if not found:
        known = [each for names in blocks_by_family().values() for each in names]
        raise FalllineError(f"no block is called {name!r}: {nearest(own, known)}; `fallline explain` lists them all")
    return [_explanation(cls) for cls in sorted(found, key=_place)]


def _place(cls: type[Block]) -> int:
    return _ORDER.index(cls.family) if cls.family in _ORDER else len(_ORDER)


def mentions(text: str, most: int = 12) -> list[Mention]:
    """The blocks and fields that speak of all words of a text, those that say most of it first.

    >>> import fallline.training.recipe
    >>> [each.name for each in mentions("early stopping")][:1]
    ['recipe.patience']
    """
    words = [_stem(each) for each in re.findall(r"[a-z0-9]+", text.lower())]
    found: list[tuple[float, Mention]] = []
    for kind in families():
        for cls in family(kind).values():
            found += [(_weight(words, *each[:2]), each[2]) for each in _places(kind, cls)]
    best = sorted((each for each in found if each[0] > 0), key=lambda each: -each[0])
    # Many blocks have a field of the same name; the first one stands for all.
    once: dict[str, Mention] = {}
    for _, each in best:
        once.setdefault(each.name.rpartition(".")[2], each)
    return list(once.values())[:most]


def _places(kind: str, cls: type[Block]) -> Iterator[tuple[str, str, Mention]]:
    """The title and the text of a block and of each of its fields, with what to print of it."""
    doc = inspect.cleandoc(cls.__doc__ or "").split(">>>")[0]
    title = doc.partition("\n")[0]
    more = " ".join(str(getattr(cls, each, "")) for each in ("title", "help", "measures", "subject"))
    yield f"{cls.name} {' '.join(cls.aliases)}", f"{doc} {more}", Mention(cls.name, kind, title)
    for name, declared in declared_fields(cls).items():
        yield name, declared.help, Mention(f"{cls.name}.{name}", kind, declared.help)


def _weight(words: list[str], title: str, text: str) -> float:
    """How much a place says of some words: all of them must occur, and those in its name or early count most."""
    names = [_stem(each) for each in re.findall(r"[a-z0-9]+", title.lower())]
    said = [_stem(each) for each in re.findall(r"[a-z0-9]+", text.lower())]
    if not words or not all(each in names or each in said for each in words):
        return 0.0
    inside = sum(3.0 if each in names else 2.0 / (1 + said.index(each) / 10) for each in words)
    together = " ".join(words) in " ".join(names) or " ".join(words) in " ".join(said)
    return inside + 2.0 * together


def _stem(word: str) -> str:
    """The beginning of a word, which its forms share: correction and corrected, units and unit."""
    whole = word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
    return whole[:6]


def _explanation(cls: type[Block]) -> Explanation:
    doc = inspect.cleandoc(cls.__doc__ or "")
    text = doc.split(">>>")[0].rstrip()
    title, _, rest = text.partition("\n")
    defaults = {each.name: each.default for each in dataclasses.fields(cls)}
    compiled = getattr(cls, "compiled", True)
    fields = tuple(_facts(key, declared, defaults[key], compiled) for key, declared in declared_fields(cls).items())
    facts = {fact: _fact(getattr(cls, fact)) for fact in cls.facts if _is_fixed(cls, fact)}
    return Explanation(cls.name, cls.family, title, rest.strip("\n"), facts, fields, cls.aliases)


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
