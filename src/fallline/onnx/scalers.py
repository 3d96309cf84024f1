"""The ONNX forms of the scalers, applied to encoded rows, and of their inverses, applied to predictions."""

from typing import Any

import numpy as np

from fallline.onnx.forms import Forms
from fallline.onnx.graph import Graph
from fallline.scalers import (
    PCA,
    Bins,
    Centre,
    Log,
    MinMax,
    PerMean,
    Pixels,
    QuantileNormal,
    Robust,
    Scaler,
    SmoothClip,
    Standardise,
    Unscaled,
    Whiten,
)
from fallline.scalers.logarithm import BEYOND
from fallline.scalers.smooth import EXTREME, MIDDLE, NEAR, TAILS

scaler_form = Forms("scaler_form", "scaler")
inverse_form = Forms("inverse_form", "target scaler")


@scaler_form.register(Standardise)
def _standardise(scaler: Standardise, graph: Graph, x: str, stats: dict[str, Any]) -> str:
    return _clip(graph, _present(graph, x, _moved(graph, x, stats["mean"], stats["inverse"])), scaler.clip)


@scaler_form.register(Unscaled)
def _unscaled(scaler: Unscaled, graph: Graph, x: str, stats: dict[str, Any]) -> str:
    return graph.op("Where", graph.op("IsNaN", x), stats["mean"], x)


@scaler_form.register(Centre, MinMax, PerMean, Pixels, Robust)
def _affine(scaler: Scaler, graph: Graph, x: str, stats: dict[str, Any]) -> str:
    filled = graph.op("Where", graph.op("IsNaN", x), stats["fill"], x)
    return _clip(graph, _moved(graph, filled, stats["centre"], stats["inverse"]), getattr(scaler, "clip", None))


@scaler_form.register(SmoothClip)
def _smooth_clip(scaler: SmoothClip, graph: Graph, x: str, stats: dict[str, Any]) -> str:
    filled = graph.op("Where", graph.op("IsNaN", x), stats["fill"], x)
    z = _moved(graph, filled, stats["centre"], stats["inverse"])
    part = graph.op("Mul", z, (stats["bends"] / np.float32(scaler.limit)).astype(np.float32))
    return graph.op("Div", z, graph.op("Sqrt", graph.op("Add", graph.op("Mul", part, part), np.float32(1.0))))


@scaler_form.register(QuantileNormal)
def _quantile_normal(scaler: QuantileNormal, graph: Graph, x: str, stats: dict[str, Any]) -> str:
    q = np.asarray(stats["quantiles"], np.float32)
    columns, count = q.shape
    filled = graph.op("Where", graph.op("IsNaN", x), stats["fill"], x)
    each = graph.op("Unsqueeze", filled, np.array([2]))
    shares = []
    for reaches in ("GreaterOrEqual", "Greater"):  # from the last quantile up to x, and from the first one from x on
        reached = graph.cast(graph.op(reaches, each, q), np.float32)
        k = graph.cast(graph.op("ReduceSum", reached, np.array([2]), keepdims=0), np.int64)
        k = graph.op("Clip", graph.op("Sub", k, np.array(1)), np.array(0), np.array(count - 2))
        index = graph.op("Add", k, np.arange(columns) * count)

        def at(values: np.ndarray, index: str = index) -> str:
            return graph.op("Gather", values.astype(np.float32).ravel(), index)

        after, levels = np.append(q[:, 1:], q[:, -1:], axis=1), np.broadcast_to(stats["levels"], q.shape)
        gap = graph.op("Sub", at(after), at(q))
        wide = graph.op("Greater", gap, np.float32(0.0))
        beyond = graph.cast(graph.op(reaches, filled, at(q)), np.float32)
        part = graph.op("Div", graph.op("Sub", filled, at(q)), graph.op("Where", wide, gap, np.float32(1.0)))
        part = graph.op("Clip", graph.op("Where", wide, part, beyond), np.float32(0.0), np.float32(1.0))
        steps = np.append(np.diff(levels), levels[:, -1:] * 0, axis=1)
        shares.append(graph.op("Add", at(levels), graph.op("Mul", part, at(steps))))
    z = _normal_quantile(graph, graph.op("Mul", graph.op("Add", *shares), np.float32(0.5)))
    z = graph.op("Where", stats["kind"] > 0.5, z, np.float32(0.0))
    return graph.op("Where", stats["kind"] > 1.5, filled, z)


