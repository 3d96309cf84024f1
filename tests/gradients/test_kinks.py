"""The gradient check where f curves at a kink that is hit exactly; `benchmarks/kinks.py` tries 10,000 points."""

import jax.numpy as jnp
import numpy as np
import pytest

from fallline.gradients import check_gradient

CASES = {
    "elu": (lambda x: jnp.where(x > 0, x, 1.5 * jnp.expm1(x)), 1.0, 1.5),
    "tanh of |x|": (lambda x: jnp.tanh(300 * jnp.abs(x)), -300.0, 300.0),
    "root": (lambda x: jnp.sqrt(jnp.abs(x) + 1e-8), -5e3, 5e3),
    "exp of |x|": (lambda x: jnp.exp(20 * jnp.abs(x)), -20.0, 20.0),
    "norm": (lambda x: jnp.sinh(jnp.abs(x)), -1.0, 1.0),
}


@pytest.mark.parametrize("name", CASES)
def test_slopes_between_the_sides_are_right_and_others_wrong(name):
    f, low, high = CASES[name]
    for share in (0.0, 0.3, 1.0):
        check = check_gradient(f, 0.0, low + share * (high - low))
        assert check.right, check.verdict
    for slope in (min(low, high) - 0.01 * abs(high), max(low, high) + 0.01 * abs(high)):
        check = check_gradient(f, 0.0, slope)
        assert check.outcome == "wrong"
        assert "the slopes on either side" in check.verdict


def test_where_the_curvature_jumps_the_slope_is_known():
    assert check_gradient(lambda x: 1 + x * jnp.abs(x), 0.0, 0.0).right


@pytest.mark.parametrize(
    "f", [lambda x: 0 * x, lambda x: jnp.maximum(x - 1, 0), jnp.abs], ids=["zero", "plateau", "norm"]
)
def test_verdicts_at_a_value_of_zero_make_sense(f):
    check = check_gradient(f, 0.0, 0.0)
    assert check.right
    assert "no difference" in check.verdict
    assert "digits" not in check.verdict
    broken = check_gradient(f, 0.0, np.nan)
    assert "derived as nan, which is no slope" in broken.verdict


@pytest.mark.parametrize(("weights", "steep"), [
    ([-0.0655, -0.1683, 0.0215], 0.2), ([-0.2245, 0.004, -0.074], 0.11), ([-0.2148, -0.0016, 0.0131], 0.15),
])  # fmt: skip
def test_rounding_on_either_side_counts(weights, steep):
    """A hard sigmoid is exact where it is clipped; what it rounds on its ramp is seen all the same."""
    w = np.array(weights)

    def f(x):
        return float(np.sum(w * np.clip(x / 6 + 0.5, 0, 1)) + np.sum(np.cos(steep * (x - 3.0) + 0.3)) / 10)

    above = np.full(3, -0.1 * steep * np.sin(0.3))
    for slopes in (above, above + w / 6):
        assert check_gradient(f, np.full(3, 3.0), slopes).right
    for slopes in (above - np.sign(w) * 0.01, above + w / 6 + np.sign(w) * 0.01):
        assert check_gradient(f, np.full(3, 3.0), slopes).outcome == "wrong"
