"""scikit-learn's whole contract of an estimator."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from fallline.estimators import MLPClassifier, MLPRegressor

# A float32 run sums the same numbers in another order; scikit-learn asks for 1e-7 between two such runs.
_ROUNDING = "equal up to float32's rounding (1e-6), where the check asks for float64's"
EXPECTED = dict.fromkeys(
    ("check_sample_weight_equivalence_on_dense_data", "check_sample_weight_equivalence_on_sparse_data"), _ROUNDING
)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(
    [MLPClassifier(max_iter=20), MLPRegressor(max_iter=20)], expected_failed_checks=lambda estimator: EXPECTED
)
def test_scikit_learns_contract(estimator, check):
    check(estimator)
