"""Update rules and schedules within a run: what only a run can show of them."""

import numpy as np
import optax
import pytest

import fallline as fl
from fallline.core.plain import parse
from fallline.optimizers import Accumulate, FromOptax, WeightAverage
from fallline.schedules import Geometric, Milestones
from fallline.training.recipe import recipe_to_plain


@pytest.fixture(scope="module")
def small(flowers):
    """58 training rows: one minibatch of all, or four of 16."""
    return fl.Recipe(
        encoding=None,
        model=fl.MLP(hidden=(5,)),
        penalty=None,
        optimizer=fl.SGD(0.2),
        batch_size=16,
        epochs=6,
        patience=None,
    )


@pytest.mark.parametrize(
    ("schedule", "field", "values"),
    [
        (fl.Cosine(0.3), "warmup", (0.0, 0.2, 0.5)),
        (Geometric(0.3), "decay", (0.5, 0.9, 1.0)),
        (Milestones(((0, 0.3), (3, 0.03))), "milestones.1.at", (1.0, 2.5, 4.0)),
    ],
    ids=["warmup", "decay", "milestone"],
)
def test_lanes_of_one_program_have_schedules_of_their_own(flowers, small, schedule, field, values):
    recipe = fl.replace(small, {"optimizer.learning_rate": schedule})
    recipes = [fl.replace(recipe, {f"optimizer.learning_rate.{field}": value}) for value in values]
    population = fl.evaluate(recipes, flowers)
    assert population.report.programs == 1
    rates = [population.history(lane)["learning_rate"] for lane in range(3)]
    for own, each in zip(rates, recipes, strict=True):
        # The last step of every epoch: four an epoch.
        last = np.array([[4 * n - 1, n - 0.25, (4 * n - 0.5) / 24] for n in range(1, 7)], np.float32)
        expected = [float(each.optimizer.learning_rate(fl.Time(*time))) for time in last]
        np.testing.assert_allclose(own, expected, rtol=1e-5)
    assert not np.allclose(rates[0], rates[1])
    assert not np.allclose(rates[1], rates[2])


def test_every_lane_falls_at_its_own_plateau(flowers, small):
    """A rate of 0 improves nothing, so the factor comes after patience + 1 epochs and again; 0.2 goes on improving."""
    plateau = fl.ReduceOnPlateau(1e-9, factor=0.5, patience=0)
    recipe = fl.replace(small, {"optimizer.learning_rate": plateau})
    changes = [{"peak": 1e-9}, {"peak": 1e-9, "patience": 2}, {"peak": 0.2}]
    recipes = [fl.replace(recipe, {f"optimizer.learning_rate.{n}": v for n, v in each.items()}) for each in changes]
    population = fl.evaluate(recipes, flowers)
    assert population.report.programs == 1
    for lane, each in enumerate(recipes):
        history = population.history(lane)
        best, waited, factor, expected = np.inf, 0, 1.0, []
        for loss in history["valid_loss"]:
            expected.append(each.optimizer.learning_rate.peak * factor)
            waited = 0 if loss < best * (1 - 1e-4) else waited + 1
            best = min(best, loss) if waited == 0 else best
            if waited > each.optimizer.learning_rate.patience:
                factor, waited = factor * 0.5, 0
        np.testing.assert_allclose(history["learning_rate"], expected, rtol=1e-5)
    lowest = [population.history(lane)["learning_rate"][-1] / changes[lane]["peak"] for lane in range(3)]
    assert lowest[0] == pytest.approx(0.5**4, rel=1e-4)  # an epoch to be the best, then a fall at each
    assert lowest[1] == pytest.approx(0.5, rel=1e-4)
    assert lowest[2] > lowest[0]


def test_lbfgs_counts_its_evaluations_per_lane(flowers, small):
    recipe = fl.replace(small, {"optimizer": fl.LBFGS(), "batch_size": None})
    recipes = [fl.replace(recipe, {"optimizer.learning_rate": first}) for first in (1.0, 1e-4)]
    population = fl.evaluate(recipes, flowers)
    counts = [population.history(lane)["evaluations"] for lane in (0, 1)]
    for count, lane in zip(counts, (0, 1), strict=True):
        assert population.step[lane] == 6  # one step an epoch: the full batch
        assert count[0] >= 2  # at the beginning, and one or more along the line
        assert (np.diff(count) >= 1).all()  # where a line ends, the next begins
        np.testing.assert_array_equal(population.replay(lane).history["evaluations"], count)
    assert counts[1][0] > counts[0][0]  # a line that begins too near is searched for longer
    assert population.history(0)["train_loss"][-1] < 0.7 * population.history(0)["train_loss"][0]
    with pytest.raises(fl.FalllineError, match="'lbfgs' compares gradients of the same rows"):
        fl.train(fl.replace(recipe, {"batch_size": 16}), flowers)


def test_accumulated_minibatches_are_the_large_batch(flowers, small):
    """58 rows in minibatches of 16, 16, 16 and 10: four make the step of all 58."""
    large = fl.train(fl.replace(small, {"batch_size": "all"}), flowers)
    four = fl.train(fl.replace(small, {"optimizer": Accumulate(fl.SGD(0.2), every=4)}), flowers)
    for a, b in zip(*(layers_of(run) for run in (large, four)), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-6)
    # Within an epoch the minibatches see one model, so the losses are the large batch's too.
    np.testing.assert_allclose(four.history["train_loss"], large.history["train_loss"], rtol=1e-4)


def layers_of(run):
    return [leaf for layer in run.state.params.values() for leaf in layer.values()]


def test_the_average_of_the_weights_is_what_validates_and_predicts(flowers, small):
    """With a decay of almost 1 all weights count alike: a run of one epoch shows the mean after its four steps."""
    recipe = fl.replace(small, {"optimizer": WeightAverage(fl.SGD(0.2), decay=0.99999), "monitor": "none", "epochs": 1})
    run = fl.train(recipe, flowers)
    kept, last, mean = run.model.arrays["params"], run.state.params, run.state.memory.w
    for layer in last:
        for name, leaf in last[layer].items():
            average = mean[layer][name] / run.state.memory.total
            np.testing.assert_allclose(kept[layer][name], average, rtol=1e-3, atol=1e-5)
            assert name == "bias" or not np.allclose(kept[layer][name], leaf, rtol=1e-3)
    assert run.metrics["valid"]["loss"] == pytest.approx(run.history["valid_loss"][0], rel=1e-4)


def test_any_optax_transformation_trains(flowers, small):
    theirs = fl.train(fl.replace(small, {"optimizer": optax.sgd(0.2)}), flowers)
    ours = fl.train(small, flowers)
    assert isinstance(theirs.recipe.optimizer, FromOptax)
    np.testing.assert_allclose(theirs.history["valid_loss"], ours.history["valid_loss"], rtol=1e-5)
    population = fl.evaluate([theirs.recipe, small], flowers)
    assert population.table()["optimizer"].to_list() == ["FromOptax", "sgd"]
    np.testing.assert_allclose(*(population.history(lane)["valid_loss"] for lane in (0, 1)), rtol=1e-5)


def test_a_file_cannot_hold_optaxs_and_says_so(small):
    with pytest.raises(fl.FalllineError, match="FromOptax has no name that a file could hold"):
        recipe_to_plain(fl.replace(small, {"optimizer": optax.sgd(0.2)}))
    with pytest.raises(fl.FalllineError, match=r"\[optimizer\] optimizer 'optax.sgd' is unknown: valid: 'accumulate'"):
        parse(small, "optimizer", "optax.sgd")
