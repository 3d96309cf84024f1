"""The still pages in a browser: compare, trainability, learning rates and landscapes, from numbers that need no training."""

import itertools

import numpy as np
import pytest
from tests.browser import DEFICIENCIES, THEMES, colour_in, each_look, faults, opened, seen_as

import fallline as fl
from fallline.drawing.colours import style
from fallline.lab.basins import DIVERGED as DIVERGES
from fallline.lab.basins import ELSEWHERE, ROLES
from fallline.lab.compare import Comparison
from fallline.lab.contenders import usual_rules
from fallline.lab.curvature import Sharpness
from fallline.lab.map_picture import DIVERGED, NOT_LOWER
from fallline.lab.ramp import Ramp
from fallline.lab.rate_range import RateRange
from fallline.lab.scene import Scene, Trajectory
from fallline.lab.scenery import kinds_of, page_of
from fallline.lab.swarm import Ends
from fallline.lab.trainability import GAIN, RATE, Trainability, places, plain_recipe

LOOKS = "lines => lines.map(each => [each.getAttribute('stroke'), each.getAttribute('stroke-dasharray')])"
CELLS = "rows => rows.map(row => [...row.cells].map(cell => cell.textContent))"


def compared() -> Comparison:
    """Eleven rules over nine rates; the last two rates of some diverge."""
    draw = np.random.default_rng(0)
    labels = tuple(usual_rules())
    best = draw.uniform(2, 6, len(labels))
    scores = (
        0.06 + 0.02 * (np.arange(9)[:, None] - best[:, None, None]) ** 2 + draw.uniform(0, 0.01, (len(labels), 9, 5))
    )
    scores[::3, 7:] = np.inf
    falls = np.exp(-np.arange(6) / 2) - np.exp(-2.5)
    curves = np.where(np.isfinite(scores)[..., None], scores[..., None] + falls, np.nan)
    rates = np.tile(np.geomspace(1e-4, 1.0, 9), (len(labels), 1))
    return Comparison("optimizer", labels, rates, scores, "accuracy", 1 - scores / 9, curves, 0.2, "digits", 1.0, 11)


def trained() -> Trainability:
    """A map with all three outcomes."""
    size = 16
    x, y = np.meshgrid(np.log10(places(RATE, size)), np.log10(places(GAIN, size)))
    last = np.exp(-((x + 1) ** 2) / 4 - y**2 / 4)
    last = np.where(x + y > 2, np.inf, np.where(x + y > 1.5, 1.5, 1.1 - last)).reshape(-1)
    ends = Ends(np.ones(size**2), last, np.where(np.isfinite(last), 0.0, 0.5))
    return Trainability(plain_recipe(), fl.load("sklearn:iris"), RATE, GAIN, size, 0, ends, 1.0)


def rates() -> RateRange:
    """Rates that are too low, good, and too high; the last one diverges."""
    tried = np.geomspace(1e-5, 1.0, 11)
    losses = 0.1 + 0.3 * (np.log10(tried) + 2.5)[:, None] ** 2 + np.array([0.0, 0.02, 0.05])
    losses[-1, 0] = np.inf
    steps = np.geomspace(1e-5, 1.0, 30)
    ramp = np.tile(2.0 + 0.1 * (np.log10(steps) + 1.5) ** 2, (3, 1))
    ramp[:, -4:] = np.nan
    return RateRange(
        plain_recipe(), tried, losses, 2.3, 5, Ramp(steps, ramp, np.array([0.002, 0.01, 0.1]), np.full(3, 0.003))
    )


