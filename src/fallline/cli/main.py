"""The program `fallline`. Heavy modules are imported by the commands that need them, never by `--help`."""

import functools
import gc
import os
import re
import sys
import threading
from collections.abc import Callable
from typing import Any

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
from fallline.cli.output import say
from fallline.cli.predict import predict
from fallline.cli.report import report
from fallline.cli.runs import COMMANDS as RUNS
from fallline.cli.runs import app as runs
from fallline.cli.signals import CTRL_C, heard
from fallline.cli.terrain import terrain
from fallline.cli.train import train
from fallline.cli.trainability import trainability
from fallline.cli.tune import tune
from fallline.cli.tune_command import TuneCommand
from fallline.core.budget import VARIABLE, parse_size
from fallline.core.errors import FalllineError

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
            return _stopped()

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


def run(arguments: list[str] | None = None) -> None:
    """Run the program; it exits with 0 (success), 1 (failed check), 2 (bad input), 130 (Ctrl-C) or 143 (SIGTERM)."""
    arguments = sys.argv[1:] if arguments is None else arguments
    gc.set_threshold(50_000, 20, 50)  # fewer collections while imports create lasting objects: 0.3 s faster
    if threading.current_thread() is not threading.main_thread():  # no signal handlers outside the main thread
        sys.exit(_exit_code(arguments))
    with heard() as signals:
        code = signals.exit_code(_exit_code(arguments))
    sys.exit(code)


def _exit_code(arguments: list[str]) -> int:
    try:
        code: Any = app(args=arguments or ["--help"], standalone_mode=False, prog_name="fallline")
    except FalllineError as error:
        code = _complain(str(error))
    except KeyboardInterrupt:
        code = _stopped()
    except BrokenPipeError:
        # The reader of the output has gone: discard all further output, including the flush at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except MemoryError:
        code = _complain("the data or the network do not fit into memory: use fewer rows, columns or units")
    except Exception as error:
        if not hasattr(error, "format_message"):
            raise
        # A misspelt option or a missing argument, in the words of the option parser.
        message = error.format_message()
        where = getattr(getattr(error, "ctx", None), "command_path", "fallline")
        code = 0 if not message else _complain(f"{_meant(message, where)}; see `{where} --help`")
    return code if isinstance(code, int) else 0


def _meant(message: str, where: str) -> str:
    """The option parser's message, or a plainer one where a second argument is nearly always the target."""
    extra = re.fullmatch(r"Got unexpected extra arguments?(?:\(s\))? \((.*)\)\.?", message)
    if extra is None or where.split()[-1] not in ("train", "tune", "compare", "trainability"):
        return message.rstrip(".")
    return f"{extra[1]!r} is more than one SOURCE: name the column to predict with --target COLUMN"


def _stopped() -> int:
    say("fallline: stopped")
    return CTRL_C


def _complain(sentence: str) -> int:
    visible = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in sentence.replace("\n", " "))
    print(f"fallline: {visible}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    run()
