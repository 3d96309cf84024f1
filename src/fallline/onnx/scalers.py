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
    Robust,
    Scaler,
    Standardise,
    Unscaled,
    Whiten,
)
from fallline.scalers.logarithm import BEYOND

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
