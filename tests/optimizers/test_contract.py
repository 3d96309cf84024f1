"""What every update rule keeps: `fallline.testing`, for each of them. A new rule joins by being registered."""

import jax
import optax
import pytest

from fallline.core.block import declared_fields, family
from fallline.methods import SPSA, WithoutGradient
from fallline.optimizers import (
    LBFGS,
    SGD,
    Adam,
    AdamW,
    AveragedMomentum,
    Clocked,
    FromOptax,
    Momentum,
    Nadam,
    Nesterov,
    Newton,
    RMSProp,
    Rprop,
    WeightDecay,
)
from fallline.optimizers.adagrad import AdaGrad
from fallline.schedules import Cosine
from fallline.testing import checks
from fallline.testing.optimizers import bowl, path, tree

RULES = [
    *(cls() for cls in family("optimizer").values()),
    Momentum(rate_place="outside"),
    Nesterov(rate_place="outside"),
    AveragedMomentum(corrected=True),
    AdaGrad(epsilon_place="inside"),
    Rprop(flip="wait"),
    Rprop(flip="go_on"),
    RMSProp(momentum=0.5, centred=True),
    RMSProp(momentum=0.5, rate_place="outside", epsilon_place="inside"),
    Adam(corrected=False, amsgrad="raw"),
    Adam(epsilon_place="hat", amsgrad="corrected"),
    Adam(epsilon_place="inside"),
    AdamW(decay_by="itself", decayed="all"),
    Nadam(warming=None, average="beta1"),
    WeightDecay(SGD(), decay_by="itself"),
    FromOptax(optax.adam(1e-2)),
    Clocked(Adam(Cosine(1e-2))),
    WithoutGradient(SPSA()),
]
CASES = [(check, rule) for rule in RULES for check in checks(rule)]
NAMES = [f"{check.name}-{RULES.index(rule)}-{type(rule).__name__}" for check, rule in CASES]


@pytest.mark.parametrize(("check", "rule"), CASES, ids=NAMES)
def test_contract(check, rule):
    check(rule)


@pytest.mark.parametrize("rule", [Newton(), LBFGS()], ids=["newton", "lbfgs"])
def test_curvature_reaches_the_bottom_of_a_bowl(rule):
    (end, _), _ = jax.jit(lambda w: path(rule, w, 5))(tree())
    assert float(bowl(end)) < 1e-8


@pytest.mark.parametrize("name", family("optimizer"))
def test_documented_with_a_source_an_example_and_usual_ranges(name):
    cls = family("optimizer")[name]
    assert "Source: " in cls.__doc__
    assert ">>>" in cls.__doc__
    for field, declared in declared_fields(cls).items():
        assert declared.role != "number" or declared.usual, field
