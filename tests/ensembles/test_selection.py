"""Greedy selection, by hand and against a plain retelling of its rule."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallline.ensembles.selection import greedy_weights


def plain(answers, score, rounds):
    """The rule told plainly: the scores of all prefixes, then the shortest of the best; ties to the first model."""
    chosen, prefixes = [], []
    for _ in range(rounds):
        tries = [
            float(f"{score(np.mean([answers[k] for k in (*chosen, m)], axis=0)):.5e}") for m in range(len(answers))
        ]
        equal = [m for m, value in enumerate(tries) if value == min(tries)]
        chosen.append(next((m for m in equal if m in chosen), equal[0]))
        prefixes.append(min(tries))
    length = 1 + int(np.argmin(prefixes))
    return np.bincount(chosen[:length], minlength=len(answers)) / length


@given(st.integers(0, 10**6), st.integers(1, 6))
def test_it_follows_the_rule(seed, models):
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(30, 1))
    answers = [y + rng.normal(rng.normal(), rng.uniform(0.1, 2), size=y.shape) for _ in range(models)]
    score = lambda a: float(np.mean((a - y) ** 2))  # noqa: E731
    found = greedy_weights(answers, score, rounds=20)
    np.testing.assert_allclose(found, plain(answers, score, 20))
    assert found.sum() == pytest.approx(1.0)
    mean = np.tensordot(found, np.array(answers), 1)
    assert score(mean) <= min(map(score, answers)) * (1 + 1e-5)  # the first model alone is a prefix


def test_models_are_repeated_to_weigh_more():
    y = np.zeros((4, 1))
    found = greedy_weights([y + 1.0, y - 2.0], lambda a: float(np.mean((a - y) ** 2)))
    np.testing.assert_allclose(found, [2 / 3, 1 / 3])


def test_equal_models_share_nothing_and_the_shortest_prefix_is_kept():
    y = np.ones((4, 1))
    found = greedy_weights([y, y, y], lambda a: float(np.mean((a - y) ** 2)), seed=3)
    assert sorted(found) == [0.0, 0.0, 1.0]


def test_ties_among_new_models_go_to_one_at_random():
    y = np.ones((4, 1))
    firsts = {int(greedy_weights([y, y], lambda a: 0.0, seed=seed).argmax()) for seed in range(20)}
    assert firsts == {0, 1}


def test_answers_and_scores_that_are_not_finite_are_never_added():
    y = np.zeros((3, 1))
    answers = [y * np.nan, y + 1.0, y + np.inf]
    np.testing.assert_array_equal(greedy_weights(answers, lambda a: float(np.mean(a**2))), [0, 1, 0])
    np.testing.assert_array_equal(greedy_weights(answers, lambda a: float("nan")), [0, 0, 0])
    np.testing.assert_array_equal(greedy_weights([answers[0]], lambda a: 0.0), [0])
