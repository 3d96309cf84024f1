"""The report in a browser: every look without faults, values by pointer and by keys, and tables that open."""

import json

import pytest
from tests.browser import each_look, faults, opened
from tests.report.test_page import columns, make_folder, summary
from tests.report.test_search_section import search

from fallline.report.page import write_report


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    """The report of a run with a search."""
    folder = make_folder(tmp_path_factory.mktemp("report"), summary(notes=["column 'id' was dropped"]), columns(12))
    (folder / "study.json").write_text(json.dumps(search()))
    return write_report(folder)


def test_every_look_is_without_faults(browser, page_file):
    with opened(browser, page_file) as page:
        for look in each_look(page):
            assert faults(page) == [], look


def test_pointer_and_keys_read_values_and_tables_open(browser, page_file):
    with opened(browser, page_file) as page:
        stage = page.locator(".plot").filter(has=page.locator("title", has_text="Accuracy")).first
        stage.focus()
        stage.press("End")
        assert stage.locator(".tip").inner_text().split("\n") == [
            "epoch 12",
            "training: 4.167 %",
            "validation: 4.167 %",
        ]
        stage.press("ArrowLeft")
        assert "epoch 11" in stage.locator(".tip").inner_text()
        stage.press("Escape")
        assert not stage.locator(".tip").is_visible()
        stage.hover(position={"x": 70, "y": 80})
        assert "epoch 1\n" in stage.locator(".tip").inner_text()
        values = stage.locator("xpath=following-sibling::details").first
        values.locator("summary").click()
        cells = values.locator("tr").evaluate_all(
            "rows => rows.map(row => [...row.cells].map(cell => cell.textContent))"
        )
        assert cells[0] == ["epoch", "training", "validation"]
        assert cells[-1] == ["12", "4.167 %", "4.167 %"]
        assert len(cells) == 13
