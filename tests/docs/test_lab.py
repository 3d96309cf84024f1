"""The page on the lab: its code runs, and its table of surfaces is complete."""

import re
from pathlib import Path

from fallline.core.block import family

PAGE = (Path(__file__).parents[2] / "docs/lab.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S)


def test_the_code_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {"__name__": "lab"}
    for code in BLOCKS:
        exec(compile(code, "docs/lab.md", "exec"), names)
    assert (tmp_path / "walks.html").stat().st_size < 300_000
    assert set(names["rates"].best) == {"sgd", "momentum", "adam"}
    assert names["basins"].frame["rule"].to_list() == ["gd", "heavy ball"]


def test_every_surface_is_listed():
    import fallline.surfaces  # noqa: F401 - knows them

    rows = PAGE.split("## Surfaces")[1].split("A surface of your own")[0]
    assert {name for name in family("surface") if name != "formula"} <= set(re.findall(r"`(\w+)`", rows))
