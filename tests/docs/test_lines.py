"""Pages can be read in a terminal and compared line by line: prose has lines of at most 100 letters."""

import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SPEC = importlib.util.spec_from_file_location("house", ROOT / "benchmarks" / "house.py")
house = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(house)
PAGES = [path for pattern in house.DOCUMENTS for path in sorted(ROOT.glob(pattern))]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_lines_of_prose_are_short(page):
    """Tables, code and lines that are one link are exempt."""
    long = [line for line in house.prose(page.read_text(encoding="utf-8")) if len(line) > house.WIDE]
    assert long == []


def test_all_pages_are_met():
    assert {"README.md", "CONTRIBUTING.md", "CHANGELOG.md", "design.md", "search.md"} <= {each.name for each in PAGES}
