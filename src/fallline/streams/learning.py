"""The first pass over a stream: learns the schema that `load` would learn, from a sample and from witnesses of all rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from fallline.core.errors import FalllineError
from fallline.data.building import grouped, kept
from fallline.data.columns import Column
from fallline.data.fitting import category_of
from fallline.data.form import Form
from fallline.data.kinds import recognise
from fallline.data.prediction import target_values
from fallline.data.schema import Schema
from fallline.data.schema_fitting import fit_schema
from fallline.data.target import Target
from fallline.data.task import recognise_target
from fallline.data.understanding import target_said, understand_features, understand_target
from fallline.streams.counting import ValueCounts
from fallline.streams.layout import ColumnLayout
from fallline.streams.reading import Opened
from fallline.streams.sampling import RowSample
from fallline.streams.splitting import FILE, ROW, Splitting, order_of
from fallline.streams.witnesses import Witnesses

if TYPE_CHECKING:
    import polars as pl

CELLS, FEWEST, MOST = 2_500_000, 5_000, 100_000  # cells and rows of the sample from which kinds are recognised
_CLASSES = 5_000  # different targets that are counted, so that every class is known
_FITTED = "\0fitted"  # the column of a sample that says which rows the encoding is learnt from
_TWICE = 40  # rows that stand for a class in the question of what the task is


@dataclass(frozen=True)
class Wanted:
    """What is asked of a stream, apart from its files; the arguments of `scan`."""

    target: tuple[str, ...]
    kinds: dict[str, str]
    task: str | None
    splitting: Splitting
    missing: str


@dataclass(frozen=True, eq=False)
class Learnt:
    """What the first pass found.

    Attributes:
        schema: the encoding of the columns and of the target.
        decimal: the decimal sign that the texts show, or "".
        rows: number of rows of each file.
        remarks: sentences about columns.
    """

    schema: Schema
    decimal: str
    rows: tuple[int, ...]
    remarks: tuple[str, ...]


def learn(
    files: Sequence[Opened],
    layout: ColumnLayout,
    wanted: Wanted,
    where: str,
    piece: int,
    said: Callable[[int], None] = lambda rows: None,
) -> Learnt:
    """Reads all rows once and learns how to encode them.

    Up to 100,000 rows are kept as a sample (fewer of a wide table). If these are all rows, the schema is that of `load`.
    Otherwise the kinds of columns, the notation of their cells and the units of their numbers are judged on the sample
    together with the witnesses of the other rows, and the values of categories and classes are counted over all rows.

    Args:
        files: the files.
        layout: their columns.
        wanted: what is asked.
        where: name of the source in messages.
        piece: rows that are read at a time.
        said: is told the number of rows so far, from time to time.

    Raises:
        FalllineError: a target is missing in a row, or something else that `load` refuses.
    """
    import polars as pl

    features = [name for name in layout.columns if name not in wanted.target]
    sample = RowSample(max(FEWEST, min(MOST, CELLS // len(layout.columns))))
    witnesses = Witnesses({name: layout.columns[name] for name in [*features, *wanted.target]})
    answers = {name: ValueCounts(_CLASSES) for name in wanted.target}
    rows: list[int] = []
    for each in files:
        start = 0
        for frame in each.pieces(piece):
            frame = layout.aligned(frame)
            _refuse_gaps(frame, wanted.target, each.file.name, start)
            hashes = hashes_of(wanted.splitting, frame, each.file.name, start)
            fitted = pl.Series(_FITTED, wanted.splitting.parts(hashes) < 2)
            sample.offer(frame.with_columns(fitted), order_of(each.file.name, start, frame.height))
            witnesses.add(frame if fitted.all() else frame.filter(fitted))
            for name, counts in answers.items():
                if counts.exact:
                    counts.add(frame[name])
            start += frame.height
            said(sum(rows) + start)
        rows.append(start)
    if not sum(rows):
        raise FalllineError(f"{where} holds no rows: give at least one")
    return _concluded(files, layout, wanted, where, sample, witnesses, answers, tuple(rows))


def hashes_of(splitting: Splitting, frame: pl.DataFrame, file: str, start: int) -> np.ndarray:
    """The hash by which each row is split.

    Raises:
        FalllineError: the files do not have the column by which the rows are split.
    """
    column = None
    if splitting.by not in (ROW, FILE):
        if splitting.by not in frame.columns:
            raise FalllineError(
                f"the rows are to be split by {splitting.by!r}, which is no column of {file}: expected 'row', 'file' or a "
                "column"
            )
        column = frame[splitting.by]
    return splitting.hashes(file, start, frame.height, column)


def _refuse_gaps(frame: pl.DataFrame, targets: tuple[str, ...], file: str, start: int) -> None:
    for name in targets:
        cells = frame[name].fill_nan(None) if frame[name].dtype.is_float() else frame[name]
        if cells.null_count():
            first = start + int(cells.is_null().arg_max() or 0) + 1
            raise FalllineError(
                f"the target {name!r} is missing in row {first:,} of {file}: remove the rows without a target"
            )


def _concluded(
    files: Sequence[Opened],
    layout: ColumnLayout,
    wanted: Wanted,
    where: str,
    sample: RowSample,
    witnesses: Witnesses,
    answers: dict[str, ValueCounts],
    rows: tuple[int, ...],
) -> Learnt:
    import polars as pl

    frame = sample.rows()[0]
    fitted = frame[_FITTED].to_numpy()
    frame = frame.drop(_FITTED)
    targets = wanted.target
    target_kinds = {name: kind for name, kind in wanted.kinds.items() if name in targets}
    kinds = {name: kind for name, kind in wanted.kinds.items() if name not in targets}
    task, forms = target_said(target_kinds, wanted.task)
    extra = None if sample.complete else witnesses.frame(frame)
    digest = frame if extra is None else pl.concat([frame, extra.select(frame.columns)])
    chosen = np.flatnonzero(np.concatenate([fitted, np.ones(digest.height - frame.height, bool)]))
    understood = understand_features(digest.drop(targets), files[0].separator, kinds)
    found = recognise(understood.frame, kinds)
    answer_frame = digest.select(targets)
    if extra is not None and len(targets) == 1 and answers[targets[0]].exact:
        answer_frame = _of_counts(answers[targets[0]], layout.columns[targets[0]])
    read = understand_target(answer_frame, understood.decimal, where, task, forms)
    values = target_values(read.frame, targets)
    what = recognise_target(values, targets, where, task)
    if pl.String in answer_frame.dtypes:
        what = what.written(read.forms, what.read(values, where))
    what = _in_unit(what, digest.select(targets)[chosen], understood.decimal, where, task, forms)
    schema = replace(fit_schema(understood.frame[chosen], found.kinds, what, understood.forms), missing=wanted.missing)
    if extra is not None:
        schema = replace(schema, columns=tuple(_counted(each, witnesses) for each in schema.columns))
    remarks = (
        *(note for each in files for note in each.notes),
        *layout.notes,
        *read.remarks,
        *kept(understood.remarks, found.kinds),
        *grouped(schema),
        *found.warnings(),
    )
    return Learnt(schema, understood.decimal, rows, tuple(dict.fromkeys(remarks)))


def _of_counts(counts: ValueCounts, dtype: pl.DataType) -> pl.DataFrame:
    """A column in which every value of the target stands, as often as it occurs and up to `_TWICE` times."""
    import polars as pl

    name = counts.name
    often = counts.frame.select(pl.col("value").cast(dtype).alias(name), pl.col("count").clip(upper_bound=_TWICE))
    return often.select(pl.col(name).repeat_by("count").explode())


def _in_unit(
    what: Target,
    answers: pl.DataFrame,
    decimal: str,
    where: str,
    task: str | None,
    forms: dict[str, Form],
) -> Target:
    """The target in a unit in which float32 can hold the rows that the encoding is learnt from."""
    if what.task != "regression":
        return what
    read = understand_target(answers, decimal, where, task, forms).frame
    return what.fitted(what.read(target_values(read, what.names), where))


def _counted(column: Column, witnesses: Witnesses) -> Column:
    """The column; a category of texts with the values of all rows instead of those of the sample."""
    if column.kind != "category" or column.name not in witnesses.texts:
        return column
    counts = witnesses.texts[column.name]
    return category_of(column.name, counts.frame, witnesses.rows, counts.missing > 0)
