"""Schemas of files: one shape per kind of file, and the check of a file's content against it.

A shape is built from a few parts: `Text`, `Whole`, `Real`, `Flag`, `Listed`, `Entries`, `Mapping`, `Either`, `Plain`. An
error names the entry that does not fit: `columns.3.kind`.
"""

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping as Pairs
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from fallline.core.errors import FalllineError

Wrong: TypeAlias = tuple[str, str] | None  # the entry that does not fit and what was expected there

DEEPEST = 32  # levels of nested tables and lists
_LARGEST = 2**63
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Shape(ABC):
    """What a value must be."""

    @abstractmethod
    def wrong(self, value: object, entry: str) -> Wrong:
        """The first entry that does not fit, or None."""


def check(shape: Shape, value: object, what: str, remedy: str) -> None:
    """Check a file's content against its shape.

    Arguments:
        shape: the expected shape.
        value: the content of the file.
        what: the file's name for the error message: "model 'm.safetensors'".
        remedy: advice for a file that does not fit.

    Raises: FalllineError naming the entry, its value and what was expected.

    >>> check(Entries({"rows": Whole(1)}), {"rows": 0}, "table 't'", "write it again")
    Traceback (most recent call last):
    fallline.core.errors.FalllineError: table 't' is damaged: its rows is 0, expected a whole number of 1 or more; write it again
    """
    found = shape.wrong(value, "")
    if found is not None:
        entry, expected = found
        stands = shown(_at(value, entry)) if entry else shown(value)
        raise FalllineError(f"{what} is damaged: its {entry or 'content'} is {stands}, expected {expected}; {remedy}")


@dataclass(frozen=True)
class Text(Shape):
    """Text: one of the choices, if there are any; `visible` text has no control characters."""

    choices: tuple[str, ...] | None = None
    visible: bool = False
    longest: int = 1_000_000

    def wrong(self, value: object, entry: str) -> Wrong:
        if isinstance(value, str) and len(value) <= self.longest:
            if self.choices is not None:
                return None if value in self.choices else (entry, f"one of {', '.join(map(repr, self.choices))}")
            if not self.visible or not _CONTROL.search(value):
                return None
        return entry, "text without control characters" if self.visible else "text"


@dataclass(frozen=True)
class Whole(Shape):
    """A whole number from `low` to `high`."""

    low: int = -_LARGEST
    high: int = _LARGEST - 1

    def wrong(self, value: object, entry: str) -> Wrong:
        if isinstance(value, int) and not isinstance(value, bool) and self.low <= value <= self.high:
            return None
        if self.high < _LARGEST - 1:
            return entry, f"a whole number from {self.low} to {self.high}"
        return entry, "a whole number" + (f" of {self.low} or more" if self.low > -_LARGEST else " of 64 bits")


@dataclass(frozen=True)
class Real(Shape):
    """A number from `low` to `high`; NaN and infinity are accepted only if `finite` is False."""

    low: float = -math.inf
    high: float = math.inf
    finite: bool = True

    def wrong(self, value: object, entry: str) -> Wrong:
        if isinstance(value, float) or (
            isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 1000
        ):
            if not math.isfinite(value):
                return (entry, "a finite number") if self.finite else None
            if self.low <= value <= self.high:
                return None
        limits = f" from {self.low:g} to {self.high:g}" if (self.low, self.high) != (-math.inf, math.inf) else ""
        return entry, f"a number{limits}"


@dataclass(frozen=True)
class Flag(Shape):
    """True or false."""

    def wrong(self, value: object, entry: str) -> Wrong:
        return None if isinstance(value, bool) else (entry, "true or false")


@dataclass(frozen=True)
class Nothing(Shape):
    """None."""

    def wrong(self, value: object, entry: str) -> Wrong:
        return None if value is None else (entry, "nothing")


@dataclass(frozen=True)
class Listed(Shape):
    """A list of `least` to `most` members that each have a given shape."""

    of: Shape
    least: int = 0
    most: int | None = None

    def wrong(self, value: object, entry: str) -> Wrong:
        most = math.inf if self.most is None else self.most
        if not isinstance(value, list) or not self.least <= len(value) <= most:
            count = f"{self.least}" if self.most == self.least else f"{self.least} or more"
            return entry, f"a list of {count} entries"
        return next((found for i, each in enumerate(value) if (found := self.of.wrong(each, _inside(entry, i)))), None)


