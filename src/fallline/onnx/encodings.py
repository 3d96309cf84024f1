"""The ONNX forms of the encodings: the codes of encoded rows, and the embeddings that are layers of the network."""

from typing import Any

import numpy as np

from fallline.encodings import Embedding, Encoding, PiecewiseEmbedding, PiecewiseLinear
from fallline.encodings.inputs import KEY
from fallline.onnx.forms import Forms
from fallline.onnx.graph import Graph
from fallline.onnx.layers import layer_form

codes_form = Forms("codes_form", "encoding")  # computes the same as `encoding.codes`
embed_form = Forms("embed_form", "encoding")  # computes the same as `encoding.embed`


def with_codes(encoding: Encoding, graph: Graph, scaled: str, rows: str, stats: dict[str, Any]) -> str:
    """Add the codes of the unscaled rows to the scaled ones."""
    if not encoding.width():
        return scaled
    return graph.op("Concat", scaled, codes_form(encoding, graph, rows, stats[KEY]), axis=1)


@layer_form.register(Embedding)
def _embedding(layer: Embedding, graph: Graph, x: str, params: dict[str, Any], stats: dict[str, Any]) -> str:
    encoding, codes = layer.encoding, x
    scaled = x
    if encoding.width():
        last = np.iinfo(np.int64).max
        cut = np.array([-encoding.width()])
        scaled = graph.op("Slice", x, np.array([0]), cut, np.array([1]))
        codes = graph.op("Slice", x, cut, np.array([last]), np.array([1]))
    return graph.op("Concat", scaled, embed_form(encoding, graph, scaled, codes, params), axis=1)


@codes_form.register(PiecewiseLinear, PiecewiseEmbedding)
def _piecewise(encoding: Any, graph: Graph, x: str, stats: dict[str, Any]) -> str:
    beyond = np.float32(encoding.beyond)
    x = graph.op("Gather", x, np.array(encoding.columns), axis=1)
    x = graph.op("Where", graph.op("IsNaN", x), stats["fill"], x)
    x = graph.op("Unsqueeze", x, np.array([2]))
    e = graph.op("Mul", graph.op("Sub", x, stats["left"]), stats["inverse"])
    low, high = (np.where(open > 0, beyond, 0.0).astype(np.float32) for open in (stats["below"], stats["above"]))
    e = graph.op("Min", graph.op("Max", e, -low), 1.0 + high)
    return graph.op("Reshape", e, np.array([0, encoding.width()]))


@embed_form.register(PiecewiseEmbedding)
def _piecewise_embedding(
    encoding: PiecewiseEmbedding, graph: Graph, scaled: str, codes: str, params: dict[str, Any]
) -> str:
    x = graph.op("Unsqueeze", graph.op("Gather", scaled, np.array(encoding.columns), axis=1), np.array([2]))
    lines = graph.op("Add", graph.op("Mul", x, params["slope"]), params["bias"])
    bends = each_column(
        graph, graph.op("Reshape", codes, np.array([0, encoding.count, encoding.bins])), params["weight"]
    )
    return graph.op("Reshape", graph.op("Add", lines, bends), np.array([0, encoding.embedded()]))


def each_column(graph: Graph, x: str, weight: np.ndarray) -> str:
    """Multiply the values of each column, (N, columns, values), by the column's own (values, numbers)."""
    product = graph.op("MatMul", graph.op("Transpose", x, perm=[1, 0, 2]), weight)
    return graph.op("Transpose", product, perm=[1, 0, 2])
