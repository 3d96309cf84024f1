"""Documents of plain data: JSON without NaN, TOML and Parquet, each written as a whole or not at all."""

import io
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fallline.core.files import write_atomically
from fallline.core.reading import read_if_there

if TYPE_CHECKING:
    import polars as pl


def finite(value: Any) -> Any:
    """Plain data with None in place of NaN and infinity, which JSON does not have; tuples become lists.

    >>> finite({"score": float("nan"), "returns": (1.0, float("inf"))})
    {'score': None, 'returns': [1.0, None]}
    """
    if isinstance(value, dict):
        return {key: finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def to_json(document: Any, indent: int | None = None, sort_keys: bool = False, compact: bool = False) -> str:
    """Plain data as JSON that every reader accepts; NaN and infinity become null.

    >>> to_json({"loss": float("nan"), "epochs": 3}, sort_keys=True)
    '{"epochs": 3, "loss": null}'
    """
    how: dict[str, Any] = {"indent": indent, "sort_keys": sort_keys, "separators": (",", ":") if compact else None}
    try:  # most documents hold no NaN, and the walk that replaces it is slow
        return json.dumps(document, allow_nan=False, **how)
    except ValueError:
        return json.dumps(finite(document), allow_nan=False, **how)


def write_json(path: Path, document: Any, indent: int = 2) -> None:
    """Write plain data as a JSON file.

    Raises: FalllineError if the write fails; the old file is then unchanged.
    """
    write_atomically(path, (to_json(document, indent) + "\n").encode())


def to_toml(tables: Mapping[str, Any], heading: str = "") -> str:
    """Plain data as TOML, below a comment.

    >>> print(to_toml({"seed": 1, "data": {"test": 0.2}}, "A recipe.").rstrip())
    # A recipe.
    seed = 1
    <BLANKLINE>
    [data]
    test = 0.2
    """
    import tomli_w

    return (f"# {heading}\n" if heading else "") + tomli_w.dumps(tables)


def write_toml(path: Path, tables: Mapping[str, Any], heading: str = "") -> None:
    """Write plain data as a TOML file.

    Raises: FalllineError if the write fails; the old file is then unchanged.
    """
    write_atomically(path, to_toml(tables, heading).encode())


def write_parquet(path: Path, frame: "pl.DataFrame") -> None:
    """Write a table as a Parquet file.

    Raises: FalllineError if the write fails; the old file is then unchanged.
    """
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    write_atomically(path, buffer.getvalue())


def copy_file(old: Path, new: Path, what: str) -> None:
    """Copy a file, if there is one, as a whole or not at all.

    Raises: FalllineError naming `what` and its path if the file cannot be read, or the new one written.
    """
    content = read_if_there(old, f"{what} {str(old)!r}")
    if content is not None:
        write_atomically(new, content)
