"""What a function does with NumPy's arrays becomes a program, and what no program can repeat is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fallline.core.tensor_files import nest
from fallline.serving.operations import NAMES, operation
from fallline.serving.recorded import NotRecordableError
from fallline.serving.recording import record

RNG = np.random.default_rng(0)
W = {"w": RNG.normal(size=(3, 4)), "b": RNG.normal(size=4)}


def same(function, arrays=W, features=3):
    program, more = record(function, arrays, dict, features)
    for rows in (1, 2, 5, 7, 30):
        x = RNG.normal(size=(rows, features))
        with np.errstate(all="ignore"):
            np.testing.assert_array_equal(program.run({**arrays, **more}, x), function(arrays, x))
    return program


def in_place(a, x):
    y = x @ a["w"]
    np.exp(y, out=y)
    y += a["b"]
    y /= np.add.reduce(y, axis=1)[:, None]
    return y


@pytest.mark.parametrize(
    "function",
    [
        lambda a, x: x,
        lambda a, x: x @ a["w"] + a["b"],
        in_place,
        lambda a, x: np.where(np.isnan(x), 0.0, x)[:, ::-1][..., 1:],
        lambda a, x: np.concatenate([x, np.maximum(x, 0.0), np.ones_like(x)], axis=1),
        lambda a, x: (x @ a["w"]).reshape(-1, 2, 2).max(axis=1),
        lambda a, x: (x @ a["w"]).reshape(len(x) * 2, 2).T.copy().T.reshape(len(x), 4),
        lambda a, x: x.mean(axis=1, keepdims=True) + x.sum(axis=1, keepdims=True),
        lambda a, x: np.take_along_axis(np.sort(x, axis=1), np.argmax(x, axis=1)[:, None], axis=1),
        lambda a, x: np.searchsorted(a["b"].copy(), x) * 1.0,
        lambda a, x: np.einsum("nk,ko->no", x, a["w"]),
        lambda a, x: np.stack([each * 2.0 for each in x.T], axis=1),
        lambda a, x: np.clip(x, -0.5, 0.5)[:, [0, 2, 0]],
        lambda a, x: np.broadcast_to(a["b"], (len(x), 4)) * 2.0,
        lambda a, x: np.swapaxes(np.matmul(np.swapaxes(x[:, :, None], 0, 1), np.full((3, 1, 2), 0.5)), 0, 1),
        lambda a, x: np.cumsum(x.astype(np.float32), axis=1),
    ],
)
def test_programs_repeat_functions_for_any_number_of_rows(function):
    same(function)


def test_special_functions_of_scipy_are_repeated():
    special = pytest.importorskip("scipy.special")
    same(lambda a, x: special.erf(x) + special.expit(x))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(("tanh", "relu", "scale", "turn", "halves", "norm")), min_size=1, max_size=6))
def test_chains_of_steps_are_repeated(names):
    steps = {
        "tanh": np.tanh,
        "relu": lambda y: np.maximum(y, 0.0),
        "scale": lambda y: 1.5 * y - 0.25,
        "turn": lambda y: y[:, ::-1],
        "halves": lambda y: np.concatenate([y[:, :2], y[:, 2:] ** 2], axis=1),
        "norm": lambda y: (y - y.mean(axis=1, keepdims=True)) / np.sqrt(y.var(axis=1, keepdims=True) + 1.0),
    }

    def function(a, x):
        y = x @ a["w"]
        for name in names:
            y = steps[name](y)
        return y

    same(function)


def written(a, x):
    y = x * 1.0
    y[0] = 0.0
    return y


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (lambda a, x: x if x.sum() > 0 else -x, "its course depends on the numbers"),
        (lambda a, x: x * float(x[0, 0]), "its course depends on the numbers"),
        (written, "it writes into a part of an array"),
        (lambda a, x: x - np.linspace(0, 1, len(x))[:, None], "a constant depends on the rows"),
        (lambda a, x: np.add.accumulate(x), "it calls add.accumulate"),
        (lambda a, x: np.asarray(x) * 2.0, "its answer is not the result of a known operation"),
        (lambda a, x: sum(x[i : i + 1] for i in range(len(x))), "what it does depends on the number of rows"),
    ],
)
def test_what_no_program_can_repeat_is_refused(function, why):
    with pytest.raises(NotRecordableError, match=why):
        record(function, W, dict, 3)


def test_every_name_stands_for_an_operation_and_no_other_name_does():
    assert all(callable(operation(name)) for name in NAMES)
    for name in ("load", "fromfile", "save", "lib", "outer", "add.outer", "__class__", ""):
        with pytest.raises(KeyError):
            operation(name)


def test_arrays_are_found_by_their_paths():
    arrays = {"params/dense/weight": np.ones((3, 1)), "params/dense/bias": np.zeros(1)}

    def function(a, x):
        own = a["params"]["dense"]
        return x @ own["weight"] + own["bias"]

    program, _ = record(function, arrays, nest, 3)
    assert program.run(arrays, np.ones((2, 3))).tolist() == [[3.0], [3.0]]
