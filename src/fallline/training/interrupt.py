"""Ctrl-C: once finishes the chunk at hand, twice stops now."""

import signal
import threading
import time
from types import FrameType, TracebackType
from typing import Any

import numpy as np

LOOK = 0.002  # seconds between two looks: what is ready waits for half of that
SHORT = 1.0  # seconds that Ctrl-C may wait


class Interrupt:
    """While it is entered, the first Ctrl-C sets `asked` and the second raises KeyboardInterrupt.

    Outside of the main thread, where Python delivers no signals, it only waits.
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
        """Wait for a device's result, in pieces: a signal's handler runs between two of them.

        Arguments:
            seconds: about how long, where that is known: what takes a second or less is waited for in one piece.
        """
        pause = 1e-4
        while seconds > SHORT and not array.is_ready():
            time.sleep(pause)
            pause = min(2 * pause, LOOK)
        array.block_until_ready()
