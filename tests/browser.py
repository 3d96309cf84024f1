"""Pages in a browser: Playwright drives the Chromium that is installed here, and every page is judged by the same rules.

A conftest.py imports the fixture `browser`. A test opens a file with `opened`, looks at it with `each_look`, and compares
`faults(page)` with `[]`; `until` waits. A page that writes to the console, or asks for anything but itself, fails when it
is closed.
"""

import io
import shutil
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
WIDTHS = (1280, 390)
THEMES = ("light", "dark")
DEFICIENCIES = ("deuteranopia", "protanopia", "tritanopia", "achromatopsia")
SECONDS = 20  # for anything to happen on a page


@pytest.fixture(scope="session")
def browser():
    """A running Chromium, one for all tests of a process."""
    if CHROMIUM is None:
        pytest.skip(f"needs Chromium, in which pages are shown: none of {', '.join(NAMES)} is on the PATH")
    driver = pytest.importorskip("playwright.sync_api", reason="needs Playwright, which drives Chromium")
    with driver.sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--disable-gpu"])
        yield found
        found.close()


@contextmanager
def opened(
    browser, where: Path | str, fragment: str = "", width: int = WIDTHS[0], theme: str = THEMES[0], motion: bool = True,
    touch: bool = False,
):  # fmt: skip
    """A page, as Playwright's object; its console must stay empty.

    A page that is a file must ask for nothing but itself, and a page at an address for nothing but its server.
    """
    is_file = isinstance(where, Path)
    address = where.as_uri() if is_file else where
    context = browser.new_context(
        viewport={"width": width, "height": 900},
        color_scheme=theme,
        reduced_motion="no-preference" if motion else "reduce",
        has_touch=touch,
    )
    try:
        context.set_default_timeout(1000 * SECONDS)
        page = context.new_page()
        said, asked = [], []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(address + fragment)
        yield page
        assert said == []
        is_own = (lambda url: url.partition("#")[0] == address) if is_file else (lambda url: url.startswith(address))
        assert [url for url in asked if not is_own(url) and not url.startswith("data:,")] == []
    finally:
        context.close()


def until(page, expression: str):
    """Wait until an expression of JavaScript is true on a page; the page's policy may forbid Playwright's own way."""
    end = time.monotonic() + SECONDS
    while not page.evaluate(expression):
        assert time.monotonic() < end, f"{expression} did not come true in {SECONDS} s"
        page.wait_for_timeout(10)


def each_look(page):
    """Show an open page wide and narrow, in the light and in the dark; yields what it is shown as."""
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        for theme in THEMES:
            page.emulate_media(color_scheme=theme)
            yield f"{width} pixels, {theme}"


def drag_by_finger(page, *places: tuple[float, float]):
    """Put a finger down at the first place, move it over the others, and lift it; the page must have been opened with touch."""
    session = page.context.new_cdp_session(page)
    for i, (x, y) in enumerate(places):
        kind = "touchMove" if i else "touchStart"
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y}]})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


@contextmanager
def seen_as(page, deficiency: str):
    """A page as somebody with a deficiency of colour vision sees it, as far as Chromium can simulate that."""
    session = page.context.new_cdp_session(page)
    session.send("Emulation.setEmulatedVisionDeficiency", {"type": deficiency})
    yield
    session.send("Emulation.setEmulatedVisionDeficiency", {"type": "none"})


