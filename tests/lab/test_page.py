"""The page: complete, small, escaped; and what a reader does with it in Chromium, where the script walks as the product."""

import dataclasses
import html
import json
import re

import numpy as np
import pytest
from tests.browser import drag_by_finger, each_look, faults, opened, until

from fallline.core.errors import FalllineError
from fallline.lab import rate_sensitivity, walk
from fallline.lab.page import data_of, live, page
from fallline.optimizers import LBFGS, SGD, AdaGrad, Adam, Momentum, Nesterov, RMSProp
from fallline.schedules import Cosine
from fallline.surfaces import Formula, Himmelblau, Ravine, Saddle

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


@pytest.fixture(scope="module")
def file(text, tmp_path_factory):
    path = tmp_path_factory.mktemp("terrain") / "terrain.html"
    path.write_text(text)
    return path


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


def cells(page) -> dict[str, list[str]]:
    """The cells of the page's table by rule."""
    rows = page.locator("#numbers tbody tr").evaluate_all("rows => rows.map(r => [...r.cells].map(c => c.textContent))")
    return {name: values for name, *values in rows}


def values_of(page, *ids: str) -> list[str]:
    return [page.locator(f"#{each}").input_value() for each in ids]


def step_of(page) -> int:
    return int(page.locator("#at").text_content())


@pytest.mark.parametrize("surface", SURFACES, ids=lambda each: each.name)
def test_the_page_walks_as_the_product_does(surface, browser, tmp_path):
    """From a start that was not recorded, at rates that were not: the table of the page holds the product's numbers."""
    start, factor, path = [0.5, 0.3], 0.5, tmp_path / "page.html"
    path.write_text(page(walk(RULES, surface, None, 40), maps=False))
    rates = ",".join(str(each.learning_rate * factor) for each in RULES.values())
    with opened(browser, path, f"#start={start[0]},{start[1]}&rates={rates}") as shown:
        found = cells(shown)
    halved = {
        name: dataclasses.replace(rule, learning_rate=rule.learning_rate * factor) for name, rule in RULES.items()
    }
    right = walk(halved, surface, [start], 40)
    lowest = min((each.value for each in right.minima), default=0.0)
    assert list(found) == list(RULES)
    for row in right.frame.to_dicts():
        numbers = found[row["rule"]]
        assert float(numbers[0]) == pytest.approx(halved[row["rule"]].learning_rate, rel=1e-3)
        assert numbers[2] == ("–" if row["steps"] is None else str(row["steps"]))
        expected = [row["final_value"] - lowest, row["distance"], row["length"], row["overshoot"]]
        for cell, value in zip(numbers[3:], expected, strict=True):
            same = cell == "–" if value is None else float(cell) == pytest.approx(value, rel=6e-3, abs=1e-12)
            assert same, (row["rule"], numbers, expected)


def test_every_look_of_the_page(file, browser):
    with opened(browser, file) as shown:
        assert [(look, each) for look in each_look(shown) for each in faults(shown)] == []


def test_play_pause_and_the_slider_show_the_values_of_the_walk(file, walks, browser):
    with opened(browser, file) as shown:
        assert step_of(shown) == 60
        shown.locator("#speed").fill("10")  # six seconds to press Pause in, on a busy machine too
        assert shown.locator("#pace").text_content() == "10"
        shown.click("#play")  # from the end: it begins anew
        until(shown, "document.getElementById('at').value > 3")
        assert shown.locator("#play").text_content() == "Pause"
        shown.click("#play")
        until(shown, "document.getElementById('play').textContent === 'Play'")
        paused = step_of(shown)
        assert 3 < paused < 60
        shown.wait_for_timeout(250)
        assert step_of(shown) == paused
        shown.click("#step")
        assert step_of(shown) == paused + 1
        box = shown.locator("#time").bounding_box()
        middle = box["y"] + box["height"] / 2
        shown.mouse.move(box["x"] + 2, middle)
        shown.mouse.down()
        assert step_of(shown) == 0
        shown.mouse.move(box["x"] + box["width"] / 3, middle, steps=4)
        shown.mouse.up()
        dragged = step_of(shown)
        assert 15 < dragged < 25
        numbers = cells(shown)
        for rule, name in enumerate(walks.rules):
            assert float(numbers[name][1]) == pytest.approx(walks.track.values[rule, 0, dragged], rel=1e-3)
        length = shown.locator('[data-key="contour-path-0"]').evaluate("path => path.getTotalLength()")
        shown.keyboard.press("ArrowRight")  # the slider still has the focus
        assert step_of(shown) == dragged + 1
        assert shown.locator('[data-key="contour-path-0"]').evaluate("path => path.getTotalLength()") > length
        shown.locator("#speed").fill("120")
        shown.locator("#time").fill("59")
        shown.click("#play")
        until(shown, "document.getElementById('play').textContent === 'Play'")
        assert step_of(shown) == 60  # it ends at the last step


