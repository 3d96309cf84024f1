"""Strategies that lack a property, and what their check says of each."""

import time
from typing import ClassVar

import numpy as np

from fallline.strategies import Grid, Random, Sobol
from fallline.testing.strategies import SECONDS


class Unsnapped(Random):
    """Places between the values of a countable dimension."""

    name: ClassVar = ""

    def propose(self, space, trial_history, numbers, seed):
        return np.clip(super().propose(space, trial_history, numbers, seed) + 1e-6, 0, 1)


class Short(Random):
    """One point fewer than asked for."""

    name: ClassVar = ""

    def propose(self, space, trial_history, numbers, seed):
        return super().propose(space, trial_history, numbers, seed)[:-1]


class Around(Random):
    """Near the best trial, and lost without one."""

    name: ClassVar = ""
    learns: ClassVar = True

    def propose(self, space, trial_history, numbers, seed):
        points = super().propose(space, trial_history, numbers, seed)
        best = trial_history.points[np.argsort(trial_history.scores)[:1]]
        return space.snap((points + best.mean(axis=0)) / 2 if len(best) else points * np.nan)


class Restless(Random):
    """Other points every time."""

    name: ClassVar = ""

    def propose(self, space, trial_history, numbers, seed):
        return space.snap(np.random.default_rng().random((len(numbers), len(space))))


class Deaf(Random):
    """One seed for all."""

    name: ClassVar = ""

    def propose(self, space, trial_history, numbers, seed):
        return super().propose(space, trial_history, numbers, 0)


class PerBatch(Random):
    """Draws for a batch, and not for each of its trials."""

    name: ClassVar = ""

    def propose(self, space, trial_history, numbers, seed):
        return space.snap(self.draws(seed, numbers.start).random((len(numbers), len(space))))


class Counting(Sobol):
    """Counts the batches that it has seen."""

    name: ClassVar = ""
    seen: ClassVar = {}

    def propose(self, space, trial_history, numbers, seed):
        first = self.seen.setdefault((id(space), numbers.start), len(self.seen))
        return super().propose(space, trial_history, range(first, first + len(numbers)), seed)


class Secretive(Random):
    """Points that depend on the trials, unsaid."""

    name: ClassVar = ""

    def propose(self, space, trial_history, numbers, seed):
        return super().propose(space, trial_history, numbers, seed + len(trial_history))


class Headstrong(Sobol):
    """Begins one trial late."""

    name: ClassVar = ""

    def propose(self, space, trial_history, numbers, seed):
        return super().propose(space, trial_history, range(numbers.start + 1, numbers.stop + 1), seed)


class Sorting(Random):
    """Sorts the trials where they are."""

    name: ClassVar = ""

    def propose(self, space, trial_history, numbers, seed):
        trial_history.scores.sort()
        return super().propose(space, trial_history, numbers, seed)


class Moving(Random):
    """Moves the space's default to where it has been."""

    name: ClassVar = ""

    def propose(self, space, trial_history, numbers, seed):
        points = super().propose(space, trial_history, numbers, seed)
        space.default = points[0] if len(points) else space.default
        return points


class Eager(Random):
    """Always at least one point."""

    name: ClassVar = ""

    def propose(self, space, trial_history, numbers, seed):
        return super().propose(space, trial_history, range(numbers.start, max(numbers.stop, numbers.start + 1)), seed)


class Flat(Random):
    """No point is no array of points."""

    name: ClassVar = ""

    def propose(self, space, trial_history, numbers, seed):
        return space.snap(np.array([self.draws(seed, number).random(len(space)) for number in numbers]))


class Circling(Grid):
    """Begins again when it is through."""

    name: ClassVar = ""

    def propose(self, space, trial_history, numbers, seed):
        whole = super().propose(space, trial_history, range(self.size(space)), seed)
        return whole[[number % len(whole) for number in numbers]]


class Slow(Random):
    """Takes its time where trials are many."""

    name: ClassVar = ""

    def propose(self, space, trial_history, numbers, seed):
        end = time.process_time() + SECONDS * (len(trial_history) >= 100)
        while time.process_time() < end:
            pass
        return super().propose(space, trial_history, numbers, seed)


WRONG = [
    (Unsnapped(), "of_the_space", "a point is not snapped"),
    (Short(), "of_the_space", "asked for 6 points it proposes 5"),
    (Around(), "of_the_space", "a coordinate is not finite, in a space of one dimension, after no trial"),
    (Restless(), "repeats", "asked again it proposes other points, after no trial"),
    (Deaf(), "seeds", "after no trial, another seed gives the same points"),
    (PerBatch(), "cut_anywhere", "in parts it proposes other points"),
    (Counting(), "resumes", "after 0 trials a copy proposes other points, in one dimension"),
    (Secretive(), "learns_nothing", "it proposes other points after finished trials than after no trial"),
    (Headstrong(), "first_trial", "the first trial is at"),
    (Sorting(), "leaves_alone", "read-only"),
    (Moving(), "leaves_alone", "it changes the space's default"),
    (Eager(), "asked_for_none", "asked for 0 points it proposes 1"),
    (Flat(), "asked_for_none", ""),
    (Circling(), "ends", "it proposes a point twice"),
    (Slow(), "in_time", "it takes"),
]
