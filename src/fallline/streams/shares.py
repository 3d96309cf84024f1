"""A share of every window: the rows that one of several devices computes, in the order in which its minibatches take them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from jaxtyping import Int

from fallline.data.target import Target
from fallline.streams.stream import Stream
from fallline.streams.windows import pieces, room, window_counts

EMPTY = -1  # the place of a row that only fills a minibatch


@dataclass(frozen=True, eq=False)
class WindowShares:
    """The shares of one window that the devices of this process compute.

    Attributes:
        number: the window's number in the epoch.
        x: features of each device, float32 (minibatches, rows of a share, features); 0 where a row only fills.
        y: targets of each device as a run sees them, (minibatches, rows of a share) or with one more axis.
        count: how many rows the whole window has.
    """

    number: int
    x: list[np.ndarray]
    y: list[np.ndarray]
    count: int


def places_of(
    order: Int[np.ndarray, " rows"], count: int, batch: int, devices: int, device: int
) -> Int[np.ndarray, "minibatches share"]:
    """The rows of a window that one of several devices computes, minibatch by minibatch; `EMPTY` where there is none.

    A minibatch is filled to a multiple of the number of devices and cut into equal neighbouring shares.

    Args:
        order: the window's rows in the order in which they are trained on, of which `count` are real.
        count: real rows.
        batch: rows of a minibatch.
        devices: number of devices.
        device: number of this one.

    >>> [places_of(np.array([4, 2, 0, 3, 1]), 5, 3, 2, each).tolist() for each in range(2)]
    [[[4, 2], [3, 1]], [[0, -1], [-1, -1]]]
    """
    minibatches, share = -(-len(order) // batch), -(-batch // devices)
    filled = np.full((minibatches * batch,), EMPTY, np.int32)
    filled[:count] = order[:count]
    wide = np.pad(filled.reshape(minibatches, batch), ((0, 0), (0, share * devices - batch)), constant_values=EMPTY)
    return np.ascontiguousarray(wide[:, device * share : (device + 1) * share])


def shares(
    stream: Stream, target: Target, order: np.ndarray, rows: int, first: int, own: Callable[[int], list[np.ndarray]]
) -> Iterator[WindowShares]:
    """The shares of the windows of an epoch. Every block is read, and the rows of other devices are left out.

    Args:
        stream, target, order, rows, first: as for `windows`.
        own: the places of each device's rows in a window, as `places_of` gives them.
    """
    width, counts = len(stream.schema.feature_names), window_counts(stream.counts["train"], rows)
    for number, held in groupby(pieces(stream, order, rows, first), key=lambda each: each.window):
        parts = [_Share(places, width, target) for places in own(number)]
        for each in held:
            for part in parts:
                found, to = part.among(each.start, each.start + len(each.rows))
                chosen = each.rows.at(found - each.start)
                x = np.empty((len(chosen), width), np.float32)
                stream.encoder.expand(chosen, x)
                part.x[to], part.y[to] = x, target.condition(chosen.y)
        yield WindowShares(number, [each.folded(each.x) for each in parts], [each.folded(each.y) for each in parts],
                           counts[number])  # fmt: skip


class _Share:
    """One device's rows of a window, as they are filled."""

    def __init__(self, places: np.ndarray, width: int, target: Target) -> None:
        self.shape = places.shape
        flat = places.ravel()
        self.x, self.y = room(len(flat), width, target)
        self._to = np.argsort(flat, kind="stable").astype(np.int32)
        self._rows = flat[self._to]

    def among(self, start: int, end: int) -> tuple[np.ndarray, np.ndarray]:
        """The rows of this share from one place of the window to another, and where each belongs in the share."""
        low, high = np.searchsorted(self._rows, [start, end])
        return self._rows[low:high], self._to[low:high]

    def folded(self, array: np.ndarray) -> np.ndarray:
        """An array with an axis for the minibatches."""
        return array.reshape(*self.shape, *array.shape[1:])
