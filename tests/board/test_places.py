"""The values of trials, read from plain data, are those of the space of blocks."""

import json

import numpy as np
import pytest

from fallline.board.places import places_of, values_at
from fallline.core.block import family
from fallline.distributions import (
    Choice,
    Integer,
    LogInteger,
    LogNormal,
    LogUniform,
    Normal,
    Quantised,
    Uniform,
)
from fallline.models import MLP
from fallline.optimizers import SGD, Adam
from fallline.penalties import L1, L2
from fallline.schedules import Cosine
from fallline.strategies.space import Space
from fallline.training.recipe import Recipe, recipe_to_plain

SPACES = {
    "ranges": Recipe(optimizer=Adam(Cosine(LogUniform(1e-4, 1e-1), warmup=Uniform(0, 0.3)), beta1=Normal(0.9, 0.05, high=0.99))),
    "counts": Recipe(model=MLP(hidden=(LogInteger(8, 512), Quantised(LogUniform(16, 256), 16))), epochs=Integer(3, 30)),
    "normals": Recipe(penalty=L2(LogNormal(1e-3, 2.0, low=1e-6)), optimizer=SGD(Normal(0.9, 0.1))),
    "steps": Recipe(model=MLP(dropout=Quantised(Uniform(0.0, 0.5), 0.1))),
    "options": Recipe(
        optimizer=Choice((Adam(LogUniform(1e-4, 1e-2)), SGD(LogUniform(1e-3, 1.0)), SGD(0.1))),
        batch_size=Choice((16, Choice((32, 64)))),
        penalty=Choice((L1(Choice((0.1, 0.2))), L2(Uniform(0, 1)))),
    ),
    "tuples": Recipe(model=MLP(hidden=Choice(((64,), (64, 32), (8, 8, 8))))),
}  # fmt: skip


@pytest.mark.parametrize("name", SPACES)
def test_values_are_those_of_the_space(name):
    space = Space(SPACES[name])
    places = places_of(json.loads(json.dumps(recipe_to_plain(space.recipe))))
    assert tuple(each.name for each in places) == space.names
    rng = np.random.default_rng(0)
    for point in [*rng.uniform(size=(50, len(space))), np.zeros(len(space)), np.ones(len(space)), space.default]:
        assert values_at(places, point.tolist()) == space.values(point)


def test_every_distribution_is_known():
    used = " ".join(map(repr, SPACES.values()))
    own = [each for each in family("distribution").values() if each.__module__.startswith("fallline.")]
    assert len(own) == 8
    assert all(each.__name__ in used for each in own)


@pytest.mark.parametrize(
    "plain",
    [
        None,
        3,
        {"a": {"name": "choice"}},
        {"a": {"name": "choice", "options": 3}},
        {"a": {"name": "choice", "options": [{}]}},
        {"a": {"name": "uniform", "low": "x", "high": 1}},
        {"a": {"name": "log_uniform", "low": 0, "high": 1}},
        {"a": {"name": "quantised", "distribution": {"name": "choice"}, "step": 1}},
        {"a": {"name": "quantised", "distribution": {"name": "uniform", "low": 0, "high": 1}, "step": 0}},
        {"a": {"name": ["uniform"]}},
    ],
)
def test_a_damaged_space_has_no_values(plain):
    assert values_at(places_of(plain), [0.5]) == {}


def test_a_point_of_another_space_has_no_values():
    places = places_of({"a": {"name": "uniform", "low": 0, "high": 1}})
    assert values_at(places, [0.25]) == {"a": 0.25}
    assert values_at(places, [0.25, 0.5]) == {}
    assert values_at(places, ["x"]) == {}
    deep: object = 1
    for _ in range(100_000):
        deep = [deep]
    assert places_of({"a": deep}) == ()
