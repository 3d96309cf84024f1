"""Walks as one HTML page that moves, and that walks again from a start that its reader drags; it needs no network."""

import base64
import dataclasses
import hashlib
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from fallline.core.block import declared_fields
from fallline.core.errors import FalllineError
from fallline.core.explain import explain
from fallline.core.files import write_atomically
from fallline.drawing.axes import Axes
from fallline.drawing.colours import dash_of, style
from fallline.drawing.markup import Html, script_json, tag
from fallline.drawing.picture import Picture
from fallline.drawing.svg import to_svg
from fallline.lab.basins import basins
from fallline.lab.charts import (
    COARSE,
    FINE,
    HEIGHT,
    WIDTH,
    axes_above,
    contour_chart,
    loss_axes,
    loss_chart,
    surface_chart,
    title_of_surface,
)
from fallline.lab.javascript import to_javascript
from fallline.lab.program import Track
from fallline.lab.rates import Rates
from fallline.lab.terrain import Terrain, terrain_of
from fallline.lab.view import View
from fallline.lab.walked import Walked
from fallline.optimizers import SGD, AdaGrad, Adam, Momentum, Nesterov, Optimizer, RMSProp

ENTRIES = 4000  # most positions that a page holds; of longer walks it shows the first steps
BASINS = 41  # starts along a side of a map of basins
# The rules that the page's script knows, with the structures for which its formulas are theirs.
_LIVE: dict[type[Optimizer], dict[str, tuple[Any, ...]]] = {
    SGD: {},
    Momentum: {"rate_place": ("inside", "outside")},
    Nesterov: {"rate_place": ("inside", "outside")},
    AdaGrad: {"epsilon_place": ("outside",)},
    RMSProp: {
        "momentum": (None,),
        "centred": (False,),
        "corrected": (True, False),
        "epsilon_place": ("outside",),
        "rate_place": ("inside", "outside"),
    },
    Adam: {"corrected": (True, False), "amsgrad": ("no",), "epsilon_place": ("outside",)},
}


def write_page(walks: Walked, path: Path, start: int = 0, *, rates: Rates | None = None, maps: bool = True) -> Path:
    """Write the page of the walks from one start, and return its path; arguments as for `page`.

    Raises: FalllineError for a surface that has not two coordinates, and if the file cannot be written.
    """
    write_atomically(path, page(walks, start, rates=rates, maps=maps).encode())
    return path


def page(walks: Walked, start: int = 0, *, rates: Rates | None = None, maps: bool = True) -> str:
    """The walks from one start as a page.

    Arguments:
        walks: the walks.
        start: place of the start.
        rates: the rate sensitivity to show beside them, if any.
        maps: whether to show a map of basins for every rule, where the surface has minima.

    Raises: FalllineError for a surface that has not two coordinates.
    """
    if walks.surface.dimensions != 2:
        raise FalllineError(
            f"a page shows two coordinates, and the surface has {walks.surface.dimensions}: choose figure('loss')"
        )
    walks = _shortened(walks)
    terrain, coarse = (terrain_of(walks.surface, walks.minima, size) for size in (FINE, COARSE))
    moving = {
        "contour": contour_chart(walks, terrain, start),
        "surface": surface_chart(walks, coarse, start),
        "loss": loss_chart(walks, start, terrain.highest),
    }
    beside = [_still("sensitivity", rates.figure())] if rates is not None else []
    still = []
    if maps and len(walks.minima) > 1:
        found = basins(walks.rules, walks.surface, walks.steps, size=BASINS, noise=walks.noise, seed=walks.seed)
        still = [_still(f"basin{i}", found.figure(label)) for i, label in enumerate(walks.rules)]
    body = tag(
        "main",
        _header(walks),
        Html(read("controls.html")),
        tag("div", *(_moving(name, each) for name, each in moving.items()), *beside, class_="figures", id="moving"),
        tag(
            "section",
            tag("h2", "Numbers"),
            tag(
                "div",
                Html("<table id='numbers'></table>"),
                class_="wide",
                tabindex="0",
                role="region",
                aria_label="Numbers",
            ),
            _note(walks),
        ),
        tag("div", *still, class_="figures") if still else "",
    )
    return _document(
        f"{title_of_surface(walks.surface)} · Fallline", body, data_of(walks, terrain, coarse, start), walks
    )


