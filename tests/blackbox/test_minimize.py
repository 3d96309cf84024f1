"""Minima of functions: mapped, called here, called in processes; what fails costs itself alone."""

import math
import os
import threading
import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fallline.blackbox import minimize
from fallline.blackbox.objectives import Mapped
from fallline.blackbox.origin import origin_of
from fallline.core.errors import FalllineError
from fallline.methods import ARS, CMAES, SPSA, FiniteDifference, OpenAIES
from fallline.schedules import Cosine

LOCK = threading.Lock()
FALLING = ARS(step=Cosine(0.3), noise=0.05, directions=4)


def bowl(x):
    return jnp.sum((x - 0.5) ** 2)


def numpy_bowl(x):
    return float(np.sum((np.asarray(x) - 0.5) ** 2))


@pytest.mark.parametrize("method", [FALLING, "cma_es", OpenAIES(directions=4), FiniteDifference(step=0.1)])
def test_a_bowl_of_jax_and_one_of_numpy_are_walked_alike(method):
    mapped, called = (
        minimize(f, np.zeros(3), method, evaluations=400, **more)
        for f, more in ((bowl, {}), (numpy_bowl, {"processes": 0}))
    )
    assert mapped.value == pytest.approx(called.value, rel=1e-6)
    np.testing.assert_allclose(mapped.point, called.point, rtol=1e-6)
    for name in mapped.history:
        np.testing.assert_allclose(mapped.history[name], called.history[name], rtol=1e-6, err_msg=name)
    assert mapped.outcome == called.outcome == "evaluations"
    assert mapped.evaluations == called.evaluations <= 400
    assert mapped.value == pytest.approx(numpy_bowl(mapped.point), rel=1e-9)
    assert mapped.history["best"][-1] == mapped.value < 0.2


def test_the_best_point_is_kept_and_history_says_what_was_seen():
    asked = []

    def recorded(x):
        asked.append((numpy_bowl(x), np.array(x)))
        return asked[-1][0]

    found = minimize(recorded, np.ones(2), ARS(step=2.0, directions=4), evaluations=100, processes=0)
    lowest, point = min(asked, key=lambda each: each[0])
    assert (found.value, found.point.tolist()) == (lowest, point.tolist())
    assert found.evaluations == len(asked) == found.history["evaluations"][-1]
    assert (np.diff(found.history["best"]) <= 0).all()
    assert asked[0][1].tolist() == [1.0, 1.0]
    # 8 candidates an iteration: the point itself is looked at after every second one, and after the last.
    looks = np.isfinite(found.history["value"])
    assert looks.tolist() == [(i % 2 == 0 or i == len(looks)) for i in found.history["iteration"]]


def test_larger_is_better_when_it_is_said():
    hill = lambda x: 7.0 - jnp.sum((x["a"] - 1) ** 2) - (x["b"] - 2) ** 2  # noqa: E731
    found = minimize(hill, {"a": np.zeros(2), "b": 0.0}, FALLING, maximize=True, evaluations=3000, target=6.99)
    assert found.outcome == "target"
    assert 6.99 <= found.value <= 7.0
    assert found.evaluations < 3000
    assert isinstance(found.point["b"], float)
    np.testing.assert_allclose(found.point["a"], 1.0, atol=0.1)
    assert (np.diff(found.history["best"]) >= 0).all()
    assert found.sentence.startswith("reached the target after")
    assert "the highest value is 6.99" in found.sentence


def test_numbers_are_double_unless_x0_is_single():
    seen = []

    def f(x):
        seen.append(x.dtype)
        return jnp.sum(x**2)

    assert minimize(f, np.ones(2, np.float32), "ars", evaluations=80).point.dtype == np.float32
    assert set(map(str, seen)) == {"float32"}
    tiny = lambda x: 1.0 + 1e-12 * jnp.sum((x - 0.5) ** 2)  # noqa: E731 - single precision sees no slope
    found = minimize(tiny, [0, 0], FALLING, evaluations=1000)
    assert all(type(number) is float for number in found.point)
    np.testing.assert_allclose(found.point, 0.5, atol=0.05)
    assert not jax.config.jax_enable_x64


def test_the_seed_decides():
    ends = [minimize(bowl, np.zeros(2), FALLING, evaluations=50, seed=seed).point.tolist() for seed in (1, 1, 2)]
    assert ends[0] == ends[1] != ends[2]


def test_a_region_without_values_is_left_out_and_counted():
    f = lambda x: jnp.where(x[0] > 0.6, jnp.nan, jnp.sum((x - 0.5) ** 2))  # noqa: E731
    found = minimize(f, np.zeros(2), ARS(step=Cosine(0.3), noise=0.2, directions=4), evaluations=600)
    assert 0 < found.failures < found.evaluations - 100
    assert found.failures == found.history["failures"][-1]
    assert found.value < 0.02
    assert "of them failed (not finite)" in found.sentence


