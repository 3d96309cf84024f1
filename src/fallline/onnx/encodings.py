"""The ONNX forms of the encodings: the codes of encoded rows, and the embeddings that are layers of the network."""

from typing import Any

import numpy as np

from fallline.encodings import Embedding, Encoding, Encodings, Periodic, PiecewiseEmbedding, PiecewiseLinear
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
    e = graph.op("Reshape", e, np.array([0, encoding.width()]))
    return graph.op("Sub", e, stats["centre"]) if "centre" in stats else e


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


@embed_form.register(Periodic)
def _periodic(encoding: Periodic, graph: Graph, scaled: str, codes: str, params: dict[str, Any]) -> str:
    rate = np.float32(encoding.rate)
    x = graph.op("Unsqueeze", graph.op("Gather", scaled, np.array(encoding.columns), axis=1), np.array([2]))
    angle = graph.op("Mul", graph.op("Mul", x, np.float32(2.0 * np.pi)), rate * params["frequency"])
    if encoding.form == "pbld":
        waves = graph.op("Cos", graph.op("Add", angle, rate * params["phase"]))
    else:
        waves = graph.op("Concat", graph.op("Cos", angle), graph.op("Sin", angle), axis=2)
    if encoding.form == "plr_lite":
        h = graph.op("MatMul", waves, params["weight"])
    else:
        h = each_column(graph, waves, params["weight"])
    h = graph.op("Add", h, params["bias"])
    h = h if encoding.form == "pbld" else graph.op("Relu", h)
    return graph.op("Reshape", h, np.array([0, encoding.embedded()]))


@codes_form.register(Encodings)
def _codes_of_several(encoding: Encodings, graph: Graph, x: str, stats: dict[str, Any]) -> str:
    found = [codes_form(each, graph, x, stats[name]) for name, each in encoding.members() if each.width()]
    return found[0] if len(found) == 1 else graph.op("Concat", *found, axis=1)


@embed_form.register(PiecewiseLinear)
def _as_they_are(encoding: PiecewiseLinear, graph: Graph, scaled: str, codes: str, params: dict[str, Any]) -> str:
    return codes


@embed_form.register(Encodings)
def _embed_several(encoding: Encodings, graph: Graph, scaled: str, codes: str, params: dict[str, Any]) -> str:
    found, begin = [], 0
    for name, each in encoding.members():
        end = begin + each.width()
        own = codes if begin == end else graph.op("Slice", codes, np.array([begin]), np.array([end]), np.array([1]))
        if each.embedded():
            found.append(embed_form(each, graph, scaled, own, params.get(name, {})))
        begin = end
    return found[0] if len(found) == 1 else graph.op("Concat", *found, axis=1)


def each_column(graph: Graph, x: str, weight: np.ndarray) -> str:
    """Multiply the values of each column, (N, columns, values), by the column's own (values, numbers)."""
    product = graph.op("MatMul", graph.op("Transpose", x, perm=[1, 0, 2]), weight)
    return graph.op("Transpose", product, perm=[1, 0, 2])
