"""ROC and precision-recall points and their areas, against scikit-learn's, also with ties and weights."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallline.interpretation.curves import areas, precision_recall, ranked, roc, thinned


@given(st.integers(2, 60), st.integers(0, 1000), st.sampled_from([2, 5, 1000]), st.booleans())
def test_points_and_areas_agree_with_scikit_learn(rows, seed, levels, weighed):
    metrics = pytest.importorskip("sklearn.metrics")
    draw = np.random.default_rng(seed)
    score, positive = draw.integers(0, levels, rows) / levels, draw.random(rows) < 0.5
    positive[:2] = [True, False]
    weight = draw.integers(1, 4, rows).astype(float) if weighed else np.ones(rows)
    counts = ranked(score, positive, weight)
    x, y, threshold = roc(counts)
    for own, other in zip(
        (x, y, threshold),
        metrics.roc_curve(positive, score, sample_weight=weight, drop_intermediate=False),
        strict=True,
    ):
        np.testing.assert_allclose(own, other)
    precision, recall, cuts = metrics.precision_recall_curve(positive, score, sample_weight=weight)
    own = precision_recall(counts)
    np.testing.assert_allclose(own[0], recall[:-1][::-1])
    np.testing.assert_allclose(own[1], precision[:-1][::-1])
    np.testing.assert_allclose(own[2], cuts[::-1])
    area, average = areas(counts)
    assert area == pytest.approx(metrics.roc_auc_score(positive, score, sample_weight=weight))
    assert average == pytest.approx(metrics.average_precision_score(positive, score, sample_weight=weight))


def test_without_one_kind_of_rows_there_is_no_area():
    assert np.isnan(areas(ranked(np.array([0.1, 0.2]), np.array([True, True])))).all()


@given(st.integers(2, 500), st.integers(2, 60))
def test_a_thinned_curve_keeps_its_ends_and_its_order(points, most):
    x = np.linspace(0, 1, points)
    kept = thinned(x, x**2, most)
    assert (kept[0], kept[-1]) == (0, points - 1)
    assert len(kept) <= max(most, 2)
    assert (np.diff(kept) > 0).all()
