"""Callbacks beside a training: they are told of its beginning, of every epoch and of its end."""

from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, Self

import numpy as np

from fallline.callbacks.base import Begun, Callback, Ended
from fallline.core.errors import FalllineError
from fallline.core.nested import flat
from fallline.data.table import Table
from fallline.training.recipe import Recipe, recipe_to_plain
from fallline.training.run import Moment, Run


class Following:
    """Callbacks that have begun, to be used in a `with` block; at its end each is told how the work ended.

    Arguments:
        callbacks: the callbacks.
        begun: what they are told at the beginning.

    Raises: FalllineError for an object that is no callback.
    """

    def __init__(self, callbacks: Sequence[Callback], begun: Begun) -> None:
        for each in callbacks:
            if not isinstance(each, Callback):
                raise FalllineError(
                    f"{each!r} is no callback: expected a block such as fallline.TensorBoard(), or a subclass of "
                    "fallline.Callback"
                )
        self.callbacks, self.begun = tuple(callbacks), begun
        self.running: list[tuple[Callback, Any]] = []
        self.ended = Ended("failed", {})
        self.told = 0

    def __enter__(self) -> Self:
        try:
            for each in self.callbacks:
                self.running.append((each, each.begin(self.begun)))
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        failed: Exception | None = None
        while self.running:  # every callback ends, even if another one fails
            callback, state = self.running.pop()
            try:
                callback.end(state, self.ended)
            except Exception as problem:
                failed = problem
        if failed is not None and error is None:
            raise failed

    def tell(self, method: str, *facts: Any) -> bool:
        """Tell every callback of an epoch or a trial; True if one of them stops the work."""
        answers = [getattr(callback, method)(state, *facts) for callback, state in self.running]
        return any(isinstance(answer, bool | np.bool_) and bool(answer) for answer in answers)

    def watch(self, then: Callable[[Moment], Any] | None) -> Callable[[Moment], bool]:
        """The `watch` of a training: it tells of all epochs since the last call, and asks another `watch` as well."""

        def watching(moment: Moment) -> bool:
            stop = [self.tell("epoch", int(row["epoch"]), row) for row in self._news(moment)]
            asked = then is not None and then(moment) is True
            return any(stop) or asked

        return watching

    def _news(self, moment: Moment) -> Iterator[dict[str, float]]:
        first, self.told = self.told, len(moment.history)
        for index in range(first, self.told):
            yield moment.history.row(index)


def begun_training(recipe: Recipe, data: Table, seed: int, **more: Any) -> Begun:
    """What callbacks are told when a training begins."""
    epochs = recipe.epochs if isinstance(recipe.epochs, int) else 0
    settings = {**dict(flat(recipe_to_plain(recipe))), "seed": int(seed)}
    settings |= {name: value for name, value in more.items() if value is not None}
    return Begun("training", data.name, settings, epochs, str(recipe.monitor))


def ended_training(run: Run) -> Ended:
    """What callbacks are told when a training has ended."""
    return Ended("interrupted" if run.interrupted else run.outcome.label, run.metrics, run)
