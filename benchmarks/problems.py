"""Problems for comparing samplers: functions with a known optimum, shifted by the seed, and recorded trainings.

A problem is a space and a function of its points; every seed has its own shift, which is the same for every sampler.
"""

import dataclasses
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

from fallline.core.block import Block
from fallline.core.field import number, part
from fallline.distributions import Choice, LogUniform, Uniform
from fallline.models import MLP
from fallline.optimizers import Adam, Nesterov
from fallline.penalties import L2
from fallline.strategies.space import Space
from fallline.training.recipe import Recipe

DIGITS = Path(__file__).with_name("digits_trials.npz")
LEVELS = {"learning_rate": 12, "momentum": 3, "dropout": 3, "strength": 4}  # levels in the recorded table, per number
GUESSING = float(np.log(10))  # the loss of a diverged training: that of guessing among ten classes
A = np.array(
    [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
)
P = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)


@dataclasses.dataclass(frozen=True)
class Problem:
    """A space, the regret at its points, and the standard deviation of the noise that samplers see.

    Arguments:
        usual: median regret of random points, by which regrets are divided.
    """

    space: Space
    regret: Callable[[np.ndarray], float]
    noise: float
    usual: float


class Arm(Block):
    """An arm with its own coordinates; only the coordinates of the chosen arm matter."""

    family = "arm"
    name = "arm"
    kind: int = number(0, integer=True, help="which arm")
    x0: float = number(0.5, help="coordinate")
    x1: float = number(0.5, help="coordinate")


class Machine(Block):
    """A conditional space."""

    family = "machine"
    name = "machine"
    arm: Arm = part(Arm(), family="arm", help="the arm")
    x: float = number(0.5, help="coordinate")


def box(d: int, seed: int = 0) -> Space:
    """[0, 1]^d, with a random first trial, since a default in the middle would be a hint that other samplers do not get."""
    first = np.random.default_rng([seed, 1]).random(d)
    fields = {f"x{i}": number(0.5, help="coordinate") for i in range(d)}
    kind = type("Point", (Block,), {"__annotations__": dict.fromkeys(fields, float), **fields})
    return Space(kind(*[Uniform(0, 1)] * d), {f"x{i}": float(u) for i, u in enumerate(first)})


def branin(x: np.ndarray) -> float:
    a, b = 15 * x[0] - 5, 15 * x[1]
    wave = 10 * (1 - 1 / (8 * np.pi)) * np.cos(a)
    return (b - 5.1 / (4 * np.pi**2) * a**2 + 5 / np.pi * a - 6) ** 2 + wave + 10 - 0.397887


def hartmann(x: np.ndarray) -> float:
    return 3.32237 - np.array([1, 1.2, 3, 3.2]) @ np.exp(-(A * (x - P) ** 2).sum(axis=1))


def ackley(x: np.ndarray) -> float:
    z = 40 * (x - 0.5)
    return 20 + np.e - 20 * np.exp(-0.2 * np.sqrt((z**2).mean())) - np.exp(np.cos(2 * np.pi * z).mean())


def conditional(x: np.ndarray) -> float:
    """Three arms, each with its own bowl in two coordinates; the narrow one is the deepest."""
    arm = min(int(3 * x[0]), 2)
    u = x[1 + 2 * arm : 3 + 2 * arm]
    bowl = (4.0, 2.0, 12.0)[arm] * ((u - (0.3, 0.6, 0.85)[arm]) ** 2).sum() + (0.3, 0.5, 0.0)[arm]
    return bowl + (x[7] - 0.2) ** 2


def few_matter(x: np.ndarray) -> float:
    """Branin in the second and fifth of seven coordinates; the others have no effect."""
    return branin(x[[1, 4]])


# Name: function, dimensions, farthest shift, deviation of the noise.
FUNCTIONS: dict[str, tuple[Callable[[np.ndarray], float], int, float, float]] = {
    "branin": (branin, 2, 0.1, 0.0),
    "hartmann6": (hartmann, 6, 0.1, 0.0),
    "ackley10": (ackley, 10, 0.3, 0.0),
    "conditional": (conditional, 0, 0.1, 0.0),
    "noisy": (branin, 2, 0.1, 5.0),
    "few matter": (few_matter, 7, 0.1, 0.0),
}


def problem(name: str, seed: int) -> Problem:
    """One of `FUNCTIONS`, shifted, or the recorded table, `digits`."""
    if name == "digits":
        space = digits_space()
        return Problem(space, lambda x: recorded(space, x), 0.0, usual(name))
    function, d, farthest, noise = FUNCTIONS[name]
    if name == "conditional":
        space = Space(
            Machine(Choice(tuple(Arm(kind, Uniform(0, 1), Uniform(0, 1)) for kind in range(3))), Uniform(0, 1))
        )
    else:
        space = box(d, seed)
    shift = np.random.default_rng([seed, 2]).uniform(-farthest, farthest, len(space))
    shift[[each.categorical for each in space.dimensions]] = 0.0
    return Problem(space, lambda x: float(function(x - shift)), noise, usual(name))


@cache
def usual(name: str) -> float:
    """The median regret of random points of the unshifted problem."""
    if name == "digits":
        losses = table()["loss"]
        return float(np.median(losses) - losses.min())
    function, d, _, _ = FUNCTIONS[name]
    points = np.random.default_rng(0).random((20_000, d or 8))
    return float(np.median([function(x) for x in points]))


def digits_space() -> Space:
    """The space of `record_digits.py`, which trained every level: rule, rates, width, batch, dropout, penalty."""
    rules = (
        Adam(LogUniform(1e-4, 1e-1)),
        Nesterov(LogUniform(1e-3, 1.0), momentum=Uniform(0.5, 0.95)),
    )
    return Space(
        Recipe(
            encoding=None,
            model=MLP(hidden=Choice(((32,), (128,))), dropout=Uniform(0.0, 0.5)),
            optimizer=Choice(rules),
            penalty=L2(LogUniform(1e-6, 1e-1)),
            batch_size=Choice((32, 128)),
            epochs=20,
            patience=None,
        )
    )


def cells(space: Space) -> list[int]:
    """Number of levels in the table for each dimension of the space."""
    return [each.distribution.count or LEVELS[each.path.rpartition(".")[2]] for each in space.dimensions]


@cache
def table() -> dict[str, np.ndarray]:
    """The recorded trainings: `cell` (which level of each dimension; 0 where inactive) and `loss`."""
    with np.load(DIGITS) as found:
        return {name: found[name] for name in ("cell", "loss")}


@cache
def _by_cell() -> dict[tuple[int, ...], float]:
    losses = table()["loss"]
    return dict(zip(map(tuple, table()["cell"].tolist()), (losses - losses.min()).tolist(), strict=True))


def cell_of(space: Space, x: np.ndarray) -> tuple[int, ...]:
    """The level of a point in each dimension; all levels have an equal share of the range."""
    counts = np.array(cells(space))
    level = np.minimum((np.asarray(x) * counts).astype(int), counts - 1)
    return tuple(np.where(space.active(np.array([x]))[0], level, 0).tolist())


def recorded(space: Space, x: np.ndarray) -> float:
    """The regret of the training that was recorded for the cell of a point."""
    return _by_cell()[cell_of(space, x)]
