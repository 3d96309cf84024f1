import dataclasses
import pickle

import jax
import numpy as np
import pytest

import fallline as fl
from fallline.core.tensor_files import load_tensors, save_tensors
from fallline.training import host
from fallline.training.tiles import answer_tile
from fallline.training.validation import TILE


@pytest.fixture(scope="module")
def model(flowers, whole):
    return fl.train(fl.replace(whole, {"epochs": 3}), flowers).model


@pytest.fixture(scope="module")
def many(flowers):
    rng = np.random.default_rng(0)
    return rng.normal([10, -3, 0, 0.5], [5, 0.1, 1, 2], (2 * TILE + 77, 4)).astype(np.float32)


def test_predictions_of_a_subset_are_the_subset_of_predictions_to_the_bit(model, many):
    answer, rng = model.probabilities(many), np.random.default_rng(1)
    assert answer.shape == (len(many), 3)
    for count in (1, 2, 17, TILE, TILE + 1, len(many)):
        rows = rng.permutation(len(many))[:count]
        assert model.probabilities(many[rows]).tobytes() == answer[rows].tobytes()


def test_models_of_one_network_share_a_program_however_they_were_trained(model, flowers, whole):
    model.predict(flowers)
    before = answer_tile._cache_size()
    changes = {"epochs": 3, "optimizer": fl.SGD(0.1), "penalty": None, "batch_size": 8, "patience": None}
    other = fl.train(fl.replace(whole, changes), flowers).model
    assert other.predict(flowers).shape == (90,)
    assert answer_tile._cache_size() == before


