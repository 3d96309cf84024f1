from types import SimpleNamespace

import numpy as np
import pytest

from fallline.core.block import replace
from fallline.core.outcome import Outcome
from fallline.population.ledger import Ledger

RUNNING, FINISHED, DIVERGED = (int(each) for each in (Outcome.RUNNING, Outcome.FINISHED, Outcome.DIVERGED))


def chunk(*outcomes, monitor=0.5):
    """A chunk of epochs from the outcome of every place after each epoch, and the state after it."""
    table = np.array(outcomes, np.float32).T
    seen = {"outcome": table, "monitor": np.full(table.shape, monitor, np.float32)}
    places = table.shape[1]
    state = SimpleNamespace(
        outcome=table[-1].astype(np.int32),
        step=np.arange(places) + 10,
        best_epoch=np.arange(places) + 1,
        best_score=np.linspace(0.1, 0.4, places).astype(np.float32),
    )
    return seen, state


def test_epochs_are_added_up_to_the_end_of_each_lane(job_of, rates):
    ledger = Ledger(job_of(rates(3)))
    # Lane 2 stands at place 0, nobody at place 1, lane 0 at place 2; lane 1 is in another program.
    seen, state = chunk([0, 0, 0], [0, 0, 0], [0, FINISHED, FINISHED])
    ledger.note(np.array([2, -1, 0]), seen, state)
    assert ledger.epochs.tolist() == [2, 0, 3]
    assert ledger.outcome.tolist() == [FINISHED, RUNNING, RUNNING]
    assert ledger.step.tolist() == [12, 0, 10]
    assert ledger.score.tolist() == pytest.approx([0.4, np.inf, 0.1])
    assert (ledger.useful, ledger.spent) == (5, 9)
    ledger.note(np.array([2, -1, -1]), *chunk([0, 0], [0, 0], [0, 0]))
    assert ledger.epochs.tolist() == [2, 0, 5]
    assert (ledger.useful, ledger.spent) == (7, 15)


@pytest.mark.parametrize(
    ("monitor", "outcome", "expected"),
    [("loss", FINISHED, 0.5), ("accuracy", FINISHED, -0.5), ("loss", DIVERGED, np.inf), ("accuracy", RUNNING, -0.5)],
)
def test_the_last_score_counts_where_the_last_params_are_kept(job_of, monitor, outcome, expected, rates):
    ledger = Ledger(job_of(rates(1, keep="last", monitor=monitor)))
    ledger.note(np.array([0]), *chunk([0, outcome]))
    assert ledger.score[0] == expected


def test_scores_are_in_the_targets_own_unit(job_of, prices, rates):
    job = job_of(rates(1, monitor="rmse"), data=prices)
    assert job.scale > 1000
    ledger = Ledger(job)
    ledger.note(np.array([0]), *chunk([0]))
    assert ledger.score[0] == pytest.approx(0.1 * job.scale)


def test_recipes_are_compared_by_their_means_and_a_diverged_lane_loses(job_of, rates):
    ledger = Ledger(job_of(rates(3), seeds=(0, 1)))
    ledger.score[:] = [1.0, 2.0, 0.5, 0.7, 0.1, 0.2]
    ledger.outcome[5] = DIVERGED
    assert ledger.mean_scores().tolist() == pytest.approx([1.5, 0.6, np.inf])


def test_rungs_tests_and_pruned_lanes_are_noted(job_of, rates):
    ledger = Ledger(job_of(rates(2), seeds=(0, 1), test=True))
    ledger.at_rung(3, np.array([0.5, np.nan]))
    np.testing.assert_array_equal(ledger.rungs["score_after_3"], [0.5, 0.5, np.nan, np.nan])
    ledger.prune(np.array([2, 3]))
    assert ledger.running.tolist() == [True, True, False, False]
    ledger.tested(np.array([1]), np.array([0.25]), np.array([0.75]))
    np.testing.assert_array_equal(ledger.tests["test_loss"], [np.nan, 0.25, np.nan, np.nan])
    np.testing.assert_array_equal(ledger.tests["test_accuracy"], [np.nan, 0.75, np.nan, np.nan])
    assert Ledger(job_of(rates(2))).tests == {}


def test_progress_expects_all_epochs_of_the_lanes_that_go_on(job_of, rates):
    recipes = [replace(each, {"epochs": epochs}) for each, epochs in zip(rates(2), (5, 9), strict=True)]
    ledger = Ledger(job_of(recipes))
    assert np.isnan(ledger.progress(1.0).seconds_left)
    ledger.note(np.array([0, 1]), *chunk([0, FINISHED], [0, 0]))  # the first ends three epochs early
    seen = ledger.progress(2.0)
    assert (seen.done, seen.total, seen.lanes_done, seen.lanes) == (4, 11, 1, 2)
    assert seen.seconds_left == pytest.approx(3.5)
    ledger.prune(np.array([1]))
    assert ledger.progress(2.0).seconds_left == 0
