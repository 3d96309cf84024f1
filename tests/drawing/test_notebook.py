"""What runs, histories and studies show of themselves, in a terminal and in a notebook."""

import re

import pytest

import fallline as fl

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