def scene(plane: str) -> Scene:
    """A landscape of a bowl, with a path into it where it is the training's plane."""
    along = np.linspace(-0.5, 1.5, 15) if plane == "line" else np.linspace(-1, 1, 15)
    up = np.zeros(1) if plane == "line" else 0.02 * along  # ticks with long labels
    x, y = np.meshgrid(along, up)
    y = 50 * y
    loss = 0.05 + x**2 * (x - 1) ** 2 * 9 + y**2 if plane == "line" else 0.05 + x**2 + 3 * y**2
    path = None
    if plane == "trajectory":
        away = np.exp(-np.arange(9) / 3.0)
        on = 0.05 + away**2 + 3 * (0.3 * away) ** 2
        path = Trajectory(np.arange(9), np.stack([away, 0.006 * away], 1), 1.1 * on, 1 - on / 9, on, 0.1 * away)
    sharp = Sharpness(0.77, -0.0093, 1e-4, 1e-3, 8.15, 0.16, 40, 20, 1258, 2410)
    return Scene(plane, "64-32-10", "accuracy", "train", 1258, along, up, loss, 1 - loss / 9, (0.05, 0.99), path,
                 (0.93, 0.057) if plane == "trajectory" else (), sharp)  # fmt: skip


FOUND = {"compare": compared, "trainability": trained, "rates": rates} | {
    plane: lambda plane=plane: scene(plane) for plane in ("random", "trajectory", "line")
}
PLANES = list(FOUND)[3:]
PICTURES = {"compare": 3, "trainability": 1, "rates": 1} | {plane: len(kinds_of(scene(plane))) for plane in PLANES}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Every page, written once."""
    folder, found = tmp_path_factory.mktemp("pages"), {}
    for name, make in FOUND.items():
        found[name] = folder / f"{name}.html"
        made = make()
        found[name].write_text(page_of(made)) if isinstance(made, Scene) else made.save_page(found[name])
    return found


@pytest.mark.parametrize("name", FOUND)
def test_every_look_of_a_page(name, files, browser):
    with opened(browser, files[name]) as page:
        assert [(look, each) for look in each_look(page) for each in faults(page)] == []
        assert page.locator("svg").count() == PICTURES[name]
        page.emulate_media(reduced_motion="reduce")
        assert page.evaluate("document.getAnimations().length") == 0


# What the description of a page's first picture must say, and what must be written in the picture.
SAID = {
    "compare": ("averaged_momentum is best at", ("learning rate", "validation loss", "11 amsgrad")),
    "trainability": ("% converge", ("learning rate", "initial gain", "ends no lower", "diverges", "boundary")),
    "rates": (
        "Learning rate 0.0032: the middle",
        ("learning rate", "validation loss", "good rates", "suggested 0.0032"),
    ),
    "random": ("the loss goes from 0.05 to", ("first random direction (1: the size of the filters)",)),
    "trajectory": ("the weights varied most", ("first principal direction (93.0 % of the variation)", "epoch 8")),
    "line": ("the loss rises by", ("share of the way to the other network", "loss", "the other")),
}


@pytest.mark.parametrize("name", FOUND)
def test_pictures_say_what_they_show_and_differ_without_colours(name, files, browser):
    said, written = SAID[name]
    with opened(browser, files[name]) as page:
        first = page.locator("svg").first
        assert said in first.locator("desc").text_content()
        texts = first.locator("text").all_text_contents()
        assert set(written) <= set(texts), texts
        for picture in page.locator("svg").all():
            looks = set(map(tuple, picture.locator("path[fill='none'][stroke^='var(--path']").evaluate_all(LOOKS)))
            dashes = {dash for _, dash in looks}
            numbers = [each for each in picture.locator("text").all_text_contents() if each.isdigit()]
            assert len(dashes) == len(looks) or set(map(str, range(1, len(looks) + 1))) <= set(numbers)


# Areas of one picture that a reader must tell apart.
AREAS = {
    "map": (NOT_LOWER, DIVERGED, "level0", "level9"),
    "basins": ("basin0", "basin1", "basin2", "basin3", ROLES[ELSEWHERE], ROLES[DIVERGES]),
}


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("deficiency", DEFICIENCIES)
@pytest.mark.parametrize("picture", AREAS)
def test_areas_differ_with_every_colour_vision(picture, deficiency, theme, browser, tmp_path):
    path = tmp_path / "areas.html"
    shown = "".join(
        f'<rect class="{role}" x="{30 * i}" width="30" height="30"/>' for i, role in enumerate(AREAS[picture])
    )
    path.write_text(f'<!doctype html><title>Areas</title><style>{style()}</style><svg width="200">{shown}</svg>')
    with opened(browser, path, theme=theme) as page, seen_as(page, deficiency):
        seen = {role: colour_in(page.locator(f"rect.{role}")) for role in AREAS[picture]}
    for (one, a), (other, b) in itertools.combinations(seen.items(), 2):
        assert np.abs(np.subtract(a, b)).max() >= 20, (one, a, other, b)


def test_the_numbers_of_a_range_are_shown(files, browser):
    right = rates()
    with opened(browser, files["rates"]) as page:
        rows = page.locator("tbody tr").evaluate_all(CELLS)
        assert right.sentence in page.locator("header").text_content()
    assert [float(row[0].replace("−", "-")) for row in rows] == pytest.approx(right.rates.tolist(), rel=1e-4)
    assert [row[4] for row in rows] == ["yes" if each else "no" for each in right.frame["good"]]
    assert rows[-1][1:4] == ["–", "–", "1"]


def test_the_numbers_of_a_comparison_are_shown(files, browser):
    found = compared()
    with opened(browser, files["compare"]) as page:
        rows = page.locator("tbody tr").evaluate_all(CELLS)
        assert found.answer in page.locator("header").text_content()
    assert [row[0].removesuffix(" ★") for row in rows] == list(found.labels)
    for row, right in zip(rows, found.frame.to_dicts(), strict=True):
        assert row[0].endswith("★") == right["among_best"]
        assert float(row[3].split()[0]) == pytest.approx(right["tuned_rate"], rel=1e-2)
        assert float(row[4].split()[0]) == pytest.approx(right["tuned_loss"], rel=1e-3)


def test_the_numbers_of_a_landscape_are_shown(files, browser):
    right = scene("trajectory")
    with opened(browser, files["trajectory"]) as page:
        shown = dict(page.locator("section").first.locator("tbody tr").evaluate_all(CELLS))
        last = page.locator("section").last.locator("tbody tr").last.locator("td").all_text_contents()
    assert float(shown["loss of the network"]) == right.here[0]
    assert float(shown["accuracy"]) == right.here[1]
    assert shown["largest eigenvalue of the Hessian"].startswith("0.77 ±")
    assert [float(each.replace("−", "-")) for each in last] == pytest.approx(list(right.path.row(-1)[1:]), rel=1e-4)


def test_what_the_rules_find(browser, tmp_path):
    """The rules themselves: a page that breaks each of them."""
    path = tmp_path / "bad.html"
    path.write_text(
        '<!doctype html><html><body style="background: #fff"><p style="color: #999">pale</p><p id="a">a</p><p id="a">b</p>'
        '<button style="width: 9px; height: 9px; padding: 0"></button><svg role="img" width="2000" height="90">'
        '<text x="5" y="50">one text</text><text x="9" y="52">two</text><text x="1990" y="50">outside</text></svg>'
        '<div style="overflow-x: auto; width: 50px"><p style="width: 90px">x</p></div><table><tr><td>1</table></body></html>'
    )
    with opened(browser, path) as page:
        said = "\n".join(faults(page))
    for each in (
        "no title", "no language", "main heading", "pixels wide", "id a is there twice", "contrast of 2.85", "has no name",
        "target is 9 x 9", "no title", "no text says", "no key reaches it", "no headings",
        '"one text" and "two" overlap', '"outside" is cut off',
    ):  # fmt: skip
        assert each in said


@pytest.mark.parametrize("what", ["console.log(1)", "throw new Error('no')", "fetch('https://example.com/')"])
def test_a_page_that_complains_or_asks_fails(what, browser, tmp_path):
    path = tmp_path / "loud.html"
    path.write_text(f"<!doctype html><title>x</title><script>{what}</script>")
    with pytest.raises(AssertionError), opened(browser, path) as page:
        page.wait_for_timeout(50)