def _normal_quantile(graph: Graph, p: str) -> str:
    """`fallline.scalers.smooth.normal_quantile`."""

    def ratio(pair: Any, r: str) -> str:
        found = []
        for coefficients in pair:
            total: Any = np.float32(coefficients[0])
            for each in coefficients[1:]:
                total = graph.op("Add", graph.op("Mul", total, r), np.float32(each))
            found.append(total)
        return graph.op("Div", *found)

    q = graph.op("Sub", p, np.float32(0.5))
    r = graph.op("Sub", np.float32(0.180625), graph.op("Mul", q, q))
    middle = graph.op("Mul", q, ratio(MIDDLE, r))
    tail = graph.op("Max", graph.op("Min", p, graph.op("Sub", np.float32(1.0), p)), np.float32(EXTREME))
    r = graph.op("Sub", graph.op("Sqrt", graph.op("Neg", graph.op("Log", tail))), np.float32(1.6))
    outside = graph.op("Mul", graph.op("Sign", q), ratio(TAILS, r))
    return graph.op("Where", graph.op("LessOrEqual", graph.op("Abs", q), np.float32(NEAR)), middle, outside)


@scaler_form.register(PCA, Whiten)
def _rotation(scaler: Scaler, graph: Graph, x: str, stats: dict[str, Any]) -> str:
    z = _present(graph, x, _moved(graph, x, stats["mean"], stats["inverse"]))
    return graph.op("MatMul", z, stats["rotation"])


@scaler_form.register(Log)
def _log(scaler: Log, graph: Graph, x: str, stats: dict[str, Any]) -> str:
    least = np.float32(0.1) * np.asarray(stats["least"])
    u = graph.op("Log", graph.op("Max", graph.op("Add", x, stats["added"]), least))
    u = graph.op("Where", np.asarray(stats["chosen"]) > 0, u, x)
    return graph.op("Where", graph.op("IsNaN", x), np.float32(0.0), _moved(graph, u, stats["mean"], stats["inverse"]))


@inverse_form.register(Log)
def _power(scaler: Log, graph: Graph, x: str, stats: dict[str, Any]) -> str:
    u = graph.op("Add", graph.op("Div", x, stats["inverse"]), stats["mean"])
    most = np.log(np.asarray(stats["most"])) + np.float32(BEYOND)
    power = graph.op("Sub", graph.op("Exp", graph.op("Min", u, most)), stats["added"])
    return graph.op("Where", np.asarray(stats["chosen"]) > 0, power, u)


@inverse_form.register(Standardise)
def _unstandardise(scaler: Standardise, graph: Graph, x: str, stats: dict[str, Any]) -> str:
    return graph.op("Add", graph.op("Div", x, stats["inverse"]), stats["mean"])


@inverse_form.register(Unscaled)
def _as_it_is(scaler: Unscaled, graph: Graph, x: str, stats: dict[str, Any]) -> str:
    return x


@inverse_form.register(Centre, MinMax, PerMean, Pixels, Robust)
def _unaffine(scaler: Scaler, graph: Graph, x: str, stats: dict[str, Any]) -> str:
    return graph.op("Add", graph.op("Div", x, stats["inverse"]), stats["centre"])


@inverse_form.register(SmoothClip)
def _unbend(scaler: SmoothClip, graph: Graph, x: str, stats: dict[str, Any]) -> str:
    part = graph.op("Mul", x, (stats["bends"] / np.float32(scaler.limit)).astype(np.float32))
    inside = graph.op("Max", graph.op("Sub", np.float32(1.0), graph.op("Mul", part, part)), np.float32(1e-6))
    return _unaffine(scaler, graph, graph.op("Div", x, graph.op("Sqrt", inside)), stats)


@inverse_form.register(Bins)
def _unbin(scaler: Bins, graph: Graph, x: str, stats: dict[str, Any]) -> str:
    centres = stats["centres"]
    p = graph.op("Reshape", x, np.array([0, *centres.shape]))
    return graph.op("ReduceSum", graph.op("Mul", p, centres), np.array([2]), keepdims=0)


def _moved(graph: Graph, x: str, centre: np.ndarray, inverse: np.ndarray) -> str:
    return graph.op("Mul", graph.op("Sub", x, centre), inverse)


def _present(graph: Graph, x: str, scaled: str) -> str:
    """The scaled values, with 0, which is the mean, where a value is missing."""
    return graph.op("Where", graph.op("IsNaN", x), np.float32(0.0), scaled)


def _clip(graph: Graph, x: str, clip: float | None) -> str:
    return x if clip is None else graph.op("Clip", x, np.float32(-clip), np.float32(clip))
