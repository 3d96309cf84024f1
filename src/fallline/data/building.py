"""Builds the training arrays from the sources read: recognise, split, encode, and join."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from fallline.core.errors import FalllineError, nearest
from fallline.data.arrays import RawArrays, matrix
from fallline.data.dataset import Dataset
from fallline.data.dividing import divide
from fallline.data.kinds import recognise
from fallline.data.leaks import find_leaks
from fallline.data.names import check_names
from fallline.data.prediction import labelled, target_values
from fallline.data.roles import NONE, Marks, Roles
from fallline.data.schema import Schema
from fallline.data.schema_fitting import array_schema, fit_schema
from fallline.data.sheet import Sheet
from fallline.data.sources import accepts_names, describe, read
from fallline.data.target import Target
from fallline.data.target_cells import title_of
from fallline.data.task import recognise_target
from fallline.data.understanding import target_said, understand_features, understand_target

if TYPE_CHECKING:
    pass

Part = tuple[np.ndarray, np.ndarray]
Built = tuple[Schema, Dataset, tuple[str, ...]]


@dataclass(frozen=True)
class Wishes:
    """The options of `load` or `from_arrays`, apart from the data.

    Attributes:
        task: the task, or None to recognise it.
        shares: the shares of the rows for "test" and "valid".
        seed: seed of the split.
        missing: "impute", "error", or None for the source's default.
        sources: separate sources for "test" and "valid", if given.
        names: column names for text files without a header.
        roles: columns that are no features.
        drop_missing_target: whether rows without a target are left out.
    """

    task: str | None
    shares: dict[str, float]
    seed: int
    missing: str | None
    sources: dict[str, object] = field(default_factory=dict)
    names: list[str] | None = None
    roles: Roles = field(default_factory=Roles)
    drop_missing_target: bool = False

    def __post_init__(self) -> None:
        """Checks `missing`, which two callers pass on unchecked."""
        if self.missing not in (None, "impute", "error"):
            raise FalllineError(f"missing is {self.missing!r}: give 'impute' or 'error'")

    def split(self, what: Target, y: np.ndarray, given: set[str], marks: Marks) -> dict[str, np.ndarray]:
        """Draws train, valid and test rows; none are drawn for a part that was given separately."""
        shares = {key: 0.0 if key in given else share for key, share in self.shares.items()}
        strata = y if what.task == "classification" else None
        if marks.strata is not None:
            strata = marks.strata if marks.strata.any() else None
        train, valid, test = divide(len(y), strata, marks.groups, marks.time, **shares, seed=self.seed)
        return {"train": train, "valid": valid, "test": test}


def from_sheet(
    sheet: Sheet, target: str | list[str] | None, kinds: dict[str, str] | None, where: str, wishes: Wishes
) -> Built:
    """Builds from a table; the encoding is learnt from the rows outside the test set."""
    import polars as pl

    targets = target_names(sheet.frame.columns, target, where)
    wishes.roles.check(sheet.frame.columns, targets, where)
    if wishes.drop_missing_target:
        sheet = labelled_rows(sheet, targets, where)
    frame = sheet.frame
    features = frame.drop(targets).drop(wishes.roles.columns.values())
    if not features.width:
        raise FalllineError(f"{where} holds only the target: give at least one feature column")
    words = kinds or {}
    marks = wishes.roles.read(sheet, words, where)
    said = {name: kind for name, kind in (kinds or {}).items() if name in targets}
    apart = {*said, *wishes.roles.columns.values()}
    kinds = {name: kind for name, kind in (kinds or {}).items() if name not in apart}
    task, forms = target_said(said, wishes.task)
    understood = understand_features(features, sheet.separator, kinds, sheet.point)
    features = understood.frame
    answers = understand_target(frame.select(targets), understood.decimal, where, task, forms)
    values = target_values(answers.frame, targets)
    what = recognise_target(values, targets, where, task)
    y = what.read(values, where)
    if pl.String in frame.select(targets).dtypes:
        what = what.written(answers.forms, y)
    found = recognise(features, kinds)
    parts = wishes.split(what, y, set(wishes.sources), marks)
    rows = np.sort(np.concatenate([parts["train"], parts["valid"]]))
    what = what.fitted(y[rows])
    schema = replace(
        fit_schema(features, found.kinds, what, understood.forms, rows),
        missing=wishes.missing or "impute",
        roles=tuple(wishes.roles.columns.items()),
    )
    x = schema.encode(features, where, [], understood=True)
    remarks = [*sheet.notes, *answers.remarks, *kept(understood.remarks, found.kinds), *grouped(schema)]
    extra, others, _ = _extra(schema, wishes, remarks, words)
    marks = marks.joined(others)
    leaks = find_leaks(x, what.condition(y, where), rows, schema)
    return schema, _assemble(x, y, marks, parts, extra, schema), (*remarks, *found.warnings(), *leaks)


def from_arrays(
    arrays: RawArrays, where: str, wishes: Wishes, *, given: dict[str, Part] | None = None, weight: object | None = None
) -> Built:
    """Builds from arrays; `given` holds test and validation parts that are also arrays."""
    wishes.roles.refuse(where)
    if wishes.drop_missing_target:
        arrays = labelled_arrays(arrays)
    x, y = matrix(arrays.x, where), arrays.y
    if y is None:
        raise FalllineError(arrays.lacks_targets(where))
    names = _feature_names(arrays.names, x.shape[1], where)
    _check_rows(x, y, where)
    values = y[:, 0] if y.ndim == 2 and y.shape[1] == 1 else y
    width = values.shape[1] if values.ndim == 2 else 1
    targets = (arrays.target,) if width == 1 else tuple(f"{arrays.target}{position}" for position in range(width))
    what = recognise_target(values, targets, where, wishes.task)
    encoded = what.read(values, where)
    given = dict(given or {})
    if arrays.test is not None and arrays.test[1] is not None and "test" not in wishes.sources:
        given["test"] = (arrays.test[0], arrays.test[1])
    if arrays.valid is not None and arrays.valid[1] is not None and "valid" not in wishes.sources:
        given["valid"] = (arrays.valid[0], arrays.valid[1])
    unstratified = np.zeros(len(x), np.int32) if wishes.roles.stratify == NONE else None
    weights = None if weight is None else _weights(weight, len(x))
    marks = Marks(weights=weights, strata=unstratified)
    parts = wishes.split(what, encoded, {*given, *wishes.sources}, marks)
    rows = np.concatenate([parts["train"], parts["valid"]])
    what = what.fitted(encoded[rows])
    schema = replace(array_schema(x, names, what, rows, wishes.missing or "error"), image=arrays.image)
    x = schema.encode(x, where)
    extra: dict[str, Part] = {}
    for key, (other_x, other_y) in given.items():
        part = f"the {key} part of {where}"
        _check_rows(other_x, other_y, part)
        extra[key] = (schema.encode(other_x, part), what.read(other_y, part))
    remarks = [*arrays.notes]
    apart, _, named = _extra(schema, wishes, remarks, {})
    extra |= apart
    row_names = _joined_names(
        {"train": len(x)} | {key: len(more) for key, (more, _) in extra.items()}, {**arrays.row_names, **named}
    )
    # A pixel that tells the class is no mistake of whoever gathered the images.
    leaks = [] if arrays.image else find_leaks(x, what.condition(encoded, where), rows, schema)
    marks = marks.joined([(Marks(), len(more)) for more, _ in extra.values()])
    built = _assemble(x, encoded, marks, parts, extra, schema)
    return schema, replace(built, row_names=row_names), (*remarks, *leaks)


def _extra(
    schema: Schema, wishes: Wishes, remarks: list[str], kinds: dict[str, str]
) -> tuple[dict[str, Part], list[tuple[Marks, int]], dict[str, tuple[str, ...]]]:
    """The rows of separate sources, encoded, what their columns say of them (only validation rows need groups), their names."""
    found: dict[str, Part] = {}
    marks, named = [], dict[str, tuple[str, ...]]()
    for key, source in wishes.sources.items():
        names = wishes.names if accepts_names(source) else None
        raw, where = read(source, names, image=schema.image), describe(source)
        said = Marks()
        if isinstance(raw, Sheet):
            if wishes.drop_missing_target and set(schema.target.names) <= set(raw.frame.columns):
                whole, raw = raw, labelled_rows(raw, schema.target.names, where)
                remarks += raw.notes[len(whole.notes) :]
            said = wishes.roles.read(raw, kinds, where, needed=key == "valid")
        named[key] = () if isinstance(raw, Sheet) else raw.rows
        found[key] = labelled(raw, where, schema, remarks)
        marks.append((said, len(found[key][0])))
    return found, marks, named


def labelled_rows(sheet: Sheet, targets: tuple[str, ...], where: str) -> Sheet:
    """The sheet without the rows whose target is missing, and a note on how many they were.

    Raises:
        FalllineError: no row has a target.
    """
    import polars as pl

    cells = [pl.col(name).fill_nan(None) if sheet.frame[name].dtype.is_float() else pl.col(name) for name in targets]
    kept = sheet.frame.filter(pl.all_horizontal([each.is_not_null() for each in cells]))
    gone = sheet.frame.height - kept.height
    if not kept.height:
        raise FalllineError(f"{title_of(targets, where)} is missing in every row: name another target")
    note = f"{gone:,} of {sheet.frame.height:,} rows of {where} were left out: their target is missing"
    return replace(sheet, frame=kept, notes=(*sheet.notes, note)) if gone else sheet


def labelled_arrays(arrays: RawArrays) -> RawArrays:
    """The arrays without the rows whose target is NaN."""
    y = arrays.y
    if y is None or y.dtype.kind != "f":
        return arrays
    known = ~np.isnan(y.reshape(len(y), -1)).any(axis=1)
    return arrays if known.all() else replace(arrays, x=arrays.x[known], y=y[known])


def _assemble(
    x: np.ndarray,
    y: np.ndarray,
    marks: Marks,
    parts: dict[str, np.ndarray],
    extra: dict[str, Part],
    schema: Schema,
) -> Dataset:
    """Concatenates the rows of all sources and builds the index sets into them."""
    start = len(x)
    for key, (more, _) in extra.items():
        parts[key] = np.arange(start, start + len(more), dtype=np.int32)
        start += len(more)
    if extra:
        x = np.concatenate([x, *(more for more, _ in extra.values())])
        y = np.concatenate([y, *(more for _, more in extra.values())])
    target, sets = schema.target, (parts["train"], parts["valid"], parts["test"])
    seen = target.condition(y)
    truth = y if target.task == "regression" and (target.conditioned or not np.array_equal(seen, y)) else None
    weight = None if marks.weights is None else marks.weights.astype(np.float32)
    return Dataset(
        x, seen, weight, *sets, schema.scaled, target.task, target.n_classes, truth, target.factor, marks.groups,
        marks.time, marks.strata,
    )  # fmt: skip


def _joined_names(counts: dict[str, int], named: Mapping[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The names of the rows of all parts, "" where a part has none; none at all if no part has any.

    >>> _joined_names({"train": 2, "test": 1}, {"train": ("a.png", "b.png")})
    ('a.png', 'b.png', '')
    """
    fitting = {key: named.get(key, ()) if len(named.get(key, ())) == count else () for key, count in counts.items()}
    if not any(fitting.values()):
        return ()
    return tuple(name for key, count in counts.items() for name in fitting[key] or ("",) * count)


