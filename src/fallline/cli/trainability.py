"""`fallline trainability`: a map of real trainings over two numbers of a recipe."""

from pathlib import Path
from typing import Annotated, Any

import typer

from fallline.cli.bar import Bar
from fallline.cli.folders import folder_for
from fallline.cli.output import give, say, warn
from fallline.cli.recipes import changed, parse_count, parse_kinds, parse_widths
from fallline.core.errors import FalllineError

Opt = typer.Option


def trainability(
    source: Annotated[str | None, typer.Argument(help="CSV, Parquet, .npz, sklearn:NAME, ...")] = None,
    target: Annotated[str | None, Opt(help="column to predict")] = None,
    kind: Annotated[list[str] | None, Opt(help="overrule a column: COLUMN=number, category, drop, ...")] = None,
    x: Annotated[
        str, Opt("--x", help="number along the map, with its lowest and highest value")
    ] = "optimizer.learning_rate=0.001,1000",
    y: Annotated[str, Opt("--y", help="number up the map")] = "model.initializer.gain=0.01,100",
    size: Annotated[int, Opt(help="trainings along a side")] = 64,
    epochs: Annotated[str | None, Opt(help="length of every training (default: 100)")] = None,
    hidden: Annotated[str | None, Opt(help="units of the hidden layers (default: 16)")] = None,
    seed: Annotated[int, Opt(help="of the weights and minibatches of all trainings")] = 0,
    set_: Annotated[list[str] | None, Opt("--set", metavar="PATH=VALUE", help="any field: batch_size=32")] = None,
    recipe: Annotated[Path | None, Opt(help="a recipe.toml to train instead of the plain one")] = None,
    out: Annotated[Path | None, Opt(help="folder for the page and the pictures")] = None,
    json: Annotated[bool, Opt("--json", help="one JSON document on standard output")] = False,
) -> int:
    """Map which values of two numbers train."""
    from fallline.data.table import load
    from fallline.lab.trainability import plain_recipe
    from fallline.lab.trainability import trainability as run
    from fallline.training.folder import read_plan

    plan = None if recipe is None else read_plan(recipe)
    data: dict[str, Any] = {} if plan is None else dict(plan.data)
    given = {"source": source, "target": target, "kinds": parse_kinds(kind or [])}
    data |= {name: value for name, value in given.items() if value is not None}
    if "source" not in data:
        raise FalllineError("no SOURCE to train on: expected a file such as data.csv, or sklearn:iris to try")
    flags = {"model.hidden": parse_widths(hidden), "epochs": parse_count(epochs)}
    flags = {name: value for name, value in flags.items() if value is not None}
    base = changed(plain_recipe() if plan is None else plan.recipe, flags, set_ or [])
    along, up = parse_range("--x", x), parse_range("--y", y)
    if out is not None:
        folder_for(out)
    loaded = load(**data)
    warn(loaded.warnings)
    with MapProgress(quiet=json) as watch:
        found = run(base, loaded, along, up, size, seed=seed, watch=watch)
    files = [] if out is None else _written(found, out)
    if json:
        give({**found.to_plain(), "files": [str(each) for each in files]})
    else:
        print(found.sentence)
        if out is None:
            say("--out FOLDER writes the map.")
        else:
            say(f"Saved in {out}: {', '.join(each.name for each in files)} ({found.seconds:.0f} s).")
    return 0


class MapProgress(Bar):
    """Shows the progress of a map; used as the `watch` of `trainability`."""

    def __init__(self, quiet: bool) -> None:
        super().__init__("{task.description}", "", quiet=quiet, description="compiling", total=1)

    def __call__(self, done: int, total: int) -> None:
        text = f"training {done:,}/{total:,}"
        self.show(text, completed=done, total=total, description=text)


def parse_range(flag: str, text: str) -> tuple[str, float, float]:
    """Splits `path=low,high`.

    >>> parse_range("--x", "optimizer.learning_rate=0.01,10")
    ('optimizer.learning_rate', 0.01, 10.0)
    """
    path, equals, ends = text.partition("=")
    parts = ends.split(",")
    try:
        if not equals or len(parts) != 2:
            raise ValueError
        return path.strip(), float(parts[0]), float(parts[1])
    except ValueError:
        raise FalllineError(
            f"{flag} {text!r} is not PATH=LOW,HIGH: expected such as optimizer.learning_rate=0.001,1000"
        ) from None


def _written(found: Any, out: Path) -> list[Path]:
    """Write the page and the pictures into a folder, and return their paths."""
    picture = found.figure()
    written = [found.save_page(out / "trainability.html"), picture.save(out / "map.svg")]
    try:
        written.append(picture.save(out / "map.png"))
    except FalllineError as error:
        if "needs the package" not in str(error):
            raise
        warn([str(error)])
    return written
