"""`fallline trainability`: a map of real trainings over two numbers of a recipe."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fallline.cli.flags import Shown
from fallline.cli.folders import folder_for
from fallline.cli.output import give, say, warn
from fallline.cli.shared_flags import DataFlags, RecipeFlags, subject
from fallline.core.bar import Bar
from fallline.core.errors import FalllineError

if TYPE_CHECKING:
    from fallline.lab.trainability import Trainability

Opt = typer.Option
WITHOUT = ("patience", "monitor", "calibrate")
HELPS = {
    "hidden": "units of the hidden layers (default: 16)",
    "epochs": "length of every training (default: 100)",
    "batch_size": "examples per step: 1, 128, all (default: all)",
    "learning_rate": "learning rate, if no axis varies it",
}


def trainability(
    *,
    data: DataFlags,
    x: Annotated[
        str, Opt("--x", help="number along the map, with its lowest and highest value")
    ] = "optimizer.learning_rate=0.001,1000",
    y: Annotated[str, Opt("--y", help="number up the map")] = "model.initializer.gain=0.01,100",
    size: Annotated[int, Opt(help="trainings along a side")] = 64,
    seed: Annotated[int, Opt(help="of the weights and minibatches of all trainings")] = 0,
    changes: Annotated[RecipeFlags, Shown(WITHOUT, HELPS)],
    recipe: Annotated[Path | None, Opt(help="a recipe.toml to train instead of the plain one")] = None,
    out: Annotated[Path | None, Opt(help="folder for the page and the pictures")] = None,
    json: Annotated[bool, Opt("--json", help="one JSON document on standard output")] = False,
) -> int:
    """Map which values of two numbers train."""
    from fallline.lab.trainability import plain_recipe
    from fallline.lab.trainability import trainability as run
    from fallline.streams.opening import opened, table_of

    base, arguments = subject(recipe, plain_recipe(), data, changes, "train on")
    changes.refuse((*WITHOUT, "keep", "gradient_tolerance"), "all trainings run to their last epoch", base)
    along, up = parse_range("--x", x), parse_range("--y", y)
    for axis, (path, *_) in (("--x", along), ("--y", up)):
        changes.refuse((path,), f"{axis} tries many values of it", base)
    if out is not None:
        folder_for(out)
    loaded = table_of(opened(**arguments))
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


def _written(found: "Trainability", out: Path) -> list[Path]:
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
