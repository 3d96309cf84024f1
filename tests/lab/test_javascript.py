"""A function in JavaScript gives the value and the gradient that JAX gives; what cannot be translated is None."""

import json
import shutil
import subprocess

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fallline.core.block import family
from fallline.lab.javascript import to_javascript
from fallline.surfaces import Formula, Function, Ravine, Rosenbrock

NODE = shutil.which("node")
BLOCKS = [
    *(cls() for cls in family("surface").values()),
    Ravine(1000.0, 30.0), Rosenbrock(3),
    Formula("max(x, y)^2 + abs(x)*tanh(y) + x^-2 + exp(x)^y - log1p(x)/floor(3*y + 2)"),
    Formula("sin(x1)*cos(x2) + x3^4.5 + sign(x1) + arctan(x2) + sqrt(x3) + sinh(x1) - cosh(x2) + expm1(x3) + tan(x1)"),
    Function(lambda x: jnp.linalg.norm(x @ jnp.array([[1.0, 2.0], [3.0, 4.0]])) + jax.nn.softplus(x[1]), ((-1, 1), (-1, 1))),
    Function(lambda x: jnp.where(x[0] > x[1], x[0], x[1] ** 2) + jnp.max(x) + jnp.prod(x), ((-1, 1), (-1, 1))),
    Function(lambda x: jnp.sum(jnp.roll(x, 1)[::-1] * jnp.clip(x, 0.2, 1.0)) + jax.nn.sigmoid(x[0]), ((-1, 1), (-1, 1))),
]  # fmt: skip


@pytest.mark.skipif(NODE is None, reason="needs node, which runs the written code")
def test_values_and_gradients_are_those_of_jax():
    rng = np.random.default_rng(0)
    calls, expected = [], []
    for surface in BLOCKS:
        code = to_javascript(surface, surface.dimensions)
        assert code is not None, surface
        points = rng.uniform(0.1, 1.4, (3, surface.dimensions))
        calls.append(f"[x => {{{code}}}, {json.dumps(points.tolist())}]")
        with jax.enable_x64(True):
            value, slope = jax.jit(jax.vmap(jax.value_and_grad(surface)))(jnp.asarray(points))
        expected.append(np.column_stack([value, slope]))
    program = f'"use strict"; console.log(JSON.stringify([{",".join(calls)}].map(([f, p]) => p.map(f))))'
    done = subprocess.run([NODE, "-e", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    for surface, found, right in zip(BLOCKS, json.loads(done.stdout), expected, strict=True):
        np.testing.assert_allclose(np.array(found), right, rtol=1e-12, atol=1e-12, err_msg=repr(surface))


@pytest.mark.parametrize(
    "f",
    [
        lambda x: jax.lax.fori_loop(0, 3, lambda _, y: y * x[0], x[1]),
        lambda x: jnp.sum(jnp.sort(x)),
        lambda x: jax.scipy.special.erf(x[0]),
        lambda x: jnp.cumsum(x)[1],
    ],
)
def test_what_is_not_on_the_list_is_not_translated(f):
    assert to_javascript(f, 2) is None


def test_no_text_of_the_user_is_in_the_code():
    code = to_javascript(Formula("x^2 + 3*y"), 2)
    assert "x^2" not in code
    assert set(code) <= set("abcdefghijklmnopqrstuvwxyzMCPIN[]().,;=*+-/0123456789 \n?:<>")
