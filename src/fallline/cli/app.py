"""The commands of the program `fallline`, as the option parser knows them."""

import functools
import os
from collections.abc import Callable

import typer

from fallline.cli.ars import ars
from fallline.cli.board import board
from fallline.cli.cache import cache
from fallline.cli.check import check
from fallline.cli.compare import compare
from fallline.cli.doctor import doctor
from fallline.cli.evaluate import evaluate
from fallline.cli.explain import explain
from fallline.cli.export import export
from fallline.cli.flags import with_flags
from fallline.cli.fork import fork
from fallline.cli.help_pages import GroupedCommand
from fallline.cli.interpret import interpret
from fallline.cli.landscape import landscape
from fallline.cli.predict import predict
from fallline.cli.report import report
from fallline.cli.runs import COMMANDS as RUNS
from fallline.cli.runs import app as runs
from fallline.cli.stopped import stopped
from fallline.cli.terrain import terrain
from fallline.cli.train import train
from fallline.cli.trainability import trainability
from fallline.cli.tune import tune
from fallline.cli.tune_command import TuneCommand
from fallline.core.budget import VARIABLE, parse_size

app = typer.Typer(
    name="fallline",
    help="Train neural networks by gradient descent, find the settings that train them best, and see why.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def stoppable(command: Callable[..., int]) -> Callable[..., int]:
    """Wraps a command so that it reports Ctrl-C itself, which versions of the option parser handle differently."""

    @functools.wraps(command)
    def stopping(*arguments: object, **options: object) -> int:
        try:
            return command(*arguments, **options)
        except KeyboardInterrupt:
            return stopped()

    return stopping


app.command(cls=TuneCommand)(stoppable(with_flags(train)))
app.command(cls=TuneCommand)(stoppable(with_flags(tune)))
app.command()(stoppable(predict))
app.command()(stoppable(evaluate))
app.command()(stoppable(check))
app.command()(stoppable(doctor))
app.command()(stoppable(fork))
app.command(cls=TuneCommand)(stoppable(with_flags(ars)))
app.command()(stoppable(report))
for _name, _command in RUNS.items():
    runs.command(_name)(stoppable(_command))
app.add_typer(runs, name="runs", help="List, compare, tag and remove runs: fallline runs [FOLDER].")
app.command()(stoppable(board))
app.command()(stoppable(interpret))
app.command()(stoppable(export))
app.command()(stoppable(terrain))
app.command(cls=GroupedCommand)(stoppable(with_flags(compare)))
app.command(cls=GroupedCommand)(stoppable(with_flags(trainability)))
app.command()(stoppable(landscape))
app.command()(stoppable(explain))
app.command()(stoppable(cache))


def _version(value: bool) -> None:
    if value:
        from fallline._version import __version__

        print(f"fallline {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(False, "--version", callback=_version, is_eager=True, help="Show the version."),
    max_bytes: str | None = typer.Option(
        None, metavar="SIZE", help="how much a file may unpack to, such as 8GB (default: 512 MiB, or 16 times its size)"
    ),
) -> None:
    """Train neural networks by gradient descent, find the settings that train them best, and see why."""
    if max_bytes is not None:
        os.environ[VARIABLE] = str(parse_size(max_bytes, "--max-bytes"))  # so that worker processes inherit it
