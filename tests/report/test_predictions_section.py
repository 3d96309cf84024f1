"""The sections about predictions and columns: complete, escaped, readable without colours, and safe for the run."""

import dataclasses
import html.parser
import json
import re

import numpy as np
import polars as pl
import pytest
from tests.browser import each_look, faults, opened

import fallline as fl
from fallline.interpretation.document import from_plain, read_interpretation
from fallline.report.card import card, write_card
from fallline.report.interpreted import keep_interpretation
from fallline.report.predictions_section import columns_text, predictions_text
from fallline.report.requested_figures import requested_figures
from fallline.report.scores_section import scores_text
from fallline.training.folder import METRICS, RECIPE, Plan, finish_folder, plan_to_toml

HOSTILE = "<img src=x onerror=alert(1)>|\"'&`[x](y)"
ROWS = 160


@pytest.fixture(scope="module")
def run():
    """A regression whose column and level names are markup."""
    draw = np.random.default_rng(0)
    x = draw.normal(size=ROWS)
    level = draw.choice([HOSTILE, "b"], ROWS)
    frame = pl.DataFrame(
        {HOSTILE + "1": x, HOSTILE: level, HOSTILE + "c": [1] * ROWS, "y": 3 * x + draw.normal(size=ROWS)}
    )
    recipe = fl.Recipe(model=fl.MLP((8,)), optimizer=fl.Adam(learning_rate=0.02), epochs=10, encoding=None)
    return fl.train(recipe, fl.load(frame, "y", test=0.4))


@pytest.fixture(scope="module")
def classes(run):
    """The same network as a classification whose classes are markup, by its tables alone."""
    draw = np.random.default_rng(1)
    data = fl.Table.from_arrays(draw.random((120, 49)), np.where(draw.random(120) < 0.5, HOSTILE, "b"), test=0.5)
    recipe = fl.Recipe(model=fl.MLP((8,)), epochs=1, encoding=None)
    return fl.interpret(fl.train(recipe, data))


