"""What else a check must notice: noise, infinities, precision, its own limits; and whose functions it takes."""

import subprocess
import sys
import threading
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.tree_util import Partial

from fallline.core.errors import FalllineError
from fallline.gradients import check_gradient, numerical_gradient, step_errors

W = {"a": {"weight": np.linspace(-1, 1, 12).reshape(4, 3), "bias": np.array([0.1, -0.2, 0.3])}}
ROWS = np.sin(np.arange(20.0)).reshape(5, 4)


def network(w):
    return jnp.sum(jnp.tanh(ROWS @ w["a"]["weight"] + w["a"]["bias"]) ** 2)


def test_automatic_differentiation_is_checked_by_default():
    check = check_gradient(network, W)
    assert check.right
    assert [each.name for each in check.arrays] == ["a.bias", "a.weight"]
    assert max(each.norm_error for each in check.arrays) < 1e-9
    assert "15 coordinates" in check.verdict
    assert all(len(line) <= 80 for line in str(check).splitlines()[1:])


def test_a_custom_rule_of_jax_is_checked():
    @jax.custom_vjp
    def square(x):
        return x**2

    square.defvjp(lambda x: (x**2, x), lambda x, g: (g * x,))
    check = check_gradient(lambda x: jnp.sum(square(x)), jnp.array([1.0, -2.0]))
    assert not check.right
    assert "1/2 times the slope" in check.verdict


@pytest.mark.parametrize(
    ("f", "says"),
    [
        (lambda x: np.sum(np.random.normal(size=3) * x), "noisy"),
        (lambda x: np.sum(np.exp(x)) + np.random.uniform(), "noisy"),
        (lambda x: np.sum(np.log(x - 1.0)), "nan"),
        (lambda x: np.sum(1.0 / (x - x)), "inf"),
    ],
)
def test_a_function_without_a_gradient_is_named(f, says):
    with np.errstate(all="ignore"):
        check = check_gradient(f, np.array([0.2, 0.5, 0.9]), np.ones(3))
    assert not check.right
    assert says in check.verdict
    assert check.arrays == ()


def test_a_gradient_that_is_not_finite_is_named():
    check = check_gradient(lambda x: np.sum(np.sqrt(np.abs(x))), np.array([4.0, 1.0]), np.array([0.25, np.nan]))
    assert check.wrong()[0].name == "x[1]"
    assert check.wrong()[0].status == "not finite"


def test_the_callers_precision_is_neither_needed_nor_changed():
    seen = []
    constants = jnp.ones(3, jnp.float32)

    def f(x):
        seen.append(x.dtype)
        threading_dtype = []
        thread = threading.Thread(target=lambda: threading_dtype.append(jnp.zeros(1).dtype))
        thread.start()
        thread.join()
        seen.append(np.float64 if threading_dtype == [jnp.float32] else None)
        return jnp.sum(jnp.sin(x) * constants)

    check = check_gradient(f, jnp.ones(3, jnp.float32))
    assert check.right
    assert all(each == np.float64 for each in seen)
    assert check.arrays[0].worst.relative_error < 1e-8
    assert not jax.config.jax_enable_x64
    assert jnp.zeros(1).dtype == jnp.float32


def test_single_precision_inside_is_said_and_not_called_wrong():
    check = check_gradient(lambda x: jnp.sum(jnp.float32(jnp.sin(x)) * 3 + x), np.array([0.3, 1.0, 2.0]))
    assert check.right
    assert "digits only" in check.verdict


def test_a_single_precision_gradient_is_named_as_such():
    gradient = jax.tree.map(np.asarray, jax.grad(network)(jax.tree.map(jnp.float32, W)))
    check = check_gradient(network, W, gradient, tolerance=1e-9)
    assert "single precision" in check.verdict


@pytest.mark.parametrize("scale", [1e-9, 1e-4, 1.0, 1e5, 1e12])
def test_any_unit_of_x_and_of_f(scale):
    x = scale * np.array([0.3, -1.1])
    for unit in (1e-20, 1.0, 1e20):
        f = lambda x: unit * np.sum(np.sin(x / scale))  # noqa: E731, B023
        right = unit * np.cos(x / scale) / scale
        assert check_gradient(f, x, right).right
        assert not check_gradient(f, x, right * np.array([1.0, 1.01])).right
        np.testing.assert_allclose(numerical_gradient(f, x), right, rtol=1e-7)


