"""Every built-in block has an ONNX form, and the form computes what the block computes."""

import jax
import jax.numpy as jnp
import numpy as np
import onnxruntime
import pytest

import fallline as fl
from fallline import activations, layers, losses, scalers
from fallline.core.block import family
from fallline.layers import LayerCall
from fallline.onnx import Graph, activation_form, answer_form, inverse_form, layer_form, scaler_form

ROWS, WIDTH = 40, 6


def by_onnx(x: np.ndarray, build) -> np.ndarray:
    graph = Graph(reserved=("x", "y"))
    graph.input("x", np.float32, x.shape[1], "rows")
    graph.op("Identity", build(graph, "x"), name="y")
    graph.outputs.append(graph.onnx.helper.make_tensor_value_info("y", graph.onnx.TensorProto.FLOAT, ["N", "M"]))
    session = onnxruntime.InferenceSession(graph.to_bytes("", {}), providers=["CPUExecutionProvider"])
    return session.run(None, {"x": x})[0]


def rows(seed: int = 0, missing: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    x = rng.normal([0, 5, -300, 0.001, 1, 0], [1, 2, 40, 1e-4, 0, 9], (ROWS, WIDTH)).astype(np.float32)
    x[rng.random(x.shape) < missing] = np.nan
    return x


def built_in(kind: str) -> list[type]:
    return [each for _, each in sorted(family(kind).items()) if each.__module__.startswith("fallline.")]


@pytest.mark.parametrize(
    ("kind", "form", "none"),
    [
        ("activation", activation_form, set()),
        ("layer", layer_form, set()),
        ("loss", answer_form, set()),
        ("scaler", scaler_form, {scalers.Bins}),  # it scales targets only
        ("scaler", inverse_form, {scalers.PCA, scalers.QuantileNormal, scalers.Whiten}),  # they scale inputs only
    ],
)
def test_every_built_in_block_has_a_form(kind, form, none):
    assert built_in(kind)
    assert {each.__name__ for each in built_in(kind) if each not in form} == {each.__name__ for each in none}


@pytest.mark.parametrize(
    "f",
    [
        *(each() for each in built_in("activation")),
        activations.LeakyReLU(0.3),
        activations.ELU(0.7),
        activations.GELU("tanh"),
    ],
    ids=repr,
)
def test_activations(f):
    x = np.concatenate([np.linspace(-12, 12, 997), [-1e4, -100, 0, 100, 1e4]]).astype(np.float32)[:, None]
    found = by_onnx(x, lambda graph, name: activation_form(f, graph, name))
    np.testing.assert_allclose(found, f(jnp.asarray(x)), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    "layer",
    [
        layers.Dense(4),
        layers.Dense(4, bias=False),
        layers.Maxout(4, pieces=3),
        layers.SharedDense(4, members=3, first=True),
        layers.SharedDense(4, members=3),
        layers.Heads(4, members=2),
        layers.Heads(1, members=1),
        layers.BatchNorm(epsilon=1e-3),
        layers.LayerNorm(),
        layers.Dropout(0.25),
        layers.PReLU(0.3),
        layers.Scale(3.0),
        layers.Dropout(0.25, "vanilla"),
        layers.Sequential((layers.Dense(5), activations.Tanh(), layers.BatchNorm(), layers.Dense(2))),
    ],
    ids=lambda layer: f"{type(layer).__name__}",
)
def test_layers_predict(layer):
    x, key = rows() / 400, jax.random.key(0)
    params, stats = layer.init(key, (WIDTH,))
    params = jax.tree.map(lambda leaf: leaf + 0.1 * jnp.arange(leaf.size).reshape(leaf.shape) / leaf.size, params)
    if stats:  # running statistics of two steps
        for _ in range(2):
            _, stats = layer.apply(params, stats, jnp.asarray(x), LayerCall(True, key))
    ours, _ = layer.apply(params, stats, jnp.asarray(x), LayerCall(False))
    arrays = jax.tree.map(np.asarray, (params, stats))
    found = by_onnx(x, lambda graph, name: layer_form(layer, graph, name, *arrays))
    np.testing.assert_allclose(
        found, ours, rtol=2e-6, atol=1e-5
    )  # batch norm stretches a small spread, and its rounding


def test_batch_norm_that_has_seen_nothing_lets_its_inputs_pass():
    layer = layers.BatchNorm()
    params, stats = jax.tree.map(np.asarray, layer.init(jax.random.key(0), (WIDTH,)))
    found = by_onnx(rows(), lambda graph, name: layer_form(layer, graph, name, params, stats))
    np.testing.assert_allclose(found, rows() / np.sqrt(1 + 1e-5), rtol=1e-6)


@pytest.mark.parametrize(
    "scaler",
    [
        *(each() for each in built_in("scaler") if each is not scalers.Bins),
        scalers.Standardise(clip=1.0),
        scalers.Robust(clip=0.5),
        scalers.Pixels("range"),
        scalers.PCA(components=2, whiten=True),
        scalers.PCA(share=0.6, standardise=False),
        scalers.Whiten("pca"),
    ],
    ids=repr,
)
@pytest.mark.parametrize("touched", [None, np.array([True, True, True, False, True, False])], ids=["all", "some"])
def test_scalers(scaler, touched):
    columns = None if touched is None else jnp.asarray(touched)
    stats = scaler.fit(jnp.asarray(rows(missing=0.1)), jnp.ones(ROWS), columns)
    x = rows(seed=1, missing=0.2)
    ours = np.asarray(scaler.apply(stats, jnp.asarray(x)))
    arrays = jax.tree.map(np.asarray, stats)
    found = by_onnx(x, lambda graph, name: scaler_form(scaler, graph, name, arrays))
    np.testing.assert_allclose(found, ours, rtol=2e-6, atol=2e-6 * max(1.0, np.abs(ours).max()))
    if type(scaler) in inverse_form:
        y = np.nan_to_num(ours)
        found = by_onnx(y, lambda graph, name: inverse_form(scaler, graph, name, arrays))
        rounding = 2e-7 * np.abs(arrays.get("centre", arrays.get("mean", 0.0))) + 2e-6 * arrays.get("added", 0.0)
        assert (np.abs(found - scaler.invert(stats, jnp.asarray(y))) <= rounding + 1e-6 * np.abs(found)).all()


def test_bins_come_back_as_values():
    scaler, loss = scalers.Bins(bins=4), losses.BinnedCrossEntropy(bins=4)
    stats = scaler.fit(jnp.asarray(rows()[:, :2]), jnp.ones(ROWS))
    z = np.random.default_rng(2).normal(0, 3, (ROWS, 8)).astype(np.float32)
    ours = scaler.invert(stats, loss.mean(jnp.asarray(z)))
    arrays = jax.tree.map(np.asarray, stats)
    found = by_onnx(z, lambda graph, name: inverse_form(scaler, graph, answer_form(loss, graph, name, 8), arrays))
    assert found.shape == (ROWS, 2)
    np.testing.assert_allclose(found, ours, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("loss", [each() for each in built_in("loss")], ids=repr)
@pytest.mark.parametrize("width", [1, 3])
def test_answers(loss, width):
    width *= getattr(loss, "bins", 1) * getattr(loss, "members", 1)
    z = np.random.default_rng(3).normal(0, 4, (ROWS, width)).astype(np.float32)
    if width == 1 and isinstance(loss, losses.SoftmaxCrossEntropy):
        width, z = 2, np.tile(z, 2)
    found = by_onnx(z, lambda graph, name: answer_form(loss, graph, name, width))
    np.testing.assert_allclose(found, loss.mean(jnp.asarray(z)), rtol=1e-6, atol=2e-7)


def test_a_block_of_the_users_own_is_named_and_can_be_registered():
    class Cube(fl.activations.Activation):
        def __call__(self, x):
            return x**3

    class Leakier(activations.LeakyReLU):
        def __call__(self, x):
            return jnp.where(x > 0, x, x / 2)

    graph = Graph()
    for own in (Cube(), Leakier()):
        with pytest.raises(
            fl.FalllineError, match=rf"{type(own).__name__} has no ONNX form: .*activation_form\.register"
        ):
            activation_form(own, graph, "x")

    @activation_form.register(Cube)
    def _cube(f, graph, x):
        return graph.op("Pow", x, np.float32(3.0))

    x = rows()
    found = by_onnx(x, lambda graph, name: activation_form(Cube(), graph, name))
    np.testing.assert_allclose(found, x**3, rtol=1e-6)
