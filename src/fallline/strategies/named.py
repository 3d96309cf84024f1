"""Strategies by the text that users write: `tpe`, or `optuna:TPESampler`."""

import dataclasses

from fallline.core.block import Block, family, lookup
from fallline.core.errors import FalllineError
from fallline.strategies.base import Strategy

DEFAULT = "tpe"


def strategy_named(text: str) -> Strategy:
    """A strategy with its default settings; a value that the strategy requires follows after a colon.

    Raises: FalllineError for an unknown name, and for a missing or superfluous value after it.

    >>> strategy_named("sobol")
    Sobol()
    """
    name, colon, value = text.partition(":")
    kind = lookup("strategy", name)
    needed = required(kind)
    if needed is None and colon:
        raise FalllineError(f"the strategy {name!r} takes no value: write {name} instead of {text}")
    if needed is not None and not value:
        raise FalllineError(f"the strategy {name!r} needs a {needed}: write {name}:{needed.upper()}")
    return kind(*([value] if needed else []))  # type: ignore[return-value]


def spellings() -> list[str]:
    """The texts that `strategy_named` understands, the default first.

    >>> spellings()
    ['tpe', 'coarse_to_fine', 'grid', 'optuna:SAMPLER', 'random', 'sobol']
    """
    known = family("strategy")
    needed = {name: required(kind) for name, kind in known.items()}
    words = {name: f"{name}:{field.upper()}" if field else name for name, field in needed.items()}
    return [words[name] for name in sorted(words, key=lambda name: (name != DEFAULT, name))]


def required(kind: type[Block]) -> str | None:
    """The name of the field without a default, if the strategy has one."""
    fields = dataclasses.fields(kind)
    return next((each.name for each in fields if each.default is dataclasses.MISSING), None)
