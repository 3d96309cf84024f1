"""The distribution: what is imported is declared, what is declared has its reason, and the version stands in one place."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import fallline as fl

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
NAMES = {
    "scikit-learn": "sklearn",
    "tomli-w": "tomli_w",
    "pillow": "PIL",
}  # of distributions that are imported under another
# Only read where the user has imported it, part of every notebook, or an extra of an extra.
ABSENT = {"torch", "IPython", "mujoco"}


def declared(requirements):
    return {re.match(r"[\w-]+", each).group() for each in requirements}


def imported(folder):
    """The top-level packages that the files of a folder import, wherever in the file."""
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from (each.name.partition(".")[0] for each in node.names)
            elif isinstance(node, ast.ImportFrom) and not node.level:
                yield node.module.partition(".")[0]


def needed():
    return set(imported(ROOT / "src")) - set(sys.stdlib_module_names) - {"fallline"}


def test_what_is_imported_is_declared_and_nothing_else_is_a_dependency():
    always = {NAMES.get(each, each) for each in declared(PROJECT["project"]["dependencies"])}
    extras = PROJECT["project"]["optional-dependencies"]
    sometimes = {NAMES.get(each, each) for each in declared(e for extra in extras.values() for e in extra)}
    assert needed() - always - sometimes == ABSENT & needed()
    assert always <= needed()
    assert not always & sometimes


def test_every_dependency_has_its_reason():
    design = (ROOT / "docs/design.md").read_text(encoding="utf-8")
    section = design.partition("## Dependencies")[2].partition("\n## ")[0]
    rows = set(re.findall(r"^\| `([\w-]+)`", section, re.M))
    assert rows == declared(PROJECT["project"]["dependencies"]) | {
        name for name in PROJECT["project"]["optional-dependencies"] if name not in ("test", "dev")
    }


def test_the_tests_install_every_extra_but_those_with_servers_of_their_own_and_the_site():
    extras = PROJECT["project"]["optional-dependencies"]
    asked = re.search(r"fallline\[(.*)\]", extras["test"][0]).group(1).split(",")
    assert set(asked) == set(extras) - {"test", "dev", "docs", "postgres"}
    assert extras["dev"][:2] == ["fallline[test]", "fallline[docs]"]


def test_the_version_stands_in_one_place():
    assert "version" in PROJECT["project"]["dynamic"]
    file = ROOT / PROJECT["tool"]["hatch"]["version"]["path"]
    (version,) = re.findall(r'^__version__ = "(.*)"$', file.read_text(encoding="utf-8"), re.M)
    assert fl.__version__ == version
    done = subprocess.run([sys.executable, "-m", "fallline", "--version"], capture_output=True, text=True)
    assert done.stdout == f"fallline {version}\n"
    for other in ("CHANGELOG.md", "CITATION.cff"):
        assert version in (ROOT / other).read_text(encoding="utf-8")


def test_the_licence_is_apaches_to_the_letter():
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert text.startswith("\n" + " " * 33 + "Apache License\n" + " " * 27 + "Version 2.0, January 2004\n")
    assert len(text.encode()) == 11358
    assert PROJECT["project"]["license"] == "Apache-2.0"


def test_the_workflow_runs_what_a_change_must_pass():
    (workflow,) = (ROOT / ".github/workflows").iterdir()
    assert "run: bash .ci/run" in workflow.read_text(encoding="utf-8")
