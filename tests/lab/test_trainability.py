"""Maps of trainings: each cell equals a run alone, the edge of a linear model is at 2/L, zoom, picture, and bad input."""

import re

import numpy as np
import pytest

import fallline as fl
from fallline.lab.map_picture import MOST_CELLS, fine_ticks, map_picture
from fallline.lab.trainability import places, plain_recipe, trainability

GAIN = ("model.initializer.gain", 0.1, 10.0)
RATE = ("optimizer.learning_rate", 1e-2, 1e2)


@pytest.fixture(scope="module")
def iris():
    return trainability(plain_recipe(epochs=12), fl.load("sklearn:iris"), RATE, GAIN, size=8)


@pytest.mark.parametrize(("row", "column"), [(0, 2), (4, 4), (7, 3)])
def test_cells_equal_runs_alone(iris, row, column):
    numbers = {RATE[0]: float(places(RATE, 8)[column]), GAIN[0]: float(places(GAIN, 8)[row])}
    alone = fl.train(fl.replace(plain_recipe(epochs=12), {**numbers, "patience": None}), fl.load("sklearn:iris"))
    losses = alone.history["train_loss"]
    assert iris.ends.first[8 * row + column] == pytest.approx(losses[0], rel=1e-5)
    assert iris.losses[row, column] == pytest.approx(np.mean(losses[-2:]), rel=1e-3)


def test_minibatches_and_a_schedule_equal_runs_alone():
    data = fl.load("sklearn:iris")
    recipe = fl.Recipe(model=fl.MLP((4,)), epochs=5, batch_size=32)
    x, y = ("optimizer.learning_rate.peak", 1e-3, 0.1), ("optimizer.beta1", 0.5, 0.9)
    found = trainability(recipe, data, x, y, size=3, seed=4)
    alone = fl.train(fl.replace(recipe, {x[0]: float(places(x, 3)[1]), y[0]: 0.7, "patience": None}), data, seed=4)
    assert found.losses[1, 1] == pytest.approx(alone.history["train_loss"][-1], rel=1e-4)
    assert places(y, 3).tolist() == pytest.approx([0.5, 0.7, 0.9])


def test_the_edge_of_a_linear_model_is_at_two_over_the_curvature():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 3)) * [2.0, 1.0, 0.5]
    data = fl.Table.from_arrays(x, x @ [1.0, -2.0, 0.5] + 3.0, test=0, valid=0)
    recipe = fl.Recipe(
        model=fl.MLP(()),
        optimizer=fl.SGD(0.1),
        penalty=None,
        encoding=None,
        scaler=fl.Standardise(),
        batch_size="all",
        epochs=150,
    )
    x_axis, y_axis = ("optimizer.learning_rate", 0.2, 5.0), ("model.dropout", 0.0, 0.5)
    found = trainability(recipe, data, x_axis, y_axis, size=65)
    standard = (x - x.mean(0)) / x.std(0)
    with_bias = np.column_stack([standard, np.ones(64)])
    largest = np.linalg.eigvalsh(with_bias.T @ with_bias / 64)[-1]
    # The loss is the square without a half, so its curvature is twice that of the products.
    column = int(np.argmin(np.abs(places(x_axis, 65) - 2 / (2 * largest))))
    assert found.converged[:, : column - 1].all()
    assert not found.converged[:, column + 2 :].any()
    assert found.diverged[:, -1].all()


def test_shares_frame_and_documents(iris):
    assert iris.frame.height == 64
    counts = dict(iris.frame["outcome"].value_counts().iter_rows())
    assert counts["converged"] == iris.converged.sum()
    assert iris.sentence.startswith("Of 64 trainings of 12 epochs, ")
    plain = iris.to_plain()
    assert plain["losses"][4][4] == pytest.approx(iris.losses[4, 4], rel=1e-4)


def test_zoom_trains_the_rectangle(iris):
    near = iris.zoom((0.1, 1.0), (1.0, 2.0), size=3)
    assert near.x == (RATE[0], 0.1, 1.0)
    corner = fl.train(fl.replace(near.recipe, {RATE[0]: 0.1, GAIN[0]: 1.0, "patience": None}), fl.load("sklearn:iris"))
    assert near.losses[0, 0] == pytest.approx(np.mean(corner.history["train_loss"][-2:]), rel=1e-3)


def test_page_and_picture(iris, tmp_path):
    page = iris.save_page(tmp_path / "map.html").read_text()
    assert len(page) < 300_000
    assert "learning rate" in page
    assert "boundary" in page
    assert not re.findall(r"(?:src|href)=", page)


def test_a_ragged_map_stays_small():
    rng = np.random.default_rng(0)
    converged = rng.random((256, 256)).cumsum(axis=1) % 6 < 4
    losses = rng.random((256, 256)) + 0.1
    found = map_picture(converged, ~converged, losses, (0.1, 1.0), (1.0, 2.0), ("a", "b"), (True, False), "")
    assert found.svg().count("\n") < MOST_CELLS
    assert [text for _, text in fine_ticks((1.0, 1000.0), log=True)] == ["1", "10", "100", "1000"]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"x": ("optimizer.learning_rat", 1, 2)}, "did you mean 'learning_rate'"),
        ({"x": ("model.hidden", 1, 2)}, "MLP.hidden = 2.0 is not a list"),
        ({"x": ("batch_size", 1.0, 2.0)}, "batch_size"),
        ({"x": ("optimizer.learning_rate", 2, 1)}, "x from 2 to 1 is no range"),
        ({"x": ("optimizer.learning_rate", -1.0, 1.0)}, "outside the valid interval"),
        ({"x": GAIN, "y": GAIN}, "x and y are both"),
        ({"size": 1}, "size = 1"),
        ({"x": 3}, "x = 3 is no range"),
    ],
)
def test_what_is_refused(changes, says):
    with pytest.raises(fl.FalllineError, match=re.escape(says)):
        trainability(plain_recipe(), fl.load("sklearn:iris"), **{"size": 4, **changes})
