"""The contract of search strategies: repeatable points of the space, whatever the results of earlier trials."""

import dataclasses
import functools
import itertools
import time
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float

from fallline.core.block import Block
from fallline.core.field import Number, number, part, structure
from fallline.core.plain import from_plain, to_plain
from fallline.distributions import Choice, Integer, LogInteger, LogNormal, LogUniform, Quantised, Uniform
from fallline.strategies import Space, Strategy, TrialHistory
from fallline.strategies.history import DIVERGED, FINISHED, PRUNED
from fallline.testing.base import demand, of

BATCH, TRIALS = 6, 18
SEEDS = (3, 2**40 + 1)
SECONDS = 3.0  # most processor time for a batch after a hundred trials


class Option(Block):
    """A block with numbers, used as an option of a choice."""

    family: ClassVar[str] = "strategy test"
    rate: Number = number(0.1, valid="(0, inf)", help="a positive number")
    share: Any = number(0.5, valid="[0, 1]", help="a share")
    inner: Any = structure(None, optional=True, help="any value")


class Example(Block):
    """A block with a field of every kind."""

    family: ClassVar[str] = "strategy test"
    option: Any = part(Option(), family="strategy test", optional=True, help="a block")
    size: Number = number(8, valid="[1, inf)", integer=True, help="a whole number")
    share: Number = number(0.5, valid="[0, 1]", help="a share")
    rate: Number = number(0.1, valid="(0, inf)", help="a positive number")
    word: Any = structure("a", help="a word")


RATE = LogUniform(1e-4, 1.0)
SPACES = {
    "one dimension": Example(share=Uniform(0, 1)),
    "conditional dimensions": Example(
        option=Choice(
            (
                Option(RATE, inner=Choice(("x", "y", "z"))),
                Option(LogUniform(1e-2, 10.0), share=Choice((0.9, Uniform(0.2, 0.7)))),
                None,
            )
        ),
        size=LogInteger(1, 99),
        share=Quantised(Uniform(0, 1), 0.25),
        rate=LogNormal(0.1, 1.0),
    ),
    "countable values": Example(size=Integer(1, 3), word=Choice(("a", "b"))),
}


@functools.cache
def spaces() -> dict[str, Space]:
    """Search spaces of every kind, by name."""
    return {name: Space(recipe) for name, recipe in SPACES.items()}


def conditional() -> Space:
    """The space with all features: choices, conditional dimensions, countable and unbounded values."""
    return spaces()["conditional dimensions"]


def score(points: Float[np.ndarray, "n d"]) -> Float[np.ndarray, " n"]:
    """A quadratic bowl around 0.3."""
    found: Float[np.ndarray, " n"] = ((points - 0.3) ** 2).sum(axis=1)
    return found


def some(space: Space, count: int, seed: int = 0) -> Float[np.ndarray, "n d"]:
    """Random points of a space."""
    return space.snap(np.random.default_rng(seed).random((count, len(space))))


