"""Type aliases for values that type checkers cannot describe more closely."""

from typing import Any, TypeAlias

Tree: TypeAlias = Any  # a pytree: nested dicts, tuples and blocks, whose leaves are arrays or numbers
