"""The metrics of a model on the rows of a stream, block by block; only answers and targets are held in memory."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from fallline.metrics import exactly, metrics_of
from fallline.streams.stream import RUNNING, Stream

_COPIES = 6  # of the answers and targets in float64, which the metrics may make


class StreamAnswers:
    """The answers of a model for labelled rows, gathered part by part, for metrics of all of them.

    Arguments:
        model: the model.
        most: rows whose answers are held; of more rows, every second one is held, then every fourth, and so on.
    """

    def __init__(self, model: Any, most: int | None = None) -> None:
        self.model, self.most = model, most
        self.rows, self._stride = 0, 1
        self._answers: list[np.ndarray] = []
        self._targets: list[np.ndarray] = []
        self._losses: list[np.ndarray] = []

    def add(self, x: np.ndarray, y: np.ndarray) -> None:
        """Answer more rows: encoded features, and targets in their own unit."""
        chosen = slice(-self.rows % self._stride, None, self._stride)
        self.rows += len(y)
        x, y = x[chosen], y[chosen]
        if not len(y):
            return
        answer, losses = self.model.answer(x, self.model.schema.target.condition(y))
        self._answers.append(answer)
        self._targets.append(y)
        self._losses.append(losses)
        while self.most is not None and len(self) > self.most:
            self._stride *= 2
            for held in (self._answers, self._targets, self._losses):
                held[:] = [np.concatenate(held)[::2]]

    def __len__(self) -> int:
        return sum(map(len, self._targets))

    def metrics(self) -> dict[str, float]:
        """Loss and every metric of the task over all rows, in float64; nothing without rows."""
        if not len(self):
            return {}
        answer, target = np.concatenate(self._answers), np.concatenate(self._targets)
        if self.model.task != "classification":
            target = target.astype(np.float64)
        weight = np.ones(len(target))
        found = {"loss": float(np.concatenate(self._losses).astype(np.float64).mean())}
        for each in metrics_of(self.model.task):
            found[each.name] = exactly(each, answer.astype(np.float64), target, weight)
        return found


def most_answers(model: Any, stream: Stream) -> int:
    """Rows whose answers and targets fit into a stream's memory while metrics are taken of them."""
    return int(max(stream.memory - RUNNING, RUNNING // 4) // (8 * _COPIES * (model.outputs + 2)))


def score_stream(model: Any, stream: Stream) -> tuple[dict[str, dict[str, float]], list[str]]:
    """The metrics of every part that has rows, and a sentence for each part of which not all rows are scored.

    Training rows are those of the stream's sample. Of very many validation or test rows, every k-th one is scored, so that
    their answers fit into the stream's memory.
    """
    found: dict[str, dict[str, float]] = {}
    notes: list[str] = []
    room = most_answers(model, stream)
    for index, (name, count) in enumerate(stream.counts.items()):
        if not count:
            continue
        stride = -(-count // room)
        answers = StreamAnswers(model)
        for x, y in _sampled(stream) if name == "train" else _part(stream, index, stride):
            answers.add(x, y)
        found[name] = answers.metrics()
        if len(answers) < count:
            notes.append(f"the {_WORDS[name]} metrics are those of {len(answers):,} of {count:,} rows")
    return found, notes


_WORDS = {"train": "training", "valid": "validation", "test": "test"}


def _sampled(stream: Stream) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    data = stream.sample.dataset
    yield data.x[data.train], data.given[data.train]


def _part(stream: Stream, index: int, stride: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The encoded rows of one part, block by block."""
    features = len(stream.schema.feature_names)
    first = 0
    for block, counts in enumerate(stream.collected.counts):
        if not counts[index]:
            continue
        rows = stream.part(block, index).at(slice(-first % stride, None, stride))
        first += int(counts[index])
        x = np.empty((len(rows), features), np.float32)
        stream.encoder.expand(rows, x)
        yield x, rows.y
