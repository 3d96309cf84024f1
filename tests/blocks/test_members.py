"""TabM: k networks in one, by hand in NumPy, and as a plain perceptron where k is 1."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fallline as fl
from fallline.layers import Heads, LayerCall, SharedDense
from fallline.losses import OfMembers, SquaredError

K = 3


@pytest.fixture(scope="module")
def flowers(flowers_of):
    return flowers_of(120)


@pytest.fixture(scope="module")
def recipe():
    return fl.Recipe(
        encoding=None,
        model=fl.TabM(hidden=(8, 6), members=K, dropout=0.1),
        optimizer=fl.Adam(fl.Cosine(0.03, warmup=0.05)),
        batch_size=16,
        epochs=5,
    )


@pytest.fixture(scope="module")
def run(recipe, flowers):
    return fl.train(recipe, flowers)


def by_hand(params, x, member):
    """The logits of one member: a perceptron of its own, in float64."""
    h = np.asarray(x, np.float64)
    for name in ("shared_dense_1", "shared_dense_2"):
        p = {part: np.asarray(array, np.float64) for part, array in params[name].items()}
        W = p["r"][member][:, None] * p["weight"] * p["s"][member]
        h = np.maximum(h @ W + p["bias"][member], 0)
    return h @ np.asarray(params["heads_1"]["weight"][member], np.float64) + params["heads_1"]["bias"][member]


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def test_its_answer_is_the_mean_of_k_perceptrons(run, flowers):
    params, data = run.model.arrays["params"], flowers.dataset
    x = run.recipe.scaler.apply(run.model.arrays["scaling"], data.x)
    each = np.array([softmax(by_hand(params, x, member)) for member in range(K)])
    np.testing.assert_allclose(run.model.answer(data.x)[0], each.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(run.model.spread(flowers), each.std(axis=0), atol=1e-6)
    assert each.std(axis=0).max() > 1e-3
    p = each.mean(axis=0)[data.test, data.y[data.test]]
    assert run.metrics["test"]["loss"] == pytest.approx(-np.log(p).mean(), rel=1e-5)


def test_the_training_loss_is_the_mean_of_the_losses_and_never_the_loss_of_the_mean(run, flowers):
    params, y = run.model.arrays["params"], flowers.dataset.y
    x = run.recipe.scaler.apply(run.model.arrays["scaling"], flowers.dataset.x)
    z = np.array([by_hand(params, x, member) for member in range(K)])
    each = -np.log([softmax(one)[np.arange(len(y)), y] for one in z])
    outputs = jnp.asarray(np.concatenate(list(z), axis=1), jnp.float32)
    np.testing.assert_allclose(run.recipe.loss(outputs, y), each.mean(axis=0), rtol=1e-4, atol=1e-5)
    assert (
        float(jnp.mean(run.recipe.loss(outputs, y)))
        > float(jnp.mean(run.recipe.loss.evaluation_loss(outputs, y))) + 1e-4
    )


def test_only_the_first_factors_start_at_random_as_signs():
    network = fl.TabM(hidden=(50, 40), members=8).network(8)
    params, _ = network.init(jax.random.key(1), (60,))
    r = np.asarray(params["shared_dense_1"]["r"])
    assert set(np.unique(r)) == {-1.0, 1.0}
    assert abs(r.mean()) < 5 / np.sqrt(r.size)
    assert len({each.tobytes() for each in r}) == 8
    for layer, name in (("shared_dense_1", "s"), ("shared_dense_2", "r"), ("shared_dense_2", "s")):
        assert (np.asarray(params[layer][name]) == 1).all()
    heads = np.asarray(params["heads_1"]["weight"])
    assert len({each.tobytes() for each in heads}) == 8


def test_one_member_is_a_perceptron(flowers):
    """Trained by plain descent from equal weights, with its factors held at 1, it takes the same steps."""
    tabm, mlp = fl.TabM(hidden=(8,), members=1).network(3), fl.MLP(hidden=(8,)).network(3)
    key, x = jax.random.key(0), jnp.asarray(flowers.dataset.x[:20] / 10)
    params, _ = tabm.init(key, (4,))
    params["shared_dense_1"] |= {"r": jnp.ones((1, 4))}
    plain = {
        "dense_1": {"bias": params["shared_dense_1"]["bias"][0], "weight": params["shared_dense_1"]["weight"]},
        "dense_2": {"bias": params["heads_1"]["bias"][0], "weight": params["heads_1"]["weight"][0]},
    }
    loss, y = fl.SoftmaxCrossEntropy(), jnp.asarray(flowers.dataset.y[:20])
    ours = lambda p: jnp.mean(OfMembers(loss, 1)(tabm.apply(p, {}, x, LayerCall(False))[0], y))  # noqa: E731
    theirs = lambda p: jnp.mean(loss(mlp.apply(p, {}, x, LayerCall(False))[0], y))  # noqa: E731
    (a, da), (b, db) = jax.value_and_grad(ours)(params), jax.value_and_grad(theirs)(plain)
    assert float(a) == pytest.approx(float(b), rel=1e-6)
    for name, inner, outer in (("weight", "shared_dense_1", "dense_1"), ("bias", "shared_dense_1", "dense_1"),
                               ("weight", "heads_1", "dense_2"), ("bias", "heads_1", "dense_2")):  # fmt: skip
        np.testing.assert_allclose(
            da[inner][name].reshape(db[outer][name].shape), db[outer][name], rtol=1e-5, atol=1e-6
        )


def test_its_parameters_are_counted(run):
    features, classes = 4, 3
    first, second = features * 8 + K * (features + 16), 8 * 6 + K * (8 + 12)
    assert run.model.size == first + second + K * (6 + 1) * classes
    assert SharedDense(8, K, first=True).size(features) == first
    assert Heads(classes, K).size(K * 6) == K * 7 * classes


def test_it_comes_back_from_its_file_and_recipe(run, flowers, tmp_path):
    run.model.save(tmp_path / "model.safetensors")
    back = fl.load_predictor(tmp_path)
    assert back.answer(flowers.dataset.x)[0].tobytes() == run.model.answer(flowers.dataset.x)[0].tobytes()
    again = fl.train(back.recipe, flowers)
    assert again.model.answer(flowers.dataset.x)[0].tobytes() == run.model.answer(flowers.dataset.x)[0].tobytes()
    assert run.model.to_onnx(tmp_path / "model.onnx").difference < 1e-6


def test_lanes_of_a_population_are_its_runs(run, recipe, flowers):
    lanes = fl.evaluate([recipe, fl.replace(recipe, {"model.dropout": 0.3})], flowers)
    assert lanes.columns["test_loss"][0] == pytest.approx(run.metrics["test"]["loss"], rel=1e-3)
    assert lanes.columns["test_loss"][1] != lanes.columns["test_loss"][0]
    assert lanes.report.groups == 1


def test_another_model_or_number_of_members_takes_the_loss_along(run):
    for model, loss in (
        (fl.MLP(hidden=(4,)), fl.SoftmaxCrossEntropy()),
        (fl.TabM(hidden=(4,), members=2), OfMembers(fl.SoftmaxCrossEntropy(), 2)),
    ):
        assert model.loss_of(run.recipe.loss) == loss


def test_its_gradient_is_right(recipe, flowers):
    check = fl.check_recipe(fl.replace(recipe, {"model.hidden": (4,)}), flowers)
    assert check.gradients["training"].right


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: fl.TabM(hidden=()), "TabM.hidden is empty"),
        (lambda: fl.TabM(members=0), "TabM.members = 0 is not a number of members"),
        (lambda: fl.TabM(hidden=(0,)), "TabM.hidden = .* is not a list of layer widths"),
        (lambda: fl.TabM(members=4).network(6), "TabM of 4 members has 6 outputs"),
        (lambda: OfMembers(SquaredError(), 0), "OfMembers.members = 0"),
        (lambda: OfMembers(OfMembers(), 2), "is a loss of members itself"),
        (lambda: SharedDense(3, members=2).size(5), "SharedDense of 2 members reads 5 inputs"),
        (lambda: Heads(0), "Heads.width = 0"),
        (lambda: fl.TabM(initializer=fl.initializers.Zeros()), "gives every unit the same weights"),
    ],
)
def test_what_makes_no_sense_is_refused(make, sentence):
    with pytest.raises(fl.FalllineError, match=sentence):
        make()


@pytest.mark.parametrize("loss", [fl.SquaredError(), fl.Poisson(), fl.BinnedCrossEntropy(bins=5), fl.Huber()], ids=repr)
def test_regressions_of_every_kind(loss, tmp_path):
    rng = np.random.default_rng(2)
    x = rng.normal(size=(90, 3)).astype(np.float32)
    data = fl.Table.from_arrays(x, 50 + 10 * x[:, 0] + rng.normal(size=90), valid=0.2)
    run = fl.train(fl.Recipe(encoding=None, model=fl.TabM(hidden=(6,), members=2), loss=loss, epochs=2), data)
    answers, weights = run.model.member_answers(x)
    np.testing.assert_allclose(np.tensordot(weights, answers, 1), run.model.answer(x)[0], rtol=1e-5)
    assert run.model.to_onnx(tmp_path / "model.onnx").difference < 1e-5
