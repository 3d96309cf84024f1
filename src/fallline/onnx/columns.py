"""The encoding of columns in ONNX: it turns the graph's inputs into the same features as `Schema.encode`."""

import re
from itertools import groupby

import numpy as np

from fallline.data.codes import truth, variants
from fallline.data.columns import Column
from fallline.onnx.dates import date_features
from fallline.onnx.graph import ML, Graph
from fallline.onnx.inputs import Input


def encode(graph: Graph, inputs: list[Input]) -> str:
    """Declare the inputs and compute the encoded rows, float32 (N, features).

    Consecutive number columns are encoded together, so that the size of the graph depends more on the kinds of columns
    than on their number.
    """
    parts: list[str] = []
    for (kind, dtype), group in groupby(inputs, key=lambda each: (each.columns[0].kind, each.dtype)):
        members = list(group)
        names = [graph.input(each.name, each.dtype, len(each.columns), each.about) for each in members]
        if kind == "number":
            columns = tuple(column for each in members for column in each.columns)
            parts.append(_numbers(graph, _joined(graph, names), columns, dtype))
        else:
            encoding = {"category": _category, "boolean": _boolean, "date": _date, "presence": _presence}[kind]
            parts += [encoding(graph, name, each.columns[0]) for name, each in zip(names, members, strict=True)]
    return _joined(graph, parts)


def _numbers(graph: Graph, x: str, columns: tuple[Column, ...], dtype: type) -> str:
    """The numbers, conditioned in float64 if float32 would lose them, each followed by its indicator if it has one."""
    missing = graph.op("IsNaN", x)
    if dtype is np.float64:
        shift, factor = (np.array([getattr(each, name) for each in columns]) for name in ("shift", "factor"))
        x = _cut(graph, graph.op("Sub", graph.op("Mul", x, factor), shift * factor), columns)
        x = graph.cast(x, np.float32)
    marked = np.array([each.indicator for each in columns])
    if not marked.any():
        return x
    indicators = graph.cast(graph.op("Gather", missing, np.flatnonzero(marked), axis=1), np.float32)
    own = np.arange(len(columns)) + np.cumsum(marked) - marked  # position of each number
    order = np.empty(len(columns) + marked.sum(), np.int64)
    order[own] = np.arange(len(columns))
    order[own[marked] + 1] = len(columns) + np.arange(marked.sum())
    return graph.op("Gather", graph.op("Concat", x, indicators, axis=1), order, axis=1)


def _cut(graph: Graph, x: str, columns: tuple[Column, ...]) -> str:
    """Clips each column to its limit, if any column has one; NaN stays, since no comparison with it is true."""
    limits = np.array([each.limit for each in columns])
    if np.isinf(limits).all():
        return x
    x = graph.op("Where", graph.op("Greater", x, limits), limits, x)
    return graph.op("Where", graph.op("Less", x, -limits), -limits, x)


def _category(graph: Graph, x: str, column: Column) -> str:
    """One slot per known value, one for all other values and, with an indicator, one for missing cells."""
    other = len(column.values)
    slots = {each: slot for slot, value in reversed([*enumerate(column.values)]) for each in variants(value)}
    slots |= {value: slot for slot, value in enumerate(column.values)}
    if column.indicator:
        slots[""] = other + 1
    if not slots:
        return graph.cast(graph.op("Equal", x, x), np.float32)
    codes = graph.op(
        "LabelEncoder",
        x,
        domain=ML,
        keys_strings=list(slots),
        values_int64s=list(slots.values()),
        default_int64=other,
    )
    return graph.cast(graph.op("Equal", codes, np.arange(len(column.feature_names()))[None]), np.float32)


def _boolean(graph: Graph, x: str, column: Column) -> str:
    """0 or 1 for the column's own texts and those of any usual pair, ignoring case; 0.5 for anything else."""
    no, yes = truth((column.values[0], column.values[1]))
    y = graph.op("Where", _reads(graph, x, *sorted(no)), np.float32(0.0), np.float32(0.5))
    y = graph.op("Where", _reads(graph, x, *sorted(yes)), np.float32(1.0), y)
    return _joined(graph, [y, *_indicator(graph, x, column)])


def _reads(graph: Graph, x: str, *texts: str) -> str:
    return graph.op(
        "RegexFullMatch", x, pattern=rf"(?i)\s*(?:{'|'.join(re.escape(each) for each in texts if each)})\s*"
    )


def _presence(graph: Graph, x: str, column: Column) -> str:
    return graph.cast(graph.op("Not", _missing(graph, x)), np.float32)


def _date(graph: Graph, x: str, column: Column) -> str:
    parts, missing = date_features(graph, x, column.origin)
    names = [each.rpartition(".")[2] for each in column.feature_names()]
    features = [parts[name] for name in names if name in parts]
    none = np.float32(np.nan)
    known = graph.op("Where", missing, none, _joined(graph, features))
    return _joined(graph, [known, graph.cast(missing, np.float32)] if column.indicator else [known])


def _indicator(graph: Graph, x: str, column: Column) -> list[str]:
    return [graph.cast(_missing(graph, x), np.float32)] if column.indicator else []


def _missing(graph: Graph, x: str) -> str:
    return graph.op("Equal", x, np.array("", object))


def _joined(graph: Graph, names: list[str]) -> str:
    return names[0] if len(names) == 1 else graph.op("Concat", *names, axis=1)
