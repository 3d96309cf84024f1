"""The whole: what is said of a run agrees with the run, whatever its task, table and kind of model."""

import dataclasses

import numpy as np
import polars as pl
import pytest

import fallline as fl
from fallline.core.errors import FalllineError
from fallline.interpretation.document import from_plain, read_interpretation, write_fault, write_interpretation

from .conftest import mixed_frame


@pytest.mark.parametrize("which", ["binary", "several", "numbers"])
def test_scores_are_those_of_the_run(which, looked, request):
    run, found = request.getfixturevalue(which), looked[which]
    for split in ("valid", "test"):
        part = found.scores.filter(pl.col("split") == split)
        for metric, value in zip(part["metric"], part["value"], strict=True):
            assert value == pytest.approx(run.metrics[split][metric], rel=1e-5, abs=1e-9)
    test = found.scores.filter(pl.col("split") == "test")
    held = test.filter(pl.col("low").is_not_null())
    assert (held["low"] <= held["value"]).all()
    assert (held["value"] <= held["high"]).all()
    assert found.rows == len(run.data.dataset.test)
    assert found.split == "test"
    assert test.filter(pl.col("metric") == found.metric)["linear"].null_count() == 0
    assert found.sentences[0].startswith("On the test rows this model is better than")


def test_a_classification_has_its_tables(looked, binary):
    found = looked["binary"]
    assert found.matrix.sum() == found.rows
    assert found.matrix.trace() / found.rows == pytest.approx(binary.metrics["test"]["accuracy"])
    assert found.per_class["name"].to_list() == ["no", "yes"]
    assert found.roc["name"].unique().to_list() == ["yes"]
    assert 0 <= found.ece <= 1
    assert found.ece_chance > 0
    assert found.thresholds.height > 15
    assert found.costs["ratio"].to_list()[-1] == 10.0
    assert (found.costs["cost"] <= found.costs["cost_at_half"] + 1e-12).all()
    assert not found.deciles.height
    asked = fl.interpret(binary, cost_ratios=(3.0,))
    assert asked.costs["ratio"].to_list() == [3.0]


def test_the_worst_rows_are_rows_of_the_source(looked, numbers):
    frame, worst = mixed_frame(), looked["numbers"].worst
    assert worst["loss"].is_sorted(descending=True)
    for row, true in zip(worst["row"], worst["true"], strict=True):
        assert float(true) == pytest.approx(frame["price"][row], rel=1e-5)


def test_rows_of_a_separate_source_are_counted_in_that_source(binary):
    rows = np.arange(len(binary.data.dataset.x), dtype=np.int32)
    apart = dataclasses.replace(binary.data.dataset, train=rows[:180], valid=rows[180:200], test=rows[200:])
    data = dataclasses.replace(binary.data, dataset=apart, source={"test_source": "b.csv"})
    worst, frame = fl.interpret(binary.model, data).worst, mixed_frame()[200:]
    assert set(worst["source"]) == {"test_source"}
    for row, true in zip(worst["row"], worst["true"], strict=True):
        assert frame["bought"][row] == true


@pytest.mark.parametrize("which", ["binary", "several", "numbers"])
def test_the_file_gives_the_same_tables_to_six_digits(which, looked, tmp_path):
    found = looked[which]
    write_interpretation(tmp_path, found)
    again = read_interpretation(tmp_path)
    assert (again.sentences, again.split, again.rows) == (found.sentences, found.split, found.rows)
    for name, table in found.tables.items():
        if name != "predictions":
            assert again.tables.get(name, table[:0]).height == table.height
    np.testing.assert_allclose(again.scores["value"], found.scores["value"], rtol=1e-5)
    assert (tmp_path / "interpretation.json").stat().st_size < 100_000


def change(plain, place, value):
    *path, last = place.split(".")
    for each in path:
        plain = plain[each]
    if value is None:
        del plain[last]
    else:
        plain[last] = value


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("task", None, "no entry 'task'"),
        ("task", "guess", "one of"),
        ("ece", 3.0, "from 0 to 1"),
        ("tables.scores.value", [1.0], "not of one length"),
        ("tables.scores.value", ["x"], "its tables.scores.value.0 is 'x'"),
        ("tables.scores.value", None, "entry 'value'"),
        ("tables.confusion.true", ["who"] * 4, "names a class"),
        ("sentences", "text", "a list"),
    ],
)
def test_a_damaged_file_is_refused_by_name(place, value, said, looked, tmp_path):
    import json

    plain = json.loads(json.dumps(looked["binary"].to_plain()))
    change(plain, place, value)
    (tmp_path / "interpretation.json").write_text(json.dumps(plain))
    with pytest.raises(FalllineError, match="interpretation") as error:
        read_interpretation(tmp_path)
    assert said in str(error.value)


def test_a_fault_is_read_as_its_sentence_and_newer_tables_are_left_out(looked, tmp_path):
    write_fault(tmp_path, "Ctrl-C came first.")
    assert read_interpretation(tmp_path) == "Ctrl-C came first."
    assert read_interpretation(tmp_path / "nowhere") is None
    plain = looked["binary"].to_plain()
    assert "later" not in from_plain({**plain, "tables": {**plain["tables"], "later": {"x": [1]}}}, "it").tables


