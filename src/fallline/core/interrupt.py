"""Ctrl-C: the first finishes the current chunk, the second stops at once."""

import signal
import threading
import time
from types import FrameType, TracebackType
from typing import Any

import numpy as np

LOOK = 0.002  # seconds between two polls; a result waits for half of that on average
SHORT = 1.0  # longest delay of Ctrl-C in seconds


class Interrupt:
    """Context manager in which the first Ctrl-C sets `asked` and the second raises KeyboardInterrupt.

    Python delivers signals to the main thread only; in other threads no handler is installed.
    """

    def __init__(self) -> None:
        self.asked = False
        self._before: Any = None

    def __enter__(self) -> "Interrupt":
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True

    def wait(self, array: Any, seconds: float = np.inf) -> None:
        """Wait for a result on the device by polling, so that signal handlers can run in between.

        Arguments:
            seconds: expected duration, if known; up to a second is waited for without polling.
        """
        pause = 1e-4
        while seconds > SHORT and not array.is_ready():
            time.sleep(pause)
            pause = min(2 * pause, LOOK)
        array.block_until_ready()
