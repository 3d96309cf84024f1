"""Pruners that lack a property, and what their check says of each."""

from typing import ClassVar

import numpy as np

from fallline.strategies import Halving


class AtTheEnd(Halving):
    """A rung where there is nothing left to save."""

    name: ClassVar = ""

    def rungs(self, epochs, recipes):
        return (*super().rungs(epochs, recipes), epochs)


class Upwards(Halving):
    """Keeps the worst."""

    name: ClassVar = ""

    def kept(self, scores, competing):
        return super().kept(-scores, competing)


class Forgiving(Halving):
    """Lets failures go on."""

    name: ClassVar = ""

    def kept(self, scores, competing):
        return super().kept(scores, competing) | (competing & ~np.isfinite(scores))


class Strict(Halving):
    """Asks for the best score that anybody had."""

    name: ClassVar = ""

    def bar(self, finished):
        return min((at_rung for at_rung, _ in finished), default=None)


WRONG = [
    (AtTheEnd(), "rungs_within_the_run", "the rungs are"),
    (Upwards(), "best_go_on", "does not"),
    (Forgiving(), "best_go_on", "one goes on that does not compete, or has failed"),
    (Strict(), "bar_is_reached", "and would have been pruned"),
]
