"""While a run trains: is it clearly lost, and by which finding?"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from fallline.diagnosis.curve import curve_of
from fallline.diagnosis.evidence import Evidence, RecipeLike
from fallline.diagnosis.facts import Facts
from fallline.diagnosis.thresholds import limit


def lost(history: Mapping[str, np.ndarray], epochs: int, constant_loss: float | None) -> tuple[str, str] | None:
    """The name of a finding and a sentence, for a run that cannot end well; None for any other.

    Arguments:
        history: the history so far.
        epochs: number of epochs planned.
        constant_loss: loss of the best constant answer, in the loss's own unit.

    >>> flat = {"train_loss": np.full(20, 2.3), "dense_1.dead": np.ones(20), "dense_2.dead": np.ones(20)}
    >>> lost(flat, 60, 2.3)
    ('dying', 'all units after dense_1 have passed no gradient for 5 epochs')
    >>> lost({"train_loss": np.geomspace(2.3, 0.1, 20)}, 60, 2.3)
    """
    train = curve_of(history).train
    if len(train) < 6 or len(train) < limit("lost_after") * epochs:
        return None
    for name in history:
        layer, _, probe = name.rpartition(".")
        if probe == "dead" and layer and bool((np.asarray(history[name])[-5:] >= 1.0).all()):
            return "dying", f"all units after {layer} have passed no gradient for 5 epochs"
    if constant_loss is None:
        return None
    recent = train[-5:]
    if bool((recent > 3.0 * limit("jump") * constant_loss).all()) and recent[-1] > 0.7 * recent[0]:
        times = float(recent[-1] / constant_loss)
        return "rate_jumps", f"the training loss is {times:.3g} times that of a constant answer and does not come back"
    return None


class StopWhenLost:
    """A `watch` for `train` that says in one line when a run is clearly lost, and ends it if `stops`.

    Arguments:
        facts: of the data, for the loss of a constant answer.
        recipe: the completed recipe.
        stops: whether a lost run is ended.
        say: what to do with the line.
        then: another `watch` that is called as well.
    """

    def __init__(
        self,
        facts: Facts,
        recipe: RecipeLike,
        *,
        stops: bool = True,
        say: Callable[[str], object] | None = None,
        then: Any = None,
    ) -> None:
        bare = Evidence(recipe, "", "running", 0, 0, {}, {}, {}, facts=facts)
        self.constant, self.stops, self.say, self.then = bare.constant_loss, stops, say, then
        self.found: tuple[str, str] | None = None

    @property
    def within_epochs(self) -> bool:
        """Whether the other `watch` is called between the windows of an epoch as well."""
        return getattr(self.then, "within_epochs", False)

    def __call__(self, moment: Any) -> bool:
        """Look at a moment of the run; True ends it."""
        asked = self.then is not None and self.then(moment) is True
        if self.found is None and len(moment.history):
            self.found = lost(moment.history, moment.epochs, self.constant)
            if self.found is not None and self.say is not None:
                name, sentence = self.found
                self.say(f"epoch {moment.epoch}: this run is lost ({name}): {sentence}")
        return asked or (self.stops and self.found is not None)
