"""scikit-learn's whole contract of an estimator; no check is expected to fail."""

import jax
import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from fallline.core.compiling import known_options
from fallline.estimators import MLPClassifier, MLPRegressor, fitting
from fallline.training import chunks, program

# The checks ask for some thirty shapes and train each for a moment: nearly all of their time is LLVM's. What the optimised
# programs compute is asked in the files beside this one.
UNOPTIMISED = {"xla_backend_optimization_level": 0, "xla_cpu_use_fusion_emitters": False}


@pytest.fixture(scope="module", autouse=True)
def quickly_compiled():
    with pytest.MonkeyPatch.context() as patch:
        options = known_options(UNOPTIMISED)
        patch.setattr(fitting, "compiled_start", jax.jit(program.start, compiler_options=options))
        advance = jax.jit(program.advance, donate_argnums=2, compiler_options=options)
        patch.setattr(chunks, "compiled_advance", advance)
        yield


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks([MLPClassifier(max_iter=20), MLPRegressor(max_iter=20)])
def test_scikit_learns_contract(estimator, check, monkeypatch):
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")  # without it the check of array-API dispatch is left out
    check(estimator)
