"""The page: complete, small, escaped; and its script walks as the product does, in Chromium where it is installed."""

import dataclasses
import html
import json
import re
import shutil
import subprocess

import numpy as np
import pytest

from fallline.core.errors import FalllineError
from fallline.lab import rate_sensitivity, walk
from fallline.lab.page import data_of, live, page
from fallline.optimizers import LBFGS, SGD, AdaGrad, Adam, Momentum, Nesterov, RMSProp
from fallline.schedules import Cosine
from fallline.surfaces import Formula, Himmelblau, Ravine, Saddle

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SURFACES = [Himmelblau(), Saddle(), Formula("exp(x/2)*(x - y)^2 + y^4/9")]
RULES = {
    "gd": SGD(0.004), "momentum": Momentum(0.002, 0.8), "nesterov": Nesterov(0.002, 0.8, "outside"), "adagrad": AdaGrad(0.5),
    "rmsprop": RMSProp(0.02, corrected=True), "adam": Adam(0.1), "adam, uncorrected": Adam(0.02, corrected=False),
}  # fmt: skip


@pytest.fixture(scope="module")
def walks():
    few = {name: RULES[name] for name in ("gd", "adagrad")}
    return walk({**few, "lbfgs": LBFGS()}, Himmelblau(), [[-0.6, -0.4]], 60)


@pytest.fixture(scope="module")
def text(walks):
    return page(walks, rates=rate_sensitivity([RULES["gd"]], Himmelblau(), None, 60))


def test_the_page_is_small_and_complete_in_itself(text):
    assert len(text.encode()) < 300_000
    assert not re.search(r"(?:src|href)=|url\(|https?://(?!www\.w3\.org/2000/svg)", text)
    assert "default-src 'none'" in text
    assert text.count("<script") == 2
    assert "<title>Himmelblau · Fallline</title>" in text


def test_pictures_say_what_is_seen(text):
    descriptions = re.findall(r"<desc[^>]*>([^<]*)", text)
    assert len(descriptions) == 3 + 1 + 3  # three that move, the rates, a map of basins for each rule
    assert all(len(each) > 60 for each in descriptions)
    assert sum("adagrad reaches a minimum after" in html.unescape(each) for each in descriptions) == 3
    assert 'tabindex="0"' in text
    assert "Arrow keys move it" in text


def test_the_text_of_a_user_is_escaped():
    evil = walk({"</script><b>": SGD(0.1)}, Formula("x^2 + y^2"), None, 5)
    text = page(evil, maps=False)
    assert "</script><b>" not in text
    assert text.count("</script>") == 2
    assert "<b>" not in text


def test_longer_walks_are_cut_and_stay_small():
    text = page(walk({f"rule {i}": SGD(0.001 * (i + 1)) for i in range(8)}, Ravine(), None, 5000), maps=False)
    assert len(text.encode()) < 300_000
    assert json.loads(re.search(r'id="data">(.*?)</script>', text, re.S)[1])["steps"] == 500


def test_what_the_script_does_not_know_is_recorded_only(walks):
    assert live(LBFGS()) is None
    assert live(SGD(Cosine(0.1))) is None
    assert live(RMSProp(momentum=0.5)) is None
    assert live(Adam(amsgrad="raw")) is None
    assert all(live(each) is not None for each in RULES.values())
    assert "const terrain = null" in page(walk(SGD(0.1), lambda x: abs(x[0]) + x[1] ** 2, [[1.0, 1.0]], 5, noise=0.1))


def test_a_page_needs_two_coordinates():
    with pytest.raises(FalllineError, match="coordinates"):
        page(walk("sgd", "double_well", None, 5))
    with pytest.raises(FalllineError, match="coordinates"):
        page(walk("sgd", "x*y*z", None, 5))


def loaded(text: str, folder, fragment: str = "", script: str = "") -> str:
    """The page's elements after its script has run, and all complaints of the console; `script` runs after it."""
    path = folder / "page.html"
    if script:  # only the test's copy lets another script run
        text = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", text)
        text = text.replace("</body>", f"<script>{script}</script></body>")
    path.write_text(text)
    words = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr"]
    words.append(f"--user-data-dir={folder}/chromium")
    done = subprocess.run(
        [*words, "--dump-dom", f"{path.as_uri()}{fragment}"], capture_output=True, text=True, timeout=120
    )
    complaints = [line for line in done.stderr.splitlines() if ":CONSOLE" in line or "Uncaught" in line]
    assert complaints == []
    return done.stdout


def numbers_in(dom: str) -> dict[str, list[str]]:
    """The cells of the page's table by rule."""
    rows = re.findall(r"<tr><th>(.*?)</th>(.*?)</tr>", dom)
    return {html.unescape(name): re.findall(r"<td>(.*?)</td>", cells) for name, cells in rows if "<td>" in cells}


needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium, in which the page's script runs")