def histories(space: Space) -> Iterator[tuple[str, TrialHistory]]:
    """Possible histories of a search, by name."""
    points = some(space, TRIALS)
    usual = TrialHistory.of(points, score(points))
    yield "no trial", TrialHistory.empty(space)
    yield "finished trials", usual
    for name, scores in {
        "failures alone": [np.nan] * TRIALS,
        "infinite scores alone": [np.inf] * TRIALS,
        "ties alone": [1.0] * TRIALS,
        "one score among failures": [0.1] + [np.nan] * (TRIALS - 1),
        "one trial that failed": [np.inf],
        "extreme scores": [-1e300, 1e300] * (TRIALS // 2),
    }.items():
        yield name, TrialHistory.of(points[: len(scores)], np.array(scores))
    kinds = np.resize([FINISHED, PRUNED, DIVERGED], TRIALS)
    yield "pruned and diverged trials", dataclasses.replace(usual, ended=kinds, epochs=np.arange(TRIALS) + 1.0)
    yield "pruned trials alone", dataclasses.replace(usual, ended=np.full(TRIALS, PRUNED))
    yield "trials under way", dataclasses.replace(usual, pending=some(space, BATCH, 1))
    yield "trials under way alone", dataclasses.replace(TrialHistory.empty(space), pending=some(space, BATCH, 1))
    yield "the same point again and again", TrialHistory.of(np.repeat(points[:1], TRIALS, axis=0), usual.scores)
    # Several processes finish in any order, and damaged trials are missing.
    yield "trials out of order", dataclasses.replace(usual, number=np.arange(TRIALS)[::-1] * 2)


def proposed(
    strategy: Strategy, space: Space, known: TrialHistory, numbers: range, seed: int = SEEDS[0]
) -> Float[np.ndarray, "n d"]:
    """A strategy's points, after a check of their type and shape."""
    points = strategy.propose(space, known, numbers, seed)
    shape = np.shape(points)
    demand(isinstance(points, np.ndarray), f"it proposes a {type(points).__name__} and not a NumPy array")
    demand(len(shape) == 2 and shape[1] == len(space), f"the points' shape is {shape} in {len(space)} dimensions")
    fits = shape[0] == len(numbers) or (strategy.ends and shape[0] < len(numbers))
    demand(fits, f"asked for {len(numbers)} points it proposes {shape[0]}")
    return points


def following(known: TrialHistory, count: int = BATCH) -> range:
    """The numbers of the next batch, after the finished trials and those under way."""
    first = int(known.number.max(initial=-1)) + 1 + len(known.pending)
    return range(first, first + count)


@of("strategy")
def of_the_space(strategy: Strategy) -> None:
    """Points are snapped points of the unit cube, in every space and whatever the trials before have shown."""
    for name, space in spaces().items():
        for what, known in histories(space):
            points = proposed(strategy, space, known, following(known))
            where = f"in a space of {name}, after {what}"
            demand(np.isfinite(points).all(), f"a coordinate is not finite, {where}")
            demand((points >= 0).all() and (points <= 1).all(), f"a point lies outside of the unit cube, {where}")
            off = np.abs(points - space.snap(points)).max(initial=0.0)
            demand(off == 0, f"a point is not snapped (off by {off:.2g}), {where}: return space.snap(points)")
            for point in points:
                space.fill(point)


@of("strategy", concerns=lambda strategy: strategy.repeatable)
def repeats(strategy: Strategy) -> None:
    """The same space, trials, numbers and seed give the same points."""
    for what, known in histories(conditional()):
        first, again = (proposed(strategy, conditional(), known, following(known)) for _ in range(2))
        demand(np.array_equal(first, again), f"asked again it proposes other points, after {what}")


@of("strategy", concerns=lambda strategy: strategy.repeatable)
def seeds(strategy: Strategy) -> None:
    """Another seed gives other points, unless the strategy declares `random = False`."""
    for what, known in itertools.islice(histories(conditional()), 2):
        one, other = (proposed(strategy, conditional(), known, following(known), seed) for seed in SEEDS)
        same = np.array_equal(one, other)
        demand(same != strategy.random, f"after {what}, another seed gives {'the same' if same else 'other'} points")


@of("strategy", concerns=lambda strategy: strategy.batch_invariant)
def cut_anywhere(strategy: Strategy) -> None:
    """A batch gives the same points however it is cut, from the same trials."""
    for what, known in histories(conditional()):
        numbers = following(known, TRIALS)
        whole = proposed(strategy, conditional(), known, numbers)
        parts = [proposed(strategy, conditional(), known, each) for each in (numbers[:5], numbers[5:6], numbers[6:])]
        demand(np.array_equal(np.concatenate(parts), whole), f"in parts it proposes other points, after {what}")


@of("strategy", concerns=lambda strategy: strategy.repeatable)
def resumes(strategy: Strategy) -> None:
    """A study that goes on with another copy of the strategy gets the points that it would have got."""
    for name, space in spaces().items():
        points = np.zeros((0, len(space)))
        for _ in range(4):
            known = TrialHistory.of(points, score(points))
            new = proposed(strategy, space, known, following(known))
            copy = from_plain("strategy", to_plain(strategy)) if strategy.name else dataclasses.replace(strategy)
            again = proposed(copy, Space(SPACES[name]), known, following(known))
            demand(np.array_equal(new, again), f"after {len(points)} trials a copy proposes other points, in {name}")
            points = np.concatenate([points, new])


@of("strategy", concerns=lambda strategy: not strategy.learns)
def learns_nothing(strategy: Strategy) -> None:
    """The trials so far change nothing, as it declares with `learns = False`."""
    space, numbers = conditional(), range(TRIALS, TRIALS + BATCH)
    nothing = proposed(strategy, space, TrialHistory.empty(space), numbers)
    for what, known in histories(space):
        same = np.array_equal(proposed(strategy, space, known, numbers), nothing)
        demand(same, f"it proposes other points after {what} than after no trial")


@of("strategy", concerns=lambda strategy: strategy.begins_with_default)
def first_trial(strategy: Strategy) -> None:
    """The first trial of a study is the space's default, as it declares."""
    for name, space in spaces().items():
        points = proposed(strategy, space, TrialHistory.empty(space), range(BATCH))
        demand(np.array_equal(points[0], space.default), f"the first trial is at {points[0]}, in a space of {name}")


@of("strategy")
def leaves_alone(strategy: Strategy) -> None:
    """It changes nothing of the space and of the trials that it is given."""
    space = Space(SPACES["conditional dimensions"])
    default = space.default.copy()
    for what, known in histories(space):
        for each in dataclasses.fields(known):
            if (value := getattr(known, each.name)) is not None:
                value.flags.writeable = False
        proposed(strategy, space, known, following(known))
        demand(np.array_equal(space.default, default), f"it changes the space's default, after {what}")


@of("strategy")
def asked_for_none(strategy: Strategy) -> None:
    """Asked for no point it proposes none."""
    for space in spaces().values():
        proposed(strategy, space, TrialHistory.empty(space), range(0))
        proposed(strategy, space, TrialHistory.of(some(space, 3), np.arange(3.0)), range(3, 3))


@of("strategy")
def ends(strategy: Strategy) -> None:
    """One that ends proposes every point of a finite space at most once, and then no more; any other goes on."""
    space = spaces()["countable values"]
    first = proposed(strategy, space, TrialHistory.empty(space), range(64))
    known = TrialHistory.of(first, score(first))
    after = proposed(strategy, space, known, range(len(first), len(first) + BATCH))
    if strategy.ends:
        demand(len(np.unique(first, axis=0)) == len(first), "it proposes a point twice")
        demand(0 < len(first) <= 6, f"it proposes {len(first)} of 6 points")
        demand(len(after) == 0, f"it proposes {len(after)} more points after it has ended")


@of("strategy")
def in_time(strategy: Strategy) -> None:
    """A batch of 8 after 100 trials in a dozen dimensions takes less than 3 seconds of the processor."""
    options = (Option(RATE, Uniform(0, 1)), *(Option(RATE) for _ in range(7)))
    space = Space(Example(option=Choice(options), rate=RATE, share=Uniform(0, 1)))
    known = TrialHistory.of(points := some(space, 100), score(points))
    began = time.process_time()
    proposed(strategy, space, known, range(100, 108))
    spent = time.process_time() - began
    demand(spent < SECONDS, f"it takes {spent:.1f} s")