def target_names(names: list[str], target: str | list[str] | None, where: str) -> tuple[str, ...]:
    """The names of the target's columns.

    Args:
        names: all columns.
        target: the column, or a list of columns.
        where: name of the source in messages.

    Raises:
        FalllineError: no target is named, or one that is not among the columns.

    >>> target_names(["a", "b"], "b", "t.csv")
    ('b',)
    """
    if not target:
        columns = ", ".join(repr(name) for name in names[:20]) + (", ..." if len(names) > 20 else "")
        raise FalllineError(f"no target was named for {where}: name the column to predict (--target), one of {columns}")
    targets = (target,) if isinstance(target, str) else tuple(target)
    for name in targets:
        if name not in names:
            hint = nearest(name, names)
            if any(each.replace(".", "", 1).isdigit() for each in names):
                hint += "; if the file has no header line, give the column names with --names"
            raise FalllineError(f"{where} has no column {name!r} to predict: {hint}")
    if len(set(targets)) < len(targets):
        raise FalllineError(f"a target is named twice in {list(targets)}: name each once")
    return targets


def _feature_names(names: tuple[str, ...] | None, width: int, where: str) -> tuple[str, ...]:
    if names is None:
        return tuple(f"x{position}" for position in range(width))
    if len(names) != width:
        raise FalllineError(
            f"{where} has {width} features but {len(names)} names were given: give one name per feature"
        )
    check_names(list(names), where)
    return names


