"""The page of commands and flags, from what the commands declare: `python docs/make/families.py` writes it."""

from collections.abc import Iterator
from typing import Any

import typer
from typer.main import get_command

from fallline.cli.app import app
from fallline.cli.flags import Flags, spelling
from fallline.cli.logs import LogFlags
from fallline.cli.shared_flags import DataFlags, RecipeFlags

SHARING = ("train", "tune", "compare", "trainability")
GROUPS: dict[str, type[Flags]] = {"The data": DataFlags, "The recipe": RecipeFlags, "Other tools": LogFlags}
WORDS = (
    "Flags of data and recipes are declared once, and mean the same in every command that has them: the same flags of "
    "the data give the same table in all of them."
)


def page() -> str:
    """The flags that commands share, beside each other, then each command with the flags of its own."""
    commands = dict(_commands())
    lines = ["# Commands and flags", "", *_wrapped(WORDS), ""]
    shared = set()
    for title, group in GROUPS.items():
        lines += [f"## {title}", "", f"| flag | {' | '.join(SHARING)} | what it does |", "|---|---|---|---|---|---|"]
        for name in group.__dataclass_fields__:
            flag = spelling(group, name)
            shared.add(flag)
            found = {each: options[flag] for each in SHARING if flag in (options := commands[each][1])}
            marks = ["yes" if each in found else "" for each in SHARING]
            lines.append(f"| `{flag}` | {' | '.join(marks)} | {_said(next(iter(found.values())))} |")
        lines.append("")
    for name, (command, options) in commands.items():
        own = {flag: each for flag, each in options.items() if name not in SHARING or flag not in shared}
        lines += [f"## fallline {name}", "", *_wrapped((command.help or "").partition("\n\n")[0]), ""]
        if own:
            lines += ["| flag | default | what it does |", "|---|---|---|"]
            lines += [f"| `{flag}` | {_default(each)} | {_said(each)} |" for flag, each in own.items()]
            lines.append("")
    return "\n".join(lines)


def _commands() -> Iterator[tuple[str, tuple[Any, dict[str, Any]]]]:
    """Every command with its flags as they are written in a shell, those of groups by two words."""
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        yield name, (command, _options(command))
        for under, inner in getattr(command, "commands", {}).items():
            yield f"{name} {under}", (inner, _options(inner))


def _options(command: Any) -> dict[str, Any]:
    return {
        each.opts[0] if isinstance(each, typer.core.TyperOption) else each.name.upper(): each
        for each in command.params
        if each.name != "help"
    }


def _said(option: Any) -> str:
    """The help of a flag as a cell of a table."""
    return (option.help or "").replace("|", "\\|").replace("*", "\\*").replace("[", "\\[").replace("<", "&lt;")


def _default(option: Any) -> str:
    default = option.default() if callable(option.default) else option.default
    if getattr(option, "required", False):
        return "(required)"
    return "" if default is None or default is False or default in ([], ()) else f"`{default}`"


def _wrapped(text: str) -> list[str]:
    import textwrap

    return textwrap.wrap(" ".join(text.split()), 100, break_on_hyphens=False)
