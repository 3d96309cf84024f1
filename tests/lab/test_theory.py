"""What theory says of update rules, in numbers: measured by walks, which use the rules that train networks."""

import math

import numpy as np
import pytest

from fallline.lab import rate_sensitivity, walk
from fallline.lab.program import walk_all
from fallline.optimizers import SGD, AdaGrad, Adam, AveragedMomentum, Momentum, Nesterov, RMSProp
from fallline.surfaces import Bowl, Function, MonkeySaddle, Ravine, Saddle

SLOPE = Function(lambda x: 3.0 * x[0], ((-1e6, 1e6),))  # a constant gradient


def ravine_rules(k):
    """The best settings on a quadratic with curvatures from 1 to k."""
    root = math.sqrt(k)
    mu = ((root - 1) / (root + 1)) ** 2
    nesterov = (math.sqrt(3 * k + 1) - 2) / (math.sqrt(3 * k + 1) + 2)
    return {
        "gd, 1/L": SGD(1 / k),
        "gd, best": SGD(2 / (k + 1)),
        "heavy ball": Momentum(4 / (root + 1) ** 2, mu),
        "nesterov, 1/L": Nesterov(1 / k, (root - 1) / (root + 1)),
        "nesterov, best": Nesterov(4 / (3 * k + 1), nesterov),
    }


def arrived(rules, k, steps, tolerance=1e-6):
    walks = walk(rules, Ravine(k), [[1.0, 1.0]], steps, tolerance=tolerance)
    return dict(zip(rules, walks.frame["steps"].to_list(), strict=True))


def test_steps_in_a_ravine_of_condition_100():
    expected = {"gd, 1/L": 1341, "gd, best": 691, "heavy ball": 93, "nesterov, 1/L": 155, "nesterov, best": 133}
    found = arrived(ravine_rules(100.0), 100.0, 1400)
    assert found == {name: pytest.approx(count, abs=1) for name, count in expected.items()}


def test_momentum_is_faster_by_the_root_of_the_condition():
    """At condition 1000, within 20 %, to a tolerance at which the factor per step decides.

    At the best setting heavy ball's root is double, so its error falls like t r^t: to 1e-6 this costs it half as many
    steps again, and the ratio is 22.
    """
    rules = {name: ravine_rules(1000.0)[name] for name in ("gd, best", "heavy ball")}
    found = arrived(rules, 1000.0, 36_000, tolerance=1e-30)
    assert found["gd, best"] / found["heavy ball"] == pytest.approx(math.sqrt(1000), rel=0.2)
    near = arrived(rules, 1000.0, 36_000)
    assert near["gd, best"] / near["heavy ball"] == pytest.approx(21.9, abs=0.5)


def largest_stable(rule, low, high, L=1.0):
    """The largest rate at which a walk on a bowl does not grow, by bisection on a grid of rates."""
    for _ in range(2):
        rates = np.linspace(low, high, 21)
        ends = walk_all([rule(a) for a in rates], Bowl(L, dimensions=1), np.array([[1.0]]), 4000, ends=True).points[
            :, 0, 0, 0
        ]
        stable = np.isfinite(ends) & (np.abs(ends) <= 1.0 + 1e-9)
        edge = int(np.argmin(stable))
        low, high = rates[edge - 1], rates[edge]
    return (low + high) / 2


@pytest.mark.parametrize(
    ("rule", "limit"),
    [
        (lambda a: SGD(a), 2.0),
        (lambda a: Momentum(a, 0.5), 3.0),
        (lambda a: Momentum(a, 0.9), 3.8),
        (lambda a: Nesterov(a, 0.5), 1.5),
        (lambda a: Nesterov(a, 0.9), 3.8 / 2.8),
        (lambda a: AveragedMomentum(a, 0.9), 38.0),
    ],
    ids=["gd", "heavy ball .5", "heavy ball .9", "nesterov .5", "nesterov .9", "averaged .9"],
)
def test_largest_stable_rate_of_a_bowl(rule, limit):
    """2/L; heavy ball 2 (1 + mu)/L; Nesterov (2 + 2 mu)/((1 + 2 mu) L); an average 2 (1 + beta)/((1 - beta) L)."""
    L = 4.0
    assert largest_stable(rule, 0.5 * limit / L, 1.6 * limit / L, L) == pytest.approx(limit / L, rel=0.01)


def steps_of(rule, steps, surface=SLOPE):
    """The lengths of the steps along a constant gradient, in learning rates."""
    points = walk(rule, surface, [[0.0]], steps).track.points[0, 0, :, 0]
    return -np.diff(points)


def test_adagrads_steps_fall_as_the_root_of_their_number():
    found = steps_of(AdaGrad(1.0), 1000)
    np.testing.assert_allclose(found, 1 / np.sqrt(np.arange(1, 1001)), rtol=1e-6)
    assert found.sum() == pytest.approx(61.80, abs=0.01)
    assert found.sum() == pytest.approx(2 * math.sqrt(1000) - 1.46, rel=1e-3)