def test_nothing_but_failures():
    found = minimize(lambda x: jnp.nan * x[0], np.ones(2), SPSA(), evaluations=30)
    assert found.outcome == "failed"
    assert math.isnan(found.value)
    assert found.point.tolist() == [1.0, 1.0]
    assert found.failures == found.evaluations
    assert found.sentence.startswith("found no point with a value")


def test_in_processes_what_fails_costs_itself_alone_whatever_their_number():
    def hazardous(x):
        """Raises, returns NaN, hangs or ends its process in parts of the plane."""
        if x[0] > 0.9:
            raise ZeroDivisionError("too far")
        if x[1] > 0.9:
            return math.nan
        if x[0] < -0.9:
            time.sleep(60)
        if x[1] < -0.9:
            os._exit(3)
        return np.sum(x**2)

    method = ARS(step=0.3, noise=0.6, directions=4)
    ends = [
        minimize(hazardous, np.array([0.3, 0.3]), method, evaluations=34, processes=count, limit=0.5, seed=9)
        for count in (1, 2)
    ]
    one, two = ends
    assert one.point.tolist() == two.point.tolist()
    assert one.reasons == two.reasons
    assert one.failures == sum(one.reasons.values()) < one.evaluations / 2
    assert 0 < one.value < 0.18
    for reason in ("ZeroDivisionError: too far", "value was nan", "longer than 0.5 s", "ended with code 3"):
        assert any(reason in each for each in one.reasons), reason
    assert "of them failed, most often: " in one.sentence
    assert one.seconds < 30


def test_a_function_with_what_it_has_captured_goes_to_processes_by_default():
    middle = np.array([1.0, 2.0])
    found = minimize(lambda x: float(np.abs(x - middle).sum()), [0.5, 1.5], FALLING, evaluations=60)
    assert found.value < 1.0


def test_ctrl_c_keeps_the_best_and_watch_can_stop():
    stopped = minimize(bowl, np.zeros(2), FALLING, evaluations=100_000, watch=lambda moment: moment.best < 0.3)
    assert stopped.outcome == "stopped"
    assert stopped.value < 0.3

    def f(x):
        if len(calls) == 30:
            os.kill(os.getpid(), 2)
        calls.append(1)
        return numpy_bowl(x)

    calls = []
    found = minimize(f, np.zeros(2), FALLING, evaluations=100_000, processes=0)
    assert found.outcome == "interrupted"
    assert len(calls) == found.evaluations < 60
    assert found.value < 0.5


def test_rows_beyond_the_memory_are_mapped_in_parts(monkeypatch):
    x = np.random.default_rng(0).normal(size=(37, 3)).astype(np.float32)
    place = origin_of(x[0])
    whole = Mapped(bowl, place, False).values(x)
    monkeypatch.setattr("fallline.blackbox.objectives.BYTES", 400)
    parts = Mapped(bowl, place, False)
    assert 1 <= parts.lanes < 10
    np.testing.assert_allclose(parts.values(x), whole, rtol=1e-6)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"objective": 3}, "objective of type int cannot be called"),
        ({"objective": lambda x: x}, "returns an array of shape (2,): expected one number"),
        ({"x0": "here"}, "x0 of type str holds no floating-point numbers"),
        ({"x0": np.array([1.0, np.nan])}, "x0 holds numbers that are not finite"),
        ({"method": "arse"}, "method 'arse' is unknown: did you mean 'ars'"),
        ({"method": 3}, "method = 3 is neither a method without gradients nor an update rule"),
        ({"evaluations": 65}, "evaluations = 65 are not enough for one iteration: expected 66 or more"),
        ({"seed": -1}, "seed = -1"),
        ({"target": "low"}, "target = 'low' is not a value of the objective"),
        ({"processes": -1}, "processes = -1 is not a number of processes"),
        ({"processes": 0, "limit": 1.0}, "limit needs a process"),
        ({"limit": 0}, "limit = 0 is not a time"),
        ({"objective": lambda x: LOCK and x[0], "processes": 1}, "cannot be sent to a process"),
        ({"method": CMAES(noise=Cosine(0.1, floor=0.01))}, "CMAES.noise = Cosine"),
    ],
)
def test_refusals_say_what_was_expected(changes, sentence):
    arguments = {"objective": bowl, "x0": np.zeros(2), "method": "ars", **changes}
    with pytest.raises(FalllineError) as error:
        minimize(**arguments)
    assert sentence in str(error.value)
