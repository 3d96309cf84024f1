"""Approximation and overfitting: parameter counts, errors on points that were not learnt, and what more units do."""

import numpy as np
import pytest

import fallline as fl
from fallline.core.errors import FalllineError
from fallline.lab.capacity import _parameters, _usual, two_classes


def test_wider_networks_approximate_better_and_parameters_are_counted():
    recipe = fl.Recipe(
        model=fl.MLP((1,), activation=fl.Tanh()),
        encoding=None,
        penalty=None,
        epochs=60,
        optimizer=fl.Adam(0.02),
        patience=None,
    )
    found = fl.lab.approximation("x^2", (-1, 1), widths=(1, 8), depths=(1, 2), seeds=2, recipe=recipe)
    rows = found.frame.to_dicts()
    assert [(each["depth"], each["width"]) for each in rows] == [(1, 1), (1, 8), (2, 1), (2, 8)]
    assert [each["parameters"] for each in rows] == [4, 25, 6, 97]
    assert rows[1]["error"] < 0.5 * rows[0]["error"]
    assert all(each["lowest"] <= each["error"] <= each["highest"] for each in rows)
    assert found.deviation == pytest.approx(np.sqrt(4 / 45), rel=0.03)
    assert "2 hidden layers" in found.figure().svg()
    assert "width" in found.figure("width").svg()


def test_the_usual_networks_are_counted_alike():
    rng = np.random.default_rng(0)
    one = fl.Table.from_arrays(rng.normal(size=(20, 1)), rng.normal(size=20), test=0.0)
    for depth, width in ((1, 3), (3, 2)):
        recipe = fl.Recipe(model=_usual(depth, width).model, encoding=None, epochs=0)
        assert fl.train(recipe, one).model.size == _parameters(depth, width)
    assert len(two_classes(10, 0.0, 0).dataset.test) == 2000


def test_more_units_follow_more_of_the_noise():
    found = fl.lab.overfitting((1, 16), rows=60, epochs=150, penalty=0.1)
    small, large, held = found.frame.to_dicts()
    assert large["train_loss"] < small["train_loss"]
    assert large["train_loss"] < held["train_loss"]
    assert held["test_loss"] < large["test_loss"]
    assert (held["units"], held["penalty"]) == (16, 0.1)
    assert "16 units, L2 0.1" in found.figure(2).svg()
    assert found.maps[1].right[-1].mean() == pytest.approx(large["train_accuracy"])
    with pytest.raises(FalllineError, match="network 3 does not exist"):
        found.figure(3)


def test_bad_requests():
    for given, said in (
        ({"target": "x*y"}, "formula has 2"),
        ({"target": "1/x", "limits": (0, 1)}, "not finite"),
        ({"limits": (1, 1)}, "limits"),
        ({"widths": ()}, "widths"),
        ({"depths": (0,)}, "depths"),
    ):
        with pytest.raises(FalllineError, match=said):
            fl.lab.approximation(**given)
    for given, said in (({"units": (0,)}, "units"), ({"noise": 0.5}, "noise"), ({"rows": 5}, "rows = 5")):
        with pytest.raises(FalllineError, match=said):
            fl.lab.overfitting(**given)
