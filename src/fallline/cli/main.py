"""The program `fallline`. Heavy modules are imported by the commands that need them, never by `--help`."""

import gc
import os
import re
import sys
import threading
from typing import Any

from fallline.cli.quick import ran
from fallline.cli.signals import heard
from fallline.cli.stopped import stopped
from fallline.core.errors import FalllineError


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
        code: Any = ran(arguments)
        if code is None:
            from fallline.cli.app import app

            code = app(args=arguments or ["--help"], standalone_mode=False, prog_name="fallline")
    except FalllineError as error:
        code = _complain(str(error))
    except KeyboardInterrupt:
        code = stopped()
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


def _complain(sentence: str) -> int:
    visible = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in sentence.replace("\n", " "))
    print(f"fallline: {visible}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    run()
