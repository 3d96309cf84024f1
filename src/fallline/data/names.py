"""Checks that column names tell columns apart, and names the column of row labels."""

from __future__ import annotations

from fallline.core.errors import FalllineError

INDEX = "index"  # name of the column of row labels if the file gives it none


def check_names(names: list[object] | list[str], where: str, hint: bool = False) -> None:
    """Checks that column names are text, not empty and unique.

    Raises:
        FalllineError: a name is not; the message names the first one.

    >>> check_names(["a", "b"], "t.csv")
    """
    headless = "; if the file has no header line, give the column names with --names" if hint else ""
    seen: dict[object, int] = {}
    for position, name in enumerate(names, 1):
        if not isinstance(name, str):
            kind = type(name).__name__
            raise FalllineError(f"column {position} of {where} is named {name!r}, a {kind}: column names must be text")
        if not name.strip():
            raise FalllineError(f"column {position} of {where} has no name: give every column a name{headless}")
        if name in seen:
            both = f"(columns {seen[name]} and {position})"
            raise FalllineError(
                f"the column name {name!r} occurs twice in {where} {both}: rename one of them{headless}"
            )
        seen[name] = position


def free_name(name: str, taken: list[str]) -> str:
    """The name itself, or the name with the first number that makes it unique.

    >>> free_name("index", ["a"]), free_name("index", ["a", "index", "index_2"])
    ('index', 'index_3')
    """
    number, result = 1, name
    while result in taken:
        number += 1
        result = f"{name}_{number}"
    return result
