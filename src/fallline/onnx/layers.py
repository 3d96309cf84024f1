"""The ONNX forms of the layers in prediction: with running statistics and without noise."""

from typing import Any

import numpy as np

from fallline.activations import Activation
from fallline.layers import BatchNorm, Dense, Dropout, Heads, LayerNorm, Maxout, PReLU, Scale, Sequential, SharedDense
from fallline.onnx.activations import activation_form
from fallline.onnx.forms import Forms
from fallline.onnx.graph import Graph

Arrays = dict[str, Any]

layer_form = Forms("layer_form", "layer")


@layer_form.register(Sequential)
def _sequential(layer: Sequential, graph: Graph, x: str, params: Arrays, stats: Arrays) -> str:
    for name, each in zip(layer.names(), layer.layers, strict=True):
        if isinstance(each, Activation):
            x = activation_form(each, graph, x)
        else:
            x = layer_form(each, graph, x, params.get(name, {}), stats.get(name, {}))
    return x


@layer_form.register(Dense)
def _dense(layer: Dense, graph: Graph, x: str, params: Arrays, stats: Arrays) -> str:
    y = graph.op("MatMul", x, params["weight"])
    return graph.op("Add", y, params["bias"]) if layer.bias else y


@layer_form.register(Maxout)
def _maxout(layer: Maxout, graph: Graph, x: str, params: Arrays, stats: Arrays) -> str:
    inputs, pieces, width = params["weight"].shape
    sums = graph.op("MatMul", x, np.reshape(params["weight"], (inputs, pieces * width)))
    sums = graph.op("Add", graph.op("Reshape", sums, np.array([0, pieces, width])), params["bias"])
    return graph.op("ReduceMax", sums, np.array([1]), keepdims=0)


@layer_form.register(SharedDense)
def _shared_dense(layer: SharedDense, graph: Graph, x: str, params: Arrays, stats: Arrays) -> str:
    inputs, k = params["weight"].shape[0], layer.members
    each = x if layer.first else graph.op("Reshape", x, np.array([0, k, inputs]))
    each = graph.op("Unsqueeze", each, np.array([1])) if layer.first else each
    z = graph.op("MatMul", graph.op("Mul", each, params["r"]), params["weight"])
    y = graph.op("Add", graph.op("Mul", z, params["s"]), params["bias"])
    return graph.op("Reshape", y, np.array([0, k * layer.width]))


@layer_form.register(Heads)
def _heads(layer: Heads, graph: Graph, x: str, params: Arrays, stats: Arrays) -> str:
    k, inputs, width = params["weight"].shape
    each = graph.op("Reshape", x, np.array([0, k, 1, inputs]))
    z = graph.op("Reshape", graph.op("MatMul", each, params["weight"]), np.array([0, k, width]))
    return graph.op("Reshape", graph.op("Add", z, params["bias"]), np.array([0, k * width]))


@layer_form.register(PReLU)
def _prelu(layer: PReLU, graph: Graph, x: str, params: Arrays, stats: Arrays) -> str:
    return graph.op("PRelu", x, params["slope"])


@layer_form.register(Dropout)
def _dropout(layer: Dropout, graph: Graph, x: str, params: Arrays, stats: Arrays) -> str:
    return x if layer.form == "inverted" else graph.op("Mul", x, np.float32(1.0) - np.float32(layer.rate))


@layer_form.register(Scale)
def _scale(layer: Scale, graph: Graph, x: str, params: Arrays, stats: Arrays) -> str:
    return graph.op("Mul", x, np.float32(1.0) + np.float32(layer.rate) * params["excess"])


@layer_form.register(BatchNorm)
def _batch_norm(layer: BatchNorm, graph: Graph, x: str, params: Arrays, stats: Arrays) -> str:
    mean, variance, seen = (np.asarray(stats[name], np.float64) for name in ("mean", "variance", "seen"))
    mu = mean / np.maximum(seen, 1e-30)
    var = variance / seen if seen > 0 else np.ones_like(variance)
    inverse = params["scale"] / np.sqrt(var + np.float64(layer.epsilon))
    xhat = graph.op("Mul", graph.op("Sub", x, mu.astype(np.float32)), inverse.astype(np.float32))
    return graph.op("Add", xhat, params["shift"])


@layer_form.register(LayerNorm)
def _layer_norm(layer: LayerNorm, graph: Graph, x: str, params: Arrays, stats: Arrays) -> str:
    def mean(values: str) -> str:
        return graph.op("ReduceMean", values, np.array([1]), keepdims=1)

    d = graph.op("Sub", x, mean(x))
    var = mean(graph.op("Mul", d, d))
    xhat = graph.op("Div", d, graph.op("Sqrt", graph.op("Add", var, np.float32(layer.epsilon))))
    return graph.op("Add", graph.op("Mul", xhat, params["scale"]), params["shift"])
