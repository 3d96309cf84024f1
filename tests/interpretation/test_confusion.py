"""The confusion matrix and the scores of classes, against scikit-learn's."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallline.interpretation.confusion import class_scores, confusion_matrix


@given(st.integers(2, 5), st.integers(1, 40), st.integers(0, 1000), st.booleans())
def test_both_agree_with_scikit_learn(classes, rows, seed, weighed):
    metrics = pytest.importorskip("sklearn.metrics")
    draw = np.random.default_rng(seed)
    true, predicted = draw.integers(0, classes, (2, rows))
    weight = draw.integers(1, 4, rows).astype(float) if weighed else None
    found = confusion_matrix(true, predicted, classes, weight)
    labels = range(classes)
    np.testing.assert_allclose(found, metrics.confusion_matrix(true, predicted, labels=labels, sample_weight=weight))
    theirs = metrics.precision_recall_fscore_support(
        true, predicted, labels=labels, sample_weight=weight, zero_division=np.nan
    )
    for name, other in zip(("precision", "recall", "f1", "support"), theirs, strict=True):
        np.testing.assert_allclose(class_scores(found)[name], other, err_msg=name)


def test_a_class_that_is_never_predicted_has_no_precision():
    scores = class_scores(np.array([[2.0, 0.0], [1.0, 0.0]]))
    assert np.isnan(scores["precision"][1])
    assert scores["recall"].tolist() == [1.0, 0.0]
