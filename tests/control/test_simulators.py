import gymnasium
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import solve_discrete_are

from fallline.control.network import PolicyNetwork
from fallline.control.rollouts import Task, rollout_seed
from fallline.control.search import train_policy
from fallline.control.simulators import LQR, CartPole, Simulations, simulator_named
from fallline.control.statistics import Scaling
from fallline.core.errors import FalllineError


def test_cartpole_is_that_of_gymnasium(float64):
    theirs, ours = gymnasium.make("CartPole-v1").unwrapped, CartPole()
    random = np.random.default_rng(0)
    step, ends = jax.jit(ours.step), 0
    theirs.reset(seed=0)
    for _ in range(200):
        before, action = np.array(theirs.state), int(random.integers(2))
        _, reward, over, _, _ = theirs.step(action)
        state, gained, ended = step(before, jnp.asarray(action), None)
        np.testing.assert_allclose(state, theirs.state, rtol=1e-12, atol=1e-15)
        assert (gained, bool(ended)) == (reward, over)
        if over:
            ends += 1
            theirs.reset()
    assert ends > 3


def test_the_regulator_costs_what_theory_says():
    network, simulations = PolicyNetwork((3, 3)), Simulations(LQR())
    p = solve_discrete_are(LQR.A, np.eye(3), LQR.Q * np.eye(3), np.eye(3))
    gain = -np.linalg.solve(np.eye(3) + p, p @ LQR.A)
    costs = {}
    for name, point in (("zero", np.zeros(9)), ("best", gain.ravel())):
        tasks = [Task(network, point, None, rollout_seed(0, k), False) for k in range(2000)]
        costs[name] = -np.mean([each.total for each in simulations.collect(tasks)])
    assert costs["best"] == pytest.approx(39.32, rel=0.03)
    assert costs["zero"] == pytest.approx(723471, rel=0.06)


def test_a_program_of_rollouts_gives_each_what_it_gives_alone():
    network, simulations = PolicyNetwork((4, 8, 2)), Simulations(CartPole())
    random = np.random.default_rng(0)
    scaling = Scaling(random.normal(size=4), np.array([1.0, 0.5, 2.0, 0.0]))
    tasks = [Task(network, random.normal(size=network.size), scaling, k, True) for k in range(6)]
    together = simulations.collect(tasks)
    assert len({each.steps for each in together}) > 1
    for task, found in zip(tasks, together, strict=True):
        (alone,) = simulations.collect([task])
        assert (alone.total, alone.steps) == (found.total, found.steps)
        np.testing.assert_allclose(alone.statistics.squares, found.statistics.squares, rtol=1e-9)
    assert together[0].statistics.n == together[0].steps
    assert Simulations(CartPole(), horizon=3).collect(tasks[:1])[0].steps == 3


def test_an_unknown_simulator_is_named():
    with pytest.raises(FalllineError, match="'cartpole', 'lqr'"):
        simulator_named("pong")


def test_cartpole_is_solved_by_its_preset():
    run = train_policy("jax:cartpole", seed=3)
    assert run.score >= 475
    assert run.curve.reached(475) < 50_000
