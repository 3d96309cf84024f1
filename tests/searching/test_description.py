import functools
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallline.core.block import family, replace
from fallline.core.errors import FalllineError
from fallline.core.plain import from_plain
from fallline.data.table import Table, load
from fallline.searching.default_space import default_space
from fallline.searching.description import (
    begun,
    check_same,
    describe,
    read_description,
    strategy_of,
    strategy_to_plain,
)
from fallline.searching.store import Store
from fallline.strategies import OptunaSampler, Random, Space, TrialHistory
from fallline.strategies.coarse_to_fine import CoarseToFine
from fallline.strategies.halving import Halving
from fallline.strategies.named import required, strategy_named
from fallline.strategies.tpe import TPE
from fallline.testing.strategies import SPACES
from fallline.training.recipe import Recipe

SETTINGS = {
    "strategy": CoarseToFine(stage=8, shrink=0.4),
    "folds": 3,
    "seeds": 2,
    "halving": Halving(factor=2, least=4),
    "batch": 12,
    "trials": 40,
}


def test_a_study_continues_as_it_was_begun(tmp_path):
    # The first trial is this recipe, whose rate is not its field's default: only the study knows.
    space = default_space(replace(Recipe(), {"optimizer.learning_rate.peak": 0.02}))
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


EARLIER = {  # as version 0.1.0 wrote it
    "proposer": {"name": "coarse_to_fine", "stage": 8, "shrink": 0.4, "best": 3, "outside": 0.1},
    "halving": {"factor": 2, "least": 4},
}


@functools.cache
def today():
    return describe(default_space(Recipe()), load("sklearn:iris"), piece=4, **SETTINGS)


def earlier(**changes):
    asked = today()
    return {key: value for key, value in asked.items() if key not in ("strategy", "version")} | EARLIER | changes


def test_a_study_of_version_0_1_0_is_continued(tmp_path):
    asked = describe(default_space(Recipe()), load("sklearn:iris"), piece=4, **SETTINGS)
    kept = read_description(json.loads(json.dumps(earlier())), "study 's.db'")
    assert kept == asked | {"version": "0.1.0"}
    check_same(kept, asked)
    another = SETTINGS | {"halving": Halving(2, 4, among="study")}
    with pytest.raises(FalllineError, match="another halving"):
        check_same(kept, describe(default_space(Recipe()), load("sklearn:iris"), piece=4, **another))
    Store(tmp_path / "s.db").begin(5, earlier())
    again = begun(tmp_path / "s.db")
    assert {name: again[name] for name in SETTINGS} == SETTINGS


def test_a_sampler_of_optunas_comes_back_from_version_0_1_0():
    pytest.importorskip("optuna")
    kept = read_description(earlier(proposer={"name": "optuna:TPESampler"}, halving=None), "study 's.db'")
    assert strategy_of(kept, "study 's.db'") == OptunaSampler("TPESampler")
    assert kept["halving"] is None
    shown = read_description(earlier(proposer={"name": None, "shown": "Own()"}), "study 's.db'")
    with pytest.raises(FalllineError, match=r"begun with Own\(\), which only Python can continue"):
        strategy_of(shown, "study 's.db'")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"version": "9.0", "strategy": {"name": "tpe", "depth": 3}}, "tpe has no field 'depth'"),
        ({"version": "9.0", "strategy": {"name": "annealing"}}, "strategy 'annealing' is unknown"),
        ({"version": "9.0", "strategy": {"name": "tpe", "share": 2.0}}, r"TPE.share = 2.0 is outside"),
        ({"version": "9.0", "strategy": {"name": "tpe", "share": "x"}}, "share"),
        ({"version": "9.0", "strategy": {"first": 16}}, "does not say which strategy"),
        ({"version": "9.0", "strategy": ["tpe"]}, "strategy"),
        ({"version": "9.0", "halving": {"name": "racing"}}, "pruner 'racing' is unknown"),
        ({"version": "9.0", "halving": {"name": "halving", "factor": 1}}, "Halving.factor = 1 is outside"),
        ({"version": "9.0", "budget": 3}, "budget"),
        ({"version": "9.0", "folds": 1}, "folds"),
        ({"version": "9.0", "space": {"name": "recipe", "depth": 3}}, "recipe has no field 'depth'"),
    ],
    ids=str,
)
def test_what_cannot_be_read_is_refused_with_its_version(tmp_path, changes, words):
    asked = describe(default_space(Recipe()), load("sklearn:iris"), piece=4, **SETTINGS)
    Store(tmp_path / "s.db").begin(0, asked | changes)
    with pytest.raises(FalllineError, match=words) as said:
        begun(tmp_path / "s.db")
    assert "begun with Fallline 9.0, and this is" in str(said.value)
    assert "s.db' cannot be read" in str(said.value)


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 40)
    | st.floats()
    | st.sampled_from(["tpe", "uniform", "cosine", "none", ""]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["name", "low", "high", "options"]), inner)
    ),
    max_leaves=5,
)
FIELDS = st.sampled_from(["name", "first", "share", "stage", "levels", "sampler", "factor", "least", "among", "shown"])
PLAIN = st.builds(
    lambda name, rest: {"name": name} | rest,
    st.sampled_from(["tpe", "grid", "coarse_to_fine", "random", "optuna", "halving"]),
    st.dictionaries(FIELDS, VALUES, max_size=3),
)


