"""Every form of x0, kind of objective, method and place of evaluation: an answer in the form of x0, or one sentence."""

import math
import re
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fallline.blackbox import minimize
from fallline.core.errors import FalllineError


class Pair(NamedTuple):
    low: float
    high: float


FORMS = {
    "float": (1.0, float), "int": (1, float), "0-d": (np.array(1.0), np.ndarray), "0-d int": (np.array(1), np.ndarray),
    "single number": (np.float32(1), np.ndarray), "1-d": (np.ones(2), np.ndarray), "2-d": (np.ones((2, 2)), np.ndarray),
    "ints": (np.ones(2, int), np.ndarray), "list": ([1.0, 2.0], list), "list of ints": ([1, 2], list),
    "tuple": ((1, 2.0), tuple), "one in a list": ([1], list), "one in a tuple": ((1.0,), tuple),
    "list of NumPy's ints": ([np.int64(1), np.int32(2)], list), "NumPy's int": (np.int64(1), float),
    "named": (Pair(1, 2.0), Pair), "tuple of arrays": ((np.ones(2), 1.0), tuple),
    "nested": ([[1.0, 2.0], [3.0, 4]], list), "dict": ({"a": 1.0, "b": np.ones(2)}, dict),
    "dict of ints": ({"a": {"c": 1}, "b": [1, 2]}, dict), "jax": (jnp.ones(2), np.ndarray),
    "jax ints": (jnp.ones(2, int), np.ndarray), "single": (np.ones(2, np.float32), np.ndarray),
    "half": (np.ones(2, np.float16), np.ndarray), "with None": ([1.0, None], list),
}  # fmt: skip
REFUSED = {
    "empty": np.zeros(0), "empty list": [], "empty dict": {}, "nan": math.nan, "inf": [math.inf, 1.0], "bool": True,
    "bools": np.array([True]), "None": None, "text": "a", "complex": 1j, "complex array": np.ones(2) * 1j, "set": {1.0},
    "list with a bool": [True, 1.0], "tuple with a bool": (1.0, False), "list of bools": [True], "NumPy's bool": np.True_,
    "list with NumPy's": [np.True_, 1.0], "nested bool": [[True, 1.0], [2.0]], "bool in a dict": {"a": True, "b": 1.0},
    "bools beside": [np.array([True]), np.ones(2)], "0-d bool": {"a": np.ones(2), "b": np.array(True)},
    "JAX's bools": {"a": 1.0, "b": jnp.array([True])}, "bool in a named tuple": Pair(True, 1.0),
    "objects": np.array([1, None], object), "beyond": 10**400, "beyond, in a list": [10**400],
}  # fmt: skip


def traced(x):
    return sum(jnp.sum((jnp.asarray(leaf) - 0.5) ** 2) for leaf in jax.tree.leaves(x))


def called(x):
    return float(sum(np.sum((np.asarray(leaf) - 0.5) ** 2) for leaf in jax.tree.leaves(x)))


@pytest.mark.parametrize(("objective", "processes"), [(traced, None), (called, 0)])
@pytest.mark.parametrize("form", FORMS)
def test_the_point_has_the_form_of_x0(form, objective, processes):
    x0, kind = FORMS[form]
    found = minimize(objective, x0, "ars", evaluations=70, processes=processes)
    assert isinstance(found.point, kind)
    assert found.failures == 0, found.reasons
    if kind is np.ndarray:
        assert found.point.shape == np.shape(x0)
    else:
        shape = lambda x: [np.shape(leaf) for leaf in jax.tree.leaves(x)]  # noqa: E731
        assert shape(found.point) == shape(x0)
        assert jax.tree.structure(found.point) == jax.tree.structure(x0)
        numbers = [
            got for got, given in zip(*map(jax.tree.leaves, (found.point, x0)), strict=True) if np.isscalar(given)
        ]
        assert all(type(number) is float for number in numbers)
    assert found.value <= called(x0)
    assert found.value == pytest.approx(called(found.point), rel=1e-2)
    if getattr(x0, "dtype", np.dtype(int)).kind == "f":
        assert found.point.dtype == x0.dtype


@pytest.mark.parametrize("form", REFUSED)
def test_what_is_no_point_is_refused_in_a_sentence(form):
    with pytest.raises(FalllineError, match=r"^x0 (of type|holds)"):
        minimize(called, REFUSED[form], "ars", evaluations=70, processes=0)


