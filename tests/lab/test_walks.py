"""Walks as data: rules and starts in one program, measures, basins, rates, minima that were found."""

import jax.numpy as jnp
import numpy as np
import polars as pl
import pytest

from fallline.core.errors import FalllineError
from fallline.lab import basins, minima_of, rate_sensitivity, walk
from fallline.lab.program import walk_all
from fallline.lab.subjects import rules_of, surface_of
from fallline.optimizers import LBFGS, SGD, Accumulate, Adam, Momentum, WeightAverage
from fallline.schedules import Cosine, Linear
from fallline.surfaces import Bowl, DoubleWell, Formula, Function, Himmelblau, Ravine


@pytest.fixture(scope="module")
def mixed():
    rules = [SGD(0.01), Adam(0.1), SGD(0.015), LBFGS(), SGD(Cosine(0.018)), Accumulate(SGD(0.01), every=2)]
    return walk(rules, Ravine(), [[1.0, 1.0], [-1.5, 0.5]], 60)


def test_one_call_walks_rules_of_all_kinds_in_their_order(mixed):
    found = list(mixed.rules)
    assert found[:4] == ["sgd learning_rate=0.01", "adam", "sgd learning_rate=0.015", "lbfgs"]
    assert found[4].startswith("sgd learning_rate=cosine")
    assert mixed.track.points.shape == (6, 2, 61, 2)
    way = mixed.track.points[0, 0]
    np.testing.assert_allclose(way[:, 0], 0.99 ** np.arange(61), rtol=1e-12)  # curvature 1
    np.testing.assert_allclose(way[1:, 1], 0.0, atol=1e-12)  # curvature 100, at the rate 0.01
    np.testing.assert_allclose(mixed.track.points[2, 0, :, 0], 0.985 ** np.arange(61), rtol=1e-12)


def test_a_schedule_follows_the_share_of_the_steps():
    way = walk(SGD(Linear(1e-1, 0.0)), Bowl(1.0, dimensions=1), [[1.0]], 10).track.points[0, 0, :, 0]
    rates = 1 - way[1:] / way[:-1]
    assert (np.diff(rates) < 0).all()
    assert rates[0] == pytest.approx(0.1)


def test_a_walk_beside_others_is_the_walk_alone(mixed):
    rules = [list(mixed.rules.values())[i] for i in (1, 2)]
    alone = [walk_all([rule], mixed.surface, mixed.starts[1:], 60).points[0, 0] for rule in rules]
    for i, way in zip((1, 2), alone, strict=True):
        np.testing.assert_allclose(mixed.track.points[i, 1], way, rtol=1e-9, atol=1e-12)
    ends = walk_all(rules, mixed.surface, mixed.starts[1:], 60, ends=True).points[:, 0, 0]
    np.testing.assert_allclose(ends, [way[-1] for way in alone], rtol=1e-9, atol=1e-12)


def test_gradients_are_counted_where_a_line_search_evaluates_several(mixed):
    row = mixed.frame.filter(pl.col("rule") == "lbfgs").to_dicts()[0]
    assert row["steps"] < row["gradients"] < 60
    sgd = walk(SGD(0.5), Bowl(), None, 30).frame.to_dicts()[0]
    assert sgd["steps"] == sgd["gradients"] == 20  # 0.5^20 < 1e-6


def test_measures_of_a_walk_by_hand():
    """At the rate 1.5 on a bowl of curvature 1, x goes 1, -0.5, 0.25, ...: the length is 3, the overshoot a half."""
    row = walk(SGD(1.5), Bowl(1.0, dimensions=1), [[1.0]], 60, tolerance=1e-3).frame.to_dicts()[0]
    assert row["length"] == pytest.approx(3.0)
    assert row["overshoot"] == pytest.approx(0.5)
    assert row["steps"] == 10  # 2^-10 < 1e-3
    assert (row["basin"], row["global"], row["diverged"]) == (0, True, False)


def test_what_diverges_has_no_numbers_and_no_warning():
    row = walk(SGD(1e3), "rosenbrock", None, 50).frame.to_dicts()[0]
    assert row["diverged"]
    assert [row[name] for name in ("steps", "distance", "length", "overshoot", "basin")] == [None] * 5
    assert not row["global"]


def test_share_of_starts_at_the_global_minimum():
    walks = walk([SGD(0.01), Momentum(0.01, 0.98)], DoubleWell(), np.linspace(-1.9, 1.9, 20)[:, None], 1500)
    summary = walks.summary
    assert summary["global"].to_list()[0] == pytest.approx(0.5, abs=0.05)  # the hill is near 0
    assert summary["reached"].to_list()[0] == 1.0
    assert summary["basins"].to_list() == [2, 2]
    assert summary["starts"].to_list() == [20, 20]


