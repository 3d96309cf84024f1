"""Boundaries and units over the epochs: the answers are those of the network, at the places that the axes say."""

import dataclasses

import numpy as np
import polars as pl
import pytest

import fallline as fl
from fallline.core.errors import FalllineError
from fallline.lab.boundaries import _inmost, _principal


@pytest.fixture(scope="module")
def run():
    recipe = fl.Recipe(model=fl.MLP((6,)), epochs=7, encoding=None, keep="last", patience=None)
    return fl.train(recipe, fl.load("sklearn:iris"))


INPUTS = ("petal length (cm)", "sepal width (cm)")


def test_two_columns_with_the_others_at_their_median(run):
    found = fl.lab.boundaries(run, inputs=INPUTS, epochs=3, size=9)
    assert found.epochs == (0, 2, 4, 7)
    table = run.data
    names = list(table.schema.feature_names)
    rows = np.tile(np.median(table.dataset.x[table.dataset.train], axis=0), (81, 1))
    a, b = np.meshgrid(found.x, found.y)
    rows[:, names.index(INPUTS[0])], rows[:, names.index(INPUTS[1])] = a.ravel(), b.ravel()
    answer = run.model.answer(rows.astype(np.float32))[0]
    assert (found.answers[-1].ravel() == answer.argmax(axis=1)).all()
    assert found.surest[-1].ravel() == pytest.approx(answer.max(axis=1), abs=1e-6)
    assert found.right[-1].mean() == pytest.approx(run.metrics["train"]["accuracy"])
    assert found.right[0].mean() < found.right[-1].mean()
    last = found.frame.filter(pl.col("epoch") == 7)
    assert last["share"].sum() == pytest.approx(1)
    assert found.places[:, 0] == pytest.approx(table.dataset.x[table.dataset.train][:, names.index(INPUTS[0])])
    assert "versicolor" in found.figure().svg()
    assert "Epoch 2" in found.figure(2).svg()
    assert len(found.to_plain()["answers"]) == 4


def test_the_plane_of_principal_components_holds_what_it_says(run):
    rows = np.random.default_rng(0).normal(size=(50, 4)) * [1, 20, 3, 0.1] + [5, 0, 0, 2]
    rows[:, 2] = rows[:, 0] * 2  # two of the four inputs are one
    plane = _principal(rows)
    places = np.array([[0.0, 0.0], [1.0, -2.0], [0.3, 0.1]])
    assert plane.places(plane.rows(places)) == pytest.approx(places)
    scaled = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    values = np.linalg.eigvalsh(scaled.T @ scaled)
    assert plane.explained == pytest.approx(values[-2:].sum() / values.sum())
    found = fl.lab.boundaries(run, epochs=0, size=7)
    assert (found.epochs, found.answers.shape) == ((run.best_epoch,), (1, 7, 7))
    assert 0.9 < found.explained < 1


def test_a_name_stands_inside_its_region():
    mine = np.zeros((9, 9), bool)
    mine[1:4, 2:9] = True
    mine[7, 0] = True
    row, column = _inmost(mine)
    assert row == 2
    assert 3 <= column <= 7
    assert _inmost(np.ones((1, 1), bool)) == (0, 0)


def test_units_are_those_of_the_network(run):
    found = fl.lab.units(run)
    assert found.layers == ["dense_1"]
    last = found.frame.filter(pl.col("epoch") == 7)
    own = run.model.arrays["params"]["dense_1"]
    assert last["weight"].to_numpy() == pytest.approx(np.linalg.norm(own["weight"], axis=0), rel=1e-5)
    assert last["bias"].to_numpy() == pytest.approx(own["bias"], rel=1e-5)
    data = run.data.dataset
    x = np.asarray(run.recipe.scaler.apply(run.model.arrays["scaling"], data.x[data.train]))
    after = np.maximum(x @ own["weight"] + own["bias"], 0)
    assert last["activation"].to_numpy() == pytest.approx(after.mean(axis=0), rel=1e-4, abs=1e-6)
    assert last["active"].to_numpy() == pytest.approx((after > 0).mean(axis=0))
    assert found.frame["epoch"].unique().sort().to_list() == list(range(8))
    assert "6 units" in found.figure("weight").svg()
    with pytest.raises(FalllineError, match="measure 'size' is unknown"):
        found.figure("size")
    with pytest.raises(FalllineError, match="layer 'dense_9' is not among them"):
        found.figure(layer="dense_9")


def test_bad_requests(run):
    for given, said in (
        ({"inputs": "all"}, "inputs = 'all'"),
        ({"inputs": ("petal length (cm)", "petal")}, "input 'petal' does not exist"),
        ({"inputs": ("petal length (cm)",) * 2}, "two different inputs"),
        ({"epochs": -1}, "epochs = -1"),
        ({"size": 4}, "size = 4"),
    ):
        with pytest.raises(FalllineError, match=said):
            fl.lab.boundaries(run, **given)
    with pytest.raises(FalllineError, match="epoch 1 is not among them"):
        fl.lab.boundaries(run, epochs=0, size=5).figure(1)
    numbers = fl.Table.from_arrays(np.arange(40.0).reshape(20, 2), np.arange(20) + 0.5, test=0.0)
    with pytest.raises(FalllineError, match="those of a classifier"):
        fl.lab.boundaries(dataclasses.replace(run, data=numbers))
