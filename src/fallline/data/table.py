"""From a source to the arrays of a training run: read, recognise, split, encode, and warn about peculiarities."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fallline.core.errors import FalllineError
from fallline.data.arrays import RawArrays, matrix
from fallline.data.building import Wishes, from_arrays, from_sheet
from fallline.data.dataset import Dataset
from fallline.data.description import described
from fallline.data.identity import SeenRows
from fallline.data.image_form import parse_size
from fallline.data.roles import Roles
from fallline.data.schema import Schema
from fallline.data.sources import describe, is_image_source, read
from fallline.data.target_cells import Label

if TYPE_CHECKING:
    import polars as pl

SHOWN = 12  # most columns that a notebook shows
_COMMON = ("train", "training")  # names of files that say nothing of what is in them


@dataclass(frozen=True, eq=False)
class Table:
    """A source, encoded, split and described.

    Attributes:
        name: name of the table.
        schema: the encoding of its columns and of the target.
        dataset: the arrays.
        warnings: one sentence about each thing that was dropped or looks odd.
        source: the arguments with which `load` makes this table again; without "source" if it came from memory.

    >>> load("sklearn:iris")
    Table('iris', classification, 150 rows, 4 features, 3 classes)
    """

    name: str
    schema: Schema
    dataset: Dataset
    warnings: tuple[str, ...] = ()
    source: dict[str, Any] = field(default_factory=dict)

    @property
    def task(self) -> str:
        """The task: "classification", "regression" or "multilabel"."""
        return self.schema.target.task

    @property
    def classes(self) -> tuple[Label, ...] | None:
        """The class labels in the order of their indices; None except for classification."""
        return self.schema.target.classes

    @property
    def feature_names(self) -> tuple[str, ...]:
        """One name per encoded feature."""
        return self.schema.feature_names

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the encoded arrays and index sets; equal for the same data, encoded and split alike."""
        digest = hashlib.sha256()
        for name in ("x", "y", "weight", "train", "valid", "test", "scaled", "groups", "time", "strata"):
            array = getattr(self.dataset, name)
            if array is not None:
                digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
                digest.update(np.ascontiguousarray(array).data.cast("B"))
        if self.schema.target.conditioned:
            digest.update(repr((self.schema.target.shift, self.schema.target.factor)).encode())
        return digest.hexdigest()

    @cached_property
    def seen(self) -> SeenRows:
        """Hashes of the rows that train a model and of those that choose its epoch, which the model remembers."""
        return SeenRows.of(self.dataset)

    def describe(self) -> pl.DataFrame:
        """One row per target and column: its kind, the share of missing cells, its centre and spread, its levels.

        The cells are those of all splits as a model sees them: a value too rare to be learnt from counts as "(other)".

        >>> load("sklearn:iris").describe().select("column", "kind", "missing", "least", "greatest").row(1)
        ('sepal length (cm)', 'number', 0.0, '4.3', '7.9')
        """
        return described(self.schema, self.dataset)

    def _repr_html_(self) -> str:
        """What a notebook shows: the parts of the split, and the first columns as `describe` describes them."""
        from fallline.drawing.notebook import shown

        parts = {
            name: f"{len(getattr(self.dataset, part)):,} rows"
            for part, name in (("train", "training"), ("valid", "validation"), ("test", "test"))
        }
        lines = self.describe()
        facts: dict[str, object] = {"task": self.dataset.task, **parts, "columns": f"{lines.height:,}"}
        head = ("column", "kind", "missing", "least", "median", "greatest", "most_frequent")
        rows = [["" if cell is None else cell for cell in line] for line in lines.select(head).head(SHOWN).iter_rows()]
        return shown(self.name, facts, [each.replace("_", " ") for each in head], rows)

    def __repr__(self) -> str:
        """The name, the task, and the number of rows, features and classes."""
        rows, features = self.dataset.x.shape
        classes = f", {self.dataset.n_classes} classes" if self.task == "classification" else ""
        return f"Table({self.name!r}, {self.task}, {rows} rows, {features} features{classes})"

    @classmethod
    def from_arrays(
        cls,
        X: object,
        y: object,
        *,
        names: list[str] | tuple[str, ...] | None = None,
        task: str | None = None,
        test: float = 0.2,
        valid: float = 0.1,
        seed: int = 0,
        test_data: tuple[object, object] | None = None,
        valid_data: tuple[object, object] | None = None,
        weight: object | None = None,
        missing: str | None = None,
    ) -> Table:
        """Builds a table from arrays in memory. A float32 `X` in C order is used without a copy.

        Args:
            X: numbers, (rows, features).
            y: labels (rows,), or targets (rows,) or (rows, targets); 0/1 (rows, labels) with task="multilabel".
            names: one name per feature; x0, x1, ... by default.
            task: "classification", "regression" or "multilabel"; recognised by default.
            test: share of the rows for testing; no rows are taken if `test_data` is given.
            valid: share of the rows for validation; no rows are taken if `valid_data` is given.
            seed: seed of the split.
            test_data: (X, y) to test on.
            valid_data: (X, y) to validate on.
            weight: weight of each row, (rows,), at least 0.
            missing: "impute" if NaN stands for a missing number; otherwise NaN is an error.

        Raises:
            FalllineError: shapes do not match, a value is NaN or infinite, or the targets do not fit the task.

        >>> Table.from_arrays([[0.0], [1.0], [2.0], [3.0]], ["a", "b", "a", "b"], test=0.25, valid=0).classes
        ('a', 'b')
        """
        labels = tuple(names) if names is not None else None
        arrays = RawArrays(matrix(X, "X"), np.asarray(y), labels)
        given = {
            key: (matrix(each[0], f"{key}'s X"), np.asarray(each[1]))
            for key, each in (("test", test_data), ("valid", valid_data))
            if each is not None
        }
        wishes = Wishes(task, {"test": test, "valid": valid}, seed, missing)
        return cls("arrays", *from_arrays(arrays, "X", wishes, given=given, weight=weight))