def _check_rows(x: np.ndarray, y: np.ndarray, where: str) -> None:
    if y.ndim not in (1, 2) or len(y) != len(x):
        shape = " x ".join(map(str, y.shape)) or "no"
        raise FalllineError(f"{where} has {len(x)} rows but y has {shape}: give one label or target per row")


def _weights(weight: object, rows: int) -> np.ndarray:
    try:
        weights = np.asarray(weight, np.float32)
    except (TypeError, ValueError):
        raise FalllineError("weight holds values that are not numbers: give one weight per row") from None
    if weights.shape != (rows,):
        raise FalllineError(f"weight has shape {weights.shape} for {rows} rows: give one weight per row")
    bad = int((~np.isfinite(weights) | (weights < 0)).sum())
    if bad or not weights.any():
        raise FalllineError(
            f"weight has {bad} negative, infinite or missing values, or is all zero: give weights of at least 0"
        )
    return weights


def kept(remarks: list[str], kinds: dict[str, str]) -> list[str]:
    """The remarks on columns that became features; remarks on dropped columns are left out."""
    return [each for each in remarks if any(each.startswith(f"column {name!r} ") for name in kinds)]


def grouped(schema: Schema) -> list[str]:
    """One sentence for each column whose rare values share a feature.

    >>> from fallline.data.columns import Column
    >>> print(*grouped(Schema((Column("c", "category", ("a",), rare=("b", "d"), others=0.01),), Target(("y",), "regression"))))
    column 'c' has 2 values too rare to be learnt from (1 % of the cells): they share one feature
    """
    return [
        f"column {column.name!r} has {len(column.rare)} values too rare to be learnt from "
        f"({100 * column.others:.2g} % of the cells): they share one feature"
        for column in schema.columns
        if column.rare and len(column.rare) > 1
    ]