def test_models_and_rows_of_every_kind(binary, tmp_path):
    frame = mixed_frame()
    found = fl.interpret(binary.model, frame[:120])
    assert (found.rows, found.split) == (120, "test")
    assert found.scores["constant"].null_count() == found.scores.height  # nothing to fit simple models on
    with pytest.raises(FalllineError, match="give the table"):
        fl.interpret(binary.model)
    with pytest.raises(FalllineError, match="encoded in another way"):
        fl.interpret(binary.model, fl.load("sklearn:iris"))
    with pytest.raises(AttributeError, match="tables are scores"):
        _ = found.nothing
    members = fl.Ensemble.of((binary.model, binary.model))
    twice = fl.interpret(members, binary.data)
    np.testing.assert_allclose(twice.scores["value"], fl.interpret(binary).scores["value"], rtol=1e-5)
    none = dataclasses.replace(
        binary.data, dataset=dataclasses.replace(binary.data.dataset, test=np.zeros(0, np.int32))
    )
    assert fl.interpret(binary, none).split == "valid"
    alone = dataclasses.replace(none, dataset=dataclasses.replace(none.dataset, valid=np.zeros(0, np.int32)))
    found = fl.interpret(binary, alone)
    assert found.split == "train"
    assert "no rows were held out" in found.notes[0]


@pytest.mark.parametrize("task", ["regression", "multilabel"])
def test_several_targets_each_have_their_tables(task):
    draw = np.random.default_rng(0)
    x = draw.normal(size=(150, 3))
    y = np.stack([x[:, 0] + draw.normal(size=150) / 3, 100 * x[:, 1] + draw.normal(size=150)], axis=1)
    y = (y > 0).astype(int) if task == "multilabel" else y
    weight = (np.arange(150) % 5 > 0) * 1.0
    data = fl.Table.from_arrays(x, y, task=task, test=0.4, weight=weight)
    found = fl.interpret(fl.train(fl.Recipe(model=fl.MLP((8,)), epochs=5, encoding=None), data))
    assert found.rows == weight[data.dataset.test].sum()
    if task == "regression":
        assert found.targets["name"].to_list() == ["y0", "y1"]
        assert set(found.deciles["name"]) == {"y0", "y1"}
    else:
        assert set(found.thresholds["name"]) == {"y0", "y1"}
        assert not found.confusion.height


def test_intervals_are_judged_by_their_coverage(numbers):
    class Sure(type(numbers.model)):
        def interval(self, rows, coverage=0.9):
            middle = self.answer(rows)[0].astype(float)
            return middle - 5, middle + 5

    fields = {each.name: getattr(numbers.model, each.name) for each in dataclasses.fields(numbers.model)}
    found = fl.interpret(Sure(**fields), numbers.data)
    points = found.predictions
    assert found.targets["coverage"][0] == ((points["true"] - points["predicted"]).abs() <= 5).mean()
    assert 0 < found.targets["coverage"][0] < 1
    assert found.targets["asked"][0] == 0.9


def test_a_margin_loss_has_scores_and_no_calibration(several):
    model = dataclasses.replace(several.model, recipe=fl.replace(several.model.recipe, {"loss": fl.Hinge()}))
    found = fl.interpret(model, several.data)
    assert found.matrix.sum() == found.rows
    assert found.ece is None
    assert not found.reliability.height
    assert found.worst["probability"].null_count() == found.worst.height


@pytest.mark.parametrize("members", [1, 2])
def test_a_loss_that_needs_the_targets_own_zero_is_looked_at_too(members):
    """Such a run sees its table in another unit than the table that was loaded."""
    x = np.random.default_rng(0).normal(size=(60, 2))
    data = fl.Table.from_arrays(x, 2_000_000 + 20 * x[:, 0], test=0.4)
    assert data.schema.target.conditioned
    recipe = fl.Recipe(model=fl.MLP((4,)), loss=fl.Poisson(), epochs=1, encoding=None)
    with_own = fl.train(recipe, data)
    model = with_own.model if members == 1 else fl.Ensemble.of((with_own.model,) * members)
    found = fl.interpret(model, data)
    value = found.scores.filter((pl.col("split") == "test") & (pl.col("metric") == "mae"))["value"][0]
    assert value == pytest.approx(with_own.metrics["test"]["mae"], rel=1e-5)


@pytest.mark.parametrize("rows", [1, 2, 12])
@pytest.mark.parametrize("unit", [1e200, 1e-250])
def test_targets_whose_squares_do_not_fit_and_few_rows(numbers, rows, unit):
    """The network is the one of the plain table, which sees these targets in a unit of its own."""
    data = numbers.data.dataset
    target = dataclasses.replace(
        numbers.data.schema.target, shift=(0.0,), factor=(2.0**-664 if unit > 1 else 2.0**830,)
    )
    schema = dataclasses.replace(numbers.data.schema, target=target)
    given = data.given * unit
    few = dataclasses.replace(data, truth=given, y=target.condition(given), factor=target.factor, test=data.test[:rows])
    table = dataclasses.replace(numbers.data, schema=schema, dataset=few)
    found = fl.interpret(dataclasses.replace(numbers.model, schema=schema, seen=None), table)
    assert found.rows == rows
    assert np.isfinite(found.targets["rmse"][0])
    assert found.targets["rmse"][0] > 0
    assert found.importance.height == (6 - 1 if rows == 12 else 0)
    assert any(each.startswith("On the test rows") for each in found.sentences) == (rows == 12)
