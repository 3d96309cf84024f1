"""`minimize` with update rules: the same point as the rule's own loop, every ending, and bad input in a sentence."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fallline.blackbox import minimize
from fallline.core.errors import FalllineError
from fallline.optimizers import LBFGS, SGD, Adam, Momentum
from fallline.schedules import Cosine


def bowl(x):
    return sum(jnp.sum((jnp.asarray(leaf) - 0.5) ** 2) for leaf in jax.tree.leaves(x))


def valley(x):
    return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


def test_the_point_is_that_of_the_rules_own_loop(float64):
    rule, w = Momentum(0.001, 0.9), jnp.array([-1.2, 1.0])
    state, seen = rule.init(w), []
    for _ in range(20):
        value, gradient = jax.value_and_grad(valley)(w)
        seen.append(float(value))
        delta, state = rule.update(gradient, state)
        w = w + delta
    found = minimize(valley, [-1.2, 1.0], rule, evaluations=20)
    np.testing.assert_allclose(found.history["value"], seen, rtol=1e-12)
    assert found.value == pytest.approx(min(seen))
    assert found.evaluations == 20
    assert found.history["evaluations"].tolist() == list(range(1, 21))
    assert found.outcome == "evaluations"
    assert found.sentence == f"used all evaluations after 20 evaluations; the lowest value is {min(seen):.6g}"


def test_by_name_to_a_target_and_at_rest():
    found = minimize(valley, np.array([-1.2, 1.0]), "lbfgs", target=1e-10)
    assert found.outcome == "target"
    np.testing.assert_allclose(found.point, [1, 1], atol=1e-4)
    assert found.evaluations < 60
    rest = minimize(bowl, 0.5, "sgd")
    assert (rest.outcome, rest.evaluations, rest.point) == ("at_rest", 1, 0.5)
    assert minimize(bowl, [3.0, 1.0], "lbfgs").outcome == "at_rest"  # its line search stops evaluating


def test_a_schedule_follows_the_share_of_the_evaluations():
    found = minimize(bowl, [3.0], SGD(Cosine(0.2, warmup=0.0)), evaluations=100)
    shares = np.sqrt(found.history["value"])
    rates = (1 - shares[1:] / shares[:-1]) / 2
    assert rates[0] == pytest.approx(0.2)
    assert rates[50] == pytest.approx(0.1, rel=0.05)
    assert rates[-1] < 0.002


def test_maximize_and_trees():
    found = minimize(lambda x: -bowl(x), {"a": 2.0, "b": np.zeros((2, 1))}, Adam(0.1), maximize=True, evaluations=300)
    assert found.value == pytest.approx(0.0, abs=1e-6)
    assert found.point["b"].shape == (2, 1)
    assert isinstance(found.point["a"], float)


def test_what_diverges_keeps_the_best_point():
    found = minimize(lambda x: jnp.sum(x**4), [1.0, 2.0], SGD(1.0))
    assert found.outcome == "diverged"
    assert found.failures == 1
    assert found.value == 17.0
    assert "diverged" in found.sentence
    never = minimize(lambda x: jnp.sum(x) * jnp.nan, [1.0], SGD(1.0))
    assert never.outcome == "failed"
    assert never.sentence.startswith("found no point with a value")


def test_watch_can_stop_it():
    moments = []
    found = minimize(
        valley, [-1.2, 1.0], SGD(1e-4), evaluations=10**6, watch=lambda moment: moments.append(moment) or True
    )
    assert found.outcome == "stopped"
    assert len(moments) == 1


REFUSED = [
    (lambda: minimize(bowl, [1.0], "adm"), "method 'adm' is unknown: did you mean"),
    (lambda: minimize(bowl, [1.0], 3), "neither a method without gradients nor an update rule"),
    (lambda: minimize(bowl, [1.0], "adam", processes=2), "leave processes and limit out"),
    (lambda: minimize(bowl, [1.0], "adam", limit=2), "leave processes and limit out"),
    (lambda: minimize(bowl, [1.0], "adam", evaluations=0), "expected 1 or more"),
    (lambda: minimize(lambda x: float(x[0]), [1.0], LBFGS()), "cannot be traced by JAX, so lbfgs has no gradient"),
    (lambda: minimize(lambda x: x, [1.0, 2.0], "adam"), "expected one number"),
]


@pytest.mark.parametrize(("call", "sentence"), REFUSED)
def test_bad_input_is_refused_in_a_sentence(call, sentence):
    with pytest.raises(FalllineError, match=sentence):
        call()
