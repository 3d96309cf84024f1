"""A progress bar on standard error; a line now and then where that is no terminal."""

import sys
import time
from types import TracebackType
from typing import Any, Self

from fallline.cli.output import say

SECONDS = 10  # between two lines


class Bar:
    """Used in a `with` block, and told where the work stands.

    Arguments:
        before: what stands left of the bar, in Rich's format of a task.
        after: what stands right of it.
        quiet: nothing is shown.
        clock: whether Rich says what time is left.
        task: as Rich's `add_task` takes it.
    """

    def __init__(self, before: str, after: str, *, quiet: bool, clock: bool = True, **task: Any) -> None:
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

    def show(self, line: str, below: str = "", **task: Any) -> None:
        """Where the work stands.

        Arguments:
            line: without a terminal.
            below: lines under the bar.
            task: as Rich's `update` takes it.
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
