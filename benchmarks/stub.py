"""Writes `src/fallline/__init__.pyi`, which gives type checkers the lazy table of names: `python benchmarks/stub.py`."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import fallline
from fallline.core.distribution import Distribution

STUB = Path(fallline.__file__).with_suffix(".pyi")
TITLE = '''"""What type checkers see of `fallline`; written by `benchmarks/stub.py` from the table in `__init__.py`."""
'''
WHY = "# A distribution may stand in any field, so that a checker must take it for a value of any type."


def main() -> None:
    STUB.write_text(stub(), encoding="utf-8")
    for command in (["check", "--fix", "--select", "I,RUF022"], ["format"]):
        subprocess.run([sys.executable, "-m", "ruff", *command, "--quiet", str(STUB)], check=True)


def stub() -> str:
    """The text of the stub, before the formatter has sorted it."""
    lines = [TITLE, "from typing import Any", "from fallline._version import __version__ as __version__"]
    lines += [f"from fallline import {family} as {family}" for family in fallline._FAMILIES]
    stand_in = [name for name in fallline.__all__ if stands_in(name)]
    for name, home in fallline._WHERE.items():
        lines.append(f"from {home} import {name} as {f'_{name}' if name in stand_in else name}")
    lines += ["", f"__all__ = {fallline.__all__!r}", "", WHY]
    lines += [declaration(name) for name in stand_in]
    return "\n".join(lines) + "\n"


def stands_in(name: str) -> bool:
    """Whether a name is a class whose objects are allowed in any field."""
    value = getattr(fallline, name)
    return isinstance(value, type) and issubclass(value, Distribution)


def declaration(name: str) -> str:
    """The class of a distribution; its constructor takes its fields and returns a value of any type."""
    fields = dataclasses.fields(getattr(fallline, name))
    arguments = [f"{each.name}: {annotation(each)}{defaulted(each)}" for each in fields if each.init]
    return f"class {name}(_{name}, init=False):\n    def __new__(cls, {', '.join(arguments)}) -> Any: ..."


def annotation(field: dataclasses.Field) -> str:
    """The type of a field's argument: a list is accepted in place of a tuple, and a distribution has any type."""
    text = field.type.__name__ if type(field.type) is type else str(field.type).replace("typing.", "")
    if text.startswith("tuple["):
        return f"{text} | list[Any]"
    return "Any" if isinstance(field.type, type) and issubclass(field.type, Distribution) else text


def defaulted(field: dataclasses.Field) -> str:
    return "" if field.default is dataclasses.MISSING else " = ..."


if __name__ == "__main__":
    main()