@dataclass(frozen=True)
class Entries(Shape):
    """A table with these entries; others are refused, unless the table is `open` to newer versions' entries."""

    required: Pairs[str, Shape]
    optional: Pairs[str, Shape] = field(default_factory=dict)
    open: bool = False

    def wrong(self, value: object, entry: str) -> Wrong:
        if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
            return entry, "a table"
        for key in self.required:
            if key not in value:
                return entry, f"a table with an entry {key!r}"
        for key, each in value.items():
            shape = self.required.get(key) or self.optional.get(key)
            if shape is None and not self.open:
                return _inside(entry, key), f"no such entry, but {', '.join((*self.required, *self.optional))}"
            found = (shape or Plain()).wrong(each, _inside(entry, key))
            if found:
                return found
        return None


@dataclass(frozen=True)
class Mapping(Shape):
    """A table with any names, whose values each have a given shape."""

    of: Shape

    def wrong(self, value: object, entry: str) -> Wrong:
        if not isinstance(value, dict) or not all(isinstance(key, str) for key in value):
            return entry, "a table"
        wrongs = (self.of.wrong(each, _inside(entry, key)) for key, each in value.items())
        return next((found for found in wrongs if found), None)


@dataclass(frozen=True, init=False)
class Either(Shape):
    """One of several shapes."""

    of: tuple[Shape, ...]

    def __init__(self, *of: Shape) -> None:
        object.__setattr__(self, "of", of)

    def wrong(self, value: object, entry: str) -> Wrong:
        found = [each.wrong(value, entry) for each in self.of]
        if not all(found):
            return None
        # Report the error found deepest in the value: that shape fits best.
        deepest = max((each for each in found if each), key=lambda each: each[0].count("."))
        if deepest[0] != entry:
            return deepest
        return entry, " or ".join(dict.fromkeys(each[1] for each in found if each))


def maybe(shape: Shape) -> Shape:
    """The shape, or None."""
    return Either(shape, Nothing())


@dataclass(frozen=True)
class Plain(Shape):
    """Any plain values, within limits: numbers of at most 64 bits, and nesting of at most `DEEPEST` levels."""

    def wrong(self, value: object, entry: str) -> Wrong:
        waiting = [(value, entry, 0)]
        while waiting:
            each, here, depth = waiting.pop()
            if depth > DEEPEST:
                return entry, f"tables and lists inside of each other at most {DEEPEST} deep"
            if isinstance(each, dict):
                waiting += [(inner, _inside(here, str(key)), depth + 1) for key, inner in each.items()]
            elif isinstance(each, list):
                waiting += [(inner, _inside(here, i), depth + 1) for i, inner in enumerate(each)]
            elif isinstance(each, int) and not -_LARGEST <= each < _LARGEST:
                return here, "a whole number of 64 bits"
        return None


def shown(value: object) -> str:
    """A value for an error message, shortened.

    >>> shown(10**99), shown([1, 2]), shown("text")
    ('a number of more than 64 bits', 'a list of 2 entries', "'text'")
    """
    if isinstance(value, dict):
        return f"a table of {len(value)} entries"
    if isinstance(value, list):
        return f"a list of {len(value)} entries"
    if isinstance(value, int) and not -_LARGEST <= value < _LARGEST:
        return "a number of more than 64 bits"
    text = repr(value[:80] if isinstance(value, str | bytes) else value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _inside(entry: str, name: str | int) -> str:
    short = str(name)[:60]
    return f"{entry}.{short}" if entry else short


def _at(value: object, entry: str) -> Any:
    """The value at an entry; the names in a table may contain dots."""
    while entry:
        if isinstance(value, list):
            name, _, entry = entry.partition(".")
            value = value[int(name)] if name.isdigit() and int(name) < len(value) else None
            continue
        if not isinstance(value, dict):
            return value
        name = max(
            (key for key in map(str, value) if entry == key[:60] or entry.startswith(f"{key[:60]}.")),
            key=len,
            default="",
        )
        if not name:
            return None
        value, entry = value.get(name), entry[len(name[:60]) + 1 :]
    return value
