"""Names for what a type checker cannot describe more closely, so that a signature says what is meant."""

from typing import Any, TypeAlias

Tree: TypeAlias = Any  # a pytree: nested dicts, tuples and blocks, whose leaves are arrays or numbers
