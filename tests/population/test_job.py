import dataclasses

import numpy as np
import pytest

from fallline.core.block import replace
from fallline.core.errors import FalllineError
from fallline.optimizers import LBFGS
from fallline.population.contexts import contexts_of
from fallline.population.job import completed
from fallline.strategies.halving import Halving


def test_lanes_are_numbered_by_recipe_then_by_context(job_of, rates):
    job = job_of(rates(3), seeds=(4, 7), folds=2)
    assert len(job) == 12
    assert [(each.fold, each.seed) for each in job.contexts] == [(0, 4), (0, 7), (1, 4), (1, 7)]
    numbers = [job.lane(recipe, context) for recipe in range(3) for context in range(4)]
    assert numbers == list(range(12))
    assert [job.recipe(lane) for lane in (0, 3, 4, 11)] == [job.recipes[place] for place in (0, 0, 1, 2)]


def test_a_job_is_never_changed(job_of, rates):
    with pytest.raises(dataclasses.FrozenInstanceError):
        job_of(rates(1)).keep = True


def test_params_are_kept_where_something_reads_them(job_of, rates):
    assert [job_of(rates(1), **each).keeps_params for each in ({}, {"keep": True}, {"test": True})] == [
        False,
        True,
        True,
    ]


def test_rungs_are_those_of_the_longest_recipe(job_of, rates):
    recipes = [replace(each, {"epochs": epochs}) for each, epochs in zip(rates(9), [9] * 8 + [27], strict=True)]
    halving = Halving(3, least=1)
    assert job_of(recipes).rungs == ()
    assert job_of(recipes, halving=halving).rungs == halving.rungs(27, 9)


def test_an_open_batch_size_is_that_of_the_shortest_fold_and_a_given_one_ends_at_the_longest(rows, recipe):
    every = np.arange(163)
    contexts = contexts_of(rows, [(every[:60], every[60:]), (every[60:], every[:60])], [0])
    counts = [60, 103]
    assert [int(each.rows["train_count"]) for each in contexts] == counts
    whole = replace(recipe, {"optimizer": LBFGS(), "batch_size": None})
    own = completed([replace(recipe, {"batch_size": 999}), whole], rows, contexts)
    assert own[0].batch_size == max(counts)
    assert own[1].batch_size == max(counts)
    assert completed([replace(recipe, {"batch_size": None})], rows, contexts)[0].batch_size <= min(counts)


def test_monitors_that_cannot_be_compared_are_named(rows, recipe):
    contexts = contexts_of(rows, None, [0])
    recipes = [replace(recipe, {"monitor": each}) for each in ("loss", "accuracy")]
    with pytest.raises(FalllineError, match="accuracy, loss"):
        completed(recipes, rows, contexts)
    completed(recipes[:1] * 2, rows, contexts)


def test_given_params_get_a_lane_axis(job_of, rates):
    given = tuple({"dense_1": {"weight": np.full((5, 8), float(i))}} for i in range(3))
    job = job_of(rates(3), given=given)
    assert job_of(rates(3)).given_to([0, 1]) is None
    stacked = job.given_to([2, 0, 0])["dense_1"]["weight"]
    assert stacked.shape == (3, 5, 8)
    assert stacked[:, 0, 0].tolist() == [2.0, 0.0, 0.0]


def test_a_lane_alone_trains_on_the_rows_of_its_fold(job_of, monkeypatch, rates):
    seen = []
    monkeypatch.setattr(
        "fallline.population.job.train_from", lambda recipe, table, **options: seen.append((table, options))
    )
    job = job_of(rates(2), seeds=(3,), folds=2)
    job.replay(job.lane(1, 1))
    table, options = seen[0]
    rows = job.contexts[1].rows
    np.testing.assert_array_equal(table.dataset.valid, rows["valid"][: rows["valid_count"]])
    assert len(np.intersect1d(table.dataset.train, table.dataset.valid)) == 0
    assert options["seed"] == 3
