"""What a table holds and what was made of it: kind, format, missing cells and spread of every column, by split."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from fallline.data.columns import Column
from fallline.data.form import Form
from fallline.data.read_back import Cells, cells_of, day
from fallline.data.table import Table
from fallline.training.recipe import Recipe

MOST = 200  # most columns that are described
BINS = 8
ROWS = 20_000  # most rows of a split that are counted
SPLITS = ("train", "valid", "test")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")  # a single name
_DROPPED = re.compile(r"columns? (.+) (?:was|were) dropped: (.+)", re.DOTALL)


def columns_of(table: Table, recipe: Recipe) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """(a row for every column and the target, the bins of their histograms)."""
    data = table.dataset
    rows = {name: _some(getattr(data, name)) for name in SPLITS}
    splits = {name: cells_of(_first(table), data.x[each]) for name, each in rows.items()}
    described, bins = [], []
    for place in range(min(len(table.schema.columns), MOST)):
        parts = {name: each[place] for name, each in splits.items()}
        own = parts["train"]
        described.append({
            "name": own.name, "kind": own.column.kind, "format": format_of(own.column.form),
            "treatment": treatment(own, recipe, table.dataset.scaled), "features": own.stop - own.start,
            **{f"missing_{name}": float(each.missing.mean()) if len(rows[name]) else None for name, each in parts.items()},
            "dropped": False, "target": False,
        })  # fmt: skip
        bins += _histogram(own.name, parts)
    targets, more = _targets(table, rows)
    return [*targets, *described, *dropped(table)], [*more, *bins]


def _first(table: Table) -> Any:
    """The schema with no more columns than are described."""
    import dataclasses

    return dataclasses.replace(table.schema, columns=table.schema.columns[:MOST])


def _some(rows: np.ndarray) -> np.ndarray:
    return rows if len(rows) <= ROWS else rows[np.linspace(0, len(rows) - 1, ROWS).astype(int)]


def dropped(table: Table) -> list[dict[str, Any]]:
    """The columns that were not used, with the reason; columns that were dropped for one reason share a row."""
    found = [match.groups() for match in map(_DROPPED.fullmatch, table.warnings) if match]
    asked = [name for name, kind in (table.source.get("kinds") or {}).items() if kind == "drop"]
    alone = [(_QUOTED.fullmatch(names), names, why) for names, why in found]
    rows = [(names[1:-1] if one else names, why) for one, names, why in alone]
    rows += [(name, "you asked for it") for name in asked]
    return [{"name": name, "kind": "", "format": "", "treatment": f"dropped: {why}", "features": 0, "dropped": True,
             "target": False} for name, why in rows]  # fmt: skip


def format_of(form: Form) -> str:
    """How the cells were written, in words; empty for plain cells.

    >>> format_of(Form(decimal=",", group=".", unit="km"))
    "decimal ',', groups '.', unit km"
    """
    words = [
        f"decimal {form.decimal!r}" if form.decimal != "." else "",
        f"groups {form.group!r}" if form.group else "",
        "a duration, in seconds" if form.unit == "duration" else f"unit {form.unit}" if form.unit else "",
        form.order.replace("_", " "),
        form.counts.replace("_", " "),
        f"zone {form.zone}" if form.zone else "",
    ]
    return ", ".join(each for each in words if each)


def treatment(cells: Cells, recipe: Recipe, scaled: np.ndarray) -> str:
    """What was made of a column, in words."""
    column = cells.column
    words = [_encoded(column, cells.stop - cells.start)]
    if scaled[cells.start : cells.stop].any():
        words.append(f"scaled ({recipe.scaler.name.replace('_', ' ')})")
    if math.isfinite(column.limit):
        words.append("extreme values cut")
    if column.indicator:
        words.append("a feature marks missing cells")
    if recipe.encoding is not None and recipe.encoding.named() is not None:
        sources = np.asarray(recipe.encoding.sources())
        more = int(((sources >= cells.start) & (sources < cells.stop)).sum())
        if more:
            words.append(f"{more} more inputs made of it ({recipe.encoding.name.replace('_', ' ')})")
    return "; ".join(each for each in words if each)


def _encoded(column: Column, features: int) -> str:
    if column.kind == "category":
        rare = f", {len(column.rare)} rare values share one" if len(column.rare) > 1 else ""
        return f"{features} features of 0 and 1, one for each value{rare}"
    if column.kind == "boolean":
        return f"0 for {column.values[0]}, 1 for {column.values[1]}"
    if column.kind == "date":
        return f"{features} numbers: year, month, day, weekday, days{', hour' if column.hour else ''}"
    if column.kind == "text":
        return f"{features} numbers: its words and pairs of words, hashed"
    return "only whether the cell is filled" if column.kind == "presence" else ""


def _targets(table: Table, rows: dict[str, np.ndarray]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    target, data = table.schema.target, table.dataset
    kind = {"classification": "classes", "multilabel": "label"}.get(target.task, "number")
    described, bins = [], []
    for place, name in enumerate(target.names[:BINS]):
        form = format_of(target.forms[place]) if target.forms else ""
        words = f"{target.n_classes} classes to tell apart" if target.classes else "to predict"
        none = {f"missing_{split}": 0.0 if len(each) else None for split, each in rows.items()}
        described.append({"name": name, "kind": kind, "format": form, "treatment": words, "features": 0,
                          "dropped": False, "target": True, **none})  # fmt: skip
        column = Column(name, "category")
        parts = {}
        for split, each in rows.items():
            values = data.given[each] if target.classes else data.given[each][:, place]
            if target.classes is not None:
                levels = tuple(str(label) for label in target.classes)
                parts[split] = Cells(column, 0, 0, codes=values.astype(int), levels=levels)
            elif target.task == "multilabel":
                parts[split] = Cells(column, 0, 0, codes=(values > 0.5).astype(int), levels=("no", "yes"))
            else:
                parts[split] = Cells(Column(name, "number"), 0, 0, numbers=values.astype(np.float64))
        bins += _histogram(name, parts)
    return described, bins


def _histogram(name: str, parts: dict[str, Cells]) -> list[dict[str, Any]]:
    """The share of each split's present cells in every bin; the bins are those of the training rows."""
    own = parts["train"]
    if own.numbers is None:
        return _of_levels(name, parts)
    known = own.numbers[np.isfinite(own.numbers)]
    if not len(known):
        return []
    distinct = np.unique(known)
    word = day if own.column.kind == "date" else (lambda value: f"{value:.4g}")
    if len(distinct) <= BINS:
        middles = 0.5 * (distinct[1:] + distinct[:-1])
        labels = [word(each) for each in distinct.tolist()]
        ends = [(each, each) for each in distinct.tolist()]
    else:
        low, high = np.quantile(known, [0.01, 0.99]) if len(known) >= 200 else (known.min(), known.max())
        low, high = (known.min(), known.max()) if low == high else (low, high)
        edges = np.linspace(low, high, BINS + 1)
        middles = edges[1:-1]
        # The first and the last bin also hold what lies beyond them.
        ends = list(zip([float(known.min()), *middles.tolist()], [*middles.tolist(), float(known.max())], strict=True))
        labels = [f"{word(a)} to {word(b)}" for a, b in ends]
    counts = {
        split: _shares(np.searchsorted(middles, cells.numbers[np.isfinite(cells.numbers)], side="left"), len(labels))
        for split, cells in parts.items()
        if cells.numbers is not None
    }
    return _bins(name, labels, ends, counts)