def load(
    source: object,
    target: str | list[str] | None = None,
    *,
    names: list[str] | None = None,
    test_source: object | None = None,
    valid_source: object | None = None,
    kinds: dict[str, str] | None = None,
    task: str | None = None,
    test: float = 0.2,
    valid: float = 0.1,
    seed: int = 0,
    missing: str | None = None,
    groups: str | None = None,
    time: str | None = None,
    stratify: str | None = None,
    weights: str | None = None,
    drop_missing_target: bool = False,
    image_size: int | str | None = None,
) -> Table:
    """Reads a source and encodes it for training.

    The encoding is learnt from the rows outside the test set.

    Args:
        source: a path (CSV, TSV, Parquet, Arrow, Feather, `.npz`, a folder of images or idx files), `sklearn:NAME`, or a
            pandas, Polars or PyArrow frame.
        target: the column to predict, or a list of columns, one output each; sources of arrays carry their own target.
        names: column names for a text file without a header line.
        test_source: another source to test on; no test rows are then taken from `source`.
        valid_source: the same for validation.
        kinds: column name to "number", "category", "boolean", "date", "text", "drop", or a word for how it is written
            ("decimal_comma", "day_first", "epoch_seconds", ...), to overrule recognition.
        task: "classification", "regression" or "multilabel"; recognised by default.
        test: share of the rows for testing.
        valid: share of the rows for validation.
        seed: seed of the split.
        missing: "impute" (the default for tables) or "error" (the default for arrays).
        groups: a column that is no feature; rows with one value of it are never on both sides of a split or of folds.
        time: a column that is no feature; the latest rows are tested, those before them validate, and folds grow by it.
        stratify: a column; every split has the same shares of its values (of ten bins, if it holds many numbers). The default
            is the target's classes; "none" draws rows at random.
        weights: a column that is no feature: the weight of each row in the loss and in every score.
        drop_missing_target: leave out rows without a target instead of refusing them.
        image_size: pixels along the sides of images, such as 32, or "32x20" for width and height; by default the most
            frequent size.

    Raises:
        FalllineError: something is wrong with the source; the message says what, in one sentence.

    >>> import polars as pl
    >>> frame = pl.DataFrame({"size": ["S", "M"] * 10, "unit": ["cm"] * 20, "price": [0.5, 1.25] * 10})
    >>> table = load(frame, "price")
    >>> table.feature_names, table.warnings
    (('size=M', 'size=S', 'size=(other)'), ("column 'unit' was dropped: every row has the same value",))
    """
    arguments = {
        "source": source, "target": target, "names": names, "test_source": test_source, "valid_source": valid_source,
        "kinds": kinds, "task": task, "test": test, "valid": valid, "seed": seed, "missing": missing, "groups": groups,
        "time": time, "stratify": stratify, "weights": weights, "drop_missing_target": drop_missing_target or None,
        "image_size": None if image_size is None else str(image_size),
    }  # fmt: skip
    others = {key: each for key, each in (("test", test_source), ("valid", valid_source)) if each is not None}
    roles = Roles(groups, time, weights, stratify)
    wishes = Wishes(task, {"test": test, "valid": valid}, seed, missing, others, names, roles, drop_missing_target)
    where = describe(source)
    targets = [target] if isinstance(target, str) else list(target or ())
    texts = {*targets, *(kinds or {}), *(each for each in (groups, time, weights, stratify) if each)}
    size = None if image_size is None else parse_size(image_size)
    if size is not None and not is_image_source(source):
        raise FalllineError(f"{where} is no folder of images, whose size could be chosen: leave --image-size out")
    raw = read(source, names, texts, size=size)
    if isinstance(raw, RawArrays):
        if target is not None and target not in (raw.target, "y"):
            raise FalllineError(f"{where} carries its own target, not a column {target!r}: leave the target out")
        if kinds:
            raise FalllineError(
                f"{where} holds arrays, whose columns are all numbers: leave kinds out, or give a table"
            )
        built = from_arrays(raw, where, wishes)
    else:
        built = from_sheet(raw, target, kinds, where, wishes)
    return Table(name_of(source), *built, source=_reloadable(arguments))


def name_of(source: object) -> str:
    """The name of a table: its file's, or its folder's if every folder has such a file.

    >>> name_of("titanic/train.csv"), name_of("data/iris.csv.gz"), name_of("train.csv")
    ('titanic', 'iris', 'train')
    """
    if not isinstance(source, (str, Path)):
        return "frame"
    path = Path(str(source).removeprefix("sklearn:"))
    stem = path.name.split(".")[0] if path.suffix.lower() == ".gz" else path.stem
    return path.parent.name if stem.lower() in _COMMON and path.parent.name not in ("", "..") else stem


def _reloadable(arguments: dict[str, Any]) -> dict[str, Any]:
    plain = {key: str(each) if isinstance(each, Path) else each for key, each in arguments.items() if each is not None}
    if all(isinstance(plain[key], str) for key in ("source", "test_source", "valid_source") if key in plain):
        return plain
    return {key: each for key, each in plain.items() if not key.endswith("source")}
