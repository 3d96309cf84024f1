"""`walk(rules, surface, starts, steps)`: update rules on a surface, as data first, then as pictures."""

from pathlib import Path
from typing import Any

from fallline.core.errors import FalllineError
from fallline.core.whole import check_seed, is_whole
from fallline.drawing.picture import Picture
from fallline.lab.charts import picture_of
from fallline.lab.minima import minima_of
from fallline.lab.page import write_page
from fallline.lab.program import walk_all
from fallline.lab.subjects import Rules, SurfaceLike, rules_of, starts_of, surface_of
from fallline.lab.walked import Walked

MOST_STEPS = 1_000_000
MOST_NUMBERS = 2**27  # of all positions together: 1 GiB


class Walks(Walked):
    """The walks of some rules on a surface, with their pictures."""

    def figure(self, kind: str = "contour", start: int = 0) -> Picture:
        """The walks from one start as a picture, which a notebook shows and `save` writes.

        Arguments:
            kind: contour (seen from above), surface (in three dimensions) or loss (the value above the lowest, by step).
            start: place of the start in `starts`.

        Raises: FalllineError for another kind, for a start that does not exist, and for a contour of a surface that has
            not two coordinates.
        """
        return picture_of(self, kind, start)

    def save_page(self, path: Path | str, start: int = 0) -> Path:
        """Write the walks from one start as one HTML page that moves, and return its path; it needs no network."""
        return write_page(self, Path(path), start)


def walk(
    rules: Rules,
    surface: SurfaceLike,
    starts: Any = None,
    steps: int = 200,
    *,
    noise: float = 0.0,
    seed: int = 0,
    tolerance: float = 1e-6,
    limits: Any = None,
) -> Walks:
    """Walk update rules down a surface: all rules, with all their numbers, from all starts, in one compiled program.

    Rules of one structure differ in numbers alone and are mapped. Schedules work; their progress is the share of the
    steps. Everything is computed in double precision.

    Arguments:
        rules: update rules: a block, a name, a list of them, or a dict from labels to them.
        surface: a surface, its name, a formula such as "x^2 + 10*y^2", or a function that JAX can trace.
        starts: the surface's own start; or a point, rows of points, or a number of random points in the domain.
        steps: number of steps of every walk.
        noise: standard deviation of the normal noise on every coordinate of every gradient (stochastic descent).
        seed: of the noise and of random starts; all rules meet the same noise.
        tolerance: share of the first distance from the minimum at which a walk has arrived.
        limits: domain of a formula or a function: the lowest and the highest value of every coordinate.

    Raises: FalllineError for rules, a surface, starts or numbers that are not valid.

    >>> from fallline.optimizers import Momentum, SGD
    >>> from fallline.surfaces import Ravine
    >>> walks = walk([SGD(0.01), Momentum(0.033, 0.67)], Ravine(condition=100.0), [[1.0, 1.0]], steps=1500)
    >>> walks.frame["steps"].to_list()
    [1341, 84]
    """
    named = rules_of(rules)
    found = surface_of(surface, limits, starts)
    _check(steps, noise, seed, tolerance)
    begun = starts_of(found, starts, seed)
    if len(named) * begun.size * (steps + 1) > MOST_NUMBERS:
        raise FalllineError(
            f"{len(named)} rules, {len(begun)} starts and {steps} steps are too many positions to hold: expected at most "
            f"{MOST_NUMBERS:,} numbers together; take fewer starts or steps"
        )
    track = walk_all(list(named.values()), found, begun, steps, noise, seed)
    return Walks(found, named, begun, track, minima_of(found), float(noise), float(tolerance), seed)


def _check(steps: object, noise: object, seed: object, tolerance: object) -> None:
    if not is_whole(steps) or not 1 <= steps <= MOST_STEPS:
        raise FalllineError(f"steps = {steps!r} is not a number of steps: expected 1 to {MOST_STEPS:,}")
    if not isinstance(noise, int | float) or isinstance(noise, bool) or not 0 <= noise < float("inf"):
        raise FalllineError(f"noise = {noise!r} is not a standard deviation: expected 0 or more")
    check_seed(seed)
    if not isinstance(tolerance, int | float) or isinstance(tolerance, bool) or not 0 < tolerance < 1:
        raise FalllineError(f"tolerance = {tolerance!r} is not a share of the first distance: expected 0 to 1")
