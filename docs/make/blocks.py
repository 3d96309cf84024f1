"""The code of the pages: fenced blocks, the commands inside them, and what stands below a command as its output.

A page shows what really happens. Three kinds of block are run, in the order of the page and in one folder per page:

    ```python     code; all blocks of a page share their names
    ```text       directly below Python code: what that code prints; a last line of `...` leaves the rest out
    ```console    lines that begin with `$ ` are commands, and the lines below each are what it prints
"""

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^(?P<indent> *)```(?P<kind>[\w-]*)[^\n]*\n(?P<body>.*?)^(?P=indent)```[ ]*$", re.M | re.S)


@dataclasses.dataclass
class Fenced:
    """A fenced block: its kind, its lines, and where its lines begin and end in the page."""

    kind: str
    body: str
    start: int
    end: int
    indent: str


@dataclasses.dataclass
class Command:
    """A shell command of a page and what the page says that it prints."""

    words: str
    output: str


def pages() -> list[Path]:
    """README, CONTRIBUTING and every page of the guide."""
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def fenced(text: str) -> list[Fenced]:
    """All fenced blocks of a page, in its order."""
    found = FENCE.finditer(text)
    return [Fenced(m["kind"], m["body"], m.start("body"), m.end("body"), m["indent"]) for m in found]


def commands(body: str) -> list[Command]:
    """The commands of a `console` block with their outputs."""
    found: list[Command] = []
    for line in body.splitlines():
        if line.startswith("$ "):
            found.append(Command(line[2:], ""))
        elif found and found[-1].words.endswith("\\"):
            found[-1].words = f"{found[-1].words[:-1].rstrip()} {line.strip().removeprefix('> ')}"
        elif found:
            found[-1].output += line + "\n"
    for each in found:
        each.output = each.output.strip("\n")
    return found


def console(body: str, outputs: list[str]) -> str:
    """A `console` block with other outputs; its commands stay as they are written."""
    lines, left, going_on = [], iter(outputs), False
    for line in body.splitlines():
        if line.startswith("$ ") or going_on:
            lines.append(line)
            going_on = line.endswith("\\")
            if not going_on:
                lines += next(left).split("\n")
    return "\n".join(lines) + "\n"


def follows(text: str, code: Fenced, next_one: Fenced) -> bool:
    """Whether nothing stands between the end of one block and the beginning of the next."""
    between = text[code.end : next_one.start]
    return not re.sub(r"```\w*", "", between).strip()


def spoken(text: str) -> Iterator[str]:
    """Every `fallline ...` command of a page, in blocks and in prose, without its output."""
    for block in fenced(text):
        if block.kind == "console":
            yield from (each.words for each in commands(block.body) if each.words.startswith("fallline "))
        elif block.kind in ("", "bash", "sh"):
            joined = re.sub(r"\\\n\s*", "", block.body)
            lines = (line.strip().removeprefix("$ ") for line in joined.splitlines())
            yield from (re.sub(r"\s+# .*", "", line) for line in lines if line.startswith("fallline "))
    yield from re.findall(r"`(fallline [^`\n]+)`", FENCE.sub("", text))
