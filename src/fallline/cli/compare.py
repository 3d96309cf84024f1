"""`fallline compare`: update rules, activations or other settings on the user's own data, each at its own learning rates."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fallline.cli.bar import Bar
from fallline.cli.flags import Shown
from fallline.cli.folders import folder_for
from fallline.cli.output import give, say, table, warn
from fallline.cli.recipes import parse_vary
from fallline.cli.shared_flags import PATHS, DataFlags, RecipeFlags, subject

if TYPE_CHECKING:
    from fallline.lab.compare import Comparison
    from fallline.population.ledger import LanesProgress

Opt = typer.Option
EPOCHS = 20
WITHOUT = ("patience", "monitor", "calibrate")
HELPS = {
    "hidden": "units of the hidden layers (default: 32)",
    "epochs": f"length of every training (default: {EPOCHS})",
    "learning_rate": "learning rate in the middle of the range",
}
VARIED = {**PATHS, "rules": "optimizer"}  # the field that a word after --vary stands for
SHOWN = (0, 1, 2, 3, 4, 5, 7, 8, 9)  # columns of the page's table that a terminal has room for


def compare(
    *,
    data: DataFlags,
    vary: Annotated[
        str, Opt(help="optimizer, activation, initializer, batch_size, schedule or a field; with or without =A,B,C")
    ] = "optimizer",
    rates: Annotated[int, Opt(help="learning rates tried for each, an odd number")] = 9,
    decades: Annotated[float, Opt(help="width of the range of learning rates, in powers of ten")] = 4.0,
    seeds: Annotated[int, Opt(help="seeds of weights and minibatches")] = 5,
    within: Annotated[float, Opt(help="share of the best loss that a good rate may lose")] = 0.2,
    changes: Annotated[RecipeFlags, Shown(WITHOUT, HELPS)],
    recipe: Annotated[Path | None, Opt(help="a recipe.toml whose other settings are used")] = None,
    out: Annotated[Path | None, Opt(help="folder for the page and the pictures")] = None,
    json: Annotated[bool, Opt("--json", help="one JSON document on standard output")] = False,
) -> int:
    """Compare update rules or other settings on your data."""
    from fallline.data.table import load
    from fallline.lab.compare import SMALL
    from fallline.lab.compare import compare as run

    base, arguments = subject(recipe, SMALL, data, changes, "compare on")
    what, values = parse_vary(vary)
    changes.refuse((*WITHOUT, "keep"), "all trainings run to their last epoch, and losses are compared", base)
    changes.refuse((VARIED.get(what, what),), f"--vary {what} tries several values of it", base)
    if out is not None:
        folder_for(out)
    loaded = load(**arguments)
    warn(loaded.warnings)
    with ComparisonProgress(quiet=json) as watch:
        found = run(
            loaded,
            base,
            what,
            values,
            rates=rates,
            decades=decades,
            seeds=seeds,
            epochs=base.epochs if "epochs" in changes.paths(base) else EPOCHS,
            within=within,
            watch=watch,
        )
    files = [] if out is None else _written(found, out)
    if json:
        give({**found.to_plain(), "files": [str(each) for each in files]})
    else:
        _show(found)
        if out is not None:
            say(f"Saved in {out}: {', '.join(each.name for each in files)}.")
    return 0


class ComparisonProgress(Bar):
    """Shows the progress of a comparison; used as the `watch` of `compare`."""

    def __init__(self, quiet: bool) -> None:
        super().__init__("{task.description}", "", quiet=quiet, description="compiling", total=1)

    def __call__(self, progress: "LanesProgress") -> None:
        text = f"training {progress.lanes_done}/{progress.lanes}"
        self.show(text, completed=progress.done, total=progress.total, description=text)


def _written(found: "Comparison", out: Path) -> list[Path]:
    """Write the page and the pictures into a folder, and return their paths."""
    from fallline.lab.compare_figures import KINDS

    pictures = [found.figure(kind).save(out / f"{kind}.svg") for kind in KINDS]
    return [found.save_page(out / "compare.html"), *pictures]


def _show(found: "Comparison") -> None:
    from fallline.lab.compare_page import HEAD, cells_of

    rows = [[cells[i] for i in SHOWN] for cells in (cells_of(each, found.metric) for each in found.frame.to_dicts())]
    head = ["", *(each.format(metric=found.metric) for each in HEAD)]
    print(table([[head[i] for i in SHOWN], *rows]))
    print(f"\n{found.answer}")
    say(
        f"{found.trainings:,} trainings of {found.epochs} epochs, {found.seeds} seeds, in {found.seconds:.0f} s. Losses are "
        f"of the validation rows. Decades: of rates that lose at most {100 * found.within:g} % of the best loss. "
        f"Epochs: to the loss {found.target:.4g}. A star: the best, and what is not worse beyond the noise."
    )
