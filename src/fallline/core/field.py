"""The declaration of a field: everything known about a hyperparameter, in one place.

Validation, search spaces, command-line flags, reports and docs all read it.
"""

import dataclasses
import math
import re
from collections.abc import Callable
from typing import Any, TypeAlias

import equinox as eqx
import numpy as np

from fallline.core.errors import FalllineError, nearest

Number: TypeAlias = Any  # the value of a numeric field: a number, a traced array, a schedule or a distribution

_INTERVAL = re.compile(r"^([\[(])\s*(\S+)\s*,\s*(\S+)\s*([\])])$")


@dataclasses.dataclass(frozen=True)
class Interval:
    """A valid interval, written as in mathematics: `[0, 1)`.

    >>> 1.0 in Interval.parse("[0, 1)"), 0.0 in Interval.parse("[0, 1)")
    (False, True)
    """

    low: float
    high: float
    low_closed: bool
    high_closed: bool
    text: str

    @classmethod
    def parse(cls, text: str) -> "Interval":
        """Read `(0, inf)`, `[0, 1]` and the like."""
        match = _INTERVAL.match(text)
        if match is None:
            raise FalllineError(f"interval {text!r} is not of the form [low, high)")
        left, low, high, right = match.groups()
        return cls(float(low), float(high), left == "[", right == "]", text)

    def __contains__(self, value: float) -> bool:
        above = value >= self.low if self.low_closed else value > self.low
        below = value <= self.high if self.high_closed else value < self.high
        return above and below and not math.isnan(value)


@dataclasses.dataclass(frozen=True)
class Field:
    """A block's declaration of one of its hyperparameters.

    Arguments:
        role: "number" (a traced leaf: a new value never recompiles), "structure" (static: it decides the program),
            "block" (a part with fields of its own) or "options" (of a choice).
        help: one line, without a full stop.
        valid: the valid interval of a number.
        usual: the usual search range of a number.
        scale: "linear" or "log", for searches and figures.
        integer: whether the number must be whole.
        optional: whether `None` is also valid (it makes another structure).
        choices: the valid values of a structural field.
        family: the kind of block expected.
        several: whether a tuple of such blocks is expected instead of one.
        unit: "per step", "epochs", ...
        source: author and year of the publication that the number comes from.
        read: when a run reads the field. "always": in training, validation and prediction. "training": in training
            steps alone. "start": once, before the first step, so that a schedule cannot stand there. A part's word
            holds for all fields below it.
        searched: whether a search without a space of its own varies the field; True for the numbers worth tuning first.
        size: whether the number gives the size of what the block makes: the learning rate of an update rule, the peak of a
            schedule. At most one field of a block does.
        words: words that may stand in a number's place and that `complete` replaces with a number, such as "auto".
    """

    role: str
    help: str = ""
    valid: Interval | None = None
    usual: tuple[float, float] | None = None
    scale: str = "linear"
    integer: bool = False
    optional: bool = False
    choices: tuple[Any, ...] | None = None
    family: str | None = None
    unit: str = ""
    source: str = ""
    several: bool = False
    read: str = "always"
    searched: bool = False
    size: bool = False
    words: tuple[str, ...] = ()


def number(
    default: object = dataclasses.MISSING,
    *,
    valid: str = "(-inf, inf)",
    usual: tuple[float, float] | None = None,
    scale: str = "linear",
    integer: bool = False,
    optional: bool = False,
    unit: str = "",
    source: str = "",
    read: str = "always",
    searched: bool = False,
    size: bool = False,
    words: tuple[str, ...] = (),
    help: str = "",
) -> Any:
    """A traced numeric hyperparameter; a schedule or a distribution may stand in it."""
    declared = Field(
        "number", help, Interval.parse(valid), usual, scale, integer, optional,
        unit=unit, source=source, read=read, searched=searched, size=size, words=words,
    )  # fmt: skip

    def convert(value: object) -> Any:
        # One dtype per field, so that 1 and 1.0 share a compiled program.
        if isinstance(value, bool) or not isinstance(value, int | float | np.integer):
            return value
        try:
            whole = float(value).is_integer()
        except OverflowError:  # a number of hundreds of digits, which the following check refuses
            return value
        if integer:
            return int(value) if whole else value
        return float(value)

    return _declare(default, declared, converter=convert)


def structure(
    default: object = dataclasses.MISSING,
    *,
    choices: tuple[Any, ...] | None = None,
    optional: bool = False,
    unit: str = "",
    source: str = "",
    convert: Callable[[Any], Any] | None = None,
    help: str = "",
) -> Any:
    """A static hyperparameter: it decides the program. Lists become tuples, or what `convert` makes of a value."""
    declared = Field("structure", help, optional=optional, choices=choices, unit=unit, source=source)
    return _declare(default, declared, converter=convert or _as_tuple, static=True)


def part(
    default: object = dataclasses.MISSING,
    *,
    family: str,
    optional: bool = False,
    several: bool = False,
    convert: Callable[[Any], Any] | None = None,
    read: str = "always",
    help: str = "",
) -> Any:
    """A block within a block, or with `several` a tuple of blocks; a list is converted to a tuple.

    `convert` turns other values that a user may pass into a block.
    """
    options: dict[str, Any] = {"converter": _as_tuple if several else convert} if several or convert else {}
    return _declare(
        default, Field("block", help, optional=optional, family=family, several=several, read=read), **options
    )


def required(declared: object) -> Any:
    """Mark a field without a default for type checkers; it does nothing at run time.

    Type checkers assume that every assigned field has a default, except those made by the functions that `Block` names
    as field specifiers. This is that function.
    """
    return declared


def options(*, help: str = "") -> Any:
    """The options of a choice: values or blocks of the field that holds the distribution."""
    return _declare(dataclasses.MISSING, Field("options", help), converter=_as_tuple)


def _as_tuple(value: object) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _declare(default: object, declared: Field, **options: Any) -> Any:
    if default is not dataclasses.MISSING:
        options["default"] = default
    return eqx.field(metadata={"fallline": declared}, **options)


def check_choice(owner: str, name: str, value: object, choices: tuple[Any, ...]) -> None:
    """Raise a FalllineError for a structural value that is not one of the choices."""
    if value not in choices:
        raise FalllineError(f"{owner}.{name} = {value!r} is unknown: {nearest(str(value), choices)}")
