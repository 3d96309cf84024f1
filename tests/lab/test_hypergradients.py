"""Hypergradients: equal to differences of real runs in float64, of theory's size, and refused where runs are chaotic."""

import numpy as np
import pytest

import fallline as fl
from fallline.core.errors import FalllineError
from fallline.lab.polishing import polish
from fallline.lab.short_run import HORIZON, LINEAR, LOG, short_run


def table(rows=80):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(rows, 3))
    y = (x[:, 0] + 0.5 * x[:, 1] * x[:, 2] > 0).astype(int)
    return fl.Table.from_arrays(x, y, test=0.0, valid=0.25)


DATA = table()


def recipe(**given):
    usual = {"model": fl.MLP((5,), activation=fl.Tanh()), "encoding": None, "batch_size": 16, "keep": "last"}
    return fl.Recipe(**{**usual, **given})


def test_the_short_run_is_the_training():
    given = recipe(
        model=fl.MLP((5,), batch_norm=True, dropout=0.1), penalty=fl.L1(1e-3), optimizer=fl.Adam(fl.Cosine(0.02))
    )
    run = short_run(given, DATA, ("optimizer.learning_rate",), 4)
    assert (run.paths, run.values, run.scales) == (("optimizer.learning_rate.peak",), (0.02,), (LOG,))
    ours = run.losses(np.array([[0.0], [np.log(2.0)]]), (3,))[:, 0]
    for factor, losses in zip((1, 2), ours, strict=True):
        whole = recipe(
            model=given.model,
            penalty=given.penalty,
            optimizer=fl.Adam(fl.Cosine(0.02 * factor)),
            epochs=4,
            patience=None,
        )
        theirs = fl.train(whole, DATA, seed=3).history["valid_loss"]
        assert losses == pytest.approx(np.asarray(theirs), rel=1e-4)


@pytest.mark.parametrize(
    ("optimizer", "path", "scale"),
    [
        (fl.Momentum(0.02, 0.8), "optimizer.momentum", HORIZON),
        (fl.Adam(0.02, beta1=0.8), "optimizer.beta1", HORIZON),
        (fl.AdamW(fl.Cosine(0.02)), "optimizer.weight_decay", LOG),
    ],
)
def test_derivatives_are_differences_of_real_runs(optimizer, path, scale):
    paths = ("optimizer.learning_rate", path, "penalty.strength", "initial scale")
    found = fl.lab.hypergradients(recipe(optimizer=optimizer, penalty=fl.L2(1e-3)), DATA, paths, epochs=3, seeds=2)
    assert found.run.scales == (LOG, scale, LOG, LOG)
    h = 1e-4
    ways = np.concatenate([h * np.eye(4), -h * np.eye(4)])
    ends = found.run.losses(ways, found.seeds)[..., -1]
    assert pytest.approx((ends[:4] - ends[4:]) / (2 * h), rel=1e-5, abs=1e-9) == found.slope[:, -1].T
    assert found.trusted.all()
    assert found.disagreement.max() < 0.02
    assert [row["trusted"] for row in found.to_plain()["numbers"]] == [True] * 4
    assert (len(found.path), found.figure().svg().count("beta1" if "beta1" in path else "learning_rate") > 0) == (
        12,
        True,
    )


def test_plain_descent_on_a_line_has_the_derivative_of_theory():
    """One step of full-batch descent on a linear regression: dL/dlog a = -a g_valid(w1) . g_train(w0)."""
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(40, 2)), rng.normal(size=40)
    data = fl.Table.from_arrays(x, y, test=0.0, valid=0.5)
    given = fl.Recipe(
        model=fl.MLP(()), encoding=None, scaler=fl.Unscaled(), target_scaler=None, optimizer=fl.SGD(0.1), penalty=None,
        batch_size="all",
    )  # fmt: skip
    found = fl.lab.hypergradients(given, data, ["optimizer.learning_rate"], epochs=1, seeds=1)
    run = fl.train(fl.Recipe(**{**{f: getattr(given, f) for f in (
        "model", "encoding", "scaler", "target_scaler", "optimizer", "penalty", "batch_size")}, "epochs": 0}), data)  # fmt: skip
    w = {part: np.asarray(leaf, np.float64) for part, leaf in run.state.params["dense_1"].items()}

    def gradient(w, rows):
        rows_x, rows_y = data.dataset.x[rows].astype(np.float64), data.dataset.y[rows].astype(np.float64)
        error = rows_x @ w["weight"] + w["bias"] - rows_y
        unit = 2.0 if run.recipe.loss(np.ones((1, 1)), np.zeros((1, 1)))[0] == 1 else 1.0
        return {"weight": unit * rows_x.T @ error / len(rows), "bias": unit * error.mean(axis=0)}

    g = gradient(w, data.dataset.train)
    after = gradient({part: w[part] - 0.1 * g[part] for part in w}, data.dataset.valid)
    expected = -0.1 * sum((after[part] * g[part]).sum() for part in w)
    assert found.slope[0, 0, 0] == pytest.approx(expected, rel=1e-5)


