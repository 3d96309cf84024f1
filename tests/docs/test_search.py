"""The strategy in the guide to search runs, keeps the contract, and is found by its name."""

import re
from pathlib import Path

import numpy as np
import pytest

from fallline.core.block import family
from fallline.core.explain import explain
from fallline.strategies import Space, TrialHistory
from fallline.strategies.named import strategy_named
from fallline.testing.strategies import SPACES

PAGE = (Path(__file__).parents[2] / "docs/search.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.M | re.S)


def test_a_strategy_of_ones_own(monkeypatch):
    registered = {kind: dict(family(kind)) for kind in ("strategy", "pruner")}
    monkeypatch.setattr("fallline.core.block._FAMILIES", registered)
    (code,) = BLOCKS
    exec(compile(code, "docs/search.md", "exec"), {"__name__": "search"})
    (found,) = explain("halton")
    assert found.family == "strategy"
    space = Space(SPACES["one dimension"])
    points = strategy_named("halton").propose(space, TrialHistory.empty(space), range(1, 4), seed=0)
    np.testing.assert_allclose(points[:, 0], [1 / 2, 1 / 4, 3 / 4])


@pytest.mark.parametrize("name", ["tpe", "optuna:TPESampler"])
def test_names_on_the_page_are_known(name):
    pytest.importorskip("optuna")
    assert name.partition(":")[0] in PAGE
    assert strategy_named(name)
