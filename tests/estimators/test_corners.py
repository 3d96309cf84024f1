"""Every task with every number of classes and type of label: fitted, asked, exported, saved and read, it says the same."""

import pickle

import jax
import numpy as np
import onnxruntime
import pytest
from sklearn.metrics import accuracy_score, r2_score

import fallline as fl
from fallline.estimators import MLPClassifier, MLPRegressor, to_fallline
from fallline.training.model_file import load_predictor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
ROWS = 60
X = np.random.default_rng(0).normal(size=(ROWS, 3)).astype(np.float32)
SHORT = {"hidden_layer_sizes": (4,), "max_iter": 3, "random_state": 0}
LABELS = {
    "whole numbers": lambda c: c,
    "small whole numbers": lambda c: c.astype(np.int8),
    "large whole numbers": lambda c: c * 2**40 - 7,
    "unsigned": lambda c: c.astype(np.uint64),
    "whole numbers as floats": lambda c: c.astype(float),
    "float32": lambda c: (c - 1).astype(np.float32),
    "text": lambda c: np.array([f"c{each}" for each in c]),
    "text as objects": lambda c: np.array([f"é {each}" for each in c], object),
    "a list": lambda c: [f"c{each}" for each in c],
    "a column": lambda c: c[:, None],
}


@pytest.fixture(scope="module", autouse=True)
def quickly_compiled():
    """Every shape is trained for a moment: nearly all of the time would be LLVM's."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


def exported(model, folder):
    """What the ONNX file says: (labels or predictions, probabilities or nothing)."""
    model.to_onnx(folder / "model.onnx")
    session = onnxruntime.InferenceSession(str(folder / "model.onnx"))
    first, *more = session.run(None, {"X": X})
    return np.asarray(first), more[0] if more else None


def assert_says_the_same_everywhere(model, y, folder):
    answer = model.predict(X)
    assert len(answer) == ROWS
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), answer)
    said, probabilities = exported(model, folder)
    if isinstance(model, MLPRegressor):
        np.testing.assert_allclose(said.reshape(answer.shape), answer, rtol=1e-4, atol=1e-5)
        assert model.score(X, y) == pytest.approx(r2_score(y, answer))
    else:
        assert (said.reshape(answer.shape) == answer).all()
        ours = model.predict_proba(X)
        np.testing.assert_allclose(probabilities, ours, atol=1e-5)
        assert model.score(X, y) == accuracy_score(y, answer)
        if ours.shape[1] == len(model.classes_) and not model._several:
            np.testing.assert_allclose(ours.sum(axis=1), 1.0, atol=1e-6)
            np.testing.assert_array_equal(model.classes_[ours.argmax(axis=1)], answer)
    for network in model._networks():
        network.predictor_.save(folder / "model.safetensors")
        read = load_predictor(folder / "model.safetensors").predict(X)
        np.testing.assert_array_equal(read, network.predictor_.predict(X))
        if answer.dtype.kind == "f" and isinstance(model, MLPRegressor):
            np.testing.assert_allclose(read, network.predict(X), rtol=1e-4, atol=1e-5)
        else:
            assert (read == network.predict(X)).all()


# Two types of label with every number of classes, the others with one number each: of every pair of kinds the corners.
COUNTS = (1, 2, 3, 20)
PAIRS = [(count, name) for count in COUNTS for name in ("whole numbers", "text")]
PAIRS += [(COUNTS[k % 4], name) for k, name in enumerate(LABELS) if name not in ("whole numbers", "text")]


@pytest.mark.parametrize(("classes", "name"), PAIRS)
def test_classes(classes, name, tmp_path):
    y = LABELS[name](np.arange(ROWS) % classes)
    if np.ndim(y) == 2:
        with pytest.warns(UserWarning, match="column-vector"):
            model = MLPClassifier(**SHORT).fit(X, y)
        y = y.ravel()
    else:
        model = MLPClassifier(**SHORT).fit(X, y)
    assert model.predict_proba(X).shape == (ROWS, classes)
    assert model.predict(X).dtype == np.asarray(y).dtype
    assert_says_the_same_everywhere(model, y, tmp_path)


@pytest.mark.parametrize("classes", [1, 2])
def test_flags(classes, tmp_path):
    y = np.arange(ROWS) % classes == 0
    assert_says_the_same_everywhere(MLPClassifier(**SHORT).fit(X, y), y, tmp_path)


@pytest.mark.parametrize("dtype", [int, float, bool, np.int8])
def test_labels(dtype, tmp_path):
    y = (X > 0).astype(dtype)
    model = MLPClassifier(**SHORT).fit(X, y)
    assert model.predict_proba(X).shape == (ROWS, 3)
    assert_says_the_same_everywhere(model, y, tmp_path)


NUMBERS = {
    "one": X[:, 0], "a column": X[:, :1], "two": X[:, :2], "float64": X[:, 1].astype(float), "whole": np.arange(ROWS),
    "flags": X[:, 0] > 0, "all the same": np.ones(ROWS), "objects": X[:, 0].astype(object), "text": np.arange(ROWS).astype(str),
    "a list": X[:, 0].tolist(),
}  # fmt: skip


@pytest.mark.parametrize("y", NUMBERS.values(), ids=NUMBERS)
@pytest.mark.filterwarnings("ignore:A column-vector y was passed")
def test_targets(y, tmp_path):
    model = MLPRegressor(**SHORT).fit(X, y)
    assert model.predict(X).shape == ((ROWS, 2) if np.ndim(y) == 2 and np.shape(y)[1] == 2 else (ROWS,))
    assert_says_the_same_everywhere(model, np.asarray(y, float), tmp_path)


SETTINGS = {
    "members": {"n_members": 2},
    "scaled and normalised": {"scaler": "standardise", "batch_norm": True},
    "balanced": {"class_weight": "balanced"},
    "lbfgs": {"solver": "lbfgs"},
    "no hidden layer": {"hidden_layer_sizes": ()},
}


@pytest.mark.parametrize(
    ("classes", "name"), [*((3, n) for n in SETTINGS), *((1 + k % 2, n) for k, n in enumerate(SETTINGS))]
)
def test_settings(classes, name, tmp_path):
    y = np.array(["a", "b", "c"])[np.arange(ROWS) % classes]
    assert_says_the_same_everywhere(MLPClassifier(**{**SHORT, **SETTINGS[name]}).fit(X, y), y, tmp_path)


@pytest.mark.parametrize("classes", [2, 3])
def test_networks_taken_over(classes, tmp_path):
    from sklearn.neural_network import MLPClassifier as Theirs

    y = np.array(["a", "b", "c"])[np.arange(ROWS) % classes]
    assert_says_the_same_everywhere(to_fallline(Theirs(**SHORT).fit(X, y)), y, tmp_path)


WRONG = {
    "several columns of classes": (
        MLPClassifier,
        np.arange(2 * ROWS).reshape(ROWS, 2) % 3,
        "2 columns of several classes",
    ),
    "several columns of words": (
        MLPClassifier,
        np.array([["a", "b"], ["c", "b"]] * 30),
        "2 columns of several classes",
    ),
    "several columns as a list": (MLPClassifier, [[0, 1, 2], [1, 2, 0]] * 30, "3 columns of several classes"),
    "several columns of objects": (
        MLPClassifier,
        np.array([["a", "b"], ["c", "b"]] * 30, object),
        "2 columns of several",
    ),
    "objects": (MLPClassifier, (np.arange(ROWS) % 2).astype(object), "Python objects of the type int"),
    "words and numbers": (MLPClassifier, np.array(["a", 1] * 30, object), "Python objects of the type int, str"),
    "nothing": (MLPClassifier, np.array(["a", None] * 30, object), "Python objects of the type NoneType, str"),
    "words": (MLPRegressor, np.array(["a", "b"] * 30), "y holds .*'a'.*, where a regression needs numbers"),
    "words as objects": (
        MLPRegressor,
        np.array(["a", "b"] * 30, object),
        "y holds 'a', where a regression needs numbers",
    ),
    "dates": (MLPRegressor, np.arange(ROWS).astype("M8[D]"), "dates or spans of time"),
}


@pytest.mark.parametrize(("kind", "y", "sentence"), WRONG.values(), ids=WRONG)
def test_wrong_targets_are_one_sentence(kind, y, sentence):
    with pytest.raises(fl.FalllineError, match=sentence):
        kind(**SHORT).fit(X, y)
