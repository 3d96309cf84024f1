"""The pages that other pages embed are small and are those that the product writes today."""

from pathlib import Path

from fallline.drawing.colours import style
from fallline.lab.page import read

PAGE = (Path(__file__).parents[2] / "docs/pictures/terrain.html").read_text(encoding="utf-8")


def test_the_terrain_has_the_style_and_scripts_of_the_lab():
    """If this fails: python docs/make/terrain.py."""
    parts = {"style": read("page.css").replace("/*themes*/", style()), **{n: read(n) for n in ("rules.js", "page.js")}}
    assert [name for name, text in parts.items() if text not in PAGE] == []


def test_the_terrain_is_small_and_complete_in_itself():
    assert len(PAGE.encode()) < 300_000
    assert "default-src 'none'" in PAGE
