"""Runs beside each other: what differs, and their answers row by row, judged by a calculation by hand."""

import dataclasses
import json

import numpy as np
import pytest

import fallline as fl
from fallline.cli.main import run as program
from fallline.report.differences import differences
from fallline.report.finished import read_finished
from fallline.report.paired import paired

WORDS = ("train", "rows.csv", "--target", "y", "--hidden", "4", "--batch-size", "all")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two runs of one table, of 2 and of 9 epochs."""
    home = tmp_path_factory.mktemp("runs")
    x = np.random.default_rng(0).normal(size=(80, 2))
    lines = [f"{a},{b},{'no' if a + b > 0 else '<b>yes'}" for a, b in x]
    (home / "rows.csv").write_text("\n".join(["a,b,y", *lines]))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        for name, epochs in (("one", "2"), ("two", "9")):
            with pytest.raises(SystemExit) as stop:
                program([*WORDS, "--epochs", epochs, "--out", name])
            assert stop.value.code == 0
    return home


@pytest.fixture
def here(runs, monkeypatch):
    monkeypatch.chdir(runs)
    return [read_finished(runs / each) for each in ("one", "two")]


def test_only_what_differs_is_listed(here):
    found = differences(here)
    assert found.names == ("one", "two")
    assert found.fields == (("epochs", ("2", "9")),)
    assert found.same_data is True
    assert ("test", "accuracy", tuple(each.summary["metrics"]["test"]["accuracy"] for each in here)) in found.metrics


def test_errors_are_compared_row_by_row(here):
    (found,), reason = paired(here, ("one", "two"))
    table = fl.load("rows.csv", "y")
    truth = np.array(table.classes)[table.dataset.y[table.dataset.test]]
    wrong = [fl.load_predictor(each.folder).predict(table.dataset.x[table.dataset.test]) != truth for each in here]
    d = wrong[1].astype(float) - wrong[0].astype(float)
    assert reason == ""
    assert (found.split, found.rows) == ("test", len(truth))
    assert found.wins == (int((d > 0).sum()), int((d < 0).sum()))
    np.testing.assert_allclose(found.difference, d.mean())
    np.testing.assert_allclose(found.error, d.std(ddof=1) / np.sqrt(len(d)))


def test_the_sentence_knows_chance(here):
    (found,), _ = paired(here, ("one", "two"))
    clear = dataclasses.replace(found, difference=0.3, error=0.1)
    assert clear.sentence == "one is better than two"
    assert dataclasses.replace(clear, difference=-0.3).sentence == "two is better than one"
    assert "by more than chance" in dataclasses.replace(clear, error=0.2).sentence


def test_runs_of_other_columns_are_not_compared_row_by_row(here):
    other = fl.train(fl.Recipe(epochs=1, model=fl.MLP(hidden=(4,))), fl.load("sklearn:iris")).model
    other.save("strange.safetensors")
    strange = dataclasses.replace(here[1], folder=here[1].folder.parent / "strange.safetensors")
    assert paired([here[0], strange], ("one", "two"))[0] == []


def test_the_page_and_the_document_say_the_same(here, capsys):
    with pytest.raises(SystemExit) as stop:
        program(["report", "one", "two", "--out", "page.html", "--json"])
    document = json.loads(capsys.readouterr().out)
    assert stop.value.code == 0
    assert document["recipe"] == {"epochs": ["2", "9"]}
    page = (here[0].folder.parent / "page.html").read_text()
    for words in ("What differs", "Row by row", "Loss, validation", document["paired"][0]["sentence"]):
        assert words in page
    assert len(page) < 250_000


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("one", "two", "--card", "c.md"), "--card is of one run"),
        (("one", "--out", "page.html"), "--out is the page of a comparison"),
        (("one", "nothing"), "'nothing' is not a run folder"),
    ],
)
def test_what_does_not_fit_is_said(here, capsys, words, sentence):
    with pytest.raises(SystemExit) as stop:
        program(["report", *words])
    assert stop.value.code == 2
    assert sentence in capsys.readouterr().err
