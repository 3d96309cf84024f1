"""`interpret(run, table)`: what a model's answers for rows that it has not seen say of it, and of the table."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fallline.core.errors import FalllineError
from fallline.data.dataset import Dataset
from fallline.data.prediction import read_labelled
from fallline.data.read_back import cells_of
from fallline.data.schema import Schema
from fallline.data.table import Table
from fallline.interpretation.answers import Answered, answered, held_out
from fallline.interpretation.baseline import NAMES, against, answered_by, baselines
from fallline.interpretation.bootstrap import intervals, score_of
from fallline.interpretation.classes import class_tables
from fallline.interpretation.columns import columns_of
from fallline.interpretation.dependence import dependence
from fallline.interpretation.importance import WORK, importance
from fallline.interpretation.interpretation import Interpretation
from fallline.interpretation.numbers import bias_of, coverage_of, deciles, rmse_of
from fallline.interpretation.segments import ROWS, judged, segments_of
from fallline.interpretation.tables import frame, frame_of_rows, stacked
from fallline.interpretation.thresholds import RATIOS
from fallline.interpretation.words import SPLITS, sentence_against, sentence_of_segments
from fallline.interpretation.worst import worst_rows
from fallline.metrics import metrics_of
from fallline.training.arrays import suited
from fallline.training.predictor import Predictor
from fallline.training.run import Run

if TYPE_CHECKING:
    import polars as pl

COVERAGE = 0.9
FEW = 5  # rows below which nothing is said of columns
COLUMNS = 300  # most columns whose importance is measured


def interpret(
    model: Run | Predictor,
    table: Table | Any = None,
    *,
    cost_ratios: Sequence[float] = RATIOS,
    work: float = WORK,
    seed: int = 0,
) -> Interpretation:
    """Say how good a model's answers are for rows that it has not seen, where they are wrong, and on what they rest.

    Arguments:
        model: a finished run, or a trained model.
        table: the table it was trained on, whose test rows are looked at (else its validation rows), or other labelled rows
            as a path or frame; default: the table of the run.
        cost_ratios: costs of a missed positive, in false alarms, for which the best thresholds are sought.
        work: rows times parameters that permutation importance may answer.
        seed: seed of resamples and shuffles.

    Raises: FalllineError for a run without a model, no table, or a table that is encoded in another way.

    >>> import fallline as fl
    >>> found = interpret(fl.train(fl.Recipe(epochs=3), fl.load("sklearn:iris")))
    >>> found.split, int(found.matrix.sum()), found.per_class["name"].to_list()
    ('test', 30, ['setosa', 'versicolor', 'virginica'])
    """
    trained, table = _both(model, table)
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # the products are small, so more threads would only slow them down
        return _interpreted(model, trained, table, cost_ratios, work, seed)


def _interpreted(
    model: Run | Predictor, trained: Predictor, table: Table, cost_ratios: Sequence[float], work: float, seed: int
) -> Interpretation:
    held = held_out(trained, table.dataset, getattr(model, "how", "") == "bag")
    split = held[0] if held else "train"
    asked = answered(trained, table.dataset, split)
    if not np.isfinite(asked.answer).all():
        raise FalllineError("the model's answers are not all finite numbers: there is nothing to interpret")
    names = [str(each) for each in table.classes or table.schema.target.names]
    metric = metrics_of(trained.task)[0]
    notes = ["no rows were held out: these rows trained the model, and their scores are too good"] * (split == "train")
    tables: dict[str, pl.DataFrame] = {}
    ece: float | None = None
    chance: float | None = None
    if trained.task == "regression":
        tables |= _number_tables(trained, asked)
    else:
        more, ece, chance = class_tables(asked, names, cost_ratios)
        tables |= more
    scores, rivals = _scores(trained, table, held or ("train",), asked)
    tables["scores"] = scores
    tables["against"] = frame_of_rows("against", [
        {"baseline": name, "metric": metric.name, "gain": gain, "low": ends.low, "high": ends.high}
        for name, other in rivals.items()
        for gain, ends in [against(asked, other, metric.name, metric.larger_is_better)]
    ])  # fmt: skip
    tables["worst"] = frame_of_rows("worst", worst_rows(table, asked))
    some = asked.some(ROWS)
    tables["segments"] = frame_of_rows(
        "segments", judged(segments_of(cells_of(table.schema, some.x)), some.errors, some.weight, seed)
    )
    tables |= _columns(trained, asked, table.schema, names, work, seed, notes)
    described, bins = columns_of(table, trained.recipe)
    tables |= {"columns": frame_of_rows("columns", described), "histograms": frame_of_rows("histograms", bins)}
    sentences = [
        *sentence_against(tables["against"], NAMES[trained.task], SPLITS[split]),
        *sentence_of_segments(tables["segments"], trained.task),
    ]
    return Interpretation(
        trained.task, table.schema.target.names, tuple(names) if trained.task != "regression" else (), split, len(asked),
        metric.name, tuple(sentences), tuple(notes), ece, chance, tables,
    )  # fmt: skip


def _both(model: Run | Predictor, table: Any) -> tuple[Predictor, Table]:
    """The model and a table that is encoded as it reads it."""
    trained = model.model if isinstance(model, Run) else model
    if isinstance(model, Run) and not model.learnt:
        raise FalllineError("the run diverged before there was a model: there is nothing to interpret")
    if table is None:
        table = model.data if isinstance(model, Run) else None
    if table is None:
        raise FalllineError(
            "interpret needs rows: give the table that the model was trained on, or other labelled rows"
        )
    if not isinstance(table, Table):
        return trained, _of_rows(trained.schema, table)
    table, _ = suited(table, [trained.recipe])
    if table.schema.to_dict() != trained.schema.to_dict():
        raise FalllineError(
            f"the table {table.name!r} is encoded in another way than the model's: load it as for the training, or give the "
            "labelled rows themselves, as a path or a frame"
        )
    return trained, table


def _of_rows(schema: Schema, rows: object) -> Table:
    """Labelled rows as a table in which all of them are test rows."""
    x, given = read_labelled(rows, schema)
    none, every = np.zeros(0, np.int32), np.arange(len(x), dtype=np.int32)
    y, target = schema.target.condition(given), schema.target
    truth = given if target.task == "regression" else None
    data = Dataset(x, y, None, none, none, every, schema.scaled, target.task, target.n_classes, truth, target.factor)
    return Table("rows", schema, data)


def _scores(
    model: Predictor, table: Table, splits: Sequence[str], asked: Answered
) -> tuple[pl.DataFrame, dict[str, Answered]]:
    """(every score with its interval and those of the simple models, the simple models' answers for the first split)."""
    data, rows, rivals = table.dataset, [], {}
    simple = baselines(data)
    for name in splits:
        here = asked if name == asked.split else answered(model, data, name)
        ends = intervals(here)
        others = {each: answered_by(other, here) for each, other in simple.items()}
        theirs = {each: score_of(other) for each, other in others.items()}
        if name == asked.split:
            rivals = others
        for metric, value in score_of(here).items():
            low, high = ends.get(metric, (None, None))
            known = {} if metric == "loss" else {each: theirs[each][metric] for each in theirs}
            rows.append({"split": name, "metric": metric, "value": value, "low": low, "high": high, **known})
    return frame_of_rows("scores", rows), rivals


def _number_tables(model: Predictor, asked: Answered) -> dict[str, pl.DataFrame]:
    low = high = None
    with contextlib.suppress(FalllineError):  # most losses say nothing of the target's spread
        low, high = model.interval(asked.x, COVERAGE)
    targets, parts, points = [], [], []
    for k, name in enumerate(model.schema.target.names):
        true, predicted = asked.truth[:, k], asked.answer[:, k]
        bias, bias_low, bias_high = bias_of(true, predicted, asked.weight)
        error = predicted - true
        w = asked.weight / asked.weight.sum()
        covered = None if low is None or high is None else coverage_of(true, low[:, k], high[:, k], asked.weight)
        targets.append({"name": name, "bias": bias, "bias_low": bias_low, "bias_high": bias_high,
                        "rmse": rmse_of(true, predicted, asked.weight), "mae": float(w @ np.abs(error)), "coverage": covered,
                        "asked": None if covered is None else COVERAGE})  # fmt: skip
        columns = deciles(true, predicted)
        parts.append(frame("deciles", {"name": [name] * len(columns["rows"]), **columns}))
        ends = {} if low is None or high is None else {"low": low[:, k], "high": high[:, k]}
        points.append(frame("predictions", {"row": asked.rows, "name": [name] * len(asked), "true": true,
                                            "predicted": predicted, "loss": asked.losses, **ends}))  # fmt: skip
    return {"targets": frame_of_rows("targets", targets), "deciles": stacked("deciles", parts),
            "predictions": stacked("predictions", points)}  # fmt: skip


def _columns(
    model: Predictor, asked: Answered, schema: Schema, names: Sequence[str], work: float, seed: int, notes: list[str]
) -> dict[str, pl.DataFrame]:
    """Importance and partial dependence; a note where there are too many columns."""
    if len(schema.columns) > COLUMNS:
        notes.append(f"the importance of {len(schema.columns):,} columns is not measured: at most {COLUMNS}")
        return {}
    if len(asked) < FEW:
        notes.append(f"the importance of the columns is not measured: {len(asked):,} rows are too few")
        return {}
    cells = cells_of(schema, asked.x)
    found = importance(model, asked, cells, work, seed)
    if found is None:
        notes.append(
            f"the importance of {len(cells):,} columns would take long with {model.size:,} parameters: "
            "ask for it with fallline.interpret(run, work=1e11)"
        )
        return {}
    order = found.order
    columns = {each: getattr(found, each) for each in ("features", "loss", "loss_error", "score", "score_error")}
    ranked = {name: [values[k] for k in order] for name, values in columns.items()}
    best = [found.columns[k] for k in order if found.loss[k] > 2 * found.loss_error[k]]
    rows = dependence(model, asked, cells, best, names)
    return {"importance": frame("importance", {"column": [found.columns[k] for k in order], **ranked}),
            "dependence": frame_of_rows("dependence", rows)}  # fmt: skip
