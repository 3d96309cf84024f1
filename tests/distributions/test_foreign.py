from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats

from fallline.core.errors import FalllineError
from fallline.distributions import Choice, Integer, LogInteger, LogUniform, Quantised, Uniform
from fallline.distributions.foreign import converted
from fallline.strategies.space import space_from
from fallline.training.recipe import Recipe


def _name(distribution) -> str:
    return distribution.dist.name


@pytest.mark.parametrize(
    "theirs", [stats.uniform(2, 3), stats.loguniform(1e-5, 1e-1), stats.randint(2, 9), stats.norm(1, 0.2)], ids=_name
)
def test_quantiles_are_scipys(theirs):
    u = np.linspace(0.02, 0.98, 9)
    np.testing.assert_allclose(converted(theirs).quantile(u), theirs.ppf(u), rtol=1e-6)


def optuna(name: str, **fields):
    return type(name, (SimpleNamespace,), {"__module__": "optuna.distributions"})(**fields)


def test_optunas_distributions_are_known_by_their_fields():
    assert converted(optuna("FloatDistribution", low=0.1, high=1.0, log=True, step=None)) == LogUniform(0.1, 1.0)
    assert converted(optuna("FloatDistribution", low=0.0, high=1.0, log=False, step=None)) == Uniform(0.0, 1.0)
    assert converted(optuna("IntDistribution", low=1, high=9, log=True, step=1)) == LogInteger(1, 9)
    assert converted(optuna("IntDistribution", low=1, high=9, log=False, step=1)) == Integer(1, 9)
    assert converted(optuna("CategoricalDistribution", choices=(1, "all"))) == Choice((1, "all"))
    stepped = converted(optuna("IntDistribution", low=32, high=128, log=False, step=32))
    assert isinstance(stepped, Quantised)
    assert stepped.quantile(np.array([0.0, 0.3, 0.6, 1.0])).tolist() == [32, 64, 96, 128]
    with pytest.raises(FalllineError, match="has no counterpart"):
        converted(optuna("IntDistribution", low=1, high=9, log=False, step=2))


def test_a_dictionary_as_scikit_learns_is_a_space():
    space = space_from(Recipe(), {"model.dropout": stats.uniform(0, 0.5), "batch_size": [32, 64], "epochs": 5})
    assert space.names == ("model.dropout", "batch_size")
    assert space.fill(space.default).epochs == 5
    with pytest.raises(FalllineError, match=r"model\.dropout = scipy\.stats\.beta has no counterpart"):
        space_from(Recipe(), {"model.dropout": stats.beta(1, 2)})