def test_adam_without_correction_begins_with_steps_that_are_wrong_by_the_formula():
    """(1 - beta1^t) / sqrt(1 - beta2^t): 3.162 at the first step."""
    t = np.arange(1, 101)
    factor = (1 - 0.9**t) / np.sqrt(1 - 0.999**t)
    np.testing.assert_allclose(steps_of(Adam(1.0), 100), 1.0, rtol=1e-6)
    found = steps_of(Adam(1.0, corrected=False), 100)
    np.testing.assert_allclose(found, factor, rtol=1e-6)
    assert found[0] == pytest.approx(3.162, abs=1e-3)


@pytest.mark.parametrize(("decay", "first"), [(0.9, 3.162), (0.99, 10.0)])
def test_rmsprops_first_step_is_too_long_by_the_root_of_what_it_forgets(decay, first):
    found = steps_of(RMSProp(1.0, decay), 2000)
    assert found[0] == pytest.approx(first, abs=1e-3)
    assert found[-1] == pytest.approx(1.0, rel=1e-3)


def test_momentums_steps_grow_to_the_rate_over_what_it_forgets():
    found = steps_of(Momentum(1.0, 0.9), 300) / 3.0
    assert found[-1] == pytest.approx(10.0, rel=1e-9)
    assert int(np.argmax(found >= 9.0)) + 1 == 22  # ln 10 / ln(1 / 0.9) = 21.9


def escape(rules, surface, start, steps):
    """The first step at which the walks are at the distance 1 of the saddle, along the way down."""
    points = np.abs(walk(rules, surface, [start], steps).track.points[:, 0, :, 1])
    return [int(np.argmax(way >= 1)) if (way >= 1).any() else None for way in points]


@pytest.mark.parametrize(("rate", "expected"), [(0.01, [1389, 226, 77, 1263]), (0.1, [145, 52, 11, 17])])
def test_a_saddle_holds_a_walk_as_long_as_its_curvature_says(rate, expected):
    rules = [SGD(rate), Momentum(rate, 0.9), Adam(rate), AdaGrad(rate)]
    found = escape(rules, Saddle(1.0), (0.5, 1e-6), 1500)
    assert found == [pytest.approx(count, abs=1) for count in expected[:2]] + [
        pytest.approx(n, abs=25) for n in expected[2:]
    ]
    assert found[0] == pytest.approx(math.log(1e6) / math.log(1 + rate), abs=1)


def test_on_the_ridge_only_noise_releases_gradient_descent():
    still = escape([SGD(0.1), Momentum(0.1, 0.9)], Saddle(1.0), (0.5, 0.0), 1000)
    assert still == [None, None]
    points = walk(SGD(0.1), Saddle(1.0), [[0.5, 0.0]] * 50, 200, noise=0.01).track.points
    assert (np.abs(points[0, :, -1, 1]) > 1).all()


def test_a_degenerate_saddle_is_left_by_a_power_law():
    """From -x0 on the axis, x falls by 3 a x^2: 1/(3 a x0) steps until it is far away."""
    points = walk(SGD(0.01), MonkeySaddle(), [[-0.01, 0.0], [-0.005, 0.0]], 8000).track.points[0, :, :, 0]
    counts = [int(np.argmax(way < -1.0)) for way in points]
    assert counts == [pytest.approx(1 / (3 * 0.01 * x0), rel=0.02) for x0 in (0.01, 0.005)]


@pytest.mark.parametrize(
    ("rule", "curvature", "expected"),
    [
        (SGD(0.1), 1.0, 0.0526),
        (SGD(0.5), 2.0, 0.25),
        (Momentum(0.1, 0.9), 1.0, 0.5135),
        (Momentum(0.5, 0.9), 2.0, 1.696),
    ],
    ids=repr,
)
def test_noise_keeps_descent_at_the_temperature_of_theory(rule, curvature, expected):
    """Variance a s^2 / (l (2 - a l)), with momentum a s^2 (1 + mu) / (l (1 - mu) (2 (1 + mu) - a l))."""
    starts = np.zeros((64, 1))
    points = walk(rule, Bowl(curvature, dimensions=1), starts, 3000, noise=1.0, seed=1).track.points[0, :, 500:, 0]
    assert points.var() == pytest.approx(expected, rel=0.06)
    assert points.mean() == pytest.approx(0.0, abs=0.05)


def test_nesterov_beats_heavy_ball_where_it_should():
    """At a rate of 1/L and a large momentum, it damps the walls of a ravine: heavy ball swings along all curvatures."""
    k, mu = 1000.0, 0.99
    walks = walk([Momentum(1 / k, mu), Nesterov(1 / k, mu)], Ravine(k), [[1.0, 1.0]], 4000)
    heavy, nesterov = walks.frame["steps"].to_list()
    assert nesterov < 0.85 * heavy
    lengths = walks.frame["length"].to_list()
    assert lengths[1] < 0.2 * lengths[0]


def test_rates_find_the_best_and_the_limit():
    found = rate_sensitivity("sgd", Ravine(100.0), [[1.0, 1.0]], 300, rates=np.geomspace(1e-3, 0.1, 41).tolist())
    assert found.best["sgd"] == pytest.approx(2 / 101, rel=0.15)
    grows = found.rates[~(found.losses[0] <= found.first)]
    assert grows[0] == pytest.approx(2 / 100, rel=0.13)
