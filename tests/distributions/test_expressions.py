"""hyperopt's expressions; the judge is what hyperopt itself draws from them."""

import warnings

import numpy as np
import pytest
from scipy import stats

from fallline.core.errors import FalllineError
from fallline.distributions import Choice, Integer, LogUniform, Quantised, Uniform
from fallline.distributions.foreign import converted
from fallline.optimizers import Adam
from fallline.strategies.space import space_from
from fallline.training.recipe import Recipe

# Hyperopt sets the shape of its own arrays, which NumPy 2.5 deprecates.
pytestmark = pytest.mark.filterwarnings("ignore:Setting the shape on a NumPy array:DeprecationWarning")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what it imports may warn
    hyperopt = pytest.importorskip("hyperopt")
    from hyperopt import hp
    from hyperopt.pyll import scope
    from hyperopt.pyll.stochastic import sample

EXPRESSIONS = {
    "uniform": hp.uniform("x", -2, 3),
    "loguniform": hp.loguniform("x", -7, -1),
    "normal": hp.normal("x", 1, 0.2),
    "lognormal": hp.lognormal("x", -3, 0.5),
    "quniform": hp.quniform("x", 0, 10, 2.5),
    "qloguniform": hp.qloguniform("x", 0, 5, 4),
    "qnormal": hp.qnormal("x", 0, 3, 1),
    "qlognormal": hp.qlognormal("x", 2, 0.5, 2),
    "uniformint": hp.uniformint("x", 1, 5),
    "randint": hp.randint("x", 4),
    "randint from": hp.randint("x", 3, 9),
    "choice": hp.choice("x", [1.0, 3.0, 2.0]),
    "pchoice": hp.pchoice("x", [(0.5, 1.0), (0.5, 2.0)]),
    "shifted": 3 - 2 * hp.uniform("x", 0, 1),
    "scaled": hp.loguniform("x", -7, -1) * 32 / 4,
    "scaled normal": -(hp.normal("x", 1, 0.2) + 2) * 3,
    "scaled lognormal": 0.5 * hp.lognormal("x", -3, 0.5),
    "power": 10 ** hp.uniform("x", -4, -1),
    "power of normal": 2 ** hp.normal("x", -4, 1),
    "of exp": scope.exp(hp.uniform("x", -4, -1)),
    "to power": hp.loguniform("x", -3, 2) ** -0.5,
    "lognormal to power": hp.lognormal("x", -3, 0.5) ** 2,
    "integer": scope.int(hp.quniform("x", 8, 64, 8)),
    "truncated": scope.int(hp.uniform("x", 2, 6)),
    "shifted integer": hp.randint("x", 4) + 1,
    "scaled integer": 16 * (1 + hp.randint("x", 4)),
    "scaled quantised": 2 * hp.quniform("x", 1, 5, 1) + 6,
    "powers of two": 2 ** hp.choice("x", [4, 5, 6]),
}


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_the_values_are_hyperopts(name):
    rng = np.random.default_rng(3)
    theirs = np.array([sample(EXPRESSIONS[name], rng) for _ in range(300)], np.float64)
    ours = np.array(converted(EXPRESSIONS[name]).quantile((np.arange(3000) + 0.5) / 3000), np.float64)
    assert stats.ks_2samp(theirs, ours).pvalue > 1e-3
    if len(np.unique(theirs)) < 30:
        assert set(np.unique(theirs)) <= set(np.unique(ours))


def test_ends_and_types_by_hand():
    assert converted(hp.loguniform("x", np.log(1e-4), np.log(1e-1))).reached() == pytest.approx((1e-4, 1e-1))
    assert converted(hp.randint("x", 4)) == Integer(0, 3)
    assert converted(hp.randint("x", 3, 9)) == Integer(3, 8)
    assert converted(hp.quniform("x", 0, 10, 2)) == Quantised(Uniform(0, 10), 2)
    assert converted(scope.int(hp.quniform("x", 8, 64, 8))).quantile(np.float64(0.5)).dtype == np.int64
    assert converted(hp.choice("x", [16, None, "all"])) == Choice((16, None, "all"))


def test_nested_choices_answer_values():
    rules = [
        {"name": "adam", "learning_rate": hp.loguniform("a", np.log(1e-4), np.log(1e-2))},
        {"name": "momentum", "learning_rate": hp.loguniform("b", -5, 0), "momentum": hp.choice("m", [0.5, 0.9])},
        "rprop",
        Adam(0.5),
    ]
    space = space_from(Recipe(), {"optimizer": hp.choice("rule", rules), "model.hidden": (hp.randint("h", 8, 33), 8)})
    assert space.names == (
        "model.hidden.0",
        "optimizer",
        "optimizer[adam 1].learning_rate",
        "optimizer[momentum].learning_rate",
        "optimizer[momentum].momentum",
    )
    recipe = space.fill(
        space.point({"optimizer": "momentum", "optimizer[momentum].momentum": 0.9, "model.hidden.0": 32})
    )
    assert recipe.optimizer.name == "momentum"
    assert recipe.optimizer.momentum == 0.9
    assert recipe.model.hidden == (32, 8)
    assert space.dimensions[2].distribution.low == pytest.approx(1e-4)
    assert space.fill(space.point({"optimizer": "adam 4"})).optimizer == Adam(0.5)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        (1 - hp.loguniform("x", -7, -1), r"beta1: hyperopt's sub\(1, LogUniform"),
        (hp.uniform("x", 0, 1) * hp.uniform("y", 0, 1), r"beta1: hyperopt's mul\(Uniform"),
        (hp.uniform("x", 0, 1) + hp.uniform("x", 0, 1), "label 'x' stands in two places"),
        (scope.log(hp.uniform("x", 1, 2)), r"beta1: hyperopt's log\(Uniform"),
        (hp.uniform("x", 0, hp.uniform("y", 1, 2)), r"beta1: hyperopt's uniform\(0, Uniform"),
        (hp.pchoice("x", [(0.2, 0.5), (0.8, 0.9)]), "hp.pchoice with the probabilities"),
        (scope.int(hp.loguniform("x", 0, 3)), r"hyperopt's int\(LogUniform"),
        (3 + hp.quniform("x", 0, 10, 2), r"hyperopt's add\(3, Quantised"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_converted_is_named(expression, message):
    with pytest.raises(FalllineError, match=message):
        space_from(Adam(), {"beta1": expression})


def test_one_label_may_stand_in_options_that_exclude_each_other():
    either = converted(hp.choice("rule", [hp.uniform("x", 0, 1), hp.loguniform("x", -2, -1)]))
    assert either.options == (Uniform(0, 1), LogUniform(np.exp(-2), np.exp(-1)))
