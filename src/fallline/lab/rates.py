"""Rate sensitivity: the loss at the end of a walk against the learning rate, for every rule."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Float

from fallline.core.block import replace, walk
from fallline.core.errors import FalllineError
from fallline.drawing.axes import Axes
from fallline.drawing.colours import path_role
from fallline.drawing.marks import Dot, Mark, TextMark
from fallline.drawing.picture import Picture
from fallline.lab.charts import FLOOR, HEIGHT, WIDTH, name_of_surface, paths
from fallline.lab.minima import minima_of
from fallline.lab.program import walk_all
from fallline.lab.subjects import Rules, SurfaceLike, rules_of, starts_of, surface_of
from fallline.optimizers import Optimizer
from fallline.surfaces import Surface

USUAL = tuple(float(each) for each in np.geomspace(1e-4, 10.0, 41))
OUTSIDE = 0.1  # share of the domain's width that a path may leave it by and still count as inside


@dataclasses.dataclass(frozen=True)
class Rates:
    """Every rule at every learning rate.

    Arguments:
        surface: the surface.
        rules: the rules by label.
        rates: the learning rates, in ascending order.
        losses: the loss at the end, above the lowest minimum if one is known: the median over the starts; NaN if a
            walk diverged. A row per rule.
        first: the loss at the start, the median over the starts.
        scores: what the best rate has lowest: the mean over the steps of the loss's logarithm; infinite if a walk leaves
            the domain.
    """

    surface: Surface
    rules: dict[str, Optimizer]
    rates: Float[np.ndarray, " rates"]
    losses: Float[np.ndarray, "rules rates"]
    first: float
    scores: Float[np.ndarray, "rules rates"]

    @property
    def best(self) -> dict[str, float]:
        """The rate of every rule that is lowest on the whole way and stays in the domain; NaN if none stays."""
        return {
            label: float(self.rates[np.argmin(row)]) if np.isfinite(row).any() else float("nan")
            for label, row in zip(self.rules, self.scores, strict=True)
        }

    @property
    def frame(self) -> pl.DataFrame:
        """A row per rule and rate: the loss at the end, null where the walk diverged, and whether the rate is the best."""
        best = self.best
        return pl.DataFrame(
            {
                "rule": np.repeat(list(self.rules), len(self.rates)),
                "learning_rate": np.tile(self.rates, len(self.rules)),
                "loss": self.losses.reshape(-1),
                "best": [rate == best[label] for label in self.rules for rate in self.rates],
            }
        ).with_columns(pl.col("loss").fill_nan(None))

    def figure(self) -> Picture:
        """The loss at the end against the learning rate, with the best rate of every rule marked."""
        held = np.isfinite(self.losses) & (self.losses > 0)
        low = max(float(np.min(self.losses, initial=self.first, where=held)), FLOOR * self.first)
        ends = 10.0 ** float(np.floor(np.log10(low))), 10.0 ** float(np.floor(np.log10(self.first)) + 2)
        axes = Axes(66, 34, WIDTH - 14, HEIGHT - 50, (self.rates[0], self.rates[-1]), ends, True, True)
        marks: list[Mark] = [*axes.marks("learning rate", "loss at the end")]
        ways = []
        for row in self.losses:
            last = int(np.argmax(~(row <= 10 * self.first))) if not (row <= 10 * self.first).all() else len(row)
            ways.append(axes.place(self.rates[:last], np.clip(row[:last], *axes.y)))
        marks += paths(list(self.rules), ways, axes)
        for i, rate in enumerate(self.best.values()):
            if np.isfinite(rate):
                place = axes.place(np.array(rate), np.clip(self.losses[i, np.argmin(self.scores[i])], *axes.y))
                marks.append(Dot(float(place[0]), float(place[1]), path_role(i), 6))
        marks.append(TextMark(axes.left, 20, "Rate sensitivity", "ink", size=15, is_bold=True))
        title = f"Loss at the end against learning rate on {name_of_surface(self.surface)}"
        return Picture(WIDTH, HEIGHT, title, self._said(), tuple(marks))

    def _said(self) -> str:
        """The best rates and the ends of the good ranges, in words."""
        said = []
        for (label, rate), row in zip(self.best.items(), self.losses, strict=True):
            worse = self.rates[~(row <= self.first)]
            above = f" and ends higher than it began from {worse[0]:.3g} on" if len(worse) else ""
            fastest = f"is fastest at the rate {rate:.3g}" if np.isfinite(rate) else "leaves the domain at every rate"
            said.append(f"{label} {fastest}{above}")
        return f"{'; '.join(said)}. A large dot is the fastest rate that stays in the domain; a line ends where a rule diverges."


def rate_sensitivity(
    rules: Rules,
    surface: SurfaceLike,
    starts: Any = None,
    steps: int = 200,
    *,
    rates: Sequence[float] = USUAL,
    noise: float = 0.0,
    seed: int = 0,
    limits: Any = None,
) -> Rates:
    """Walk every rule at every learning rate, in one program; arguments as for `walk`.

    Arguments:
        rates: learning rates in ascending order, which replace those of the rules.

    Raises: FalllineError for a rule without a learning rate, and as `walk` does.

    >>> found = rate_sensitivity("sgd", "bowl", steps=20, rates=(0.1, 1.0, 1.9, 2.1))
    >>> found.best
    {'sgd': 1.0}
    """
    named, found = rules_of(rules), surface_of(surface, limits, starts)
    places = np.asarray(rates, np.float64)
    if places.ndim != 1 or not len(places) or not (np.diff(places) > 0).all() or not (places > 0).all():
        raise FalllineError(
            f"rates = {rates!r} are no learning rates in ascending order: expected such as (0.01, 0.1, 1)"
        )
    begun = starts_of(found, starts, seed)
    varied = [with_rate(rule, float(rate)) for rule in named.values() for rate in places]
    track = walk_all(varied, found, begun, steps, noise, seed)
    values = track.values
    lowest = min((each.value for each in minima_of(found)), default=None)
    with np.errstate(all="ignore"):
        above = values - lowest if lowest is not None else values
        finite = np.isfinite(above).all(axis=-1)
        low, high = np.asarray(found.domain).T
        room = OUTSIDE * (high - low)
        held = finite & ((track.points >= low - room) & (track.points <= high + room)).all(axis=(-1, -2))
        floor = FLOOR * np.abs(above[..., :1])
        scores = np.where(held, np.log10(np.maximum(above, floor + 1e-300)).mean(axis=-1), np.inf).mean(axis=-1)
        losses = np.median(np.where(finite, above[..., -1], np.nan), axis=-1)
    shape = (len(named), len(places))
    first = max(float(np.median(np.abs(above[0, :, 0]))), 1e-300)
    return Rates(found, named, places, losses.reshape(shape), first, scores.reshape(shape))


def with_rate(rule: Optimizer, rate: float) -> Optimizer:
    """The rule at another learning rate, also within wrappers.

    Raises: FalllineError for a rule without a learning rate.

    >>> from fallline.optimizers import ClipByNorm, SGD
    >>> with_rate(ClipByNorm(SGD(0.1)), 0.5).learning_rate
    0.5
    """
    return replace(rule, {rate_place(rule): rate})


def rate_place(rule: Optimizer) -> str:
    """The path of a rule's learning rate.

    Raises: FalllineError for a rule without one.
    """
    for path, _, _ in walk(rule):
        if path.rpartition(".")[2] == "learning_rate":
            return path
    raise FalllineError(
        f"{rule.name or type(rule).__name__} has no learning rate: leave it out, or give it as a block to walk"
    )
