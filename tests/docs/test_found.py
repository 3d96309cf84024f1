"""The program that asks whether the site's search finds names."""

import json
import sys
from pathlib import Path

import pytest

MAKE = Path(__file__).parents[2] / "docs/make"
sys.path.insert(0, str(MAKE))
import found  # noqa: E402

sys.path.remove(str(MAKE))
NAMES = """# A list
What stands here is a preface; it has no names.

## Losses
Huber (robust), *squared error*, with y = x + b, and the regression that is turned into
many classes; label
smoothing.
- L1 - absolute error
| rule | update |
|---|---|
| AdaGrad, Adam | w - g |
"""


def test_names_are_read_from_prose_lists_and_tables():
    assert found.names_in(NAMES) == [
        "AdaGrad", "Adam", "Losses", "Huber", "robust", "squared error", "label smoothing", "L1", "absolute error",
    ]  # fmt: skip


@pytest.mark.parametrize(("name", "is_there"), [("Label Smoothing", True), ("l1_loss", False), ("Hubers", True)])
def test_a_name_is_found_if_one_section_has_all_its_words(name, is_there, tmp_path, monkeypatch, capsys):
    sections = [
        {"title": "Huber", "text": "<p>Robust. The <em>label</em>s are smoothed.</p>"},
        {"title": "", "text": "L1"},
    ]
    (tmp_path / "search").mkdir()
    (tmp_path / "search/search_index.json").write_text(json.dumps({"docs": sections}))
    names = tmp_path / "names.txt"
    names.write_text(f"## \n{name}")
    monkeypatch.setattr(sys, "argv", ["found.py", str(names), str(tmp_path)])
    assert found.main() == (0 if is_there else 1)
    assert capsys.readouterr().out.startswith("1 of 1" if is_there else f"{name}\n0 of 1")