def colour_in(locator) -> tuple[int, int, int]:
    """The colour in the middle of an element, as it is shown."""
    image = pytest.importorskip("PIL.Image", reason="needs Pillow, which reads the picture of an element")
    with image.open(io.BytesIO(locator.screenshot())) as shown:
        red, green, blue = shown.convert("RGB").getpixel((shown.width // 2, shown.height // 2))
    return red, green, blue


def faults(page) -> list[str]:
    """What is wrong with a page as it is shown: too wide, pale, without a name, or out of reach of a keyboard."""
    found: list[str] = page.evaluate(FAULTS)
    return found


# WCAG 2.2: 1.1.1 (pictures), 1.3.1 and 4.1.2 (names), 1.4.3 (contrast), 1.4.10 (reflow), 2.1.1 (keyboard), 2.5.8 (targets).
FAULTS = """() => {
  const found = [], whole = document.documentElement;
  const say = (element, what) => {
    const name = element.id ? "#" + element.id : (element.textContent || "").trim().replace(/\\s+/g, " ").slice(0, 40);
    found.push(`${element.tagName.toLowerCase()} ${name}: ${what}`);
  };
  const isSeen = element => element.checkVisibility({ visibilityProperty: true, opacityProperty: true });
  const pen = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const channels = colour => {
    pen.clearRect(0, 0, 1, 1);
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 1, 1);
    return [...pen.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => {
    const [x, y, z] = [r, g, b].map(c => c / 255).map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const contrast = (a, b) => {
    const [high, low] = [light(a), light(b)].sort((p, q) => q - p);
    return (high + 0.05) / (low + 0.05);
  };
  const backOf = element => {
    for (let at = element; at; at = at.parentElement) {
      const own = channels(getComputedStyle(at).backgroundColor);
      if (own[3] === 255) return own;
    }
    return [255, 255, 255, 255];
  };

  if (!document.title) found.push("the page has no title");
  if (!whole.lang) found.push("the page has no language");
  if (document.querySelectorAll("h1").length !== 1) found.push("the page has not one main heading");
  if (whole.scrollWidth > whole.clientWidth) {
    found.push(`the page is ${whole.scrollWidth} pixels wide in a window of ${whole.clientWidth}`);
  }
  const ids = [...document.querySelectorAll("[id]")].map(each => each.id);
  for (const id of new Set(ids.filter((id, i) => ids.indexOf(id) !== i))) found.push(`the id ${id} is there twice`);

  const known = new Set();
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some(each => each.nodeType === 3 && each.data.trim());
    if (!own || !isSeen(element) || element.closest("script, style, title, desc, [aria-hidden=true]")) continue;
    const style = getComputedStyle(element), size = parseFloat(style.fontSize);
    const isText = element instanceof SVGElement;
    const ink = channels(isText ? style.fill : style.color), back = backOf(element);
    const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    const ratio = contrast(ink, back), which = `${ink} on ${back}`;
    if (ratio < (isLarge ? 3 : 4.5) && !known.has(which)) {
      known.add(which);
      say(element, `its text has a contrast of ${ratio.toFixed(2)} (${which})`);
    }
  }
  for (const element of document.querySelectorAll("button, input, select, textarea, [role=application], [role=region]")) {
    if (!isSeen(element)) continue;
    const label = element.ariaLabel || [...(element.labels || [])].map(each => each.textContent).join("");
    if (!(label || element.textContent).trim()) say(element, "it has no name");
    const box = element.getBoundingClientRect();
    if (box.width < 24 || box.height < 24) say(element, `its target is ${box.width} x ${box.height} pixels`);
  }
  for (const element of document.querySelectorAll("svg[role=img]")) {
    const words = (element.getAttribute("aria-labelledby") || "").split(" ").map(id => document.getElementById(id));
    const [title, text] = words.map(each => each ? each.textContent.trim() : "");
    if (!title) say(element, "it has no title");
    if (!text || text.length < 40 || text === title) say(element, "no text says what is seen in it");
  }
  for (const element of document.querySelectorAll("svg:not([role=img], [aria-hidden=true])")) {
    if (!element.closest("svg[role=img]")) say(element, "it is neither a picture with a name nor hidden from readers");
  }
  for (const element of document.querySelectorAll("body *")) {
    const scrolls = /auto|scroll/.test(getComputedStyle(element).overflowX) && element.scrollWidth > element.clientWidth;
    if (scrolls && element.tabIndex < 0 && !element.querySelector("a, button, input, [tabindex='0']")) {
      say(element, "it scrolls, and no key reaches it");
    }
  }
  for (const picture of document.querySelectorAll("svg[role=img]")) {
    const whole = picture.getBoundingClientRect();
    const texts = [...picture.querySelectorAll("text")].filter(isSeen).map(each => [each, each.getBoundingClientRect()]);
    for (const [one, a] of texts) {
      const isCut = a.left < whole.left - 1 || a.right > whole.right + 1 || a.top < whole.top - 2 || a.bottom > whole.bottom + 2;
      if (isCut) say(picture, `"${one.textContent}" is cut off in it`);
    }
    texts.forEach(([one, a], i) => texts.slice(i + 1).forEach(([other, b]) => {
      const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      const least = 0.15 * Math.min(a.width, a.height, b.width, b.height);  // lines of a font touch without overlapping
      if (wide > least && high > least) say(picture, `"${one.textContent}" and "${other.textContent}" overlap in it`);
    }));
  }
  for (const element of document.querySelectorAll("table")) {
    if (element.rows.length && !element.querySelector("th")) say(element, "it has no headings");
  }
  return found;
}"""