def test_keys_and_drags_move_the_start_and_the_walks_follow(file, browser):
    with opened(browser, file) as shown:
        order = []
        for _ in range(8):
            shown.keyboard.press("Tab")
            order.append(shown.evaluate("document.activeElement.id"))
        assert order[:7] == ["play", "step", "reset", "time", "speed", "x", "y"]
        shown.focus("#stage")
        shown.keyboard.press("ArrowRight")
        shown.keyboard.press("Shift+ArrowUp")
        assert list(map(float, values_of(shown, "x", "y"))) == pytest.approx([-0.6 + 0.1, -0.4 + 1.0])
        assert cells(shown)["lbfgs"][1] == "recorded from the first start only"
        right = walk({"gd": RULES["gd"]}, Himmelblau(), [[-0.5, 0.6]], 60).frame.row(0, named=True)
        assert float(cells(shown)["gd"][4]) == pytest.approx(right["distance"], rel=6e-3)
        assert "start=-0.5,0.6" in shown.evaluate("decodeURIComponent(location.hash)")
        shown.keyboard.press("Enter")
        assert shown.locator("#play").text_content() == "Pause"
        shown.keyboard.press("Escape")
        assert shown.locator("#play").text_content() == "Play"
        box = shown.locator("#contour").bounding_box()
        k = box["width"] / 480
        shown.mouse.move(box["x"] + 200 * k, box["y"] + 200 * k)
        shown.mouse.down()
        shown.mouse.move(box["x"] + 56 * k, box["y"] + 34 * k, steps=3)
        shown.mouse.up()
        assert list(map(float, values_of(shown, "x", "y"))) == pytest.approx([-5.0, 5.0], abs=0.05)
        shown.fill("#x", "1.5")
        shown.keyboard.press("Tab")
        assert float(values_of(shown, "x")[0]) == 1.5
        shown.click("#reset")
        assert list(map(float, values_of(shown, "x", "y"))) == [-0.6, -0.4]


def test_a_finger_plays_moves_the_start_and_drags_the_slider(file, browser):
    with opened(browser, file, width=390, touch=True) as shown:
        assert shown.locator("#play").text_content() == "Play"  # nothing moves before somebody asks for it
        shown.locator("#speed").fill("10")
        shown.locator("#play").tap()
        until(shown, "document.getElementById('at').value > 3")
        shown.locator("#play").tap()
        until(shown, "document.getElementById('play').textContent === 'Play'")
        assert 3 < step_of(shown) < 60
        box = shown.locator("#time").bounding_box()
        middle = box["y"] + box["height"] / 2
        x = [box["x"] + box["width"] * share for share in (0.9, 0.7, 0.5)]
        drag_by_finger(shown, *((each, middle) for each in x))
        assert 25 < step_of(shown) < 35
        shown.locator("#contour").scroll_into_view_if_needed()
        box = shown.locator("#contour").bounding_box()
        k = box["width"] / 480
        drag_by_finger(shown, *((box["x"] + x * k, box["y"] + y * k) for x, y in ((200, 200), (120, 120), (56, 34))))
        assert list(map(float, values_of(shown, "x", "y"))) == pytest.approx([-5.0, 5.0], abs=0.1)


def test_the_slider_of_a_rate_walks_at_that_rate(file, browser):
    with opened(browser, file) as shown:
        slider = shown.get_by_role("slider", name="learning rate of gd")
        slider.fill("-3")
        assert cells(shown)["gd"][0] == "0.001"
        right = walk({"gd": SGD(0.001)}, Himmelblau(), [[-0.6, -0.4]], 60)
        assert float(cells(shown)["gd"][5]) == pytest.approx(right.frame["length"][0], rel=6e-3)
        until(shown, "document.getElementById('said').textContent.includes('gd ends at the height')")
        assert shown.locator("#contour-text").text_content() == shown.locator("#said").text_content()


def test_reduced_motion_shows_the_finished_walks_without_a_play_button(file, browser):
    with opened(browser, file, motion=False) as shown:
        assert not shown.locator("#play").is_visible()
        assert step_of(shown) == 60
        shown.focus("#stage")
        shown.keyboard.press("Enter")
        shown.wait_for_timeout(80)
        assert step_of(shown) == 60
        shown.emulate_media(reduced_motion="no-preference")
        shown.click("#play")
        until(shown, "document.getElementById('at').value < 60")
        shown.emulate_media(reduced_motion="reduce")  # the reader changes it while the page plays
        until(shown, "document.getElementById('at').value == 60")
        assert not shown.locator("#play").is_visible()


def test_recorded_paths_are_the_walks(walks):
    from fallline.lab.terrain import terrain_of

    terrain = terrain_of(walks.surface, walks.minima, 9)
    data = data_of(walks, terrain, terrain, 0)
    for i, each in enumerate(data["rules"]):
        np.testing.assert_allclose(each["points"], walks.track.points[i, 0], rtol=1e-6)
        np.testing.assert_allclose(each["values"], walks.track.values[i, 0], rtol=1e-6)
    json.dumps(data, allow_nan=False)
