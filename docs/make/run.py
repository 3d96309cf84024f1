"""Runs the code of the pages: `python docs/make/run.py [--write] [--numbers] [PAGE ...]`, without a page all of them.

Every page has a folder of its own, where its blocks run in order (see `blocks.py`). A page fails if a block fails or if
something else is printed than the page says. Times are not compared. `--write` puts what is printed into the page
instead. `--numbers` compares words only, for a machine that rounds differently.

What a page takes for granted, such as a file `data.csv`, is made by `docs/make/given/PAGE.py`, if there is one. It may
define PLACES, what stands for a capital word such as RUN: then commands in blocks without a language are run too, unless
they hold one of the words in SKIPPED. Their output is not compared.
"""

import argparse
import contextlib
import io
import os
import re
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from blocks import ROOT, Fenced, commands, console, fenced, follows, pages

GIVEN = Path(__file__).parent / "given"
SECONDS = re.compile(r"\b\d[\d.,]* (?:s|ms|min|seconds)\b|\b\d+:\d\d\b")
PROGRESS = re.compile(r"(?:\w+ )+\d+/\d+\b")
NUMBER = re.compile(r"-?\d[\d,.]*(?:e[+-]?\d+)?")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put what is printed into the pages")
    parser.add_argument("--numbers", action="store_true", help="numbers may differ")
    parser.add_argument(
        "--new", action="store_true", help="with --write: do not run commands whose output stands there"
    )
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="run there, and keep what the commands write")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("page", nargs="*", type=Path)
    chosen = parser.parse_args()
    if chosen.one:
        folder = chosen.keep and chosen.keep.resolve() / chosen.page[0].stem
        return 1 if faults(chosen.page[0], chosen.write, chosen.numbers, chosen.new, folder) else 0
    flags = [f"--{each}" for each in ("write", "numbers", "new") if getattr(chosen, each)]
    flags += ["--keep", str(chosen.keep.resolve())] if chosen.keep else []
    failed = [path for path in chosen.page or pages() if not alone(path.resolve(), flags)]
    print(f"{len(failed)} pages failed: {', '.join(map(str, failed))}" if failed else "All pages run.")
    return bool(failed)


def alone(path: Path, flags: list[str]) -> bool:
    """Runs a page in a process of its own, since pages define blocks; whether it is right."""
    start = time.monotonic()
    done = subprocess.run([sys.executable, __file__, "--one", *flags, str(path)])
    print(f"{'ok' if done.returncode == 0 else 'FAILED'}  {path.name}  {time.monotonic() - start:.0f} s", flush=True)
    return done.returncode == 0


def faults(
    path: Path, write: bool = False, numbers: bool = False, new: bool = False, keep: Path | None = None
) -> list[str]:
    """What is wrong with a page; each fault is printed. With `write`, the page gets what was printed."""
    text = path.read_text(encoding="utf-8")
    blocks, wrong, printed = fenced(text), [], ""
    with kept(keep) as folder, contextlib.chdir(folder):
        names = given(path)
        for i, block in enumerate(blocks):
            shown = None
            if block.kind == "python":
                printed = python(block, names, path, text)
            elif block.kind == "text" and i and blocks[i - 1].kind == "python" and follows(text, blocks[i - 1], block):
                short = block.body.rstrip().endswith("...") and begins(printed, block.body)
                shown = block.body if short else textwrap.indent(printed.rstrip() + "\n", block.indent)
            elif block.kind == "console" and not (new and all(each.output for each in commands(block.body))):
                shown = console(block.body, [shell(each.words) for each in commands(block.body)])
            elif not block.kind and "PLACES" in names:
                plain(block.body, names)
            if shown is not None and not same(block.body, shown, numbers):
                wrong.append(f"{path.name} says\n{block.body}\nbut this is printed\n{shown}")
                if write:
                    path.write_text(renewed(path.read_text(encoding="utf-8"), i, shown), encoding="utf-8")
    if not write:
        print("\n".join(wrong))
    return [] if write else wrong


@contextlib.contextmanager
def kept(folder: Path | None) -> Iterator[Path]:
    """A folder for a page: one that stays, or one that is removed at the end."""
    if folder is None:
        with tempfile.TemporaryDirectory() as own:
            yield Path(own)
    else:
        folder.mkdir(parents=True, exist_ok=True)
        yield folder


def renewed(text: str, i: int, shown: str) -> str:
    """A page with another text in its i-th block; the page is read again, since prose may change during a long run."""
    block = fenced(text)[i]
    return text[: block.start] + shown + text[block.end :]


def given(path: Path) -> dict[str, Any]:
    """The names that a page takes for granted; running the file also makes the files that it takes for granted."""
    names: dict[str, Any] = {"__name__": "page"}
    file = GIVEN / f"{path.stem}.py"
    if file.exists():
        exec(compile(file.read_text(encoding="utf-8"), str(file), "exec"), names)
    return names


def python(block: Fenced, names: dict[str, Any], path: Path, text: str) -> str:
    """Runs Python code; returns what it prints."""
    line = text[: block.start].count("\n")
    code = "\n" * line + re.sub(rf"^{block.indent}", "", block.body, flags=re.M)
    with contextlib.redirect_stdout(io.StringIO()) as out:
        exec(compile(code, str(path), "exec"), names)
    return out.getvalue()


def shell(words: str) -> str:
    """Runs a command and returns what it prints, but for progress; a command that fails unannounced ends the page."""
    # The product is asked as a module, so that the checkout that holds this page answers.
    line = re.sub(r"(^|[|;&]\s*)fallline ", rf"\1{sys.executable} -m fallline ", words)
    line = re.sub(r"(^|[|;&]\s*)python ", rf"\1{sys.executable} ", line)
    environment = {**os.environ, "COLUMNS": "88", "NO_COLOR": "1", "TERM": "dumb"}
    source = str(ROOT / "src")
    environment["PYTHONPATH"] = os.pathsep.join([source, *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        timeout=900,
    )
    # Ending early is not a fault of the command before `head`.
    cut = "| head" in words and done.returncode in (120, 141)
    if done.returncode and not cut and "; echo $?" not in words:
        raise SystemExit(f"`{words}` ended with {done.returncode}:\n{done.stdout}")
    lines = [each.rstrip() for each in done.stdout.strip("\n").splitlines()]
    return "\n".join(each for each in lines if not PROGRESS.match(each)).strip("\n")


def plain(body: str, names: dict[str, Any]) -> None:
    """Runs the commands of a block without a language, with the page's own words for places."""
    for line in re.sub(r"\\\n\s*", "", body).splitlines():
        words = re.sub(r"\s+#.*", "", line.strip())
        if words.startswith("fallline ") and not any(each in words for each in names.get("SKIPPED", ())):
            shell(re.sub(r"\b[A-Z_]{3,}\b", lambda m: names["PLACES"].get(m[0], m[0]), words))


def begins(printed: str, shown: str) -> bool:
    """Whether a text that ends with `...` is the beginning of what was printed."""
    return printed.strip().startswith(shown.strip().removesuffix("...").strip())


def same(old: str, new: str, numbers: bool) -> bool:
    """Whether two outputs agree but for times, and with `numbers` but for numbers."""
    old, new = (SECONDS.sub("TIME", each).strip() for each in (old, new))
    if numbers:
        old, new = (" ".join(NUMBER.sub("NUMBER", each).split()) for each in (old, new))
    return old == new


if __name__ == "__main__":
    sys.exit(main())
