import dataclasses

import numpy as np
import pytest

from fallline.core.block import replace
from fallline.core.errors import FalllineError
from fallline.data.table import Table, load
from fallline.population import Halving
from fallline.searching.coarse import CoarseToFine
from fallline.searching.description import (
    STRATEGIES,
    begun,
    check_same,
    describe,
    proposer_from_plain,
    proposer_to_plain,
)
from fallline.searching.proposers import Random
from fallline.searching.store import Store
from fallline.searching.tpe import TPE
from fallline.searching.usual import usual_space
from fallline.training.recipe import Recipe

SETTINGS = {
    "proposer": CoarseToFine(stage=8, shrink=0.4),
    "folds": 3,
    "seeds": 2,
    "halving": Halving(factor=2, least=4),
    "batch": 12,
    "trials": 40,
}


def test_a_study_continues_as_it_was_begun(tmp_path):
    # The first trial is this recipe, whose rate is not its field's default: only the study knows.
    space = usual_space(replace(Recipe(), {"optimizer.learning_rate.peak": 0.02}))
    path = tmp_path / "s.db"
    Store(path).begin(5, describe(space, load("sklearn:iris"), piece=4, **SETTINGS))
    again = begun(path)
    assert {name: again[name] for name in SETTINGS} == SETTINGS
    assert (again["seed"], again["study"], again["name"]) == (5, path, "study")
    assert again["data"].fingerprint == load("sklearn:iris").fingerprint
    assert again["space"].names == space.names
    np.testing.assert_array_equal(again["space"].default, space.default)
    # Asked for more trials once, it is continued to as many; asked for fewer, to no fewer.
    for asked, kept in ((90, 90), (50, 90)):
        Store(path).begin(0, describe(space, load("sklearn:iris"), piece=4, **SETTINGS | {"trials": asked}))
        assert begun(path)["trials"] == kept


def test_a_study_whose_halving_said_less_is_continued(tmp_path):
    space, table = usual_space(Recipe()), load("sklearn:iris")
    asked = describe(space, table, piece=4, **SETTINGS)
    kept = asked | {"halving": {"factor": 2, "least": 4}}
    check_same(kept, asked)
    with pytest.raises(FalllineError, match="another halving"):
        check_same(kept, describe(space, table, piece=4, **SETTINGS | {"halving": Halving(2, 4, among="study")}))


@pytest.mark.parametrize("kind", STRATEGIES.values())
def test_every_strategy_comes_back_with_its_settings(kind):
    assert proposer_from_plain(proposer_to_plain(kind())) == kind()


def test_what_a_file_cannot_continue_is_named(tmp_path):
    @dataclasses.dataclass(frozen=True)
    class Own(Random):
        pass

    table = Table.from_arrays(np.eye(10, dtype=np.float32), [0, 1] * 5)
    space, settings = usual_space(Recipe()), SETTINGS | {"piece": None}
    Store(tmp_path / "own.db").begin(0, describe(space, load("sklearn:iris"), **settings | {"proposer": Own()}))
    with pytest.raises(FalllineError, match=r"Own.*which only Python can continue"):
        begun(tmp_path / "own.db")
    Store(tmp_path / "memory.db").begin(0, describe(space, table, **settings | {"proposer": TPE()}))
    with pytest.raises(FalllineError, match="a table from memory"):
        begun(tmp_path / "memory.db")
    assert begun(tmp_path / "memory.db", data=table)["data"] is table
    with pytest.raises(FalllineError, match="is not there"):
        begun(tmp_path / "none.db")
    with pytest.raises(FalllineError, match="holds no study 'other'"):
        begun(tmp_path / "own.db", "other")
