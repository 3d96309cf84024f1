"""The contract of pruners: rungs within the run, the best trials continue, and pruned trials are worse than others."""

import numpy as np

from fallline.strategies import Halving
from fallline.testing.base import demand, of

EPOCHS, RECIPES = (0, 1, 2, 3, 9, 10, 81, 1000), (1, 2, 5, 27, 100)


@of("pruner")
def rungs_within_the_run(pruner: Halving) -> None:
    """Rungs are whole epochs that rise, after the start and before the end of the run."""
    for epochs in EPOCHS:
        for recipes in RECIPES:
            rungs = pruner.rungs(epochs, recipes)
            inside = all(isinstance(each, int) and 1 <= each < epochs for each in rungs)
            rising = list(rungs) == sorted(set(rungs))
            demand(inside and rising, f"of {epochs} epochs and {recipes} recipes the rungs are {rungs}")


@of("pruner")
def best_go_on(pruner: Halving) -> None:
    """Some of those that compete go on, none of them worse than one that is pruned; failures never do."""
    draw = np.random.default_rng(0)
    for count in RECIPES:
        scores = draw.choice([0.1, 0.2, 0.3, 0.4, np.nan, np.inf], count)
        competing = draw.random(count) < 0.8
        kept = pruner.kept(scores, competing)
        able = competing & np.isfinite(scores)
        demand(kept.shape == (count,) and kept.dtype == bool, f"of {count} recipes it says {kept!r}")
        demand(not (kept & ~able).any(), "one goes on that does not compete, or has failed")
        demand(kept.any() or not able.any(), "none of those that compete goes on")
        if kept.any():
            worst, left = scores[kept].max(), scores[able & ~kept]
            demand((left >= worst).all(), f"one with {worst:g} goes on, one with {left.min(initial=worst):g} does not")
    demand(not pruner.kept(np.full(5, np.nan), np.ones(5, bool)).any(), "one goes on of failures alone")


@of("pruner")
def bar_is_reached(pruner: Halving) -> None:
    """What must be reached at a rung is a score that a finished trial had there, and that the best of them reached."""
    draw = np.random.default_rng(0)
    demand(pruner.bar([]) is None, "there is a bar before a trial has finished")
    for count in RECIPES:
        finished = [(float(at_rung), float(end)) for at_rung, end in draw.normal(size=(count, 2))]
        bar, best = pruner.bar(finished), min(finished, key=lambda each: each[1])
        if bar is not None:
            demand(bar in [at_rung for at_rung, _ in finished], f"{bar} is the score of no finished trial")
            demand(best[0] <= bar, f"the best trial had {best[0]:g} there, and would have been pruned at {bar:g}")
