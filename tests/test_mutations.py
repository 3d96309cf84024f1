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

# As many as take few seconds: a study's file is opened, mended and synced every time, a table is encoded.
TRIES = dict.fromkeys(mutations.KINDS, 1000) | {"study": 40, "parquet": 150, "arrow": 150, "csv": 150}
TRIES |= {
    "recipe": 400,
    "model": 500,
    "metrics.json": 200,
    "history.parquet": 200,
    "study.json": 150,
    "diagnosis.json": 150,
    "identity.json": 400,
    "stream block": 400,
    "stream preparation": 200,
    "stream checkpoint": 200,
}


@pytest.mark.parametrize("kind", list(TRIES))
def test_every_change_is_refused_or_loads_whole(kind):
    found = mutations.campaign(kind, TRIES[kind], seed=1)
    assert found.examples == {}
    assert (found.tried, found.silent, found.tracebacks) == (TRIES[kind], 0, 0)
    assert found.survived + found.refused == found.tried
    assert found.refused > 0
    assert found.survived > 0
    assert found.slowest < mutations.SECONDS
