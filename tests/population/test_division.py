import dataclasses

import numpy as np
import pytest

from fallline.core.outcome import Outcome
from fallline.population import division, sizes
from fallline.population.division import SHARED_FROM, divide, last_recipes, packed
from fallline.population.evaluate import placed
from fallline.population.groups import group_recipes
from fallline.population.lane_batch import LaneBatch
from fallline.population.lanes import Lanes
from fallline.strategies.halving import Halving
from fallline.training.state import State


@pytest.fixture
def plans(job_of, monkeypatch):
    """Plans of a job's only group, on one device whatever the machine has."""
    one = division.jax.devices()[:1]
    monkeypatch.setattr(division.jax, "devices", lambda *_: one)

    def make(recipes, **options):
        job = job_of(recipes, **options)
        (group,) = group_recipes(job.wide)
        return job, divide(job, group, placed(job.data, job.contexts, job.recipes[0]))

    return make


@pytest.mark.parametrize("options", [{}, {"folds": 3}, {"seeds": (0, 1), "independent": True}, {"limit": 2}], ids=str)
@pytest.mark.parametrize("count", [1, 3, SHARED_FROM])
def test_every_lane_has_one_place(plans, count, options, rates):
    job, found = plans(rates(count), **options)
    who = np.concatenate([plan.who(job) for plan in found])
    assert sorted(who[who >= 0].tolist()) == list(range(len(job)))
    for plan in found:
        assert len(plan.who(job)) == plan.size == len(plan.filled)
        assert plan.size in sizes.SIZES
        if not plan.layout.own_rows:
            assert len({context for _, context in plan.members}) == 1
        assert plan.size <= options.get("limit", 64)


def test_few_recipes_and_independent_ones_have_their_own_rows(plans, rates):
    own = lambda *given, **options: plans(*given, **options)[1][0].layout.own_rows  # noqa: E731
    assert own(rates(SHARED_FROM - 1))
    assert not own(rates(SHARED_FROM))
    assert own(rates(SHARED_FROM), independent=True)
    assert own(rates(SHARED_FROM)[:1] * SHARED_FROM)  # nothing differs


@pytest.mark.parametrize(("folds", "expected"), [(2, [8, 8]), (3, [8, 8, 5])])  # 14 and 21 lanes
def test_the_last_batch_has_a_program_of_its_own_only_if_it_is_much_smaller(plans, rates, folds, expected):
    job, found = plans(rates(7), folds=folds, limit=8)
    assert [plan.size for plan in found] == expected
    assert sum((plan.who(job) >= 0).sum() for plan in found) == len(job)


def test_with_halving_all_batches_have_the_size_that_the_last_rung_needs(plans, job_of, rates):
    halving = Halving(3, least=1)
    job, found = plans(rates(9, epochs=9), folds=2, halving=halving)
    assert last_recipes(job, 9) == 1
    assert {plan.size for plan in found} == {2}
    assert all(plan.fixed and plan.layout.own_rows for plan in found)
    assert last_recipes(job_of(rates(9)), 9) is None
    assert last_recipes(job_of(rates(9, epochs=9), folds=2, halving=Halving(3, among="study")), 9) == 4


def test_calls_are_long_where_all_lanes_end_together(plans, rates):
    assert plans(rates(3))[1][0].most > plans([*rates(2), *rates(1, epochs=6)])[1][0].most
    assert plans(rates(3, patience=3))[1][0].most == division.LOOKS


def lanes_of(count: int, first: float) -> Lanes:
    """Lanes whose state is a number each."""
    fields = {each.name: None for each in dataclasses.fields(State)}
    state = State(**fields | {"step": np.arange(count) + first, "outcome": np.zeros(count, np.int32)})
    return Lanes((np.arange(count) + first,), (), None, {}, state, {})


def test_lanes_that_go_on_are_packed_and_filled_up_with_ended_copies(plans, monkeypatch, rates):
    monkeypatch.setattr("fallline.population.devices.place_lanes", lambda tree: tree)
    plan = plans(rates(4), limit=4)[1][0]
    batches = [
        LaneBatch(plan, np.array([0, -1, 2, -1]), 3, None, lanes_of(4, 0)),
        LaneBatch(plan, np.array([-1, -1, -1, -1]), 3, None, None),
        LaneBatch(plan, np.array([4, 5, 6, -1]), 3, None, lanes_of(4, 10)),
    ]
    empty, full, rest = packed(batches)
    assert empty is batches[1]
    assert full.who.tolist() == [0, 2, 4, 5]
    assert rest.who.tolist() == [6, -1, -1, -1]
    assert (full.epoch, full.plan) == (3, plan)
    assert full.lanes is None  # made when it is needed
    assert full.ready().state.step.tolist() == [0, 2, 10, 11]
    assert full.make is None
    lanes = rest.ready()
    assert lanes.own[0].tolist() == [12, 12, 12, 12]
    assert lanes.state.outcome.tolist() == [Outcome.RUNNING, *[Outcome.FINISHED] * 3]
    assert batches[0].who.tolist() == [0, -1, 2, -1]  # the batches before the rung are as they were
    assert packed([batches[1]]) == [batches[1]]