def _of_levels(name: str, parts: dict[str, Cells]) -> list[dict[str, Any]]:
    own = parts["train"]
    assert own.codes is not None
    counts = np.bincount(own.codes, minlength=len(own.levels))
    for cells in parts.values():
        assert cells.codes is not None
        counts = counts + 1e-9 * np.bincount(cells.codes, minlength=len(own.levels))  # levels of other splits come last
    shown = np.argsort(-counts, kind="stable")
    shown = shown[counts[shown] > 0]
    shown, others = (shown, shown[:0]) if len(shown) <= BINS else (shown[: BINS - 1], shown[BINS - 1 :])
    labels = [own.levels[k] for k in shown.tolist()] + ([f"{len(others)} others"] if len(others) else [])
    place = np.full(len(own.levels), len(shown))
    place[shown] = np.arange(len(shown))
    counted = {
        split: _shares(place[cells.codes], len(labels)) for split, cells in parts.items() if cells.codes is not None
    }
    return _bins(name, labels, [(None, None)] * len(labels), counted)


def _shares(places: np.ndarray, bins: int) -> list[float | None]:
    if not len(places):
        return [None] * bins
    return [float(each) for each in np.bincount(places, minlength=bins) / len(places)]


def _bins(
    name: str, labels: Sequence[str], ends: Sequence[tuple[Any, Any]], shares: dict[str, list[float | None]]
) -> list[dict[str, Any]]:
    return [
        {"column": name, "label": label, "low": low, "high": high, **{split: shares[split][k] for split in SPLITS}}
        for k, (label, (low, high)) in enumerate(zip(labels, ends, strict=True))
    ]
