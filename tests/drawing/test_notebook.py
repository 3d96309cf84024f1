"""What runs, histories and studies show of themselves, in a terminal and in a notebook."""

import re

import numpy as np
import polars as pl
import pytest

import fallline as fl
from fallline.core.block import declared_fields
from fallline.data.table import SHOWN

HOSTILE = "<img src=x>"


@pytest.fixture(scope="module")
def run() -> fl.Run:
    return fl.train(fl.Recipe(epochs=2, model=fl.MLP(hidden=(4,))), fl.load("sklearn:iris"))


@pytest.fixture(scope="module")
def study() -> fl.Study:
    space = fl.Recipe(epochs=2, model=fl.MLP(hidden=(4,)), optimizer=fl.SGD(fl.LogUniform(1e-3, 1.0)))
    return fl.search(space, fl.load("sklearn:iris"), trials=8)


def test_a_repr_is_one_line(run, study):
    shown = {"run": repr(run), "history": repr(run.history), "study": repr(study), "best": repr(study.best)}
    assert all("\n" not in each and len(each) < 330 for each in shown.values())
    assert re.match(r"Run\('iris': finished all 2 epochs; .* test: loss \d\.\d+, accuracy ", shown["run"])
    assert re.match(r"History\(2 epochs, train_loss \d\.\d+, valid_loss \d\.\d+, \d+ columns\)", shown["history"])
    assert re.match(r"Study\('iris': 8 trials \(8 finished\); best loss \d\.\d+, trial \d\)", shown["study"])
    assert shown["best"].startswith(f"Best(trial {study.best.trial.number}, score ")


def test_a_notebook_gets_tables(run, study):
    assert run._repr_html_().count("<tr>") == 1 + len(run.metrics["test"])
    assert run.history._repr_html_().count("<tr>") == 1 + 2
    assert study._repr_html_().count("<tr>") == 1 + 8
    assert "dense_1.gradient_norm" not in run.history._repr_html_()


def test_a_table_shows_its_columns():
    hostile = pl.DataFrame(
        {HOSTILE: [0.5 * k for k in range(40)], "b": ["x", "y"] * 20, "t": ["u", "v", "v", "v"] * 10}
    )
    table = fl.load(hostile, target="t")
    page = table._repr_html_()
    assert page.count("<tr>") == 1 + table.describe().height
    assert "<b>training: </b>28 rows" in page
    assert HOSTILE not in page
    assert "&lt;img src=x&gt;" in page
    wide = fl.Table.from_arrays(np.random.default_rng(0).normal(size=(40, 30)), np.arange(40) % 2)
    assert "<b>columns: </b>31" in wide._repr_html_()
    assert wide._repr_html_().count("<tr>") == 1 + SHOWN


def test_a_recipe_shows_what_is_not_as_usual():
    fields = len(declared_fields(fl.Recipe))
    assert fl.Recipe()._repr_html_().count("<tr>") == 1 + fields
    assert "differ from the defaults: </b>0" in fl.Recipe()._repr_html_()
    page = fl.Recipe(optimizer=fl.SGD(0.25), epochs=7)._repr_html_()
    assert "differ from the defaults: </b>2" in page
    assert "SGD(learning_rate=0.25" in page
    assert "Adam(" in page


def test_figures_by_title_and_as_files(run, study, tmp_path):
    figures = run.plot()
    assert figures["Loss"].frame["y"].to_list()[:2] == pytest.approx(run.history["train_loss"].tolist(), rel=1e-5)
    with pytest.raises(KeyError, match="'Los' is not one of the figures: Loss, Accuracy"):
        figures["Los"]
    assert figures._repr_html_().count("<svg") == len(figures)
    assert figures.save(tmp_path)[0].name == "loss.svg"
    assert {each.title for each in study.plot()} >= {"Trials", "optimizer.learning_rate"}


def test_names_are_text():
    from fallline.drawing.notebook import shown

    text = shown(HOSTILE, {HOSTILE: HOSTILE}, (HOSTILE,), [(HOSTILE,)])
    assert "<img" not in text
