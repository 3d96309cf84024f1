"""What every surface keeps: `fallline.testing`, for each of them; and the numbers that books give for them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fallline.core.block import family
from fallline.core.errors import FalllineError
from fallline.surfaces import (
    Ackley,
    Beale,
    Bowl,
    Branin,
    DoubleWell,
    Formula,
    Function,
    Himmelblau,
    Minimum,
    MonkeySaddle,
    Plateau,
    Rastrigin,
    Ravine,
    Rosenbrock,
    Saddle,
    SixHumpCamel,
    StyblinskiTang,
)
from fallline.testing import checks

SPECIAL = [
    Bowl(3.0, dimensions=1), Ravine(1000.0, 30.0), Ravine(50.0, 45.0, dimensions=4), Plateau(0.7, dimensions=3),
    Rosenbrock(5), Rastrigin(1), Rastrigin(4), Ackley(1), Ackley(6), StyblinskiTang(3), DoubleWell(1.2),
    Formula("sin(x1)*cos(x2) + 0.1*x3^2", ((-1, 1), (-2, 2), (-1, 2))), Formula("(x^2 - 1)^2"),
    Function(lambda x: jnp.sum((x - 1) ** 2), ((-2, 2), (-2, 2)), known=((1, 1),)),
]  # fmt: skip
MEMBERS = [*(cls() for cls in family("surface").values()), *SPECIAL]
CASES = [(check, block) for block in MEMBERS for check in checks(block)]


def label(value):
    return value.name if hasattr(value, "says") else repr(value).replace(" ", "").split("0x")[0][:45]


@pytest.mark.parametrize(("check", "block"), CASES, ids=label)
def test_contract(check, block):
    check(block)


def test_every_surface_names_its_source_and_has_an_example():
    assert len(family("surface")) >= 14
    for name, cls in family("surface").items():
        assert "Source: " in cls.__doc__, name
        assert ">>>" in cls.__doc__, name


EIGENVALUES = [
    (Beale(), (3, 0.5), (0.3015, 48.98)), (Beale(), (0, 1), (-27.75, 27.75)), (Rosenbrock(), (1, 1), (0.39936, 1001.6)),
    (SixHumpCamel(), (0, 0), (-8.0623, 8.0623)), (Rastrigin(), (0, 0), (396.78, 396.78)),
    (StyblinskiTang(), (-2.903534, -2.903534), (34.583, 34.583)), (MonkeySaddle(), (0, 0), (0, 0)),
    (Saddle(2.0), (0, 0), (-2, 1)), (Ravine(100.0, 30.0), (0, 0), (1, 100)),
]  # fmt: skip


@pytest.mark.parametrize(("surface", "point", "expected"), EIGENVALUES, ids=label)
def test_curvatures_are_those_of_the_books(surface, point, expected):
    np.testing.assert_allclose(surface.curvatures_at(point), expected, rtol=2e-4, atol=1e-3)


def test_conditions():
    assert Rosenbrock().condition_at((1, 1)) == pytest.approx(2508, rel=1e-3)
    assert Rosenbrock(10).condition_at((1,) * 10) == pytest.approx(3535, rel=1e-3)
    assert MonkeySaddle().condition_at((0, 0)) == float("inf")


VALUES = [
    (Beale(), (-4.5, 4.5), 169_681), (Beale(), (0, -3), 14.203125), (Himmelblau(), (-0.270845, -0.923039), 181.6165),
    (Himmelblau(), (0, 0), 170), (Rosenbrock(), (-1.2, 1), 24.2), (Rastrigin(), (0.9949586, 0), 0.994959),
    (Ackley(), (0.952167, 0), 2.579928), (Ackley(), (0.968478, 0.968478), 3.574452), (Branin(), (-np.pi, 12.275), 0.39788736),
    (SixHumpCamel(), (1.703607, -0.796084), -0.2154638), (SixHumpCamel(), (1.607105, 0.568651), 2.1042503),
    (SixHumpCamel(), (0.089842, -0.712656), -1.0316284535), (StyblinskiTang(), (2.746803, 2.746803), -78.332331 + 2 * 14.1367),
]  # fmt: skip


@pytest.mark.parametrize(("surface", "point", "expected"), VALUES, ids=label)
def test_heights_are_those_of_the_books(surface, point, expected, float64):
    assert float(surface(jnp.asarray(point, jnp.float64))) == pytest.approx(expected, rel=3e-6)


@pytest.mark.parametrize(("n", "value"), [(4, 3.70143), (5, 3.93084), (7, 3.98360), (10, 3.98658)])
def test_rosenbrocks_second_minimum(n, value):
    _, second = Rosenbrock(n).minima
    assert second.value == pytest.approx(value, abs=6e-6)
    assert second.point[0] < 0
    assert not second.is_global
    assert len(Rosenbrock(3).minima) == 1


def test_ackleys_kink_has_a_slope_around_it_and_a_gradient_of_zero_in_it(float64):
    slope = jax.grad(Ackley())
    assert np.asarray(slope(jnp.zeros(2))).tolist() == [0.0, 0.0]
    assert float(jnp.linalg.norm(slope(jnp.array([1e-7, 0.0])))) == pytest.approx(4 / 2**0.5, rel=1e-3)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Ravine(0.5), "interval"),
        (lambda: Rosenbrock(1), "expected 2 to"),
        (lambda: Bowl(dimensions=2.5), "not a number of dimensions"),
        (lambda: Bowl(dimensions=True), "not a number of dimensions"),
        (lambda: DoubleWell(2.0), "interval"),
        (lambda: Formula("x +"), "position 4"),
        (lambda: Formula("x + y", ((-1, 1),)), "are of 1 coordinates, and the formula has 2"),
        (lambda: Formula("x", ((1, 1),)), "not a lower and a higher"),
        (lambda: Formula("x", "wide"), "not a lower and a higher"),
        (lambda: Function(3, ((-1, 1),)), "cannot be called"),
        (lambda: Function(lambda x: float(x[0]), ((-1, 1),)), "cannot be traced by JAX"),
        (lambda: Function(lambda x: x, ((-1, 1), (-1, 1))), "expected one real number"),
        (lambda: Function(lambda x: x[0] * 1j, ((-1, 1),)), "expected one real number"),
        (lambda: Function(lambda x: x[0], ((-1, 1),), known=((1, 2),)), "does not have 1 coordinates"),
        (lambda: Function(lambda x: x[0], ((-1, float("nan")),)), "not a lower and a higher"),
    ],
)
def test_what_is_no_surface_is_refused_in_a_sentence(make, sentence):
    with pytest.raises(FalllineError, match=sentence):
        make()


def test_limits_may_be_lists_and_arrays():
    own = Function(lambda x: jnp.sum(x**2), np.array([[-1, 1], [0, 2]]), known=[[0, 0]])
    assert own.domain == ((-1.0, 1.0), (0.0, 2.0))
    assert own.minima == (Minimum((0.0, 0.0), 0.0),)
    assert hash(own.limits) == hash(Formula("x*y", [[-1, 1], [0, 2]]).limits)