def test_a_share_of_the_coordinates_is_stated():
    x = np.linspace(-1, 1, 4000)
    f = lambda w: jnp.sum(jnp.sin(w["big"])) + w["one"] ** 2  # noqa: E731
    check = check_gradient(f, {"big": x, "one": 2.0}, share=0.05)
    assert check.right
    assert [len(each.checked) for each in check.arrays] == [200, 1]
    assert "a random 5 % of the coordinates (201)" in check.verdict
    planted = {"big": 1.01 * np.cos(x), "one": 4.0}
    assert [
        each.name for each in check_gradient(f, {"big": x, "one": 2.0}, planted, share=0.05).arrays if each.faults
    ] == ["big"]


@pytest.mark.parametrize("f", [lambda x: jnp.sum(jnp.abs(x) ** 3), lambda x: float(np.sum(np.abs(x) ** 3))])
def test_who_watches_is_told_how_far_it_is(f):
    seen = []
    x = np.linspace(-1, 1, 701)
    planted = 3 * x * np.abs(x) + (np.arange(701) == 9)
    check = check_gradient(f, x, planted, watch=lambda done, total: seen.append((done, total)))
    done, total = zip(*seen, strict=True)
    assert list(done) == sorted(done)
    assert all(a <= b for a, b in seen)
    assert done[-1] == total[-1] == check.evaluations
    assert any(a < 0.6 * b for a, b in seen)


def test_directions_find_the_array():
    f = lambda w: jnp.sum(jnp.sin(w["a"])) * jnp.sum(jnp.cos(w["b"]))  # noqa: E731
    x = {"a": np.linspace(0, 1, 50), "b": np.linspace(-1, 0.5, 40)}
    assert check_gradient(f, x, directions=3).right
    right = {
        "a": np.cos(x["a"]) * np.cos(x["b"]).sum(),
        "b": -np.sin(x["b"]) * np.sin(x["a"]).sum(),
    }
    planted = {**right, "b": right["b"] + (np.arange(40) == 7) * 0.01}
    check = check_gradient(f, x, planted, directions=3)
    assert [each.name for each in check.arrays if each.faults] == ["b"]
    assert check.method == "directional"


def test_the_complex_step_has_no_rounding_error():
    f = lambda x: jnp.sum(jnp.exp(x) / jnp.sqrt(jnp.sin(x) ** 3 + jnp.cos(x) ** 3))  # noqa: E731
    x = np.array([1.5, 0.3])
    s, c = np.sin(x), np.cos(x)
    right = np.exp(x) / np.sqrt(s**3 + c**3) * (1 - 1.5 * (s**2 * c - c**2 * s) / (s**3 + c**3))
    np.testing.assert_allclose(numerical_gradient(f, x, "complex"), right, rtol=1e-14)
    assert check_gradient(f, x, right, method="complex", tolerance=1e-13).right
    assert not check_gradient(f, x, right * (1 + 1e-11), method="complex", tolerance=1e-13).right
    with pytest.raises(FalllineError, match="imaginary"):
        numerical_gradient(lambda x: jnp.sum(jnp.abs(x)), x, "complex")


@pytest.mark.parametrize(("method", "digits"), [("central", 9), ("forward", 7)])
@pytest.mark.parametrize("point", [0.01, 1.0, 30.0, 1e6])
def test_differences_at_their_optimal_step(method, digits, point):
    for f, slope in ((np.sin, np.cos), (np.sqrt, lambda x: 0.5 / np.sqrt(x)), (np.arctan, lambda x: 1 / (1 + x * x))):
        found = numerical_gradient(f, np.array(point), method)
        # The value of f, over the size of a step, bounds what can be known of the slope.
        room = 10.0**-digits * (abs(slope(point)) + abs(f(point)) / max(point, 1.0))
        assert abs(float(found) - slope(point)) < room
    assert isinstance(found, np.ndarray)


