"""Measures of the code base in one table: `python benchmarks/house.py [--before PATH_OF_ANOTHER_CHECKOUT]`.

It needs the extra `dev`: grimp, installed by import-linter, counts import cycles, and mypy counts errors with --strict.
"""

import argparse
import ast
import json
import re
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
LONG = 50  # lines; a longer function is counted
WIDE = 100  # characters; a longer line of prose is counted
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/*.md", "docs/*/*.md")
Function = ast.FunctionDef | ast.AsyncFunctionDef
Table = dict[str, str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--before", type=Path, help="another checkout, to be shown beside this one")
    parser.add_argument("--json", type=Path, metavar="PATH", help="print the numbers of one checkout, and no table")
    chosen = parser.parse_args()
    if chosen.json:
        print(json.dumps(measured(chosen.json.resolve())))
    else:
        checkouts = {"before": chosen.before, "now": ROOT} if chosen.before else {"now": ROOT}
        print(table({name: elsewhere(path) for name, path in checkouts.items()}))


def elsewhere(checkout: Path) -> Table:
    """The measures of a checkout, from a separate process, since two packages of one name cannot be imported together."""
    command = [sys.executable, __file__, "--json", str(checkout)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


def measured(checkout: Path) -> Table:
    """All measures of a checkout, by name."""
    trees = parsed(checkout / "src/fallline")
    return {
        **sizes(checkout / "src/fallline"),
        **functions(trees),
        **parameters(trees),
        **classes(trees),
        **docstrings(trees),
        **documents(checkout),
        "import cycles": str(len(cycles(checkout))),
        "mypy --strict errors": str(strict_errors(checkout)),
    }


def table(columns: dict[str, Table]) -> str:
    """The measures as rows of Markdown, with a column per checkout."""
    names = list(next(iter(columns.values())))
    rows = [["", *columns], ["---"] * (1 + len(columns))]
    rows += [[name, *(column.get(name, "-") for column in columns.values())] for name in names]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def parsed(folder: Path) -> dict[Path, ast.Module]:
    """The files of a package, as syntax trees."""
    return {path: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("*.py"))}


def sizes(folder: Path) -> Table:
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in folder.rglob("*.py")}
    largest = max(lines, key=lambda path: lines[path])
    return {
        "files": str(len(lines)),
        "median lines of a file": f"{statistics.median(lines.values()):.0f}",
        "largest file": f"{lines[largest]} ({largest.relative_to(folder)})",
        "files over 250 lines": str(sum(each > 250 for each in lines.values())),
    }


def functions(trees: dict[Path, ast.Module]) -> Table:
    lengths = [code_lines(node) for tree in trees.values() for node in ast.walk(tree) if isinstance(node, Function)]
    return {
        "median lines of a function, docstring left out": f"{statistics.median(lengths):.0f}",
        f"functions over {LONG} lines, docstring left out": str(sum(each > LONG for each in lengths)),
    }


def code_lines(node: Function) -> int:
    """Number of lines of a function, without its docstring."""
    first = node.body[0]
    documented = ast.get_docstring(node, clean=False) is not None
    said = first.end_lineno - first.lineno + 1 if documented else 0
    return node.end_lineno - node.lineno + 1 - said


def parameters(trees: dict[Path, ast.Module]) -> Table:
    """The share of annotated parameters that are a bare `Any`; `*args` and `**kwargs` count."""
    found = [ast.unparse(each) for tree in trees.values() for each in annotations(tree)]
    bare = sum(each in ("Any", "typing.Any") for each in found)
    return {"parameters annotated with a bare Any": f"{100 * bare / len(found):.1f} % ({bare:,} of {len(found):,})"}


def annotations(tree: ast.Module) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        if isinstance(node, Function):
            arguments = node.args
            every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
            yield from (each.annotation for each in every if each is not None and each.annotation is not None)


def classes(trees: dict[Path, ast.Module]) -> Table:
    """Class names that are defined in several files."""
    homes: dict[str, set[Path]] = {}
    for path, tree in trees.items():
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                homes.setdefault(node.name, set()).add(path)
    twice = sorted(name for name, paths in homes.items() if len(paths) > 1)
    return {"class names defined more than once": f"{len(twice)} ({', '.join(twice)})" if twice else "0"}


def docstrings(trees: dict[Path, ast.Module]) -> Table:
    """The share of docstrings of public modules, classes and functions that consist of one line."""
    found = [ast.get_docstring(node) for tree in trees.values() for node in ast.walk(tree) if is_public(node)]
    written = [each for each in found if each]
    short = sum("\n" not in each for each in written)
    return {"public docstrings of one line": f"{100 * short / len(written):.0f} % of {len(written):,}"}


def is_public(node: ast.AST) -> bool:
    return isinstance(node, ast.Module) or (isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"))


def documents(checkout: Path) -> Table:
    paths = [path for pattern in DOCUMENTS for path in sorted(checkout.glob(pattern))]
    lines = [(len(line), path) for path in paths for line in prose(path.read_text(encoding="utf-8"))]
    longest, where = max(lines)
    return {
        f"lines of prose over {WIDE} letters": str(sum(length > WIDE for length, _ in lines)),
        "longest line of prose": f"{longest} ({where.relative_to(checkout)})",
    }


def prose(text: str) -> Iterator[str]:
    """The lines of a page that can be wrapped: no code, no tables, and no lines whose length comes from a single link."""
    code = False
    for line in text.splitlines():
        fence = line.lstrip().startswith("```")
        code ^= fence
        if not (code or fence or line.lstrip().startswith("|") or is_one_link(line)):
            yield line


def is_one_link(line: str) -> bool:
    """Whether a line could only be broken within a link or an image."""
    return " " not in re.sub(r"!?\[[^\]]*\]\([^)]*\)", "", line.strip()).strip() and "](" in line


def cycles(checkout: Path) -> list[tuple[str, str]]:
    """The imports to remove so that no two siblings, at any depth, depend on each other."""
    sys.path.insert(0, str(checkout / "src"))
    import grimp

    graph = grimp.build_graph("fallline", cache_dir=None)

    def within(package: str) -> Iterator[tuple[str, str]]:
        children = graph.find_children(package)
        if len(children) > 1:
            yield from graph.nominate_cycle_breakers(package)
        for child in children:
            yield from within(child)

    return sorted(within("fallline"))


def strict_errors(checkout: Path) -> int:
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict"], cwd=checkout, capture_output=True, text=True, check=False
    )
    if done.returncode > 1:
        raise RuntimeError(f"mypy could not run in {checkout}: {done.stdout}{done.stderr}")
    found = re.search(r"^Found (\d+) errors?", done.stdout, re.M)
    return int(found.group(1)) if found else 0


if __name__ == "__main__":
    main()
