"""The board in a browser: every look without faults, live changes, the keyboard, and names that are markup."""

import json
import shutil
import threading

import pytest
from tests.board.making import add_trials, finished, study, training
from tests.browser import SECONDS, each_look, faults, opened, until

pytest.importorskip("starlette", reason="needs the extra board")
pytest.importorskip("uvicorn", reason="needs the extra board")

from fallline.board import index as module
from fallline.board.server import bound, server_of

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def address(tmp_path, monkeypatch):
    """A board of the test's own folder."""
    monkeypatch.setattr(module, "PAUSE", 0.0)
    with bound(0) as listening:
        server, address = server_of(tmp_path / "runs", listening)
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        yield address
        server.should_exit = True
        thread.join(SECONDS)


def test_runs_are_followed_while_they_train(browser, address, tmp_path):
    home = tmp_path / "runs"
    folder = finished(home, HOSTILE, epochs=30)
    finding = {"name": "overfitting", "title": HOSTILE, "evidence": "seen", "cause": "why", "confidence": 0.9, "advice": "",
               "epoch": None, "columns": [], "explained_by": "", "remedies": []}  # fmt: skip
    said = {"healthy": False, "findings": [finding], "explained": [], "checked": [], "bill": None, "skills": {}}
    (folder / "diagnosis.json").write_text(json.dumps(said))
    training(home, "now", 5)
    store = study(home, "search", [0.5, 0.2])
    with opened(browser, address) as page:
        until(page, "document.querySelectorAll('#rows tr').length === 3")
        until(page, "document.querySelectorAll('#charts path').length > 3")
        until(page, "document.querySelector('#state').textContent === '3 runs: 1 running, 1 finished, 1 stopped'")
        page.get_by_role("button", name=HOSTILE, exact=True).focus()
        page.keyboard.press("Enter")
        until(page, "document.querySelector('#one b') !== null")
        assert page.locator("#one b").inner_text() == HOSTILE
        assert page.locator("img").count() == 0
        for look in each_look(page):
            page.wait_for_timeout(50)
            assert faults(page) == [], look

        training(home, "now", 9)
        page.get_by_role("button", name="search", exact=True).click()
        until(page, "document.querySelector('#one-title').textContent === 'search'")
        add_trials(store, [0.1])
        until(page, "document.querySelector('#one').textContent.includes('3 of 20 trials')")
        until(page, "[...document.querySelectorAll('#rows td')].some(each => each.textContent === '9 / 50')")
        assert faults(page) == []
        shutil.rmtree(home / "now")
        until(page, "document.querySelectorAll('#rows tr').length === 2")
        until(page, "document.querySelectorAll('#legend li').length === 2")
        assert {each.inner_text() for each in page.locator("#legend li").all()} == {HOSTILE, "search"}
    store.close()


def test_search_choice_and_values_by_keyboard(browser, address, tmp_path):
    for name, rate in (("slow", 1e-4), ("fast", 1e-2)):
        training(tmp_path / "runs", name, 5, rate=rate)
    with opened(browser, address) as page:
        until(page, "document.querySelectorAll('#charts path').length > 3")
        stage = page.locator(".plot").first
        stage.focus()
        stage.press("End")
        assert stage.locator(".tip").inner_text().split("\n")[0] == "epoch 5"
        stage.press("ArrowLeft")
        assert "epoch 4" in stage.locator(".tip").inner_text()
        stage.press("Escape")
        assert not stage.locator(".tip").is_visible()
        until(page, "document.querySelector('#beside-rows').textContent.includes('optimizer.learning_rate')")
        page.get_by_label("Search").fill("learning_rate<0.001")
        until(page, "document.querySelectorAll('#rows tr').length === 1")
        page.get_by_label("Draw slow").focus()
        page.keyboard.press("Space")
        until(page, "document.querySelector('#legend').textContent === 'fast'")
        until(page, "document.querySelector('#charts details summary') !== null")
        page.locator("#charts summary").first.press("Enter")
        until(page, "document.querySelectorAll('#charts tbody tr').length === 1")
        assert page.locator("#charts tbody tr").first.inner_text().split() == ["fast", "5", "1.5", "1.5", "2"]
