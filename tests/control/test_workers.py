import os
import signal
import threading
import time

import numpy as np
import pytest

from fallline.control.network import PolicyNetwork
from fallline.control.rollouts import Setup, Task
from fallline.control.workers import RolloutWorkers
from fallline.core.errors import FalllineError
from fallline.workers import processes

LINEAR = PolicyNetwork((4, 2))
TASKS = [Task(LINEAR, np.random.default_rng(k).normal(size=8), None, k, True) for k in range(40)]


def slow(seconds: float):
    """CartPole whose first step takes long where the reset's seed is 7."""

    def make():
        import time

        import gymnasium

        class Slow(gymnasium.Wrapper):
            def reset(self, *, seed=None, options=None):
                self.lag = seconds if seed == 7 else 0.0
                return super().reset(seed=seed, options=options)

            def step(self, action):
                time.sleep(self.lag)
                self.lag = 0.0
                return super().step(action)

        return Slow(gymnasium.make("CartPole-v1"))

    return make


def same(a: list, b: list) -> bool:
    def bits(found: list) -> list[bytes]:
        return [
            np.array([each.total, each.steps, *each.statistics.mean, *each.statistics.squares]).tobytes()
            for each in found
        ]

    return bits(a) == bits(b)


@pytest.fixture(scope="module")
def alone() -> list:
    with RolloutWorkers(Setup("CartPole-v1"), 1) as workers:
        return workers.collect(TASKS)


@pytest.fixture
def started(monkeypatch) -> list:
    """Every process that is started, with the item that it was sent last."""
    found: list = []
    send = processes._Process.send

    def noted(self, item):
        found.append((self.process, item))
        return send(self, item)

    monkeypatch.setattr(processes._Process, "send", noted)
    return found


def test_any_number_of_workers_gives_the_same_bits_and_a_killed_one_is_replaced(alone, started):
    def kill_busy():
        """Kill the worker of the slow rollout while it is at it."""
        while not (busy := [process for process, item in started if item is not None and item.seed == 7]):
            time.sleep(0.01)
        time.sleep(0.3)
        os.kill(busy[0].pid, signal.SIGKILL)

    with RolloutWorkers(Setup(slow(1.0)), 3) as workers:
        killer = threading.Thread(target=kill_busy)
        killer.start()
        found = workers.collect(TASKS)
        killer.join()
        assert workers.restarts == 1
        assert same(found, alone)
        workers.collect(TASKS[:6])
        assert workers.restarts == 1


def test_a_rollout_that_hangs_costs_itself_alone(alone):
    with RolloutWorkers(Setup(slow(1e6)), 2, timeout=3.0) as workers:
        found = workers.collect(TASKS[:12])
    assert np.isnan(found[7].total)
    assert "longer than 3 s" in found[7].failure
    assert same(found[:7] + found[8:], alone[:7] + alone[8:12])


def test_an_error_costs_its_rollout_and_a_task_that_kills_workers_is_given_up():
    def make():
        import os

        import gymnasium

        class Deadly(gymnasium.Wrapper):
            def reset(self, *, seed=None, options=None):
                if seed == 1:
                    raise RuntimeError("no\nluck")
                if seed == 2:
                    os._exit(3)
                return super().reset(seed=seed, options=options)

        return Deadly(gymnasium.make("CartPole-v1"))

    with RolloutWorkers(Setup(make), 1) as workers:
        found = workers.collect(TASKS[:4])
    assert [np.isnan(each.total) for each in found] == [False, True, True, False]
    assert found[1].failure == "RuntimeError: no luck"
    assert "3 workers died" in found[2].failure
    assert workers.restarts == 3


def test_workers_end_with_their_block_and_an_environment_that_cannot_open_is_said(started):
    with pytest.raises(FalllineError, match="did you mean"):
        RolloutWorkers(Setup("CartPol-v1"), 1)
    with RolloutWorkers(Setup("CartPole-v1"), 1):
        process = started[-1][0]
        assert process.poll() is None
    assert process.poll() is not None


def test_one_thread_for_linear_algebra_and_nothing_on_standard_output(capfd):
    def make():
        import gymnasium

        print("a simulator's greeting")
        import threadpoolctl

        assert all(each["num_threads"] == 1 for each in threadpoolctl.threadpool_info())
        assert "jax" not in __import__("sys").modules  # a worker does not pay for it
        return gymnasium.make("CartPole-v1")

    with RolloutWorkers(Setup(make), 1) as workers:
        assert workers.facts.name == "make"
    out, err = capfd.readouterr()
    assert out == ""
    assert "greeting" in err


def test_a_simulator_that_warns_leaves_no_file_behind(monkeypatch, tmp_path):
    pytest.importorskip("mujoco", minversion="4.0")
    monkeypatch.chdir(tmp_path)
    with RolloutWorkers(Setup("HalfCheetah-v5"), 1):
        pass  # its model has an attribute that MuJoCo advises against
    assert list(tmp_path.iterdir()) == []


def test_rollouts_on_ray_have_the_same_bits(alone):
    pytest.importorskip("ray")
    with RolloutWorkers(Setup("CartPole-v1"), ray="") as workers:
        found = workers.collect(TASKS[:8])
    assert same(found, alone[:8])