def test_a_given_step_is_taken():
    f = lambda x: x**3  # noqa: E731
    assert float(numerical_gradient(f, 2.0, "forward", h=0.5)) == pytest.approx((2.5**3 - 8) / 0.5)
    assert float(numerical_gradient(f, 2.0, "central", h=0.5)) == pytest.approx(2.5**3 - 1.5**3)


def test_differences_near_the_edge_of_the_domain():
    x = np.array([1e-9, 1.0, 1e7])
    np.testing.assert_allclose(numerical_gradient(lambda x: jnp.sum(jnp.log(x)), x) * x, 1.0, rtol=1e-8)
    assert check_gradient(lambda x: jnp.sum(jnp.log(x)), x).right


def test_the_error_falls_with_the_step_and_rises_again():
    found = step_errors(lambda x: np.sum(np.sin(x)), np.array([0.4, 1.3]), np.cos, np.logspace(-13, -1, 25))
    best = int(np.argmin(found.central))
    assert 1e-7 < found.steps[best] < 1e-3
    assert found.central[-1] > 1e4 * found.central[best] < found.central[0]
    slope = lambda e, a, b: np.log10(e[b] / e[a]) / np.log10(found.steps[b] / found.steps[a])  # noqa: E731
    assert slope(found.central, -5, -1) == pytest.approx(2, abs=0.1)  # truncation of the order h^2, and h
    assert slope(found.forward, -5, -1) == pytest.approx(1, abs=0.1)
    assert found.chosen_error < 10 * found.central[best]


def test_arrays_and_modules_of_every_kind():
    assert check_gradient(jnp.sin, 1.5).right
    assert check_gradient(lambda x: x[0] @ x[1], [np.ones((2, 3)), np.ones(3)]).right
    model = eqx.nn.MLP(2, 1, 3, 1, key=jax.random.key(0))
    check = check_gradient(lambda m: jnp.sum(jax.vmap(m)(ROWS[:, :2]) ** 2), model)
    assert check.right
    assert check.arrays[0].name == "layers.0.weight"
    assert check_gradient(Partial(lambda a, x: jnp.sum(a * jnp.sin(x)), jnp.arange(3.0)), np.ones(3)).right


def test_python_control_flow_is_called_plainly():
    def f(x):
        return x**2 if x > 0 else -x

    assert check_gradient(f, 3.0, 6.0).right
    assert check_gradient(f, jnp.float32(3.0)).right


def test_f_may_write_into_its_argument():
    def f(x):
        x *= 2
        return np.sum(np.exp(x))

    x = np.zeros(2)
    assert check_gradient(f, x, lambda x: 2 * np.exp(2 * x)).right
    assert x.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: check_gradient(3, 1.0), "cannot be called"),
        (lambda: check_gradient(jnp.sin, "x"), "no floating-point numbers"),
        (lambda: check_gradient(jnp.sin, np.zeros(0)), "empty"),
        (lambda: check_gradient(jnp.sin, np.ones(2), np.ones(3)), "shape"),
        (lambda: check_gradient(jnp.sin, np.ones(2), [np.ones(2), 1.0]), "structure"),
        (lambda: check_gradient(jnp.sin, 1.0, share=1.5), "share"),
        (lambda: check_gradient(jnp.sin, 1.0, directions=0), "directions"),
        (lambda: check_gradient(jnp.sin, 1.0, method="backward"), "central"),
        (lambda: check_gradient(lambda x: float(np.exp(x)), 1.0), "check_gradient(f, x, gradient)"),
        (lambda: check_gradient(lambda x: {"loss": x}, 1.0, 1.0), "expected one number"),
        (lambda: numerical_gradient(jnp.sin, 1.0, h=-1), "h = -1"),
        (lambda: numerical_gradient(lambda x: np.log(-np.exp(x)), 1.0), "f(x) is nan"),
    ],
)
def test_bad_input_is_one_sentence(call, says):
    with pytest.raises(FalllineError) as error, np.errstate(all="ignore"):
        call()
    assert says in str(error.value)


def test_pytorch_is_not_imported_for_others():
    code = (
        "import sys, numpy as np; from fallline.gradients import check_gradient;"
        "assert check_gradient(np.sin, 1.0, np.cos).right; print('torch' in sys.modules)"
    )
    source = str(Path(__file__).parents[2] / "src")
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=source)
    assert out.stdout.strip() == "False"
