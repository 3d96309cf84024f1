"""Checks, and the choice of those that a block must pass."""

import dataclasses
from collections.abc import Callable
from typing import Any

from fallline.core.block import Block
from fallline.core.errors import FalllineError

_CHECKS: list["Check"] = []


@dataclasses.dataclass(frozen=True)
class Check:
    """A property that every block of some families must have.

    Arguments:
        name: the property in a word or two.
        says: the property in a sentence.
        families: the families that must have it; none for all.
        concerns: function that says whether the property applies to a block; a decay, for example, moves even without a
            gradient.
        test: function that raises AssertionError with a sentence for a block that lacks the property.
    """

    name: str
    says: str
    families: tuple[str, ...]
    concerns: Callable[[Any], Any]
    test: Callable[[Any], None]

    def __call__(self, block: Block) -> None:
        """Raises: AssertionError that names the block, the property and the finding."""
        try:
            self.test(block)
        except Exception as error:
            found = str(error) if isinstance(error, AssertionError) else f"{type(error).__name__}: {error}"
            raise AssertionError(f"{_shown(block)} fails {self.name!r} ({self.says}): {found}") from error


def of(*families: str, concerns: Callable[[Any], Any] = lambda block: True) -> Callable[[Any], Any]:
    """Decorator that makes a function of a block a check, named after the function and described by its docstring.

    Without families, it is a check of every family.
    """

    def join(test: Callable[[Any], None]) -> Callable[[Any], None]:
        says = (test.__doc__ or "").split("\n")[0].rstrip(".")
        _CHECKS.append(Check(test.__name__.strip("_"), says, families, concerns, test))
        return test

    return join


def checked_families() -> tuple[str, ...]:
    """The families that have checks of their own."""
    return tuple(sorted({each for known in _CHECKS for each in known.families}))


def checks(block: Block) -> tuple[Check, ...]:
    """The checks that a block must pass; each is to be called with the block.

    Raises: FalllineError if it is not a block of a family that has checks.

    >>> from fallline.activations import ReLU
    >>> [each.name for each in checks(ReLU())][:4]
    ['dtypes', 'elementwise', 'gradient', 'far']
    """
    kind = getattr(block, "family", None)
    known = checked_families()
    if not isinstance(block, Block) or kind not in known:
        raise FalllineError(f"{block!r} cannot be checked: expected a block of a family, one of {', '.join(known)}")
    return tuple(each for each in _CHECKS if (not each.families or kind in each.families) and each.concerns(block))


def check(block: Block) -> None:
    """Run every check of a block's family.

    Raises: AssertionError with one sentence per property that the block lacks; FalllineError as for `checks`.

    >>> from fallline.losses import Huber
    >>> check(Huber(0.5))
    """
    failures = []
    for each in checks(block):
        try:
            each(block)
        except AssertionError as error:
            failures.append(error)
    if failures:
        raise AssertionError("\n".join(map(str, failures))) from failures[0]


def demand(holds: object, sentence: str) -> None:
    """Raises: AssertionError with the sentence, if the property does not hold."""
    if not bool(holds):
        raise AssertionError(sentence)


def _shown(block: Block) -> str:
    text = repr(block)
    return text if len(text) <= 200 else f"{text[:200]}..."
