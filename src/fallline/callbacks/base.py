"""The base of all callbacks, and what they are told."""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from fallline.core.block import Block

Kind = Literal["training", "search"]


@dataclasses.dataclass(frozen=True)
class Begun:
    """What is known of a training or a search when it begins.

    Attributes:
        kind: "training" or "search".
        name: name of the table.
        settings: every field of the recipe by its dotted path, the seed, and the settings of a search; text and numbers.
        total: largest number of epochs, or of trials.
        monitor: the metric by which the best epoch or trial is chosen.
    """

    kind: Kind
    name: str
    settings: Mapping[str, Any]
    total: int
    monitor: str


@dataclasses.dataclass(frozen=True)
class Ended:
    """How a training or a search ended.

    Attributes:
        outcome: how it ended in a word: finished, stopped_early, diverged, interrupted, or failed after an error.
        metrics: the metrics of the kept model by split; of a search, the best score.
        result: the `Run` or the `Study`; None after an error.
    """

    outcome: str
    metrics: Mapping[str, Mapping[str, float]]
    result: Any = None


class Callback(Block):
    """What happens beside a training or a search: `begin`, then `epoch` or `trial` again and again, then `end`.

    `begin` returns whatever the other methods need, such as an open file, and they receive it as `state`. `end` is called
    exactly once for every `begin`, also after Ctrl-C and after an error. `epoch` and `trial` stop the training or the search
    by returning True. A method that is not needed is left out.

    >>> class StopWhenGood(Callback):
    ...     '''Stops a training whose validation loss is low enough.'''
    ...
    ...     def epoch(self, state, number, values):
    ...         return values["valid_loss"] < 0.1
    """

    family: ClassVar[str] = "callback"
    needs: ClassVar[str] = ""  # the package that it imports, which the extra of its own name installs

    def begin(self, begun: Begun) -> Any:
        """Called before the first epoch or trial; returns what the other methods need."""
        return None

    def epoch(self, state: Any, number: int, values: Mapping[str, float]) -> Any:
        """Called after an epoch, counted from 1, with the row of the history; True stops the training.

        The networks of an ensemble are trained in calls of many epochs: their epochs are told after each call, as means.
        """
        return None

    def trial(self, state: Any, number: int, values: Mapping[str, Any], scores: Mapping[str, Any]) -> Any:
        """Called after a trial, in the order in which they are completed; True stops the search after its batch.

        `values` are the trial's hyperparameters. `scores` are its `score` in the unit of the monitored metric, its `error`,
        `outcome`, `epochs` and `seconds`, and its other metrics.
        """
        return None

    def end(self, state: Any, ended: Ended) -> None:
        """Called after the last epoch or trial."""
