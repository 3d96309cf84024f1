"""`benchmarks/house.py` counts what it says, on a house small enough to count by hand."""

import importlib.util
from pathlib import Path

import pytest

HERE = Path(__file__).parents[1] / "benchmarks" / "house.py"
SPEC = importlib.util.spec_from_file_location("house", HERE)
house = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(house)

ONE = '''"""A module."""

from typing import Any

from fallline import two


class Twice:
    """One line."""

    def run(self, a: int, b: Any, *rest: Any, key: "str" = "") -> None:
        """Two

        lines.
        """


def _hidden(c: dict[str, Any]):
    """Counts nowhere."""
'''
TWO = (
    '''"""Another."""

import typing
from fallline import one


class Twice:
    def long(self, d: typing.Any):
'''
    + "        d = 1\n" * 50
)
PAGE = """# Title

A line of prose that is {long}.

| a table that is {long} |
[only a link that is {long}](https://somewhere)

```
code that is {long}
```
"""


@pytest.fixture
def checkout(tmp_path):
    package = tmp_path / "src/fallline"
    package.mkdir(parents=True)
    for name, text in (("__init__", '"""Root."""\n'), ("one", ONE), ("two", TWO)):
        (package / f"{name}.py").write_text(text)
    (tmp_path / "README.md").write_text(PAGE.format(long="long " * 20 + "enough"))
    return tmp_path


def test_files_functions_classes_parameters_docstrings(checkout):
    trees = house.parsed(checkout / "src/fallline")
    assert house.sizes(checkout / "src/fallline") == {
        "files": "3",
        "median lines of a file": "19",
        "largest file": "58 (two.py)",
        "files over 250 lines": "0",
    }
    assert house.functions(trees)["functions over 50 lines, docstring left out"] == "1"  # 51 with its head
    assert house.functions(trees)["median lines of a function, docstring left out"] == "1"
    assert house.classes(trees) == {"class names defined more than once": "1 (Twice)"}
    assert house.parameters(trees) == {"parameters annotated with a bare Any": "50.0 % (3 of 6)"}
    assert house.docstrings(trees) == {"public docstrings of one line": "80 % of 5"}


def test_prose_is_what_can_be_wrapped(checkout):
    found = house.documents(checkout)
    assert found["lines of prose over 100 letters"] == "1"
    assert found["longest line of prose"] == f"{len('A line of prose that is .') + 106} (README.md)"


def test_cycles_types_and_the_table_of_two_checkouts(checkout):
    pytest.importorskip("grimp")
    pytest.importorskip("mypy")
    (checkout / "pyproject.toml").write_text('[tool.mypy]\nfiles = ["src/fallline"]\n')
    found = house.elsewhere(checkout)
    assert found["import cycles"] == "1"
    assert found["mypy --strict errors"] == "2"  # two functions do not say what they return
    (checkout / "src/fallline/two.py").write_text('"""Another."""\n')
    rows = house.table({"before": found, "now": house.elsewhere(checkout)}).splitlines()
    assert rows[0] == "|  | before | now |"
    assert "| import cycles | 1 | 0 |" in rows
    assert "| largest file | 58 (two.py) | 19 (one.py) |" in rows


def test_this_house_keeps_its_limits():
    package = HERE.parents[1] / "src/fallline"
    trees = house.parsed(package)
    assert house.classes(trees) == {"class names defined more than once": "0"}
    (share,) = house.parameters(trees).values()
    assert float(share.split(" %")[0]) < 3.0, share
    assert house.documents(HERE.parents[1])["lines of prose over 100 letters"] == "0"
