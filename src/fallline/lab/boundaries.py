"""Decision boundaries over two inputs, epoch by epoch: two columns, or the plane of the rows' principal components."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Bool, Float, Int

from fallline.core.errors import FalllineError, nearest
from fallline.data.table import Table
from fallline.drawing.axes import Axes
from fallline.drawing.contours import contour
from fallline.drawing.marks import Area, Dot, Mark, Stroke, TextMark
from fallline.drawing.picture import Picture
from fallline.lab.charts import HEIGHT, WIDTH, runs_of
from fallline.lab.landscape import case_from
from fallline.lab.snapshots import snapshots_of

PCA = "pca"
SHOWN = 300  # most rows drawn
MARGIN = 0.08  # room around the rows, as a share of their extent
MOST_CLASSES = 8


@dataclasses.dataclass(frozen=True)
class Boundaries:
    """What a classifier says on a grid over two inputs, for some epochs of its training.

    Arguments:
        names: what stands at the axes.
        classes: the classes.
        epochs: the epochs.
        x, y: the grid.
        answers: index of the most probable class, by epoch, y and x.
        surest: its probability.
        margin: how far its probability is above that of the next class.
        places: the training rows in the plane.
        labels: their classes.
        right: by epoch and row, whether the network classifies the row itself rightly, with all its inputs.
        explained: share of the rows' variation in the plane; 1 for two columns of two.
    """

    names: tuple[str, str]
    classes: tuple[str, ...]
    epochs: tuple[int, ...]
    x: Float[np.ndarray, " columns"]
    y: Float[np.ndarray, " rows"]
    answers: Int[np.ndarray, "epochs rows columns"]
    surest: Float[np.ndarray, "epochs rows columns"]
    margin: Float[np.ndarray, "epochs rows columns"]
    places: Float[np.ndarray, "count 2"]
    labels: Int[np.ndarray, " count"]
    right: np.ndarray
    explained: float

    @property
    def frame(self) -> pl.DataFrame:
        """A row per epoch and class: its share of the plane, its mean probability there, and the share of rows right."""
        rows = []
        for i, epoch in enumerate(self.epochs):
            for k, name in enumerate(self.classes):
                mine = self.answers[i] == k
                sure = float(self.surest[i][mine].mean()) if mine.any() else None
                shared = {"epoch": epoch, "class": name, "share": float(mine.mean()), "probability": sure}
                rows.append(shared | {"accuracy": float(self.right[i].mean())})
        return pl.DataFrame(rows)

    def to_plain(self) -> dict[str, Any]:
        """Everything as plain data, with the grids as lists."""
        return {
            "names": list(self.names), "classes": list(self.classes), "epochs": list(self.epochs), "x": self.x.tolist(),
            "y": self.y.tolist(), "answers": self.answers.tolist(), "explained": self.explained,
            "numbers": self.frame.to_dicts(),
        }  # fmt: skip

    def figure(self, epoch: int | None = None, title: str | None = None) -> Picture:
        """The regions of the classes at an epoch, by default the last; crosses are rows that are classified wrongly.

        Raises: FalllineError for an epoch that is not among them.
        """
        last = self.epochs[-1] if epoch is None else epoch
        if last not in self.epochs:
            raise FalllineError(
                f"epoch {epoch!r} is not among them: expected one of {', '.join(map(str, self.epochs))}"
            )
        i = self.epochs.index(last)
        axes = Axes(66, 34, WIDTH - 14, HEIGHT - 50, (self.x[0], self.x[-1]), (self.y[0], self.y[-1]))
        marks: list[Mark] = []
        boxes = runs_of(self.answers[i], self.x, self.y, axes)
        for k in sorted(boxes):
            marks.append(Area(tuple(boxes[k]), f"basin{k % MOST_CLASSES}"))
        for k in range(len(self.classes) - (len(self.classes) == 2)):
            mine = np.where(self.answers[i] == k, self.margin[i], -self.margin[i])
            for each in contour(self.x, self.y, mine, 0.0):
                marks.append(Stroke(axes.place(each[:, 0], each[:, 1]), "ink", 1.4))
        marks += axes.marks(*self.names, grid=False)
        few = np.unique(np.linspace(0, len(self.places) - 1, min(SHOWN, len(self.places))).astype(int))
        for at, row in zip(axes.place(self.places[few, 0], self.places[few, 1]), few, strict=True):
            role = f"name{self.labels[row] % MOST_CLASSES}"
            is_right = bool(self.right[i, row])
            marks.append(
                Dot(float(at[0]), float(at[1]), role if is_right else "ink", 3.2 if is_right else 4.0, not is_right)
            )
        marks += self._names(i, axes)
        accuracy = 100 * float(self.right[i].mean())
        said = title or f"Epoch {last}: {accuracy:.1f} % of the training rows right"
        marks.append(TextMark(axes.left, 20, said, "ink", size=15, is_bold=True))
        shares = ", ".join(
            f"{name} {100 * float((self.answers[i] == k).mean()):.0f} %" for k, name in enumerate(self.classes)
        )
        text = (
            f"At epoch {last} the network classifies {accuracy:.1f} % of {len(self.places):,} training rows rightly. Of the "
            f"plane of {self.names[0]} and {self.names[1]} the classes take: {shares}. Crosses are rows classified wrongly."
        )
        return Picture(WIDTH, HEIGHT, said, text, tuple(marks))

    def _names(self, i: int, axes: Axes) -> list[Mark]:
        """The name of every class within its region, at the place that is farthest from others."""
        marks: list[Mark] = []
        for k, name in enumerate(self.classes):
            mine = self.answers[i] == k
            if mine.mean() < 0.01:
                continue
            row, column = _inmost(mine)
            at = axes.place(self.x[column], self.y[row])
            marks.append(TextMark(float(at[0]), float(at[1]), name, "ink", "middle", 14, is_bold=True))
        return marks


def boundaries(
    run: Any, data: Any = None, *, inputs: Sequence[str] | str = PCA, epochs: int = 6, size: int = 81
) -> Boundaries:
    """The decision boundaries of a classifier at some epochs of its training, which is trained again for it.

    Arguments:
        run: a run, or the folder of one.
        data: its table or source, where the run does not know it.
        inputs: names of two inputs (columns, or `column=value` of an encoded one), while all others stay at their median
            over the training rows; or `pca`: the plane of the two principal components of the standardised inputs.
        epochs: most epochs that are shown, evenly spaced, with the initial weights as epoch 0; with 0, the trained network
            alone, which need not be trained again.
        size: places along each axis.

    Raises: FalllineError for what is not a classification, inputs that do not exist, and an ensemble.

    >>> import fallline as fl
    >>> run = fl.train(fl.Recipe(model=fl.MLP((4,)), epochs=8), fl.load("sklearn:iris"))
    >>> found = boundaries(run, inputs=("petal length (cm)", "petal width (cm)"), epochs=4, size=21)
    >>> found.epochs, found.answers.shape
    ((0, 2, 4, 6, 8), (5, 21, 21))
    """
    for name, value, low, high in (("epochs", epochs, 0, 100), ("size", size, 5, 1001)):
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise FalllineError(f"{name} = {value!r}: expected {low} to {high}")
    case = case_from(run, data)
    if case.model is None or case.data.task != "classification":
        raise FalllineError(
            "decision boundaries are those of a classifier that has learnt something: this run has none"
        )
    table = case.data
    rows = table.dataset.x[table.dataset.train].astype(np.float64)
    plane = _plane(table, rows, inputs)
    places = plane.places(rows)
    x, y = (_around(places[:, i], size) for i in (0, 1))
    grid = plane.rows(np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2))
    taken: Any = [(case.best_epoch, {})]
    if epochs:
        snapshots = snapshots_of(case, epochs)
        last = max(snapshots.epochs)
        shown = set(np.unique(np.linspace(0, last, min(epochs, last) + 1).astype(int)).tolist())
        taken = [each for each in zip(snapshots.epochs, snapshots.weights, strict=True) if each[0] in shown]
    answers, surest, margin, right, numbers = [], [], [], [], []
    labels = table.dataset.y[table.dataset.train]
    for epoch, weights in taken:
        model = dataclasses.replace(case.model, arrays={**case.model.arrays, **weights})
        found = model.answer(grid.astype(np.float32))[0]
        answers.append(found.argmax(axis=1).reshape(size, size))
        ranked = np.sort(found, axis=1)
        surest.append(ranked[:, -1].reshape(size, size))
        margin.append((ranked[:, -1] - ranked[:, -2]).reshape(size, size).astype(np.float64))
        right.append(model.answer(rows.astype(np.float32))[0].argmax(axis=1) == labels)
        numbers.append(epoch)
    classes = tuple(str(each) for each in table.classes or ())
    return Boundaries(
        plane.names, classes, tuple(numbers), x, y, np.array(answers), np.array(surest), np.array(margin), places, labels,
        np.array(right), plane.explained,
    )  # fmt: skip


def _inmost(mine: Bool[np.ndarray, "rows columns"]) -> tuple[int, int]:
    """A place of a region that is farthest from its edge: the last that is left as the region is worn away."""
    inner = np.pad(mine, 1)
    while inner.any():
        left = inner
        inner = inner.copy()
        for axis in (0, 1):
            inner &= np.roll(left, 1, axis) & np.roll(left, -1, axis)
    rows, columns = np.nonzero(left)
    return int(rows[len(rows) // 2]) - 1, int(columns[len(rows) // 2]) - 1


@dataclasses.dataclass(frozen=True)
class Plane:
    """A plane in the space of the inputs: row = origin + a first + b second."""

    names: tuple[str, str]
    origin: Float[np.ndarray, " features"]
    axes: Float[np.ndarray, "2 features"]
    inverse: Float[np.ndarray, "features 2"]
    explained: float

    def rows(self, places: Float[np.ndarray, "count 2"]) -> Float[np.ndarray, "count features"]:
        """The inputs at places of the plane."""
        found: Float[np.ndarray, "... features"] = self.origin + places @ self.axes
        return found

    def places(self, rows: Float[np.ndarray, "count features"]) -> Float[np.ndarray, "count 2"]:
        """The nearest places to some rows."""
        return np.asarray((np.where(np.isfinite(rows), rows, self.origin) - self.origin) @ self.inverse)


def _plane(table: Table, rows: Float[np.ndarray, "count features"], inputs: Sequence[str] | str) -> Plane:
    known = [str(each) for each in table.schema.feature_names]
    if len(known) < 2:
        raise FalllineError("a plane needs two inputs, and the data have one")
    if isinstance(inputs, str):
        if inputs != PCA:
            raise FalllineError(f"inputs = {inputs!r}: expected two names, or 'pca'")
        return _principal(rows)
    if len(inputs) != 2 or inputs[0] == inputs[1]:
        raise FalllineError(f"inputs = {inputs!r}: expected the names of two different inputs, or 'pca'")
    for each in inputs:
        if each not in known:
            raise FalllineError(f"input {each!r} does not exist: {nearest(each, known)}")
    middle = np.nan_to_num(np.nanmedian(rows, axis=0))
    axes = np.zeros((2, len(known)))
    for i, each in enumerate(inputs):
        middle[known.index(each)] = 0.0
        axes[i, known.index(each)] = 1.0
    varies = np.nanvar(rows, axis=0)
    share = float(varies[[known.index(each) for each in inputs]].sum() / max(float(varies.sum()), 1e-300))
    return Plane((inputs[0], inputs[1]), middle, axes, axes.T, share)


def _principal(rows: Float[np.ndarray, "count features"]) -> Plane:
    mean, deviation = np.nan_to_num(np.nanmean(rows, axis=0)), np.nanstd(rows, axis=0)
    deviation = np.where(deviation > 0, deviation, 1.0)
    scaled = np.nan_to_num((rows - mean) / deviation)
    _, sizes, along = np.linalg.svd(scaled, full_matrices=False)
    shares = sizes**2 / max(float((sizes**2).sum()), 1e-300)
    names = tuple(f"principal component {i + 1} ({100 * shares[i]:.1f} %)" for i in (0, 1))
    return Plane((names[0], names[1]), mean, along[:2] * deviation, (along[:2] / deviation).T, float(shares[:2].sum()))


def _around(values: Float[np.ndarray, " count"], size: int) -> Float[np.ndarray, " size"]:
    low, high = float(values.min()), float(values.max())
    room = MARGIN * (high - low) or 1.0
    found: Float[np.ndarray, " size"] = np.linspace(low - room, high + room, size)
    return found
