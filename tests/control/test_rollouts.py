import gymnasium
import numpy as np
import pytest

from fallline.control import rollouts
from fallline.control.environments import without_checks
from fallline.control.network import PolicyNetwork
from fallline.control.rollouts import Roller, Setup, Task, rollout_seed
from fallline.control.statistics import Statistics

LINEAR = PolicyNetwork((4, 2))


def by_hand(point: np.ndarray, seed: int, steps: int = 10**6) -> tuple[float, list[np.ndarray]]:
    """A rollout of CartPole, written out."""
    environment = gymnasium.make("CartPole-v1")
    x, _ = environment.reset(seed=seed)
    total, seen, over = 0.0, [], False
    while not over and len(seen) < steps:
        seen.append(x)
        x, reward, terminated, truncated, _ = environment.step(int(np.argmax(point.reshape(2, 4) @ x)))
        total, over = total + reward, terminated or truncated
    return total, seen


@pytest.mark.parametrize("rows", [7, 1024])
def test_a_rollout_is_that_of_a_bare_loop(monkeypatch, rows):
    monkeypatch.setattr(rollouts, "ROWS", rows)
    roller = Roller(Setup("CartPole-v1"))
    random = np.random.default_rng(0)
    for seed in range(4):
        point = random.normal(size=8)
        total, seen = by_hand(point, seed)
        found = roller(Task(LINEAR, point, None, seed, True))
        assert (found.total, found.steps) == (total, len(seen))
        expected = Statistics.of(np.array(seen))
        np.testing.assert_allclose(found.statistics.mean, expected.mean, rtol=1e-12)
        np.testing.assert_allclose(found.statistics.squares, expected.squares, rtol=1e-9)


def test_a_rollout_ends_at_its_horizon_and_is_repeatable():
    balance = np.array([0, 0, 0, 0, 0.1, 0.5, 1, 1.0])
    roller = Roller(Setup("CartPole-v1", horizon=50))
    first = roller(Task(LINEAR, balance, None, 3, False))
    assert (first.total, first.steps, first.statistics) == (50.0, 50, None)
    own = Roller(Setup("CartPole-v1"))
    assert own(Task(LINEAR, balance, None, 3, False)).steps == 500  # the environment's own limit
    roller(Task(LINEAR, -balance, None, 4, False))
    assert roller(Task(LINEAR, balance, None, 3, False)) == first


def test_the_fewest_steps_that_a_limit_allows_end_a_rollout():
    balance = np.array([0, 0, 0, 0, 0.1, 0.5, 1, 1.0])
    inner = gymnasium.wrappers.TimeLimit(gymnasium.make("CartPole-v1"), 60)
    outer = gymnasium.wrappers.TimeLimit(gymnasium.make("CartPole-v1", max_episode_steps=70), 600)
    unnamed = gymnasium.wrappers.TimeLimit(gymnasium.envs.classic_control.CartPoleEnv(), 80)
    hidden = gymnasium.wrappers.TransformReward(gymnasium.make("CartPole-v1"), lambda reward: 2 * reward)
    for environment, horizon, steps in (
        (inner, None, 60),
        (outer, None, 70),
        (unnamed, None, 80),
        (inner, 1000, 60),
        (inner, 9, 9),
    ):
        roller = Roller(Setup(lambda environment=environment: environment, horizon=horizon))
        assert roller(Task(LINEAR, balance, None, 3, False)).steps == steps
    assert without_checks(hidden) == (hidden, None)  # what changes a reward stays


def test_seeds_differ_in_every_place():
    places = [(purpose, k, d, sign) for purpose in range(3) for k in range(5) for d in range(5) for sign in range(2)]
    seeds = {rollout_seed(run, *place) for run in range(3) for place in places}
    assert len(seeds) == 3 * len(places)


@pytest.mark.parametrize("bad", ["reward", "observation"])
def test_what_is_not_finite_is_a_failed_rollout(bad):
    class Broken(gymnasium.Env):
        observation_space = gymnasium.spaces.Box(-1, 1, (4,))
        action_space = gymnasium.spaces.Discrete(2)

        def reset(self, **options):
            return np.zeros(4), {}

        def step(self, action):
            return (
                np.full(4, np.nan if bad == "observation" else 0.0),
                np.nan if bad == "reward" else 1.0,
                False,
                False,
                {},
            )

    found = Roller(Setup(Broken, horizon=3))(Task(LINEAR, np.zeros(8), None, 0, True))
    assert np.isnan(found.total)
    assert "not finite" in found.failure