def _shortened(walks: Walked) -> Walked:
    """The walks with as many steps as a page holds."""
    most = max(1, ENTRIES // len(walks.rules))
    if walks.steps <= most:
        return walks
    cut = Track(*(np.asarray(each)[:, :, : most + 1] for each in walks.track))
    return dataclasses.replace(walks, track=cut)


def data_of(walks: Walked, terrain: Terrain, coarse: Terrain, start: int) -> dict[str, Any]:
    """What the page's script needs: rules, recorded paths, and the maps from numbers to pixels."""
    view, loss = View.of(coarse, *_size()), loss_axes(walks, start, terrain.highest)
    rules = []
    for i, (label, rule) in enumerate(walks.rules.items()):
        points, values = walks.track.points[i, start], walks.track.values[i, start]
        rules.append(
            {
                "label": label,
                "live": live(rule) if walks.noise == 0 else None,
                "dash": list(dash_of(i)),
                "points": [[_short(x) for x in point] for point in points],
                "values": [_short(x) for x in values],
            }
        )
    return {
        "title": title_of_surface(walks.surface),
        "start": walks.starts[start].tolist(),
        "steps": walks.steps,
        "tolerance": walks.tolerance,
        "rules": rules,
        "minima": [[*each.point, each.value] for each in walks.minima],
        "lowest": min((each.value for each in walks.minima), default=None),
        "above": _axes(axes_above(terrain)),
        "loss": _axes(loss),
        "view": {"o": view.origin, "x": view.along_x, "y": view.along_y, "h": view.up},
        "heights": {"lowest": coarse.lowest, "highest": coarse.highest, "scale": coarse.scale},
    }


def live(rule: Optimizer) -> dict[str, Any] | None:
    """A rule's numbers, if the page's script computes this rule; None for other rules, structures and schedules.

    >>> live(Momentum(0.1, 0.9)), live(Adam(0.1, amsgrad="raw"))
    ({'rule': 'momentum', 'learning_rate': 0.1, 'momentum': 0.9}, None)
    """
    known = _LIVE.get(type(rule))
    if known is None:
        return None
    found: dict[str, Any] = {"rule": rule.name}
    for name, declared in declared_fields(type(rule)).items():
        value = getattr(rule, name)
        if name in known:
            if value not in known[name]:
                return None
            if isinstance(value, bool):
                found[name] = value
        elif declared.role == "number" and isinstance(value, int | float):
            found[name] = float(value)
        else:
            return None
    return found


def _short(value: float) -> float | None:
    return float(f"{value:.7g}") if np.isfinite(value) else None


def _size() -> tuple[int, int]:
    return WIDTH, HEIGHT


def _axes(axes: Axes) -> dict[str, Any]:
    return {
        "left": axes.left, "top": axes.top, "right": axes.right, "bottom": axes.bottom, "x": axes.x, "y": axes.y,
        "log": axes.log_y,
    }  # fmt: skip


def _header(walks: Walked) -> Html:
    surface = walks.surface
    parts: list[Any] = [tag("p", "Fallline lab", class_="over"), tag("h1", title_of_surface(surface))]
    if surface.name and surface.name != "formula":
        (known,) = explain(f"surface.{surface.name}")
        formula = next((line.strip() for line in known.text.splitlines() if line.startswith("    ")), "").replace(
            "`", ""
        )
        settings = [f"{name} {getattr(surface, name):g}" for name in declared_fields(type(surface))]
        parts += [tag("p", known.title, class_="over"), tag("p", tag("code", formula))]
        parts += [tag("p", ", ".join(settings), class_="over")] if settings else []
    return tag("header", *parts)


def _moving(name: str, picture: Picture) -> Html:
    inner = Html(to_svg(picture, "page", name))
    if name != "contour":
        return tag("figure", inner, class_="card")
    label = "Start of the walks. Arrow keys move it, with Shift ten times as far. Enter plays, Escape stops."
    stage = tag("div", inner, id="stage", tabindex="0", role="application", aria_label=label)
    return tag(
        "figure",
        stage,
        tag("figcaption", "Crosses mark the minima. Drag the start, or move it by the arrow keys.", id="hint"),
        class_="card",
    )


def _still(name: str, picture: Picture) -> Html:
    return tag("figure", Html(to_svg(picture, "page", name)), tag("figcaption", picture.description), class_="card")


def _note(walks: Walked) -> Html:
    share = f"{walks.tolerance:g}"
    text = f"A walk has arrived at the first step whose distance from the minimum is at most {share} of its first distance. "
    text += "Overshoot is how far it goes past the minimum, as a share of that distance."
    if walks.noise:
        text += f" Every coordinate of every gradient has normal noise of deviation {walks.noise:g}."
    return tag("p", text, class_="over")


def _document(title: str, body: Html, data: dict[str, Any], walks: Walked) -> str:
    colouring = Html(read("page.css").replace("/*themes*/", style()))
    code = to_javascript(walks.surface, walks.surface.dimensions) if walks.noise == 0 else None
    surface = f"const terrain = {'null' if code is None else 'x => {' + chr(10) + code + chr(10) + '}'};\n"
    script = Html('"use strict";\n' + surface + read("rules.js") + read("page.js"))
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; script-src 'sha256-{digest}'"
    head = tag(
        "head",
        Html('<meta charset="utf-8">'),
        Html(f'<meta http-equiv="Content-Security-Policy" content="{policy}">'),
        Html('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        tag("title", title),
        tag("style", colouring),
    )
    footer = tag("footer", "Made by Fallline. This page is complete in itself: it asks nothing of any network.")
    held = tag("script", script_json(json.loads(json.dumps(data))), type="application/json", id="data")
    return f"<!doctype html>\n{tag('html', head, tag('body', body, footer, held, tag('script', script)), lang='en')}\n"


def read(name: str) -> str:
    """A file of the lab's pages."""
    return (files("fallline.lab") / name).read_text(encoding="utf-8")
