"""The training rows of a stream in the order of an epoch: blocks in a random order, cut into windows that fit into memory."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from fallline.core.errors import FalllineError
from fallline.data.target import Target
from fallline.streams.stream import RUNNING, Stream

_HELD = 2.5  # windows in memory at a time: the one that is trained on, the one that is filled, and a block
_ALIGNED = 64  # bytes at which JAX uses the host's memory without a copy
_LEAST = 1024  # rows of a window


@dataclass(frozen=True, eq=False)
class Window:
    """Rows that are in memory together.

    Attributes:
        number: its number in the epoch.
        x: features, float32 (rows of any window, features); rows from `count` on are 0.
        y: targets as a run sees them.
        count: how many rows there are.
    """

    number: int
    x: np.ndarray
    y: np.ndarray
    count: int


def window_rows(stream: Stream, batch: int) -> int:
    """The rows of a window: as many whole minibatches as the stream's memory has room for.

    Args:
        stream: the stream.
        batch: rows of a minibatch.

    Raises:
        FalllineError: not even one minibatch has room.
    """
    room = int((stream.memory - RUNNING) / (_HELD * stream.row_bytes))
    rows = room // batch * batch
    if rows < min(_LEAST, batch):
        raise FalllineError(
            f"minibatches of {batch:,} rows do not fit into {stream.memory / 1e9:.3g} GB: use a smaller batch_size, or give "
            "more memory"
        )
    total = stream.counts["train"]
    return total if rows >= total else rows


def window_counts(total: int, rows: int) -> list[int]:
    """The number of rows of each window of an epoch.

    >>> window_counts(10, 4)
    [4, 4, 2]
    """
    return [min(rows, total - start) for start in range(0, total, rows)]


def block_order(stream: Stream, seed: tuple[int, ...], epoch: int, shuffled: bool) -> np.ndarray:
    """The order of the blocks in an epoch, drawn from the run's key and the epoch if it is shuffled."""
    blocks = np.arange(len(stream.collected.counts))
    if not shuffled:
        return blocks
    draw = np.random.Generator(np.random.Philox(np.random.SeedSequence([*seed, epoch])))
    return draw.permutation(blocks)


def windows(stream: Stream, target: Target, order: np.ndarray, rows: int, first: int = 0) -> Iterator[Window]:
    """The windows of an epoch.

    Args:
        stream: the stream.
        target: the target, in the unit in which the run sees it.
        order: the order of the blocks.
        rows: rows of a window.
        first: number of the first window that is wanted; blocks before it are not read.
    """
    held = stream.collected.counts[order, 0]
    ends = np.cumsum(held)
    total = int(ends[-1])
    at = first * rows
    index = int(np.searchsorted(ends, at, side="right"))
    for number, count in enumerate(window_counts(total, rows)):
        if number < first:
            continue
        x, y = _room(stream, rows)
        filled = 0
        while filled < count:
            begin = int(ends[index] - held[index])
            part = stream.part(int(order[index]), 0)
            taken = part.at(slice(at - begin, at - begin + count - filled))
            stream.encoder.expand(taken, x[filled : filled + len(taken)])
            y[filled : filled + len(taken)] = target.condition(taken.y)
            filled, at = filled + len(taken), at + len(taken)
            if at == ends[index]:
                index += 1
                while index < len(held) and not held[index]:
                    index += 1
        yield Window(number, x, y, count)


def ahead(make: Callable[[], Iterator[Window]]) -> Iterator[Window]:
    """The same windows, each filled by a thread while the one before it is in use.

    A window counts as in use until the next one is asked for, so that two are in memory at most.
    """
    ready: queue.Queue[Window | BaseException | None] = queue.Queue()
    places, stopped = threading.Semaphore(2), threading.Event()

    def fill() -> None:
        try:
            made = make()
            while True:
                places.acquire()
                if stopped.is_set():
                    return
                window = next(made, None)
                ready.put(window)
                if window is None:
                    return
                del window
        except BaseException as error:
            ready.put(error)

    thread = threading.Thread(target=fill, name="fallline-windows", daemon=True)
    thread.start()
    try:
        while True:
            found = ready.get()
            if found is None:
                return
            if isinstance(found, BaseException):
                raise found
            yield found
            del found
            places.release()
    finally:
        stopped.set()
        places.release()
        thread.join()


def _room(stream: Stream, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Zeros for the rows of a window: features and targets."""
    target = stream.schema.target
    width = len(stream.schema.feature_names)
    size = 4 * rows * width
    raw = np.zeros(size + _ALIGNED, np.uint8)
    start = -raw.ctypes.data % _ALIGNED
    x = raw[start : start + size].view(np.float32).reshape(rows, width)
    if target.classes is not None:
        return x, np.zeros(rows, np.int32)
    return x, np.zeros((rows, len(target.names)), np.float32)
