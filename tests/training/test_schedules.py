"""A schedule in any number: the run trains, validation reads the number of the last step, and so does the model."""

import dataclasses
import math

import numpy as np
import pytest

import fallline as fl
from fallline.core.block import declared_fields, family
from fallline.core.errors import FalllineError
from fallline.core.schedule import Schedule
from fallline.training.recipe import reads

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 3)).astype(np.float32)
CLASSES = fl.Table.from_arrays(X, (X[:, 0] > 0).astype(int))
NUMBERS = fl.Table.from_arrays(X, 2 * X[:, 0] + np.abs(X[:, 1]) + 1)
SHORT = {"epochs": 3, "patience": None, "model.hidden": (4,)}


def numeric(kind):
    """Every number of the blocks of a family that can be made without arguments, as (block, name, number)."""
    for cls in family(kind).values():
        if not any(each.default is dataclasses.MISSING for each in dataclasses.fields(cls)):
            block = cls()
            for name, declared in declared_fields(cls).items():
                value = getattr(block, name)
                if declared.role == "number" and isinstance(value, int | float) and not declared.integer:
                    yield pytest.param(block, name, float(value), id=f"{cls.name}.{name}")


def within(block, name, value):
    """A schedule from the number to one near by that is valid too, and the number at the end."""
    valid = declared_fields(type(block))[name].valid
    end = next(each for each in (0.9 * value, 1.1 * value, 0.1, 0.5) if each in valid and each != value)
    return fl.schedules.Linear(value, end=end)


def trained(recipe, table):
    run = fl.train(recipe, table, seed=1)
    assert run.outcome is fl.Outcome.FINISHED
    assert all(np.isfinite(each).all() for name, each in run.history.items() if name.endswith("loss"))
    assert np.isfinite(run.model.answer(table.dataset.x)[0]).all()
    return run


@pytest.mark.parametrize(("block", "name", "value"), list(numeric("activation")))
def test_in_an_activation(block, name, value, tmp_path):
    schedule = within(block, name, value)
    recipe = fl.replace(fl.Recipe(), SHORT | {"model.activation": fl.replace(block, {name: schedule}), "keep": "last"})
    run = trained(recipe, CLASSES)
    kept = getattr(run.model.recipe.model.activation, name)
    assert kept == pytest.approx(float(schedule.reached()[-1]), rel=0.2)
    assert not any(isinstance(each, Schedule) for _, _, each in reads(run.model.recipe.model))
    assert run.recipe.model.activation == fl.replace(block, {name: schedule})
    run.model.save(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(fl.load_predictor(tmp_path / "model.safetensors").predict(X), run.model.predict(X))


@pytest.mark.parametrize(("block", "name", "value"), list(numeric("loss")))
def test_in_a_loss(block, name, value):
    table = NUMBERS if "regression" in block.tasks else CLASSES
    recipe = fl.replace(fl.Recipe(), SHORT | {"loss": fl.replace(block, {name: within(block, name, value)})})
    run = trained(recipe, table)
    assert isinstance(getattr(run.model.recipe.loss, name), float)


@pytest.mark.parametrize(("block", "name", "value"), [*numeric("optimizer"), *numeric("penalty")])
def test_in_a_rule_or_a_penalty(block, name, value):
    place = "optimizer" if block.family == "optimizer" else "penalty"
    recipe = fl.replace(fl.Recipe(), SHORT | {place: fl.replace(block, {name: within(block, name, value)})})
    if place == "optimizer" and block.full_batch:
        recipe = fl.replace(recipe, {"batch_size": "all"})
    trained(recipe, NUMBERS)


@pytest.mark.parametrize("layer", [fl.Dropout(fl.Cosine(0.4)), fl.BatchNorm(fl.schedules.Linear(0.8, end=0.9)),
                                   fl.BatchNorm(epsilon=fl.schedules.Linear(1e-3, end=1e-5)),
                                   fl.LayerNorm(fl.schedules.Linear(1e-3, end=1e-5))], ids=repr)  # fmt: skip
def test_in_a_layer(layer):
    model = fl.Network((fl.Dense(4), layer, fl.ReLU()))
    trained(fl.Recipe(encoding=None, model=model, epochs=3, patience=None), CLASSES)


def test_validation_and_the_model_read_the_number_of_the_last_step():
    schedule = fl.schedules.Linear(1.0, end=0.0)
    recipe = fl.replace(fl.Recipe(), SHORT | {"model.activation": fl.LeakyReLU(schedule), "batch_size": 21})
    run = trained(fl.replace(recipe, {"keep": "last"}), CLASSES)
    steps = math.ceil(len(CLASSES.dataset.train) / 21)
    assert run.model.recipe.model.activation.slope == pytest.approx(1 - (3 * steps - 0.5) / (3 * steps), rel=1e-5)
    assert run.history["valid_loss"][-1] == pytest.approx(run.metrics["valid"]["loss"], rel=1e-5)
    best = trained(recipe, CLASSES)
    kept = int(best.state.best_epoch)
    assert best.model.recipe.model.activation.slope == pytest.approx(1 - (kept * steps - 0.5) / (3 * steps), rel=1e-5)
    assert best.history["valid_loss"][kept - 1] == pytest.approx(best.metrics["valid"]["loss"], rel=1e-5)


def test_a_lane_is_its_run_alone():
    schedule = fl.schedules.Linear(0.5, end=0.1)
    recipes = [
        fl.replace(
            fl.Recipe(), SHORT | {"model.activation": fl.LeakyReLU(schedule), "optimizer.learning_rate.peak": rate}
        )
        for rate in (1e-3, 1e-2)
    ]
    lanes = fl.evaluate(recipes, CLASSES)
    for number, recipe in enumerate(recipes):
        run = fl.train(recipe, CLASSES, seed=0)
        np.testing.assert_allclose(lanes.history(number)["valid_loss"], run.history["valid_loss"], rtol=1e-4)
        assert lanes.columns["test_loss"][number] == pytest.approx(run.metrics["test"]["loss"], rel=1e-4)


@pytest.mark.parametrize("path", ["epochs", "patience", "tolerance", "scaler.clip", "model.output_initializer"])
def test_where_a_number_is_read_once_it_is_refused(path):
    value = fl.Constant(1.0)
    if path == "model.output_initializer":
        path, value = "model.output_initializer", fl.initializers.Filled(fl.Constant(0.1))
    with pytest.raises(FalllineError, match=rf"Recipe\.{path}.* would change during the run"):
        fl.train(fl.replace(fl.Recipe(), {path: value}), CLASSES)


def test_a_plateau_stands_where_prediction_does_not_read():
    plateau = fl.ReduceOnPlateau(0.3)
    fl.train(fl.replace(fl.Recipe(), SHORT | {"model.dropout": plateau}), CLASSES)
    with pytest.raises(FalllineError, match="follows the validation loss, which prediction does not have"):
        fl.train(fl.replace(fl.Recipe(), {"model.activation": fl.LeakyReLU(plateau)}), CLASSES)
