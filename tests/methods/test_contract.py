"""What every method without gradients keeps: `fallline.testing`, for each of them."""

import pytest

from fallline.core.block import declared_fields, family
from fallline.methods import ARS, CMAES, SPSA, FiniteDifference, OpenAIES
from fallline.optimizers import SGD
from fallline.schedules import Cosine
from fallline.testing import checks

METHODS = [
    *(cls() for cls in family("method").values()),
    ARS(directions=8, kept=3),
    ARS(step=Cosine(0.1), directions=2),
    FiniteDifference(step=1.0, form="difference"),
    SPSA(directions=4),
    OpenAIES(optimizer=SGD(0.5), shaping="none"),
    CMAES(population=12),
]
CASES = [(check, method) for method in METHODS for check in checks(method)]
NAMES = [f"{check.name}-{METHODS.index(method)}-{method.name}" for check, method in CASES]


@pytest.mark.parametrize(("check", "method"), CASES, ids=NAMES)
def test_contract(check, method):
    check(method)


@pytest.mark.parametrize("name", family("method"))
def test_documented_with_a_source_an_example_and_usual_ranges(name):
    cls = family("method")[name]
    assert "Source: " in cls.__doc__
    assert ">>>" in cls.__doc__
    for field, declared in declared_fields(cls).items():
        assert declared.role != "number" or declared.usual, field
