"""Colours and dashes of pictures, readable on light and dark backgrounds and without colour vision."""

# The colour sets of Okabe and Ito and of Tol, as far as their contrast with the background is 3 or more.
PATHS = {
    "light": ("#0072b2", "#d55e00", "#009e73", "#aa3377", "#000000", "#cc79a7", "#4477aa", "#228833"),
    "dark": ("#56b4e9", "#e69f00", "#2fc79b", "#ee6677", "#f2f2f2", "#cc79a7", "#66ccee", "#ccbb44"),
}
DASHES = ((), (9, 4), (3, 3), (12, 3, 3, 3), (6, 2), (2, 5), (14, 4), (5, 3, 1, 3))
LEVELS = 10  # shades of the height
_ENDS = {"light": ((255, 255, 255), (150, 168, 190)), "dark": ((20, 26, 34), (92, 112, 138))}
_INKS = {
    "light": {"ink": "#0f172a", "soft": "#475569", "grid": "#dde3ea", "line": "#8795a8", "back": "#ffffff"},
    "dark": {"ink": "#e8edf4", "soft": "#a8b3c4", "grid": "#2b3542", "line": "#66768c", "back": "#12171e"},
}
# Of few basins, the lightness differs as well as the hue.
BASINS = {
    "light": ("#4f7fb5", "#e77f5b", "#7fcbaf", "#ffccd9", "#eedd88", "#99ddff", "#bbcc33", "#aaaa00"),
    "dark": ("#2c4f80", "#a3502b", "#2a9c7b", "#5c2540", "#a08f2f", "#3f87a6", "#7b8a1c", "#6b6b00"),
}
# What a curve of a training is: of training rows, of validation rows, the only one, a usual value beside it.
ROLES = {
    "light": {"train": "#0072b2", "valid": "#d55e00", "single": "#475569", "reference": "#7d8a9c"},
    "dark": {"train": "#56b4e9", "valid": "#f0914d", "single": "#cbd5e1", "reference": "#8592a6"},
}
DEPTHS = 12  # shades from the first layer to the last
_DEPTH_ENDS = {"light": ("#0f8f80", "#6d3fd1", "#c81e66"), "dark": ("#5eead4", "#a78bfa", "#f472b6")}
THEMES = tuple(PATHS)


def colours(theme: str) -> dict[str, str]:
    """The colour of every role.

    Roles are ink, soft, grid, line, back; train, valid, single, reference, depth0 to depth11; path0 to path7, name0 to name7;
    level0 to level9, basin0 to basin7.

    >>> colours("light")["path0"], colours("light")["level0"]
    ('#0072b2', '#ffffff')
    """
    low, high = _ENDS[theme]
    found = _INKS[theme] | ROLES[theme]
    found |= {f"depth{i}": _between(_DEPTH_ENDS[theme], i / (DEPTHS - 1)) for i in range(DEPTHS)}
    found |= {f"path{i}": colour for i, colour in enumerate(PATHS[theme])}
    found |= {f"basin{i}": colour for i, colour in enumerate(BASINS[theme])}
    ink = _channels(found["ink"])
    for i in range(LEVELS):
        found[f"level{i}"] = _mixed(low, high, i / (LEVELS - 1))
    for i, colour in enumerate(PATHS[theme]):  # text needs more contrast than a line
        found[f"name{i}"] = _mixed(_channels(colour), ink, 0.35)
    return found


def style() -> str:
    """The colours of both themes as variables of a page's style, and a class that fills with each.

    >>> style()[:20], ".train{fill:var(--train)}" in style()
    (':root{--ink:#0f172a;', True)
    """
    light, dark = (";".join(f"--{role}:{colour}" for role, colour in colours(theme).items()) for theme in THEMES)
    fills = "".join(f".{role}{{fill:var(--{role})}}" for role in colours("light"))
    both = f":root{{{light}}}@media (prefers-color-scheme: dark){{:root{{{dark}}}}}"
    return f"{both}{fills}.edge{{stroke:var(--line);stroke-width:.5}}"


def depth_role(place: int, count: int) -> str:
    """The role of a layer, by its place among the layers.

    >>> depth_role(0, 3), depth_role(2, 3)
    ('depth0', 'depth11')
    """
    return f"depth{round(place * (DEPTHS - 1) / max(count - 1, 1))}"


def _between(stops: tuple[str, ...], share: float) -> str:
    place = (len(stops) - 1) * share
    i = min(int(place), len(stops) - 2)
    return _mixed(_channels(stops[i]), _channels(stops[i + 1]), place - i)


def _channels(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[i : i + 2], 16) for i in (1, 3, 5))


def _mixed(low: tuple[int, ...], high: tuple[int, ...], share: float) -> str:
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in zip(low, high, strict=True))


def path_role(place: int) -> str:
    """The role of a rule's path, by the rule's place."""
    return f"path{place % len(PATHS['light'])}"


def dash_of(place: int) -> tuple[int, ...]:
    """The dash of a rule's path: eight rules differ in colour and dash, and the next eight in their pairs.

    >>> dash_of(0) == dash_of(8), path_role(0) == path_role(8)
    (False, True)
    """
    return DASHES[(place + 3 * (place // len(DASHES))) % len(DASHES)]