def test_random_starts_and_noise_depend_on_the_seed_alone():
    first, again, other = (walk(SGD(0.1), "bowl", 4, 5, noise=0.1, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(first.track.points, again.track.points)
    assert not np.array_equal(first.track.points, other.track.points)
    assert (np.abs(first.starts) <= 2).all()


def test_the_path_is_a_table(mixed):
    path = mixed.path
    assert path.columns == ["rule", "start", "step", "x1", "x2", "value", "slope"]
    assert len(path) == 6 * 2 * 61
    row = path.filter((pl.col("rule") == "adam") & (pl.col("start") == 1) & (pl.col("step") == 0)).to_dicts()[0]
    assert (row["x1"], row["x2"]) == (-1.5, 0.5)


def test_minima_of_a_formula_are_found():
    """(x^2 - 1)^2 + (y^2 - 1)^2 + 0.1 x has four, two of them global."""
    found = minima_of(Formula("(x^2 - 1)^2 + (y^2 - 1)^2 + 0.1*x"))
    assert [each.is_global for each in found] == [True, True, False, False]
    assert sorted({round(each.point[0], 5) for each in found}) == [-1.01227, 0.98726]
    assert {round(each.point[1], 9) for each in found} == {-1.0, 1.0}
    assert minima_of(Formula("x + y")) == ()
    (kink,) = minima_of(Function(lambda x: jnp.abs(x[0] - 0.5), ((-2, 2),)))
    assert kink.point[0] == pytest.approx(0.5, abs=1e-4)


def test_basins_of_gentle_descent_are_the_quarters_around_the_hill():
    found = basins({"gd": SGD(0.003)}, Himmelblau(), 400, size=21)
    assert found.frame.row(0) == ("gd", 1.0, 0.0, 0.0, 0.0)
    ends = found.ends[0]
    corners = [int(ends[j, i]) for j, i in ((20, 20), (20, 0), (0, 0), (0, 20))]
    assert corners == [0, 1, 2, 3]
    assert "100.0 % to a global minimum" in found.figure().description
    assert not {"at no minimum", "diverges"} & {getattr(each, "text", "") for each in found.figure().marks}


def test_starts_that_reach_no_minimum_have_a_key():
    found = basins({"gd": SGD(0.02)}, Himmelblau(), 20, size=9)
    assert found.frame["elsewhere"][0] > 0
    assert "at no minimum" in {getattr(each, "text", "") for each in found.figure().marks}


def test_rates_of_wrappers_and_of_rules_without_one():
    found = rate_sensitivity({"clipped": WeightAverage(SGD(0.1))}, "bowl", None, 10, rates=(0.01, 0.5))
    assert found.best == {"clipped": 0.5}
    assert found.frame["loss"].to_list()[1] < found.frame["loss"].to_list()[0]


REFUSED = [
    (lambda: walk([], "bowl"), "rules is empty"),
    (lambda: walk("adm", "bowl"), "adm"),
    (lambda: walk(3, "bowl"), "no update rule"),
    (lambda: walk("sgd", "bowll"), "unknown"),
    (lambda: walk("sgd", 3), "no surface"),
    (lambda: walk("sgd", "bowl", limits=((0, 1),)), "limits are for"),
    (lambda: walk("sgd", lambda x: x[0]), "starts or limits"),
    (lambda: walk("sgd", "bowl", [1.0, 2.0, 3.0]), "do not fit Bowl"),
    (lambda: walk("sgd", "bowl", [[float("nan"), 1.0]]), "not finite"),
    (lambda: walk("sgd", "bowl", "here"), "are no points"),
    (lambda: walk("sgd", "bowl", 0), "not a number of starts"),
    (lambda: walk("sgd", "bowl", steps=0), "steps = 0"),
    (lambda: walk("sgd", "bowl", steps=True), "steps = True"),
    (lambda: walk("sgd", "bowl", noise=-1), "noise = -1"),
    (lambda: walk("sgd", "bowl", tolerance=0), "tolerance = 0"),
    (lambda: walk("sgd", "bowl", seed=-1), "seed = -1"),
    (lambda: walk("sgd", "bowl", 100_000, 10_000), "too many positions"),
    (lambda: rate_sensitivity("rprop", "bowl", rates=(1.0, 0.1)), "ascending"),
    (lambda: basins("sgd", "saddle"), "no known minimum"),
    (lambda: basins("sgd", "double_well"), "1 coordinates"),
    (lambda: basins("sgd", "bowl", size=1), "size = 1"),
]


@pytest.mark.parametrize(("call", "sentence"), REFUSED)
def test_bad_input_is_refused_in_a_sentence(call, sentence):
    with pytest.raises(FalllineError, match=sentence) as said:
        call()
    assert "\n" not in str(said.value)


def test_rules_and_surfaces_by_every_form():
    assert list(rules_of({"mine": SGD(0.1)})) == ["mine"]
    assert list(rules_of(["sgd", "sgd"])) == ["sgd (1)", "sgd (2)"]
    assert surface_of(" ravine ") == Ravine()
    assert surface_of("x*y", ((0, 1), (0, 2))).domain == ((0.0, 1.0), (0.0, 2.0))
    assert surface_of(lambda x: x[0] ** 2, starts=[[3.0]]).domain == ((-6.0, 6.0),)
