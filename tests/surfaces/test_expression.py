"""Formulas as text: what they mean, and that everything else is refused in one sentence with its position."""

import ast
import builtins

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallline.core.errors import FalllineError
from fallline.surfaces import parse_expression

MEANS = {
    "x^2 + 10*y^2": (2, lambda x: x[0] ** 2 + 10 * x[1] ** 2),
    "x**2**3": (1, lambda x: x[0] ** 8),
    "-x^2": (1, lambda x: -(x[0] ** 2)),
    "2^-x": (1, lambda x: 2 ** -x[0]),
    "x^-2": (1, lambda x: x[0] ** -2.0),
    "x/y/z": (3, lambda x: x[0] / x[1] / x[2]),
    "x - y - 1": (2, lambda x: x[0] - x[1] - 1),
    "  sin( x1 )*cos(x3)  ": (3, lambda x: np.sin(x[0]) * np.cos(x[2])),
    "max(x, min(y, 0.5))": (2, lambda x: max(x[0], min(x[1], 0.5))),
    "exp(-x)*log(1+y^2) + sqrt(abs(x))": (2, lambda x: np.exp(-x[0]) * np.log(1 + x[1] ** 2) + np.sqrt(abs(x[0]))),
    "pi*x + e": (1, lambda x: np.pi * x[0] + np.e),
    "1e-3*x + .5 + 2.": (1, lambda x: 1e-3 * x[0] + 2.5),
    "tanh(x)^2 + arctan(y)": (2, lambda x: np.tanh(x[0]) ** 2 + np.arctan(x[1])),
    "y": (2, lambda x: x[1]),
}


@pytest.mark.parametrize("text", MEANS)
def test_a_formula_means_what_it_says(text, float64):
    n, expected = MEANS[text]
    f, count = parse_expression(text)
    assert count == n
    for point in ([0.3, 0.7, 1.1], [1.5, -0.4, 2.0]):
        assert float(f(jnp.array(point[:n]))) == pytest.approx(float(expected(point)), rel=1e-12)


REFUSED = {
    "": "empty",
    "   ": "empty",
    "1 + 2": "no coordinate",
    "x +* y": "position 4",
    "(x": "position 1",
    "((x)": "position 1",
    "x)": "position 2",
    "x)+(y": "position 2",
    "x^2 + y^": "position 9",
    "2x": "position 1",
    "sin x": "position 1",
    "sinn(x)": "did you mean 'sin'",
    "x + foo": "position 5: 'foo' is unknown",
    "x(2)": "write x\\*",
    "2(x)": "position 1",
    "sin": "needs brackets",
    "x.real": "position 1",
    "x + y.real": "position 5",
    "x if y else 1": "a condition",
    "lambda x": "cannot be read",
    "1e999*x": "too large",
    "9" * 300 + "*x": "too large",
    "x**100": "position 4",
    "x^1e9": "position 3",
    "x1 + y": "mixed with",
    "x101": "unknown",
    "x0": "unknown",
    "[x]": "position 1",
    "x, y": "a comma",
    "min(x)": "takes 2 values",
    "sin(x, y)": "takes 1 value",
    "sin()": "takes 1 value",
    "1j*x": "not a real number",
    "x//2": "position 1",
    "x % 2": "position 3",
    "x > 1": "position 3",
    "x\n+y": "position 2",
    "é*x": "position 1",
    "x = 1": "position 3",
    "f(x:=1)": "position 4",
    "not x": "does not belong",
    "x and y": "a condition",
    "True*x": "position 1: True",
    "x!": "position 2",
    "x@y": "position 2",
    "__import__('os')": "position 12",
    "x + __class__": "position 5",
    "().__class__": "position 1",
    "x; y": "position 2",
    "x" + " + x" * 400: "characters",
    "(" * 100 + "x" + ")" * 100: "nested more than",
    "-" * 200 + "x": "nested more than",
    "x\\": "position 2",
    "x #": "position 3",
    '"x"': "position 1",
    "*x": "position 1",
    "x(x)(x)": "position 1",
    "x\x00": "position 2",
    "0777*x": "cannot be read",
    "exec(x)": "no function",
    "sin(*x)": "a second",
    "sin(**x)": "takes 1 value",
    "await x": "await",
    "yield": "yield",
}


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: repr(text)[:30])
def test_everything_else_is_refused_in_one_sentence(text):
    with pytest.raises(FalllineError, match=REFUSED[text]) as said:
        parse_expression(text)
    assert "\n" not in str(said.value)
    assert len(str(said.value)) < 500


@given(st.text(alphabet="xyz12.+-*/^() ,esinpmaxlog_:'[]{}@\\#\n\t", max_size=40))
def test_any_text_is_a_formula_or_one_sentence(text):
    try:
        f, n = parse_expression(text)
    except FalllineError as error:
        found = str(error)
    else:
        found = f"a formula of {n}"
        assert f(jnp.ones(n)).shape == ()
    assert "\n" not in found


def test_nothing_is_evaluated(monkeypatch):
    """The tree is never compiled: `compile` serves `ast.parse` alone, and `eval` and `exec` are not called."""

    def refuse(*_):
        raise AssertionError("evaluated")

    monkeypatch.setattr(builtins, "eval", refuse)
    monkeypatch.setattr(builtins, "exec", refuse)
    flags, compiled = [], builtins.compile

    def noted(source, file, mode, flag=0, **more):
        flags.append(flag)
        return compiled(source, file, mode, flag, **more)

    monkeypatch.setattr(builtins, "compile", noted)
    f, _ = parse_expression("x^2 + 3*y - 0.125*x*y")
    monkeypatch.undo()
    assert len(flags) == 1
    assert flags[0] & ast.PyCF_ONLY_AST
    assert float(f(jnp.array([2.0, 1.0]))) == 4 + 3 - 0.25
