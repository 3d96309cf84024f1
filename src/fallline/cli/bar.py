"""A progress bar on standard error, or an occasional line if standard error is not a terminal."""

import sys
import time
from types import TracebackType
from typing import Any, Self

from fallline.cli.output import say

SECONDS = 10  # least time between two lines


class Bar:
    """A progress bar, to be used in a `with` block and updated with `show`.

    Arguments:
        before: text to the left of the bar, in Rich's format for a task.
        after: text to the right of the bar.
        quiet: whether nothing is shown.
        clock: whether Rich shows the remaining time.
        task: arguments of Rich's `add_task`.
    """

    def __init__(self, before: str, after: str, *, quiet: bool, clock: bool = True, **task: object) -> None:
        self.quiet, self.spoke = quiet, time.monotonic()
        self.drawn: Any = None
        if sys.stderr.isatty() and not quiet:
            self.drawn = _drawn(before, after, clock)
            self.task = self.drawn.add_task(**task)

    def __enter__(self) -> Self:
        if self.drawn is not None:
            self.drawn.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.drawn is not None:
            self.drawn.stop()

    def show(self, line: str, below: str = "", **task: object) -> None:
        """Shows the state of the work.

        Arguments:
            line: text that is printed if there is no terminal.
            below: lines under the bar.
            task: arguments of Rich's `update`.
        """
        if self.drawn is not None:
            self.drawn.below = below
            self.drawn.update(self.task, **task)
        elif not self.quiet and time.monotonic() - self.spoke > SECONDS:
            self.spoke = time.monotonic()
            say(line)


def _drawn(before: str, after: str, clock: bool) -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class Drawn(Progress):
        below = ""

        def get_renderables(self) -> Any:
            yield from super().get_renderables()
            if self.below:
                yield Text(self.below, overflow="ellipsis", no_wrap=True)

    left = [TimeRemainingColumn(compact=True)] if clock else []
    columns = (TextColumn(before), BarColumn(bar_width=24), *left, TextColumn(after))
    return Drawn(*columns, console=Console(stderr=True), transient=True)
