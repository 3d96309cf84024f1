"""Changed files of every kind: a sentence, or a correct load. The whole campaign is `benchmarks/mutations.py`."""

import importlib.util
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parents[1] / "benchmarks" / "mutations.py"
SPECIFICATION = importlib.util.spec_from_file_location("fallline_mutations", HERE)
assert SPECIFICATION is not None
mutations = importlib.util.module_from_spec(SPECIFICATION)
sys.modules[SPECIFICATION.name] = mutations  # dataclasses look their module up there
SPECIFICATION.loader.exec_module(mutations)

TRIES = 1000  # of each kind
PIECES = {"study": 5, "csv": 5, "parquet": 2, "arrow": 2}  # slow ones, of which several processes each do a part


@pytest.mark.parametrize(
    ("kind", "tries", "seed"),
    [
        (kind, TRIES // PIECES.get(kind, 1), 1 + piece)
        for kind in mutations.KINDS
        for piece in range(PIECES.get(kind, 1))
    ],
)
def test_every_change_is_refused_or_loads_whole(kind, tries, seed):
    found = mutations.campaign(kind, tries, seed)
    assert found.examples == {}
    assert (found.tried, found.silent, found.tracebacks) == (tries, 0, 0)
    assert found.survived + found.refused == found.tried
    assert found.refused > 0
    assert found.survived > 0
    assert found.slowest < mutations.SECONDS


def test_a_thousand_of_each_kind_are_tried():
    assert all(TRIES % pieces == 0 for pieces in PIECES.values())
    assert PIECES.keys() <= mutations.KINDS.keys()
