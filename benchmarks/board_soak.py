"""Memory of the board's page over a day: a browser that polls some hundred times as often, while runs change.

    python benchmarks/board_soak.py                  # 5,000 polls of 60 runs
    python benchmarks/board_soak.py --polls 43200    # as many as a day has, one every 2 seconds

It starts `fallline board` on runs that train, end, come and go, and opens its page in Chromium (Playwright), whose timers of
half a second and more run 400 times as fast. After every tenth of the polls it collects garbage and asks the browser for the
page's heap and nodes. It exits with 1 if at the end they are more than a quarter above those after the first three tenths.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from board import make, write_history
from playwright.sync_api import Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FAST = 400  # how often a long timer of the page rings while it would ring once
MOST_GROWTH = 1.25
WARM = 3  # tenths after which the page has shown everything once
MEASURED = {"JSHeapUsedSize": "heap MB", "Nodes": "nodes", "JSEventListeners": "listeners", "Documents": "documents"}
HASTE = f"""(() => {{
  const set = window.setTimeout;
  window.setTimeout = (what, wait, ...more) => set(what, wait >= 500 && wait <= 5000 ? wait / {FAST} : wait, ...more);
}})()"""


class Folder:
    """Runs that change: one gets another history, and now and then one goes or comes."""

    def __init__(self, home: Path, runs: int, epochs: int) -> None:
        self.home, self.runs, self.epochs = home, runs, epochs
        self.rng, self.changes = np.random.default_rng(1), 0
        make(home, runs, epochs)

    def change(self) -> None:
        """The next change."""
        run = self.home / f"run-{self.changes % self.runs}"
        if run.exists() and self.changes % 5 == 4:
            shutil.rmtree(run)
        else:
            if not run.exists():
                shutil.copytree(next(self.home.iterdir()), run)
            write_history(run, self.epochs + self.changes % 50, self.rng)
        self.changes += 1


def use(page: Page, turn: int) -> None:
    """What a person does now and then: opens a run, draws others, looks for one, sorts, and adds or removes a chart."""
    rows = page.locator("#rows tr")
    if rows.count() < 3:
        return
    rows.nth(turn % 3).locator("th button").click()
    rows.nth(turn % rows.count()).locator("input").click()
    page.locator("#question").fill("" if turn % 2 else "run-1")
    page.locator("#order").select_option(("newest", "score", "name")[turn % 3])
    removing = page.get_by_role("button", name="Remove the chart")
    if removing.count() > 2:
        removing.last.click()
    elif page.locator("#column option").count():
        page.locator("#add").click()
    if turn % 4 == 3:
        page.locator("#choose-none").click()
        page.locator("#choose-all").click()
        page.locator("#choose-none").click()


def settle(page: Page) -> None:
    """The page with the whole list and no curves, so that measurements can be compared."""
    page.locator("#question").fill("")
    page.locator("#choose-none").click()
    page.wait_for_timeout(1000)


def soak(page: Page, folder: Folder, polls: int) -> list[dict[str, float]]:
    """What the browser says of the page after each tenth of the polls."""
    asked = [0]

    def count(request: Any) -> None:
        asked[0] += "/api/runs" in request.url

    page.on("request", count)
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    session.send("HeapProfiler.enable")
    found, turn = [], 0
    for tenth in range(1, 11):
        while asked[0] < polls * tenth / 10:
            folder.change()
            page.wait_for_timeout(100)
            if folder.changes % 10 == 0:
                use(page, turn)
                turn += 1
        settle(page)
        session.send("HeapProfiler.collectGarbage")
        said = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
        found.append({"polls": asked[0], "changes": folder.changes, **{own: said[own] for own in MEASURED}})
        print(row(found[-1]), flush=True)
    return found


def row(found: dict[str, float]) -> str:
    heap = f"{found['JSHeapUsedSize'] / 1e6:.2f}"
    others = " | ".join(f"{found[each]:,.0f}" for each in MEASURED if each != "JSHeapUsedSize")
    return f"| {found['polls']:,.0f} | {found['changes']:,.0f} | {heap} | {others} |"


def grown(found: list[dict[str, float]]) -> dict[str, float]:
    """By how much the page has more at the end than it had at most in its first tenths."""
    return {own: found[-1][own] / max(each[own] for each in found[:WARM]) for own in MEASURED}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--polls", type=int, default=5000)
    parser.add_argument("--runs", type=int, default=60)
    parser.add_argument("--epochs", type=int, default=200)
    given = parser.parse_args()
    chromium = next(filter(None, map(shutil.which, NAMES)), None)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as home, sync_playwright() as playwright:
        folder = Folder(Path(home), given.runs, given.epochs)
        words = [sys.executable, "-m", "fallline", "board", home]
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as board:
            try:
                assert board.stdout is not None
                address = board.stdout.readline().strip()
                browser = playwright.chromium.launch(executable_path=chromium, args=["--disable-gpu"])
                page = browser.new_page()
                faults: list[str] = []
                page.on("pageerror", lambda error: faults.append(str(error)))
                page.add_init_script(HASTE)
                page.goto(address)
                print(f"| polls | changes | {' | '.join(MEASURED.values())} |\n|---|---|---|---|---|---|")
                found = soak(page, folder, given.polls)
                browser.close()
            finally:
                board.terminate()
    more = grown(found)
    print(f"\n{found[-1]['polls']:,.0f} polls in {time.monotonic() - began:.0f} s, a day has 43,200.", end=" ")
    print(", ".join(f"{MEASURED[own]} x {value:.2f}" for own, value in more.items()), *faults)
    return int(bool(faults) or max(more.values()) > MOST_GROWTH)


if __name__ == "__main__":
    sys.exit(main())
