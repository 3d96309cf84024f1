import dataclasses
import itertools

import jax
import numpy as np
import pytest

from fallline.control.environments import EnvironmentFacts
from fallline.control.policies import MLPPolicy
from fallline.control.presets import OTHERS, PRESETS, preset_of
from fallline.control.recipe import PolicyRecipe, from_tables, to_tables
from fallline.control.rollouts import Rollout, Task, failed
from fallline.control.search import train_policy
from fallline.control.statistics import Statistics
from fallline.core.errors import FalllineError
from fallline.methods import ARS, BRS
from fallline.schedules import Cosine

FACTS = EnvironmentFacts("made", 3, 1, False, False, None, None, {})


class Made:
    """Rollouts of which the answer is known: the return is `alive` per step and a linear function of the parameters."""

    facts = FACTS
    restarts = 0

    def __init__(self, alive: float = 0.0, failing: str = "") -> None:
        self.alive, self.failing = alive, failing
        self.calls: list[list[Task]] = []

    def collect(self, tasks):
        tasks = list(tasks)
        self.calls.append(tasks)
        return [self.roll(row, task) for row, task in enumerate(tasks)]

    def roll(self, row: int, task: Task) -> Rollout:
        if self.failing and task.observe and row % 3 == 0:
            return Rollout(np.nan, 10, None, self.failing)
        x = np.random.default_rng(task.seed).normal(size=(10, 3)) * [1.0, 2.0, 0.0]
        total = 10 * self.alive + float(task.point @ [3.0, -1.0, 2.0])
        return Rollout(total, 10, Statistics.of(x) if task.observe else None)

    def training(self) -> list[list[Task]]:
        return [tasks for tasks in self.calls if len(tasks) != 20]


def trained(collector: Made, iterations: int = 3, **changes):
    method = changes.pop("method", ARS(step=0.1, noise=0.5, directions=4))
    rollouts = method.candidates(3)
    recipe = PolicyRecipe(method=method, steps=10 * rollouts * iterations, evaluations=1, **changes)
    return train_policy("made", recipe, seed=5, collector=collector)


def test_one_direction_moves_by_two_steps_along_it():
    collector = Made()
    run = trained(collector, 1, method=ARS(step=0.1, noise=0.5, directions=1), normalise=False)
    above, below = collector.training()[0]
    d = (above.point - below.point) / (2 * 0.5)
    sign = np.sign((above.point - below.point) @ [3.0, -1.0, 2.0])
    moved = collector.calls[-1][0].point
    np.testing.assert_allclose(moved, 2 * 0.1 * sign * d, rtol=1e-9)
    assert run.steps == 20
    assert above.scaling is None


def test_statistics_cover_all_training_observations_and_are_frozen_within_an_iteration():
    collector = Made()
    run = trained(collector, 3, method=ARS(step=0.1, noise=0.5, directions=4, kept=1))
    seen = Statistics.none(3)
    for tasks in collector.training():
        expected = seen.scaling()
        for task in tasks:
            np.testing.assert_allclose(task.scaling.mean, expected.mean, atol=1e-12)
            np.testing.assert_allclose(task.scaling.factor, expected.factor, rtol=1e-12)
        for task in tasks:  # dropped directions too
            x = np.random.default_rng(task.seed).normal(size=(10, 3)) * [1.0, 2.0, 0.0]
            seen = seen.merge(Statistics.of(x))
    np.testing.assert_allclose(run.policy.scaling.mean, seen.mean, atol=1e-12)
    assert run.policy.scaling.factor[2] == 0.0  # constant: dead, also in the saved policy
    assert seen.n == 3 * 8 * 10


def test_every_training_rollout_has_a_reset_of_its_own_and_evaluations_share_none():
    collector = Made()
    trained(collector, 3)
    seeds = [task.seed for tasks in collector.calls for task in tasks]
    assert len(set(seeds)) == len(seeds)


def test_the_shift_is_training_s_alone():
    """With it, all returns of a policy that only survives are equal, so that nothing moves; the score counts all."""

    class Alive(Made):
        def roll(self, row, task):
            steps = 5 + row
            return Rollout(2.0 * steps, steps, Statistics.of(np.ones((2, 3))) if task.observe else None)

    collector = Alive()
    run = trained(collector, 2, shift=2.0)
    assert {row[-1] for row in run.curve.iterations} == {0.0}  # how far it moved
    assert run.score == pytest.approx(np.mean([2.0 * (5 + row) for row in range(20)]))
    assert run.curve.iterations[0][2] == np.mean([2.0 * (5 + row) for row in range(8)])  # curves are without shift
    assert trained(Alive(), 1, shift=0.0).curve.iterations[0][-1] > 0


