"""Nested tables, such as a recipe as plain data, as lines of a dotted path and a value."""

from collections.abc import Iterator
from typing import Any


def flat(plain: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """The values of nested tables by dotted path; a block's name stands at the block's own path, and a list is text.

    >>> dict(flat({"optimizer": {"name": "sgd", "learning_rate": 0.1}, "hidden": [8, 4]}))
    {'optimizer': 'sgd', 'optimizer.learning_rate': 0.1, 'hidden': '8, 4'}
    """
    if isinstance(plain, dict):
        for key, value in plain.items():
            yield from flat(value, path if key == "name" and path else f"{path}.{key}" if path else str(key))
    elif isinstance(plain, list | tuple):
        yield path, ", ".join(map(str, plain))
    else:
        yield path, plain


def dotted(plain: object) -> Iterator[tuple[str, str]]:
    """Dotted paths and values of nested tables, all as text; no text is `none`.

    >>> list(dotted({"optimizer": {"name": "sgd", "learning_rate": 0.1}, "hidden": []}))
    [('optimizer', 'sgd'), ('optimizer.learning_rate', '0.1'), ('hidden', 'none')]
    """
    for path, value in flat(plain):
        yield path, str(value) or "none"
