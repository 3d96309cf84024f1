"""`fallline terrain`: update rules on a surface, as a table, a page that moves, and pictures."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fallline.cli.folders import folder_for
from fallline.cli.output import figures, give, say, table, warn
from fallline.core.errors import FalllineError, nearest

if TYPE_CHECKING:
    from fallline.lab.rates import Rates
    from fallline.lab.walks import Walks

Opt = typer.Option
PICTURES = ("contour", "surface", "loss", "rates")


def terrain(
    surface: Annotated[
        str,
        typer.Argument(help="ravine, rosenbrock, himmelblau, ... (`fallline explain`), or a formula: 'x^2 + 10*y^2'"),
    ],
    rules: Annotated[str, Opt(help="update rules, with commas between them")] = "sgd,momentum,nesterov,adam",
    start: Annotated[str | None, Opt(help="where the walks start, such as -1.5,1 (default: the surface's own)")] = None,
    steps: Annotated[int, Opt(help="number of steps")] = 200,
    learning_rate: Annotated[
        float | None, Opt(help="learning rate of all rules (default: each rule's fastest of 41 rates)")
    ] = None,
    noise: Annotated[float, Opt(help="deviation of the noise on every coordinate of the gradient")] = 0.0,
    limits: Annotated[
        str | None, Opt(help="domain of a formula: -2,2,-1,3 (lowest and highest, by coordinate)")
    ] = None,
    seed: Annotated[int, Opt(help="of the noise")] = 0,
    set_: Annotated[
        list[str] | None,
        Opt("--set", metavar="PATH=VALUE", help="a field: condition=1000, or adam.beta1=0.8; repeat for more"),
    ] = None,
    out: Annotated[Path | None, Opt(help="folder for the page and the pictures")] = None,
    film: Annotated[str | None, Opt(help="also a film of the walks: gif or mp4")] = None,
    json: Annotated[bool, Opt("--json", help="one JSON document on standard output")] = False,
) -> int:
    """Walk update rules down a surface, and draw their paths."""
    import fallline.surfaces  # noqa: F401 - knows the surfaces
    from fallline.lab import rate_sensitivity, walk
    from fallline.lab.film import check_film
    from fallline.lab.rates import with_rate

    if film is not None:
        check_film(film, out)
    subject, named = _subject(surface, rules, limits, set_ or [])
    starts = None if start is None else [_numbers(start, "--start")]
    swept = None
    fixed = {_path(each).partition(".")[0] for each in set_ or [] if _path(each).endswith(".learning_rate")}
    rated = {label: rule for label, rule in named.items() if _is_rated(rule)}
    if rated:
        swept = rate_sensitivity(rated, subject, starts, steps, noise=noise, seed=seed)
        chosen = {label: learning_rate or (rate if rate == rate else 0.01) for label, rate in swept.best.items()}
        named |= {label: with_rate(rule, chosen[label]) for label, rule in rated.items() if label not in fixed}
    walks = walk(named, subject, starts, steps, noise=noise, seed=seed)
    written = [] if out is None else _written(walks, swept, out, film)
    document = {"surface": surface, "steps": steps, **_document(walks), "files": [str(path) for path in written]}
    if json:
        give(document)
    else:
        _show(walks, document)
    return 0


def _document(walks: "Walks") -> dict[str, Any]:
    """What the walks found, as plain data."""
    return {
        "start": walks.starts[0].tolist(),
        "rules": walks.frame.to_dicts(),
        "learning_rates": {label: _rate(rule) for label, rule in walks.rules.items()},
        "minima": [{"point": list(each.point), "value": each.value, "global": each.is_global} for each in walks.minima],
    }


def _subject(surface: str, rules: str, limits: str | None, settings: list[str]) -> tuple[Any, dict[str, Any]]:
    """The surface and the rules, with the fields that were set."""
    from fallline.cli.recipes import parse_setting
    from fallline.core.plain import parse
    from fallline.lab.subjects import rules_of, surface_of

    pairs = None
    if limits is not None:
        ends = _numbers(limits, "--limits")
        if len(ends) % 2:
            raise FalllineError(
                f"--limits {limits!r} has {len(ends)} numbers: expected a lower and a higher one by coordinate"
            )
        pairs = tuple(zip(ends[::2], ends[1::2], strict=True))
    subject = surface_of(surface, pairs)
    named: dict[str, Any] = rules_of(list(dict.fromkeys(each.strip() for each in rules.split(",") if each.strip())))
    for setting in settings:
        path, value = parse_setting(setting)
        first, _, rest = path.partition(".")
        if first in named and rest:
            named[first] = parse(named[first], rest, value)
        elif "." in path:
            raise FalllineError(f"--set {setting!r} is of no rule here: {nearest(first, named)}")
        else:
            subject = parse(subject, path, value)
    return subject, named


def _path(setting: str) -> str:
    return setting.partition("=")[0].strip()


def _is_rated(rule: Any) -> bool:
    from fallline.lab.rates import rate_place

    try:
        return bool(rate_place(rule))
    except FalllineError:
        return False


def _rate(rule: Any) -> float | None:
    from fallline.core.block import get
    from fallline.lab.rates import rate_place

    value = get(rule, rate_place(rule)) if _is_rated(rule) else None
    return float(value) if isinstance(value, int | float) else None


def _numbers(text: str, flag: str) -> list[float]:
    try:
        return [float(each) for each in text.split(",")]
    except ValueError:
        raise FalllineError(f"{flag} {text!r} is not a list of numbers: expected such as -1.5,1") from None


def _written(walks: "Walks", swept: "Rates | None", out: Path, film: str | None) -> list[Path]:
    """Write the page and the pictures into a folder, and return their paths."""
    from fallline.lab.film import write_film
    from fallline.lab.page import write_page

    folder_for(out)
    drawn = {}
    dimensions = walks.surface.dimensions
    for kind in PICTURES:
        if kind == "rates" and swept is not None:
            drawn[kind] = swept.figure()
        elif kind == "loss" or (kind == "contour" and dimensions <= 2) or (kind == "surface" and dimensions == 2):
            drawn[kind] = walks.figure(kind)
    written = [write_page(walks, out / "terrain.html", rates=swept)] if dimensions == 2 else []
    for kind, picture in drawn.items():
        written.append(picture.save(out / f"{kind}.svg"))
    try:
        written += [picture.save(out / f"{kind}.png") for kind, picture in drawn.items()]
    except FalllineError as error:
        if "needs the package" not in str(error):
            raise
        warn([str(error)])
    if film is not None:
        written.append(write_film(walks, out / f"walks.{film}"))
    return written


def _show(walks: "Walks", document: dict[str, Any]) -> None:
    from fallline.lab.charts import title_of_surface

    begins = ", ".join(f"{each:g}" for each in walks.starts[0])
    print(f"{title_of_surface(walks.surface)}: {walks.steps} steps from ({begins})\n")
    rows = [["", "rate", "steps to the minimum", "gradients", "final value", "distance", "overshoot"]]
    for row in document["rules"]:
        rate = document["learning_rates"][row["rule"]]
        arrived = "diverges" if row["diverged"] else "-" if row["steps"] is None else str(row["steps"])
        counted = "-" if row["gradients"] is None else str(row["gradients"])
        numbers = [
            "-" if row[name] is None else figures(row[name]) for name in ("final_value", "distance", "overshoot")
        ]
        rows.append([row["rule"], "-" if rate is None else f"{rate:.4g}", arrived, counted, *numbers])
    print(table(rows))
    if document["files"]:
        say(
            f"\nSaved in {Path(document['files'][0]).parent}: {', '.join(Path(each).name for each in document['files'])}."
        )