class Elements(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.found, self.text = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


def sections(found):
    return scores_text(found) + predictions_text(found) + columns_text(found)


def test_names_are_text_in_every_section(run, classes):
    for found in (fl.interpret(run), classes):
        page = Elements(sections(found))
        assert not any("onerror" in attributes for _, attributes in page.found)
        assert "<img src=x onerror" not in sections(found)
        assert all(
            each.get("src", "data:image/png;base64,").startswith("data:image/png;base64,") for _, each in page.found
        )
        assert "<img src=x onerror" in page.text


def test_every_chart_has_words_and_numbers_behind_it(run, classes):
    for found in (fl.interpret(run), classes):
        text = sections(found)
        figures = re.findall(r"<figure.*?</figure>", text, re.DOTALL)
        assert len(figures) >= 5
        for each in figures:
            assert re.search(r"<figcaption><h3>[^<]+</h3><p>[^<]{20,}", each)
            assert "<table" in each
            if "<svg xmlns" in each:
                assert re.search(r"<title[^>]*>[^<]+</title>\n<desc[^>]*>[^<]{40,}</desc>", each)
        assert "nan" not in re.sub(r"<[^>]*>", " ", text).lower().split()


def test_wrong_images_are_shown_with_what_they_were_taken_for(classes):
    images = [each for tag, each in Elements(predictions_text(classes)).found if tag == "img"]
    assert 0 < len(images) <= 24
    assert all(re.match(r"row \d+: true .*, predicted ", each["alt"], re.DOTALL) for each in images)


def test_columns_are_listed_with_what_was_made_of_them(run):
    page = Elements(columns_text(fl.interpret(run)))
    assert "scaled (standardise)" in page.text
    assert "3 features of 0 and 1, one for each value" in page.text
    assert "dropped: every row has the same value" in page.text
    assert "y (target)" in page.text


def test_what_was_asked_for_is_drawn(run):
    found = fl.interpret(run)
    tables = {
        "drop_column": {"column": ["a", HOSTILE], "gain": [0.5, 0.0], "error": [0.1, 0.1]},
        "learning_curve": {"rows": [10, 20], "score": [2.0, 1.0], "error": [0.1, 0.1]},
        "permuted_labels": {"trial": [0, 1, 2], "score": [1.0, 3.0, 2.0]},
        "left_out": {"group": ["a", "b"], "rows": [5, 6], "score": [1.0, 2.0], "constant": [2.0, 3.0]},
    }
    from fallline.interpretation.tables import frame

    assert requested_figures(found) == []
    more = {name: frame(name, columns) for name, columns in tables.items()}
    text = "".join(requested_figures(dataclasses.replace(found, tables={**found.tables, **more})))
    for said in (
        "More rows would probably help",
        "p = 0.33",
        "A group it has never seen",
        "Trained without one column",
    ):
        assert said in text
    assert HOSTILE not in text


def test_a_run_of_an_earlier_version_has_no_section_and_a_fault_has_its_sentence():
    assert sections(None) == ""
    assert "Ctrl-C came &lt;first" in sections("Ctrl-C came <first")


@pytest.fixture
def folder(run, tmp_path):
    plan = Plan(run.recipe, {"source": "a.csv", "target": "y"}, 0)
    (tmp_path / RECIPE).write_text(plan_to_toml(plan))
    finish_folder(tmp_path, plan, run, run.data)
    return tmp_path


def test_the_file_is_written_and_the_report_and_the_card_read_it(run, folder):
    assert "Scores beside" not in fl.write_report(folder).read_text()
    before = card(folder)
    assert "| RMSE |" in before
    assert keep_interpretation(folder, run, run.data) == ""
    page = fl.write_report(folder).read_text()
    assert "<h2>Predictions</h2>" in page
    assert "<h2>Columns</h2>" in page
    text = write_card(folder, folder / "CARD.md").read_text()
    for said in (
        "# Model card: frame",
        "## What it predicts",
        "the mean | a linear model",
        "95 % interval",
        "fallline train --recipe",
    ):
        assert said in text
    assert "<img" not in text.replace("\\<img", "").partition("```toml")[0]


FAULTS = [RuntimeError("it <broke"), MemoryError(), KeyboardInterrupt(), fl.FalllineError("no rows")]


@pytest.mark.parametrize("where", ["interpret", "predictions_text"])
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__)
def test_no_fault_loses_the_run(fault, where, run, folder, monkeypatch):
    kept = {name: (folder / name).read_bytes() for name in ("model.safetensors", METRICS)}

    def broken(*_):
        raise fault

    monkeypatch.setattr(f"fallline.report.interpreted.{where}", broken)
    sentence = keep_interpretation(folder, run, run.data)
    assert sentence.startswith("The predictions were not looked at")
    assert read_interpretation(folder) == sentence
    assert all((folder / name).read_bytes() == content for name, content in kept.items())
    assert "The predictions were not looked at" in fl.write_report(folder).read_text()


def test_the_page_reads_well_on_every_screen(browser, run, classes, folder):
    from fallline.interpretation.document import write_interpretation

    for found in (fl.interpret(run), classes):
        write_interpretation(folder, found)
        with opened(browser, fl.write_report(folder)) as page:
            for shown in each_look(page):
                assert faults(page) == [], shown
            page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
            assert faults(page) == []


def test_a_damaged_file_is_refused_by_the_report(run, folder):
    (folder / "interpretation.json").write_text('{"task": "regression"}')
    with pytest.raises(fl.FalllineError, match=r"interpretation\.json.*damaged"):
        fl.write_report(folder)


def test_a_file_of_a_page_keeps_what_the_page_shows(run):
    found = fl.interpret(run)
    again = from_plain(json.loads(json.dumps(found.to_plain())), "it")
    assert len(sections(again)) == pytest.approx(len(sections(found)), rel=0.02)
