"""One iteration of a policy's training, and one evaluation."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np

from fallline.control.curve import LearningCurve
from fallline.control.evaluation import CONFIRM, EVALUATE, FINAL, TRAIN, Collector, Evaluation, evaluate_policy
from fallline.control.network import PolicyNetwork
from fallline.control.policy import TrainedPolicy
from fallline.control.recipe import PolicyRecipe, to_tables
from fallline.control.rollouts import Rollout, Task, rollout_seed
from fallline.control.state import PolicyState, RolloutProgress
from fallline.control.statistics import Scaling, Statistics
from fallline.core.block import walk
from fallline.core.budget import check_memory
from fallline.core.errors import FalllineError
from fallline.core.schedule import Schedule
from fallline.methods import Antithetic

HOPELESS = 3  # consecutive iterations without a successful rollout after which training gives up


@dataclasses.dataclass(frozen=True)
class PolicyRun:
    """A finished training.

    Arguments:
        policy: the best confirmed policy.
        final: its returns on fresh episodes that were not used for any decision.
        recipe: the recipe of the training.
        seed: seed of the run.
        steps: number of training timesteps.
        outcome: reached (the target), completed, or interrupted.
        curve: the learning curve.
        rollouts, failures: number of training rollouts, and of failed ones among them.
        seconds: time in this process; for a resumed run, only that of the last part.
        restarts: restarts of workers that died or hung.
        notes: sentences to show to the user.
        unsaved: writes an interrupted training's last checkpoint into another folder, if its own folder refused it.
    """

    policy: TrainedPolicy
    final: Evaluation
    recipe: PolicyRecipe
    seed: int
    steps: int
    outcome: str
    curve: LearningCurve
    rollouts: int
    failures: int
    seconds: float
    restarts: int
    notes: tuple[str, ...] = ()
    unsaved: Callable[[Path], None] | None = None

    @property
    def score(self) -> float:
        """Mean return of the best policy on fresh episodes."""
        return self.final.mean


class Training:
    """The steps of a training, for one recipe, one environment and one seed."""

    def __init__(self, recipe: PolicyRecipe, collector: Collector, seed: int) -> None:
        if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**31:
            raise FalllineError(f"seed = {seed!r} is not valid: expected a whole number from 0 to 2147483647")
        self.recipe, self.collector, self.seed = recipe, collector, seed
        self.network: PolicyNetwork = recipe.policy.network(collector.facts)
        tried = 2 * int(getattr(recipe.method, "directions", 1)) + 8
        if (needed := 8 * self.network.size * tried) > 2**28:
            what = f"a policy of {self.network.size:,} parameters, tried {tried} ways at once,"
            check_memory(needed, what, "use fewer directions or narrower hidden layers")
        self.scheduled = any(isinstance(value, Schedule) for _, _, value in walk(recipe.method))
        self.shift, self.steps = float(recipe.shift), float(recipe.steps)
        self.description = {"recipe": to_tables(recipe), "seed": seed, "environment": collector.facts.name}

    def start(self) -> PolicyState:
        point = self.recipe.policy.start(self.network, self.seed)
        with jax.enable_x64(True):
            method = self.recipe.method.start(point, jax.random.key(self.seed), 1.0 if self.scheduled else None)
        observations = self.network.widths[0]
        nothing = Statistics.none(observations)
        return PolicyState(method, nothing, 0, 0, 0, 0, point, nothing.scaling(), -np.inf, 0, 0, LearningCurve())

    def scaling(self, policy_state: PolicyState) -> Scaling | None:
        return policy_state.statistics.scaling() if self.recipe.normalise else None

    def ending(self, policy_state: PolicyState) -> str:
        """Evaluate the policy if that is due; then say why the training ends, or "" if it goes on."""
        if self.evaluation_is_due(policy_state):
            self.evaluate(policy_state)
        if policy_state.reached:
            return "reached"
        return "completed" if policy_state.steps >= self.steps else ""

    def progress(self, policy_state: PolicyState, seconds: float) -> RolloutProgress:
        """The progress of the training, for a progress bar or a callback."""
        done, best = policy_state.steps, policy_state.best_score
        return RolloutProgress(done, self.steps, seconds, best, policy_state.failures)

    def iterate(self, policy_state: PolicyState) -> PolicyState:
        """One iteration: ask, roll out, tell, merge. The state is changed in place, and returned."""
        method, state = self.recipe.method, policy_state.method
        with jax.enable_x64(True):
            if self.scheduled:
                # A schedule's progress is the share of timesteps, however many of them an iteration takes.
                share = max(policy_state.steps / self.steps, 1e-12)
                state = state._replace(iterations=(state.iteration.astype(float) + 0.5) / share)
            points = np.asarray(method.ask(state))
        iteration, n = int(state.iteration), len(points)
        pairs = n // 2 if isinstance(method, Antithetic) else n
        scaling = self.scaling(policy_state)
        found = self.collector.collect(
            Task(
                self.network,
                points[row],
                scaling,
                rollout_seed(self.seed, TRAIN, iteration, row % pairs, row // pairs),
                self.recipe.normalise,
            )
            for row in range(n)
        )
        returns = np.array([each.total for each in found])
        lengths = np.array([each.steps for each in found])
        with jax.enable_x64(True):
            told = method.tell(state, self.shift * lengths - returns)
            moved = float(np.linalg.norm(np.asarray(told.point) - np.asarray(state.point)))
        policy_state.method = told
        for row in [row for pair in range(pairs) for row in range(pair, n, pairs)]:
            statistics = found[row].statistics
            if statistics is not None:
                policy_state.statistics = policy_state.statistics.merge(statistics)
        policy_state.steps += int(lengths.sum())
        policy_state.rollouts += n
        self._count_failures(policy_state, found)
        policy_state.curve.add_iteration(iteration, policy_state.steps, returns, moved)
        return policy_state

    def _count_failures(self, policy_state: PolicyState, found: list[Rollout]) -> None:
        failures = [each.failure for each in found if each.failure]
        policy_state.failures += len(failures)
        policy_state.barren = policy_state.barren + 1 if len(failures) == len(found) else 0
        if policy_state.barren == HOPELESS:
            raise FalllineError(
                f"every rollout of {HOPELESS} iterations of {self.collector.facts.name!r} failed ({failures[0]}): see that "
                "the environment runs by itself, or give rollouts more time"
            )

    def evaluation_is_due(self, policy_state: PolicyState) -> bool:
        rows = policy_state.curve.evaluation_rows()
        if rows and rows[-1]["steps"] == policy_state.steps:  # a resumed training may start right after an evaluation
            return False
        done = policy_state.steps >= self.steps
        return done or policy_state.steps >= policy_state.evaluations * self.recipe.evaluate_every

    def has_reached(self, policy_state: PolicyState) -> bool:
        """Whether the last evaluation and its confirmation both reached the target."""
        rows, target = policy_state.curve.evaluation_rows(), self.recipe.target
        return (
            target is not None and bool(rows) and min(rows[-1]["mean_return"], rows[-1]["confirmed"]) >= float(target)
        )

    def evaluate(self, policy_state: PolicyState) -> None:
        """Evaluate the policy; if it seems better than the best, confirm it on fresh episodes before keeping it."""
        point, scaling = np.asarray(policy_state.method.point), self.scaling(policy_state)
        seen = self._evaluation(point, scaling, EVALUATE, policy_state)
        confirmed = float("nan")
        if seen.mean > policy_state.best_score:
            confirmed = self._evaluation(point, scaling, CONFIRM, policy_state).mean
            target = self.recipe.target
            policy_state.reached = target is not None and min(seen.mean, confirmed) >= float(target)
            if confirmed > policy_state.best_score:
                policy_state.best, policy_state.best_score = point, confirmed
                policy_state.best_steps = policy_state.steps
                policy_state.best_scaling = scaling or Statistics.none(self.network.widths[0]).scaling()
        policy_state.curve.add_evaluation(
            int(policy_state.method.iteration), policy_state.steps, seen, confirmed, policy_state.best_score
        )
        policy_state.evaluations = (
            max(policy_state.evaluations, int(policy_state.steps / max(self.recipe.evaluate_every, 1e-9))) + 1
        )

    def _evaluation(
        self, point: np.ndarray, scaling: Scaling | None, purpose: int, policy_state: PolicyState
    ) -> Evaluation:
        return evaluate_policy(
            self.collector,
            self.network,
            point,
            scaling,
            episodes=self.recipe.episodes,
            seed=self.seed,
            stream=(purpose, int(policy_state.method.iteration)),
        )

    def finish(self, policy_state: PolicyState, outcome: str, seconds: float) -> PolicyRun:
        scaling = policy_state.best_scaling if self.recipe.normalise else None
        final = self._evaluation(policy_state.best, scaling, FINAL, policy_state)
        notes = {
            "seed": self.seed,
            "timesteps": policy_state.best_steps,
            "score": final.mean,
            "deviation": final.deviation,
            "episodes": len(final.returns),
        }
        horizon = self.recipe.horizon or self.collector.facts.horizon
        facts, outside = self.collector.facts, self.recipe.outside
        policy = TrainedPolicy(self.network, policy_state.best, scaling, facts, outside, horizon, notes)
        return PolicyRun(
            policy,
            final,
            self.recipe,
            self.seed,
            policy_state.steps,
            outcome,
            policy_state.curve,
            policy_state.rollouts,
            policy_state.failures,
            seconds,
            getattr(self.collector, "restarts", 0),
        )