def test_failed_rollouts_are_counted_and_their_directions_left_out():
    collector = Made(failing="out of luck")
    method = ARS(step=0.1, noise=0.5, directions=4)
    run = trained(collector, 1, method=method)
    assert run.failures == 3  # rows 0, 3 and 6: directions 0, 3 and 2
    tasks = collector.training()[0]
    d = (tasks[1].point - tasks[5].point) / (2 * 0.5)  # the one that is left moves by 2 a, whatever its returns
    sign = np.sign(d @ [3.0, -1.0, 2.0])
    np.testing.assert_allclose(collector.calls[-1][0].point, 2 * 0.1 * sign * d, rtol=1e-9)


def test_a_training_of_failures_alone_gives_up():
    class Dead(Made):
        def roll(self, row, task):
            return failed("it fell over")

    with pytest.raises(FalllineError, match="it fell over"):
        trained(Dead(), 10)


def test_a_step_that_falls_follows_the_timesteps():
    collector = Made()
    trained(collector, 8, method=ARS(step=Cosine(0.1), noise=0.5, directions=1), normalise=False)
    starts = [(tasks[0].point + tasks[1].point) / 2 for tasks in collector.training()]
    sizes = [np.linalg.norm(b - a) for a, b in itertools.pairwise(starts)]
    directions = [np.linalg.norm(tasks[0].point - tasks[1].point) for tasks in collector.training()]
    shares = np.arange(7) / 8  # of the timesteps
    np.testing.assert_allclose(np.array(sizes) / directions[:-1], 0.2 * 0.5 * (1 + np.cos(np.pi * shares)), rtol=1e-6)


def test_the_best_policy_is_kept_once_fresh_episodes_confirm_it():
    class Lucky(Made):
        """Evaluations of the unmoved policy are far better than what confirms them."""

        def roll(self, row, task):
            found = super().roll(row, task)
            evaluation = len(self.calls[-1]) == 20
            lucky = evaluation and not task.point.any() and len([c for c in self.calls if len(c) == 20]) == 1
            return found._replace(total=1e6) if lucky else found

    run = trained(Lucky(), 3, method=ARS(step=1.0, noise=0.5, directions=4))
    first, last = run.curve.evaluation_rows()
    assert (first["mean_return"], first["confirmed"], first["best"]) == (1e6, 0.0, 0.0)
    assert last["best"] == last["confirmed"] > 0
    assert run.policy.point @ [3.0, -1.0, 2.0] == pytest.approx(run.score)
    stopped = train_policy("made", PolicyRecipe(method=BRS(step=1.0), steps=1e6, target=1.0), collector=Made())
    assert stopped.outcome == "reached"
    assert stopped.steps < 1e6


def test_presets_are_the_paper_s_and_every_one_can_be_written_down():
    table = {  # facts of the paper: a, nu, N, b, shift, threshold
        "Hopper-v5": (0.01, 0.025, 8, 4, 1, 3120),
        "Walker2d-v5": (0.03, 0.025, 40, 30, 1, 4390),
        "Ant-v5": (0.015, 0.025, 60, 20, 1, 3580),
        "Humanoid-v5": (0.02, 0.0075, 230, None, 5, 6000),
    }
    for name, (step, noise, directions, kept, shift, threshold) in table.items():
        known = preset_of(name)
        assert known.recipe.method == ARS(step=step, noise=noise, directions=directions, kept=kept)
        assert (known.recipe.shift, known.threshold) == (shift, threshold)
    swimmer = preset_of("Swimmer-v5").recipe
    assert (swimmer.method.directions, swimmer.normalise) == (1, False)
    for each in (*PRESETS.values(), OTHERS):
        assert from_tables(to_tables(each.recipe)) == each.recipe
    deep = dataclasses.replace(OTHERS.recipe, policy=MLPPolicy((8,)), horizon=100, target=3)
    assert from_tables(to_tables(deep)) == deep


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"episodes": 0}, "episodes"),
        ({"evaluations": 2.5}, "evaluations"),
        ({"horizon": 0}, "horizon"),
        ({"outside": "bounce"}, "clip"),
        ({"steps": -1}, "steps"),
        ({"policy": ARS()}, "policy"),
    ],
)
def test_recipes_that_make_no_sense_are_refused(changes, says):
    with pytest.raises(FalllineError, match=says):
        PolicyRecipe(**changes)


def test_numbers_are_float64_whatever_jax_s_default():
    collector = Made()
    trained(collector, 1)
    assert collector.training()[0][0].point.dtype == np.float64
    assert not jax.config.jax_enable_x64