def test_labels_do_not_change_the_answer(model, many):
    y = np.zeros(len(many), np.int32)
    answer, losses = model.answer(many, y)
    assert answer.tobytes() == model.answer(many)[0].tobytes()
    np.testing.assert_allclose(answer, model.probabilities(many), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(losses, -np.log(answer[:, 0]), rtol=1e-4, atol=1e-6)


def test_many_rows_are_computed_by_jax_and_few_by_numpy(model, many, monkeypatch):
    few = model.probabilities(many)
    monkeypatch.setattr(host, "MOST", 0.0)
    assert model.probabilities(many).tobytes() == model.answer(many)[0].tobytes()
    np.testing.assert_allclose(model.probabilities(many), few, rtol=1e-5, atol=1e-6)


def test_a_model_that_has_predicted_is_no_larger_in_a_pickle(model, many):
    before = len(pickle.dumps(model))
    few = model.probabilities(many)
    assert len(pickle.dumps(model)) == before
    assert pickle.loads(pickle.dumps(model)).probabilities(many).tobytes() == few.tobytes()


class Traced(fl.activations.Activation):
    """An activation that needs arrays of JAX."""

    def __call__(self, x):
        return x.at[:, 0].set(1.0)


class InPlace(fl.activations.Activation):
    """An activation that NumPy would compute otherwise: its sum would change its argument."""

    def __call__(self, x):
        y = x
        y += 1.0
        return y * x


class Plain(fl.activations.Activation):
    """An activation that both can run."""

    def __call__(self, x):
        return x * x


@pytest.mark.parametrize(("own", "proven"), [(Traced, False), (InPlace, False), (Plain, True)])
def test_a_block_of_the_users_own_predicts_by_numpy_only_if_that_agrees(own, proven, flowers, whole):
    model = fl.train(fl.replace(whole, {"epochs": 2, "model": fl.MLP((4,), own())}), flowers).model
    x = flowers.dataset.x
    for _ in range(2):
        np.testing.assert_allclose(model.probabilities(x), model.answer(x)[0], rtol=1e-5, atol=1e-6)
    assert host.host_of(model.recipe, model.task, model.outputs).proven is proven


def test_no_rows_are_no_predictions(model):
    none = np.zeros((0, 4), np.float32)
    assert model.probabilities(none).shape == (0, 3)
    assert model.predict(none).shape == (0,)


def test_a_model_comes_back_from_its_file(model, many, tmp_path, same):
    model.save(tmp_path / "model.safetensors")
    for path in (tmp_path / "model.safetensors", tmp_path, str(tmp_path)):
        back = fl.load_predictor(path)
        assert back.predict(many).tolist() == model.predict(many).tolist()
        assert back.probabilities(many).tobytes() == model.probabilities(many).tobytes()
        assert (back.recipe, back.outputs, back.task) == (model.recipe, model.outputs, model.task)
        assert back.schema.target == model.schema.target
        assert same(back.arrays["params"], model.arrays["params"])


def test_answers_that_are_no_numbers_are_no_predictions(model, many):
    arrays = {**model.arrays, "params": jax.tree.map(lambda leaf: np.full_like(leaf, np.nan), model.arrays["params"])}
    broken = dataclasses.replace(model, arrays=arrays)
    for ask in (broken.predict, broken.probabilities):
        with pytest.raises(fl.FalllineError, match="is not a finite number: its training diverged"):
            ask(many)


def test_the_rows_that_a_model_has_seen_come_back(model, tmp_path):
    model.save(tmp_path / "model.safetensors")
    seen = fl.load_predictor(tmp_path).seen
    assert (seen.train.tolist(), seen.valid.tolist()) == (model.seen.train.tolist(), model.seen.valid.tolist())
    assert seen.chance == model.seen.chance
    dataclasses.replace(model, seen=None).save(tmp_path / "model.safetensors")  # as earlier versions did
    assert fl.load_predictor(tmp_path).seen is None


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"seen/train": None}, "it holds a part"),
        ({"seen/valid": None}, "it holds a part"),
        ({"chance": None}, "it holds a part"),
        ({"chance": 1.5}, "its chance is 1.5, expected a number from 0 to 1"),
        ({"chance": float("nan")}, "its chance is nan, expected a finite number"),
        ({"seen/train": np.arange(5.0)}, r"'seen/train' is float64\[5\], expected uint64\[rows\]"),
        ({"seen/valid": np.zeros((2, 2), np.uint64)}, r"'seen/valid' is uint64\[2, 2\], expected uint64\[rows\]"),
        ({"seen/valid": np.array([3, 3], np.uint64)}, "is no list of at most 65,536 numbers in rising order"),
        ({"seen/train": np.arange(65_537, dtype=np.uint64)}, "is no list of at most 65,536 numbers in rising order"),
        ({"seen/test": np.arange(3, dtype=np.uint64)}, "it holds an array 'seen/test'"),
    ],
)
def test_seen_rows_that_no_training_leaves_are_refused(model, tmp_path, change, sentence):
    path = tmp_path / "model.safetensors"
    model.save(path)
    arrays, described = load_tensors(path, "model")
    for name, value in change.items():
        owner = arrays if "/" in name else described
        if value is None:
            del owner[name]
        else:
            owner[name] = value
    save_tensors(path, arrays, described)
    with pytest.raises(fl.FalllineError, match=sentence):
        fl.load_predictor(path)


def test_a_regression_comes_back_in_its_own_unit(prices, descent, tmp_path):
    model = fl.train(fl.replace(descent, {"epochs": 2}), prices).model
    model.save(tmp_path / "m")
    x = prices.dataset.x
    assert fl.load_predictor(tmp_path / "m").predict(x).tobytes() == model.predict(x).tobytes()


def test_what_is_no_model_is_named(model, tmp_path):
    with pytest.raises(fl.FalllineError, match=r"holds no model\.safetensors: its training has not finished"):
        fl.load_predictor(tmp_path)
    with pytest.raises(fl.FalllineError, match="is not there"):
        fl.load_predictor(tmp_path / "none")
    from fallline.core.tensor_files import save_tensors

    save_tensors(tmp_path / "other", {"a": np.zeros(2)}, {"kind": "checkpoint", "format": 1})
    with pytest.raises(fl.FalllineError, match="is not a model of format 1"):
        fl.load_predictor(tmp_path / "other")
    model.save(tmp_path / "model.safetensors")
    content = bytearray((tmp_path / "model.safetensors").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "model.safetensors").write_bytes(content)
    with pytest.raises(fl.FalllineError, match="damaged"):
        fl.load_predictor(tmp_path)
