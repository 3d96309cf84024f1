"""What the second pass over a stream gathers of the encoded rows: counts, moments, samples, and hashes of rows seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fallline.data.identity import MOST as HASHES
from fallline.data.identity import SeenRows, numbers_of
from fallline.streams.blocks import StreamBlock
from fallline.streams.encoding import EncodedRows, Encoder, joined
from fallline.streams.moments import ColumnMoments
from fallline.streams.sampling import smallest
from fallline.streams.splitting import PARTS, order_of

_CELLS, _FEWEST, _MOST = 1 << 22, 1 << 13, 1 << 17  # cells and rows of the sample of each part


def sample_size(features: int) -> int:
    """Rows of the sample of each part.

    >>> sample_size(10), sample_size(50), sample_size(784)
    (131072, 83886, 8192)
    """
    return max(_FEWEST, min(_MOST, _CELLS // max(features, 1)))


@dataclass(frozen=True, eq=False)
class Collected:
    """What is known of all encoded rows.

    Attributes:
        counts: rows of each block that train, validate and test, (blocks, 3).
        moments: of the features, over the training rows.
        answers: of the targets as a run sees them, over the training rows; for classes, of their indices.
        classes: training rows of each class; empty for a regression.
        lowest: the smallest target in its own unit, over all rows.
        samples: rows of each part, the same ones in every run.
        seen: hashes of the rows that train and validate.
    """

    counts: np.ndarray
    moments: ColumnMoments
    answers: ColumnMoments
    classes: np.ndarray
    lowest: float
    samples: tuple[EncodedRows, EncodedRows, EncodedRows]
    seen: SeenRows


class StreamCollector:
    """Gathers a `Collected`, block by block.

    Args:
        encoder: the encoding.
    """

    def __init__(self, encoder: Encoder) -> None:
        self.encoder, self.target = encoder, encoder.schema.target
        features = len(encoder.schema.feature_names)
        self._counts: list[tuple[int, int, int]] = []
        self._moments = ColumnMoments.none(encoder.widths[0])
        self._slots = [np.zeros(width) for column, _, width, _ in encoder.places if column.kind == "category"]
        self._answers = ColumnMoments.none(1 if self.target.classes is not None else len(self.target.names))
        self._classes = np.zeros(self.target.n_classes if self.target.classes is not None else 0, np.int64)
        self._lowest = np.inf
        self._samples = [_Sample(sample_size(features)) for _ in PARTS]
        self._hashes: list[np.ndarray] = [np.zeros(0, np.uint64)] * 3

    def add(self, block: StreamBlock, file: str, start: int) -> None:
        """Looks at one more block: the rows of a file from row `start` on."""
        self._counts.append(block.counts)
        order = order_of(file, start, len(block.rows))
        x = np.empty((len(block.rows), len(self.encoder.schema.feature_names)), np.float32)
        self.encoder.expand(block.rows, x)
        hashes = numbers_of(x, self.target.condition(block.rows.y))
        first = 0
        for index, count in enumerate(block.counts):
            rows = slice(first, first + count)
            self._samples[index].offer(block.part(index), order[rows])
            kept = HASHES if index < 2 else 2 * HASHES
            self._hashes[index] = np.unique(np.concatenate([self._hashes[index], hashes[rows]]))[:kept]
            first += count
        if self._classes.size == 0:
            self._lowest = min(self._lowest, float(block.rows.y.min()))
        self._add_training(block.part(0))

    def _add_training(self, rows: EncodedRows) -> None:
        self._moments = self._moments.merged(ColumnMoments.of(rows.numbers))
        for place, slots in enumerate(self._slots):
            slots += np.bincount(rows.codes[:, place], minlength=len(slots))
        y = self.target.condition(rows.y)
        self._answers = self._answers.merged(ColumnMoments.of(y[:, None] if y.ndim == 1 else y))
        if self._classes.size:
            self._classes += np.bincount(y, minlength=self._classes.size)

    def collected(self) -> Collected:
        """Everything that was gathered."""
        train, valid, test = self._hashes
        limit = train[-1] if len(train) == HASHES else np.uint64(2**64 - 1)
        held = np.concatenate([valid, test])
        held = held[held <= limit]
        chance = float(np.isin(held, train).mean()) if len(held) else 0.0
        samples = tuple(each.rows(self.encoder) for each in self._samples)
        return Collected(
            np.array(self._counts, np.int64).reshape(-1, 3),
            self._in_features(),
            self._answers,
            self._classes,
            float(self._lowest),
            samples,  # type: ignore[arg-type]
            SeenRows(train, valid, chance),
        )

    def _in_features(self) -> ColumnMoments:
        """The moments of all features: those of numbers, and those of the slots of categories, which are 0 or 1."""
        features = len(self.encoder.schema.feature_names)
        found = {name: np.zeros(features) for name in ("count", "mean", "squares", "low", "high")}
        slots = iter(self._slots)
        for column, start, width, place in self.encoder.places:
            here = slice(start, start + width)
            if column.kind != "category":
                for name, values in found.items():
                    values[here] = getattr(self._moments, name)[place : place + width]
                continue
            often = next(slots)
            total = max(often.sum(), 1.0)
            mean = often / total
            found["count"][here], found["mean"][here] = often.sum(), mean
            found["squares"][here] = total * mean * (1 - mean)
            found["low"][here], found["high"][here] = (mean == 1.0), (mean > 0.0)
        return ColumnMoments(**found)


class _Sample:
    """The rows of one part with the smallest hashes, in the order in which they came."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._rows: list[EncodedRows] = []
        self._hashes: list[np.ndarray] = []
        self._held, self._limit = 0, np.uint64(2**64 - 1)

    def offer(self, rows: EncodedRows, hashes: np.ndarray) -> None:
        chosen = np.flatnonzero(hashes <= self._limit)
        if len(chosen):
            self._rows.append(rows.at(chosen))
            self._hashes.append(hashes[chosen])
            self._held += len(chosen)
        if self._held > 2 * self.size:
            self._shrink()

    def rows(self, encoder: Encoder) -> EncodedRows:
        if not self._rows:
            numbers, categories = encoder.widths
            target = encoder.schema.target
            y = np.zeros(0, np.int32) if target.classes is not None else np.zeros((0, len(target.names)))
            return EncodedRows(np.zeros((0, numbers), np.float32), np.zeros((0, categories), np.uint8), y)
        self._shrink()
        return self._rows[0]

    def _shrink(self) -> None:
        rows, hashes = joined(self._rows), np.concatenate(self._hashes)
        if len(hashes) > self.size:
            chosen = smallest(hashes, self.size)
            rows, hashes = rows.at(chosen), hashes[chosen]
            self._limit = hashes.max()
        self._rows, self._hashes, self._held = [rows], [hashes], len(rows)
