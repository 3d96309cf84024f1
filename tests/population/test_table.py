import numpy as np
import pytest

from fallline.core.block import replace
from fallline.core.errors import FalllineError
from fallline.core.outcome import Outcome
from fallline.optimizers import SGD
from fallline.population.ledger import Ledger
from fallline.population.table import Report, differing_fields, population_of
from fallline.probes import GradientNorm


class Share:
    """A probe whose value is a share of the units, so that padding makes it smaller."""

    name = "share"

    def unpad(self, values, padding):
        return values * padding.wide_units[0] / padding.units[0]


REPORT = Report(1, 1, 0, 0.0, 0.0, 1.0, 6)


def filled(job, epochs=3) -> Ledger:
    """A ledger in which the loss of lane n falls from n + 1 by 0.1 an epoch, and the second epoch was the best."""
    ledger = Ledger(job)
    for lane, chunks in enumerate(ledger.chunks):
        falling = (lane + 1 - 0.1 * np.arange(epochs)).astype(np.float32)
        seen = dict.fromkeys(("train_loss", "valid_loss", "valid_metric", "monitor", "outcome"), falling)
        seen |= {each.name: falling for each in job.recorded}
        chunks += [{name: column[:1] for name, column in seen.items()}, {n: c[1:] for n, c in seen.items()}]
    ledger.outcome[:], ledger.best_epoch[:] = Outcome.FINISHED, 2
    ledger.score[:] = np.arange(len(job)) + 0.9
    return ledger


def test_columns_hold_what_was_measured_at_the_best_epoch(job_of, rates):
    job = job_of(rates(2), seeds=(3, 5), recorded=())
    population = population_of(job, filled(job), REPORT, False)
    assert len(population) == 4
    assert population.recipe.tolist() == [0, 0, 1, 1]
    assert population.seed.tolist() == [3, 5, 3, 5]
    assert population.fold.tolist() == [-1] * 4
    assert population.epochs.tolist() == [3] * 4
    np.testing.assert_allclose(population.columns["valid_loss"], [0.9, 1.9, 2.9, 3.9], rtol=1e-6)
    assert population.columns.keys() == {"train_loss", "valid_loss", "valid_accuracy"}
    assert population.best == 0
    np.testing.assert_allclose(population.mean_score(), [1.4, 3.4])
    with pytest.raises(FalllineError, match="recorded no probes"):
        population.history(0)


def test_a_history_joins_the_chunks_of_a_lane(job_of, rates):
    job = job_of(rates(1), recorded=(GradientNorm(),))
    ledger = filled(job)
    for chunk in ledger.chunks[0]:
        chunk["gradient_norm"] = np.repeat(chunk["gradient_norm"][:, None], 2, axis=1)
    history = population_of(job, ledger, REPORT, False).history(0)
    assert history["epoch"].tolist() == [1, 2, 3]
    np.testing.assert_allclose(history["valid_loss"], [1.0, 0.9, 0.8], rtol=1e-6)
    assert sum("gradient_norm" in name for name in history.columns) == 2


def test_lanes_without_a_best_epoch_have_no_measurements(job_of, rates):
    job = job_of(rates(3), recorded=(), keep=True)
    ledger = filled(job)
    ledger.best_epoch[0] = 0  # diverged at once
    ledger.chunks[1] = []  # interrupted before its first epoch
    ledger.keep(2, {"params": {}})
    population = population_of(job, ledger, REPORT, True)
    np.testing.assert_allclose(population.columns["train_loss"], [np.nan, np.nan, 2.9], rtol=1e-6)
    assert population.epochs.tolist() == [3, 0, 3]
    assert population.interrupted
    assert population.arrays == (None, None, {"params": {}})


def test_the_frame_names_the_fields_that_differ(job_of, rates, recipe):
    recipes = [*rates(2), replace(recipe, {"optimizer": SGD(0.1)})]
    job = job_of(recipes, recorded=())
    frame = population_of(job, filled(job), REPORT, False).table()
    assert frame["optimizer"].to_list() == ["adam", "adam", "sgd"]
    assert frame["optimizer.beta1"].to_list()[2] is None
    assert frame["outcome"].to_list() == ["finished"] * 3
    assert "batch_size" not in frame.columns
    assert differing_fields([recipe, recipe]) == {}
    assert differing_fields([]) == {}


def test_padding_is_taken_out_of_the_probes_of_padded_lanes_alone(job_of, recipe):
    narrow, wide = (replace(recipe, {"model.hidden": (width,)}) for width in (4, 8))
    job = job_of([wide, narrow], wide=[wide, wide], recorded=(Share(),))
    population = population_of(job, filled(job), REPORT, False)
    np.testing.assert_allclose(population.epochs_seen[0]["share"], [1.0, 0.9, 0.8], rtol=1e-6)
    np.testing.assert_allclose(population.epochs_seen[1]["share"], [4.0, 3.8, 3.6], rtol=1e-6)
