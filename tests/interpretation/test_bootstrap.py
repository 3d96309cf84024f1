"""Scores of resamples are the product's own metrics, and their intervals cover as they should."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallline.interpretation.answers import Answered
from fallline.interpretation.bootstrap import intervals, resamples, score_of, scorer
from fallline.metrics import exactly, metrics_of


def answered(task, rows=30, seed=0, outputs=3, right=0.5):
    draw = np.random.default_rng(seed)
    x = np.zeros((rows, 1), np.float32)
    if task == "regression":
        truth = draw.normal(size=(rows, outputs)) * 10
        answer = truth * right + draw.normal(size=truth.shape)
    elif task == "multilabel":
        truth = (draw.random((rows, outputs)) < 0.5).astype(float)
        answer = np.round(draw.random((rows, outputs)), 1)
    else:
        truth = draw.integers(0, outputs, rows)
        answer = draw.dirichlet(np.ones(outputs), rows).round(1)
        answer[np.arange(rows), truth] += (draw.random(rows) < right).astype(float)
    return Answered("test", np.arange(rows), x, truth, truth, answer, draw.random(rows), np.ones(rows),
                    is_sure=task != "regression", is_labels=task == "multilabel")  # fmt: skip


@given(st.sampled_from(["classification", "multilabel", "regression"]), st.integers(0, 500), st.integers(1, 4))
def test_every_score_of_a_resample_is_the_metric_with_its_weights(task, seed, outputs):
    outputs += task == "classification"
    some = answered(task, seed=seed, outputs=outputs)
    W = resamples(np.random.default_rng(seed).random(len(some)) + 0.1, 3, seed)
    found = scorer(some)(W)
    for metric in metrics_of(task):
        theirs = [exactly(metric, some.answer, some.truth, w) for w in W]
        np.testing.assert_allclose(found[metric.name], theirs, rtol=1e-9, atol=1e-12, err_msg=metric.name)
    np.testing.assert_allclose(found["loss"], W @ some.losses / W.sum(axis=1))


def test_resamples_draw_as_many_rows_as_there_are_and_heed_the_weights():
    W = resamples(np.array([1.0, 2.0, 0.0]), 50)
    assert (W[:, 0] + W[:, 1] / 2 <= 3).all()
    assert not W[:, 2].any()
    assert (resamples(np.ones(9), 50).sum(axis=1) == 9).all()


def test_intervals_hold_the_truth_about_as_often_as_promised():
    """The share of right rows is 0.7; 95 % intervals from 60 rows may miss it in few of 100 draws."""
    held = 0
    for seed in range(100):
        hits = np.random.default_rng(seed).random(60) < 0.7
        answer = np.stack([hits, ~hits], axis=1).astype(float)
        some = dataclasses.replace(answered("classification", 60, outputs=2), truth=np.zeros(60, int), answer=answer)
        low, high = intervals(some, seed)["accuracy"]
        held += low <= 0.7 <= high
    assert 88 <= held <= 100


def test_rows_that_are_all_right_leave_room_below():
    some = dataclasses.replace(answered("classification", 15, outputs=2), truth=np.zeros(15, int),
                               answer=np.tile([1.0, 0.0], (15, 1)))  # fmt: skip
    found = intervals(some)
    assert found["accuracy"] == pytest.approx((0.025 ** (1 / 15), 1.0))
    assert np.isnan(found["f1"]).all()


def test_more_rows_than_are_resampled_give_the_interval_of_all(monkeypatch):
    some = answered("regression", 2000, outputs=1)
    whole = intervals(some)["mae"]
    monkeypatch.setattr("fallline.interpretation.bootstrap.ROWS", 500)
    fewer = intervals(some)["mae"]
    assert fewer.high - fewer.low == pytest.approx(whole.high - whole.low, rel=0.25)
    assert fewer.low < score_of(some)["mae"] < fewer.high
