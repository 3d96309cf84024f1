"""scikit-learn's whole contract of an estimator; no check is expected to fail."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from fallline.estimators import MLPClassifier, MLPRegressor


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks([MLPClassifier(max_iter=20), MLPRegressor(max_iter=20)])
def test_scikit_learns_contract(estimator, check):
    check(estimator)
