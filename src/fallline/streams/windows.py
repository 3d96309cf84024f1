"""The training rows of a stream in the order of an epoch: blocks in a random order, cut into windows that fit into memory."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple, TypeVar

import numpy as np

from fallline.core.errors import FalllineError
from fallline.data.target import Target
from fallline.streams.encoding import EncodedRows
from fallline.streams.stream import RUNNING, Stream

T = TypeVar("T")

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


class WindowPiece(NamedTuple):
    """Rows of one block that lie in one window, in their order.

    Attributes:
        window: number of the window in the epoch.
        start: the place of the first row in the window.
        rows: the encoded rows.
    """

    window: int
    start: int
    rows: EncodedRows


def pieces(stream: Stream, order: np.ndarray, rows: int, first: int = 0) -> Iterator[WindowPiece]:
    """The training rows of an epoch, one block after the other, cut where a window ends.

    Args:
        stream: the stream.
        order: the order of the blocks.
        rows: rows of a window.
        first: number of the first window that is wanted; blocks before it are not read.
    """
    held = stream.collected.counts[order, 0]
    ends = np.cumsum(held)
    for index in range(int(np.searchsorted(ends, first * rows, side="right")), len(held)):
        if not held[index]:
            continue
        begin = int(ends[index] - held[index])
        part = stream.part(int(order[index]), 0)
        at = max(begin, first * rows)
        while at < ends[index]:
            number, start = divmod(at, rows)
            taken = part.at(slice(at - begin, (number + 1) * rows - begin))
            yield WindowPiece(number, start, taken)
            at += len(taken)


def windows(stream: Stream, target: Target, order: np.ndarray, rows: int, first: int = 0) -> Iterator[Window]:
    """The windows of an epoch.

    Args:
        stream: the stream.
        target: the target, in the unit in which the run sees it.
        order: the order of the blocks.
        rows: rows of a window.
        first: number of the first window that is wanted; blocks before it are not read.
    """
    width, counts = len(stream.schema.feature_names), window_counts(stream.counts["train"], rows)
    for number, held in groupby(pieces(stream, order, rows, first), key=lambda each: each.window):
        x, y = room(rows, width, target)
        for each in held:
            end = each.start + len(each.rows)
            stream.encoder.expand(each.rows, x[each.start : end])
            y[each.start : end] = target.condition(each.rows.y)
        yield Window(number, x, y, counts[number])


def ahead(make: Callable[[], Iterator[T]]) -> Iterator[T]:
    """The same windows, each filled by a thread while the one before it is in use.

    A window counts as in use until the next one is asked for, so that two are in memory at most.
    """
    ready: queue.Queue[T | BaseException | None] = queue.Queue()
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


def room(rows: int, width: int, target: Target) -> tuple[np.ndarray, np.ndarray]:
    """Zeros for features and targets, where JAX's device can use the host's memory."""
    size = 4 * rows * width
    raw = np.zeros(size + _ALIGNED, np.uint8)
    start = -raw.ctypes.data % _ALIGNED
    x = raw[start : start + size].view(np.float32).reshape(rows, width)
    if target.classes is not None:
        return x, np.zeros(rows, np.int32)
    return x, np.zeros((rows, len(target.names)), np.float32)