@given(PLAIN, PLAIN, st.booleans())
def test_any_stored_strategy_is_read_or_refused(strategy, halving, old):
    kept = earlier(proposer=strategy, halving=halving)
    if not old:
        kept = kept | {"strategy": kept.pop("proposer"), "version": "0.2.0"}
    made, refused = None, ""
    try:
        made = strategy_of(read_description(kept, "study 's.db'"), "study 's.db'")
    except FalllineError as error:
        refused = str(error)
    if made is None:
        assert refused.startswith("study 's.db' ")
    else:
        space = Space(SPACES["one dimension"])
        assert np.isfinite(made.propose(space, TrialHistory.empty(space), range(3), 0)).all()


@pytest.mark.parametrize("kind", family("strategy").values(), ids=lambda kind: kind.name)
def test_every_strategy_comes_back_with_its_settings(kind):
    strategy = kind() if required(kind) is None else strategy_named("optuna:TPESampler")
    assert from_plain("strategy", json.loads(json.dumps(strategy_to_plain(strategy)))) == strategy


def test_a_strategy_that_no_file_can_hold_is_kept_as_it_shows_itself():
    optuna = pytest.importorskip("optuna")
    made, function = (
        OptunaSampler(optuna.samplers.RandomSampler(seed=0)),
        OptunaSampler(functools.partial(optuna.samplers.TPESampler)),
    )
    for each in (made, function):
        plain = strategy_to_plain(each)
        assert plain["name"] is None
        json.dumps(plain)
    assert strategy_to_plain(made)["shown"] == "OptunaSampler(RandomSampler)"


def test_what_a_file_cannot_continue_is_named(tmp_path):
    class Own(Random):
        pass

    table = Table.from_arrays(np.eye(10, dtype=np.float32), [0, 1] * 5)
    space, settings = default_space(Recipe()), SETTINGS | {"piece": None}
    Store(tmp_path / "own.db").begin(0, describe(space, load("sklearn:iris"), **settings | {"strategy": Own()}))
    with pytest.raises(FalllineError, match=r"Own.*which only Python can continue"):
        begun(tmp_path / "own.db")
    Store(tmp_path / "memory.db").begin(0, describe(space, table, **settings | {"strategy": TPE()}))
    with pytest.raises(FalllineError, match="a table from memory"):
        begun(tmp_path / "memory.db")
    assert begun(tmp_path / "memory.db", data=table)["data"] is table
    with pytest.raises(FalllineError, match="is not there"):
        begun(tmp_path / "none.db")
    with pytest.raises(FalllineError, match="holds no study 'other'"):
        begun(tmp_path / "own.db", "other")
