"""Encodings as ONNX graphs: every built-in one, on rows with missing values and beyond the training rows' range."""

import jax
import jax.numpy as jnp
import numpy as np
import onnxruntime
import pytest

import fallline as fl
from fallline.core.block import family
from fallline.encodings import (
    AutoEncoding,
    Embedding,
    Encodings,
    InputScales,
    Periodic,
    PiecewiseEmbedding,
    PiecewiseLinear,
)
from fallline.layers import LayerCall
from fallline.onnx import Graph, codes_form, embed_form, layer_form
from fallline.testing.encodings import COLUMNS, ROWS, moved, ready, table, target

CASES = [
    PiecewiseLinear(),
    PiecewiseLinear(3, "tree", leaf=4, beyond=0.0),
    PiecewiseLinear(3, beyond=float("inf")),
    PiecewiseEmbedding(4, size=3),
    Periodic(frequencies=3),
    Periodic(form="plr", rate=0.3),
    Periodic(form="plr_lite"),
    Encodings((PiecewiseLinear(4), Periodic(), PiecewiseEmbedding(3), InputScales())),
    Encodings((PiecewiseLinear(4), InputScales())),
]


def by_onnx(x, build):
    graph = Graph(reserved=("x", "y"))
    graph.input("x", np.float32, x.shape[1], "rows")
    graph.op("Identity", build(graph, "x"), name="y")
    graph.outputs.append(graph.onnx.helper.make_tensor_value_info("y", graph.onnx.TensorProto.FLOAT, ["N", "M"]))
    session = onnxruntime.InferenceSession(graph.to_bytes("", {}), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


def test_every_built_in_encoding_has_forms():
    none = {InputScales, AutoEncoding}  # a layer alone, and one that a run replaces
    built_in = {each for each in family("encoding").values() if each.__module__.startswith("fallline.")}
    assert {each for each in built_in if each not in embed_form} == none
    assert {each for each in built_in if each not in codes_form} == none | {Periodic}


@pytest.mark.parametrize("encoding", CASES, ids=lambda each: each.name)
def test_parity(encoding):
    encoding = ready(encoding)
    stats = encoding.fit(jnp.asarray(table()), jnp.ones(ROWS), jnp.asarray(target()), 0)
    x = table(9)
    x[::5, 1], x[1] = np.nan, 4 * x[1]
    if encoding.width():
        ours = encoding.codes(stats, jnp.asarray(x))
        arrays = jax.tree.map(np.asarray, stats)
        found = by_onnx(x, lambda graph, name: codes_form(encoding, graph, name, arrays))
        np.testing.assert_allclose(found, ours, rtol=2e-5, atol=2e-5)
    if encoding.trained:
        params = jax.tree.map(np.asarray, moved(encoding))
        z = np.concatenate([np.nan_to_num(x) / 10, np.random.default_rng(0).random((ROWS, encoding.width()))], axis=1)
        z = z.astype(np.float32)
        layer = Embedding(encoding)
        ours, _ = layer.apply(params, {}, jnp.asarray(z), LayerCall(False))
        found = by_onnx(z, lambda graph, name: layer_form(layer, graph, name, params, {}))
        assert ours.shape == (ROWS, COLUMNS + encoding.embedded())
        np.testing.assert_allclose(found, ours, rtol=2e-5, atol=5e-5)


@pytest.mark.parametrize("encoding", [PiecewiseLinear(4), CASES[-2], InputScales(), PiecewiseLinear(columns=())])
def test_a_model_with_missing_values_is_exported(encoding, tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 3)).astype(np.float32)
    x[::7, 0] = np.nan
    data = fl.Table.from_arrays(x, (x[:, 1] > 0).astype(int), missing="impute")
    run = fl.train(fl.Recipe(model=fl.MLP((6,)), epochs=1, encoding=encoding), data)
    assert run.model.to_onnx(tmp_path / "model.onnx").difference < 1e-5
