"""A study as one of Optuna's; the judge is Optuna."""

import json
import warnings
from wsgiref.util import setup_testing_defaults

import numpy as np
import pytest

from fallline.data.table import Table
from fallline.distributions import Choice, Integer, LogInteger, LogNormal, LogUniform, Normal, Quantised, Uniform
from fallline.optimizers import SGD, Adam, Momentum
from fallline.searching.optuna_export import of_values
from fallline.searching.study import Study
from fallline.searching.trial import Trial
from fallline.strategies.space import Space
from fallline.training.recipe import Recipe

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # what it imports may warn
    optuna = pytest.importorskip("optuna")
    SAMPLERS = [
        optuna.samplers.RandomSampler(seed=1),
        optuna.samplers.TPESampler(seed=1, n_startup_trials=4, constant_liar=True),
        optuna.samplers.QMCSampler(seed=1, independent_sampler=optuna.samplers.RandomSampler(seed=2)),
        optuna.samplers.NSGAIISampler(seed=1, population_size=4),
    ]

RULES = Choice((Adam(LogUniform(1e-4, 1e-1)), Momentum(LogUniform(1e-3, 1.0), momentum=Uniform(0.5, 0.99)), SGD(0.1)))
SPACE = Space(Recipe(optimizer=RULES, batch_size=Choice((32, 64)), epochs=Integer(3, 9)))


def test_distributions_become_optunas():
    kinds = optuna.distributions
    space = Space(
        Recipe(
            optimizer=Adam(LogNormal(1e-3, 1.0), beta1=Normal(0.9, 0.01), beta2=Uniform(0.9, 0.999)),
            batch_size=Choice((32, None)),
            epochs=LogInteger(5, 50),
            patience=Quantised(Uniform(5, 25), 5),
            tolerance=Quantised(Uniform(0, 0.5), 0.1),
        )
    )
    found = {each.path.rpartition(".")[2]: of_values(each) for each in space.dimensions}
    assert found["beta2"] == kinds.FloatDistribution(0.9, 0.999)
    assert found["epochs"] == kinds.IntDistribution(5, 50, log=True)
    assert found["patience"] == kinds.IntDistribution(5, 25, step=5)
    assert found["tolerance"] == kinds.FloatDistribution(0.0, 0.5, step=0.1)
    assert found["batch_size"] == kinds.CategoricalDistribution((32, None))
    assert found["learning_rate"].log
    assert found["beta1"].low == pytest.approx(0.84)
    for u in np.linspace(0, 1, 9):
        values = space.values(space.snap(np.full(len(space), u))[0])
        for each, kind in zip(space.dimensions, found.values(), strict=True):
            assert kind._contains(kind.to_internal_repr(values[each.name]))


def example() -> Study:
    """Three trials of which one finished, one was pruned and one diverged; the accuracy is monitored."""
    points = SPACE.snap(
        np.array([[0.1, 0.5, 0.5, 0.5, 0.2, 0.9], [0.5, 0.5, 0.1, 0.9, 0.7, 0.2], [0.9, 0, 0, 0, 0, 0]])
    )
    results = [("finished", -0.9, 6.0), ("pruned", -0.4, 2.0), ("diverged", np.inf, 1.0)]
    shown = {"score_after_1": -0.3, "score_after_3": np.nan}
    trials = tuple(
        Trial(i, point, SPACE.values(point), outcome, score, 0.01, epochs, 6, 0.5, shown | {"valid_accuracy": -score})
        for i, (point, (outcome, score, epochs)) in enumerate(zip(points, results, strict=True))
    )
    space = Space(Recipe(optimizer=RULES, batch_size=Choice((32, 64)), epochs=Integer(3, 9), monitor="accuracy"))
    data = Table.from_arrays(np.zeros((12, 2), np.float32), np.arange(12) % 2)
    return Study(space, data, trials, 0, 1.0, False)


def test_a_study_becomes_optunas():
    study = example()
    made, trials = study.to_optuna(), study.trials
    assert made.direction == optuna.study.StudyDirection.MAXIMIZE
    assert [each.state.name for each in made.trials] == ["COMPLETE", "PRUNED", "FAIL"]
    assert made.best_value == 0.9
    assert made.best_params == trials[0].values
    assert made.best_params["optimizer"] == "adam"
    assert made.trials[1].intermediate_values == {1: 0.3, 2: 0.4}
    assert made.trials[0].user_attrs["valid_accuracy"] == 0.9


def test_the_dashboard_shows_the_trials():
    """Asks the dashboard's own interface, without a server, what its page would ask."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dashboard = pytest.importorskip("optuna_dashboard")
        storage = optuna.storages.InMemoryStorage()
        example().to_optuna(storage)
        app = dashboard.wsgi(storage)
        (summary,) = asked(app, "/api/studies")["study_summaries"]
        shown = asked(app, f"/api/studies/{summary['study_id']}", "after=0")
    assert summary["directions"] == ["maximize"]
    assert [each["state"] for each in shown["trials"]] == ["Complete", "Pruned", "Fail"]
    assert shown["trials"][0]["values"] == [0.9]
    assert [each["step"] for each in shown["trials"][1]["intermediate_values"]] == [1, 2]
    params = {each["name"]: each["param_external_value"] for each in shown["trials"][0]["params"]}
    assert params["optimizer"].strip("'") == "adam"


def asked(app, path: str, query: str = "") -> dict:
    """What a WSGI application answers."""
    environ = {"PATH_INFO": path, "QUERY_STRING": query}
    setup_testing_defaults(environ)
    status = []
    answer = b"".join(app(environ, lambda said, headers, *more: status.append(said)))
    assert status == ["200 OK"]
    return json.loads(answer)