ANSWERS = {
    "float": (lambda v: float(v), None), "0-d": (np.asarray, None), "one of shape (1,)": (lambda v: np.reshape(v, 1), None),
    "one of shape (1, 1)": (lambda v: np.reshape(v, (1, 1)), None), "int": (lambda v: round(float(v)), None),
    "bool": (lambda v: bool(v > 1), None), "single": (np.float32, None), "a list of one": (lambda v: [float(v)], None),
    "None": (lambda v: None, "NoneType"), "NaN": (lambda v: math.nan, "nan"), "infinity": (lambda v: math.inf, "inf"),
    "complex": (lambda v: complex(v, 1.0), "complex"), "two numbers": (lambda v: np.array([v, v]), "shape"),
    "text": (lambda v: "low", "str"), "a number as text": (lambda v: "1.5", "str"), "nothing": (lambda v: [], "shape"),
    "raises": (lambda v: 1 / 0, "ZeroDivisionError"), "huge int": (lambda v: 10**400, "int"),
}  # fmt: skip


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("x0", [0.0, np.zeros(2)], ids=["number", "array"])
def test_any_answer_of_a_callable_counts_or_says_why_not(answer, x0):
    make, reason = ANSWERS[answer]
    found = minimize(lambda x: make(called(x)), x0, "ars", evaluations=70, processes=0)
    if reason is None:
        assert found.failures == 0, found.reasons
        assert math.isfinite(found.value)
    else:
        assert found.outcome == "failed"
        assert found.failures == found.evaluations == sum(found.reasons.values())
        assert all(reason in each for each in found.reasons), found.reasons
        assert found.sentence.startswith("found no point with a value")


TRACED = {
    "complex": (lambda x: jnp.sum(x) * (1 + 1j), "returns a complex number (complex"),
    "complex without an imaginary part": (lambda x: jnp.sum(x) + 0j, "returns a complex number (complex"),
    "two numbers": (lambda x: jnp.stack([jnp.sum(x)] * 2), "returns an array of shape (2,): expected one number"),
    "nothing": (lambda x: jnp.sum(x) * jnp.zeros(0), "returns an array of shape (0,): expected one number"),
    "a Python complex": (lambda x: 1j * x.shape[0], "returns a complex number"),
    "None": (lambda x: None, None), "text": (lambda x: "low", None), "a dict": (lambda x: {"a": jnp.sum(x)}, None),
    "NaN everywhere": (lambda x: jnp.sum(x) * jnp.nan, None), "infinity": (lambda x: jnp.sum(x) * 0 + jnp.inf, None),
}  # fmt: skip


@pytest.mark.parametrize("answer", TRACED)
def test_a_traced_answer_that_is_no_number_is_refused_or_fails_in_a_sentence(answer):
    objective, sentence = TRACED[answer]
    if sentence is not None:
        with pytest.raises(FalllineError, match=re.escape(sentence)):
            minimize(objective, np.zeros(2), "ars", evaluations=70)
        return
    found = minimize(objective, np.zeros(2), "ars", evaluations=70)
    assert found.outcome == "failed"
    assert found.failures == found.evaluations
    assert np.array_equal(found.point, np.zeros(2))
    why = {"None": "NoneType, not a number", "text": "str, not a number", "a dict": "dict, not a number"}
    assert why.get(answer, "(not finite)") in found.sentence


@pytest.mark.parametrize("x0", [[0.0, 0.0], (0, 0)], ids=["list", "tuple"])
def test_a_list_of_numbers_is_an_array_to_the_objective(x0):
    for objective, processes in ((lambda x: jnp.sum((x - 0.5) ** 2), None), (lambda x: np.sum((x - 0.5) ** 2), 0)):
        found = minimize(objective, x0, "ars", evaluations=70, processes=processes)
        assert found.failures == 0, found.reasons
        assert type(found.point) is type(x0)


@pytest.mark.parametrize("method", ["ars", "cma_es", "spsa", "finite_difference"])
@pytest.mark.parametrize("x0", [0.0, np.zeros(3), {"a": 0.0, "b": np.zeros((2, 1))}], ids=["number", "array", "tree"])
def test_every_method_walks_every_form_here_and_mapped(method, x0):
    for objective, processes in ((traced, None), (called, 0)):
        found = minimize(objective, x0, method, evaluations=90, processes=processes)
        assert found.failures == 0, found.reasons
        assert found.value <= called(x0)


@pytest.mark.parametrize("x0", [0.0, [0.0, 0.0], {"a": 0, "b": np.zeros(2)}], ids=["number", "list", "tree"])
def test_every_form_goes_to_processes(x0):
    objective = lambda x: float(sum(np.sum((np.asarray(leaf) - 0.5) ** 2) for leaf in jax.tree.leaves(x)))  # noqa: E731
    one, here = (minimize(objective, x0, "ars", evaluations=70, processes=count) for count in (1, 0))
    assert one.failures == 0, one.reasons
    assert one.value == here.value