def test_a_chaotic_run_is_not_trusted():
    wild = recipe(model=fl.MLP((12, 12), activation=fl.Tanh()), optimizer=fl.SGD(12.0), penalty=None, batch_size=20)
    found = fl.lab.hypergradients(wild, DATA, ["optimizer.learning_rate"], epochs=20, seeds=3)
    assert not found.trusted.any()
    assert "not to be trusted" in found.sentences[0]
    assert found.frame["growth"][0] > 10
    calm = recipe(model=wild.model, optimizer=fl.SGD(0.05), penalty=None, batch_size=20)
    assert fl.lab.hypergradients(calm, DATA, ["optimizer.learning_rate"], epochs=20, seeds=3).trusted.all()


def test_polishing_improves_a_slow_recipe_and_leaves_a_wild_one():
    slow = recipe(optimizer=fl.Momentum(0.003, 0.5), penalty=None, epochs=5)
    found = polish(slow, DATA, steps=3, seeds=2, judges=4)
    assert found.kept
    assert found.gain > 2 * found.error
    assert found.recipe.optimizer.learning_rate > 0.003
    assert found.recipe.model == slow.model
    assert found.frame["loss"].to_list()[-1] < found.frame["loss"][0]
    assert "is kept" in found.sentence
    wild = recipe(model=fl.MLP((12, 12), activation=fl.Tanh()), optimizer=fl.SGD(12.0), penalty=None, epochs=20)
    left = polish(wild, DATA, ["optimizer.learning_rate"], epochs=20, steps=1, seeds=3, judges=3)
    assert (left.recipe, left.kept) == (wild, False)
    assert "No step was taken" in left.sentence


@pytest.mark.parametrize(
    ("given", "path", "said"),
    [
        ({}, "optimizer.nothing", "nothing"),
        ({}, "model", "not a number"),
        ({}, "epochs", "not a number"),
        ({}, "loss", "not a number"),
        ({"optimizer": fl.LBFGS()}, "penalty.strength", "searches along lines"),
        ({"optimizer": fl.SGD(fl.ReduceOnPlateau(0.1))}, "penalty.strength", "follows the validation loss"),
    ],
)
def test_what_has_no_derivative(given, path, said):
    with pytest.raises(FalllineError, match=said):
        fl.lab.hypergradients(recipe(**given), DATA, [path], epochs=2)


def test_bad_requests():
    for given, said in (({"epochs": 0}, "epochs = 0"), ({"seeds": 0}, "seeds = 0"), ({"paths": ()}, "paths is empty")):
        with pytest.raises(FalllineError, match=said):
            fl.lab.hypergradients(recipe(), DATA, **given)
    with pytest.raises(FalllineError, match="no validation rows"):
        fl.lab.hypergradients(recipe(), fl.Table.from_arrays(DATA.dataset.x, DATA.dataset.y, test=0.0, valid=0.0))
    with pytest.raises(FalllineError, match="initial scale"):
        polish(recipe(), DATA, ["initial scale"])


def test_a_number_at_zero_moves_along_itself():
    assert short_run(recipe(penalty=fl.L2(0.0)), DATA, ("penalty.strength",), 1).scales == (LINEAR,)


def test_inputs_that_are_always_zero_have_a_derivative_and_change_nothing():
    """Their gradient is exactly 0, and the root of its square has no derivative there."""
    x, y = DATA.dataset.x, DATA.dataset.y
    blank = fl.Table.from_arrays(np.concatenate([x, np.zeros((len(x), 2))], axis=1), y, test=0.0, valid=0.25)
    paths = ["optimizer.learning_rate"]
    given = recipe(optimizer=fl.Adam(0.02), penalty=None, scaler=fl.Unscaled())
    found = fl.lab.hypergradients(given, blank, paths, epochs=2, seeds=1)
    assert np.isfinite(found.slope).all()
    assert found.trusted.all()