@needs_chromium
@pytest.mark.parametrize("surface", SURFACES, ids=lambda each: each.name)
def test_the_page_walks_as_the_product_does(surface, tmp_path):
    """From a start that was not recorded, at rates that were not: the table of the page holds the product's numbers."""
    start, factor = [0.5, 0.3], 0.5
    text = page(walk(RULES, surface, None, 40), maps=False)
    rates = ",".join(str(each.learning_rate * factor) for each in RULES.values())
    found = numbers_in(loaded(text, tmp_path, f"#start={start[0]},{start[1]}&rates={rates}"))
    halved = {
        name: dataclasses.replace(rule, learning_rate=rule.learning_rate * factor) for name, rule in RULES.items()
    }
    right = walk(halved, surface, [start], 40)
    lowest = min((each.value for each in right.minima), default=0.0)
    assert list(found) == list(RULES)
    for row in right.frame.to_dicts():
        cells = found[row["rule"]]
        assert float(cells[0]) == pytest.approx(halved[row["rule"]].learning_rate, rel=1e-3)
        assert cells[2] == ("–" if row["steps"] is None else str(row["steps"]))
        expected = [row["final_value"] - lowest, row["distance"], row["length"], row["overshoot"]]
        for cell, value in zip(cells[3:], expected, strict=True):
            same = cell == "–" if value is None else float(cell) == pytest.approx(value, rel=6e-3, abs=1e-12)
            assert same, (row["rule"], cells, expected)


@needs_chromium
def test_play_slider_keys_and_drag(text, walks, tmp_path):
    """Presses what a reader presses, and writes what the page then shows into its title."""
    script = """(() => {
    const seen = {}, cell = (i, k) => document.querySelectorAll("#numbers tbody tr")[i].children[k].textContent;
    seen.first = document.getElementById("at").value;
    const time = document.getElementById("time");
    time.value = 10; time.dispatchEvent(new Event("input"));
    seen.slid = [document.getElementById("at").value, cell(0, 2)];
    document.getElementById("step").click();
    seen.stepped = document.getElementById("at").value;
    const play = document.getElementById("play");
    play.click(); seen.playing = play.textContent; play.click(); seen.paused = play.textContent;
    const stage = document.getElementById("stage");
    const press = (key, shiftKey) => stage.dispatchEvent(new KeyboardEvent("keydown", {key, shiftKey}));
    press("ArrowRight", false); press("ArrowUp", true);
    seen.moved = ["x", "y"].map(id => document.getElementById(id).value);
    seen.recorded = cell(2, 2);
    const box = document.getElementById("contour").getBoundingClientRect(), k = box.width / 480;
    const at = (x, y, type) => document.getElementById("contour").dispatchEvent(
      new PointerEvent(type, {clientX: box.left + k * x, clientY: box.top + k * y, pointerId: 1}));
    document.getElementById("contour").setPointerCapture = () => {};
    at(56, 34, "pointerdown");
    seen.dragged = ["x", "y"].map(id => document.getElementById(id).value);
    document.getElementById("reset").click();
    seen.reset = ["x", "y"].map(id => document.getElementById(id).value);
    seen.path = document.querySelector('[data-key="contour-path-0"]').getAttribute("d").length > 20;
    document.title = JSON.stringify(seen);
    })();"""
    dom = loaded(text, tmp_path, script=script)
    seen = json.loads(html.unescape(re.search("<title>(.*?)</title>", dom)[1]))
    assert seen["first"] == "60"
    assert seen["slid"][0] == "10"
    assert float(seen["slid"][1]) == pytest.approx(walks.track.values[0, 0, 10], rel=1e-3)
    assert seen["stepped"] == "11"
    assert (seen["playing"], seen["paused"]) == ("Pause", "Play")
    assert list(map(float, seen["moved"])) == pytest.approx([-0.6 + 0.1, -0.4 + 1.0])
    assert seen["recorded"] == "recorded from the first start only"
    assert list(map(float, seen["dragged"])) == pytest.approx([-5.0, 5.0], abs=0.02)
    assert list(map(float, seen["reset"])) == [-0.6, -0.4]
    assert seen["path"]


@needs_chromium
def test_reduced_motion_shows_the_finished_walks_without_a_play_button(text, tmp_path):
    flag = "const real = window.matchMedia; window.matchMedia = asked => asked.includes('reduced-motion') "
    flag += "? {matches: true, addEventListener() {}} : real(asked);"
    dom = loaded(text.replace('"use strict";', f'"use strict";{flag}', 1), tmp_path, script="0")
    assert re.search(r'<button[^>]*id="play"[^>]*hidden', dom)
    assert re.search(r'id="at"[^>]*>60<', dom)


def test_recorded_paths_are_the_walks(walks):
    from fallline.lab.terrain import terrain_of

    terrain = terrain_of(walks.surface, walks.minima, 9)
    data = data_of(walks, terrain, terrain, 0)
    for i, each in enumerate(data["rules"]):
        np.testing.assert_allclose(each["points"], walks.track.points[i, 0], rtol=1e-6)
        np.testing.assert_allclose(each["values"], walks.track.values[i, 0], rtol=1e-6)
    json.dumps(data, allow_nan=False)
