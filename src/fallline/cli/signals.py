"""SIGTERM and SIGHUP end a command like Ctrl-C: finished work is kept, and the exit code names the signal."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

CTRL_C = 130
_NAMES = ("SIGTERM", "SIGHUP")  # Windows has no SIGHUP


class Signals:
    """The signal that requested the end of the command, if any."""

    def __init__(self) -> None:
        self.asked: int | None = None

    def exit_code(self, code: object) -> Any:
        """The exit code of a command that ended with `code`: 128 + signal instead of the code of Ctrl-C."""
        return 128 + self.asked if code == CTRL_C and self.asked is not None else code

    def note(self, number: int, frame: FrameType | None) -> None:
        """Passes a signal to the current handler of Ctrl-C; without a handler it ends the command."""
        self.asked = number
        listener = signal.getsignal(signal.SIGINT)
        if not callable(listener):
            raise KeyboardInterrupt
        listener(signal.SIGINT, frame)


@contextmanager
def heard() -> Iterator[Signals]:
    """Handles the signals, except those that the parent process ignores, as `nohup` does."""
    signals, before = Signals(), {}
    for name in _NAMES:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) == signal.SIG_DFL:
            before[number] = signal.signal(number, signals.note)
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
