"""A progress bar: in a terminal on standard error, in a notebook below the cell, and otherwise an occasional line."""

import html
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from fallline.core.saying import say

SECONDS = 10  # least time between two lines
REST = 0.2  # least time between two states of a notebook's bar
LATE = 1.0  # from Python a bar appears after so many seconds, so that short work shows none


class Bar:
    """A progress bar, to be used in a `with` block and updated with `show`.

    Arguments:
        before: text to the left of the bar, in Rich's format for a task.
        after: text to the right of the bar.
        quiet: whether nothing is shown.
        clock: whether Rich shows the remaining time.
        late: seconds after which the bar appears.
        task: arguments of Rich's `add_task`.
    """

    def __init__(
        self, before: str, after: str, *, quiet: bool, clock: bool = True, late: float = 0.0, **task: object
    ) -> None:
        self.quiet, self.spoke = quiet, time.monotonic()
        self.shows_from, self.started = time.monotonic() + late, False
        self.drawn: Any = None
        if quiet:
            return
        if sys.stderr.isatty():
            self.drawn = _drawn(before, after, clock)
        elif in_notebook():
            self.drawn = NotebookBar(before, after)
        if self.drawn is not None:
            self.task = self.drawn.add_task(**task)

    def __enter__(self) -> Self:
        self._appear()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.started:
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
            self._appear()
        elif not self.quiet and time.monotonic() - self.spoke > SECONDS:
            self.spoke = time.monotonic()
            say(line)

    def _appear(self) -> None:
        if self.drawn is not None and not self.started and time.monotonic() >= self.shows_from:
            self.started = True
            self.drawn.start()


class NotebookBar:
    """What a `Bar` draws in a notebook: one output below the cell that is changed in place, and removed at the end."""

    def __init__(self, before: str, after: str) -> None:
        self.texts, self.below = (before, after), ""
        self.handle: Any = None
        self.drew = 0.0

    def add_task(self, **task: Any) -> "NotebookBar":
        self.completed, self.total = float(task.pop("completed", 0)), float(task.pop("total", 1))
        self.description, self.fields = str(task.pop("description", "")), task
        return self

    def update(self, _: object, **task: Any) -> None:
        self.completed, self.total = float(task.pop("completed", self.completed)), float(task.pop("total", self.total))
        self.description = str(task.pop("description", self.description))
        self.fields |= task
        if self.handle is not None and time.monotonic() - self.drew >= REST:
            self.drew = time.monotonic()
            self.handle.update(self)

    @property
    def percentage(self) -> float:
        return 100.0 * self.completed / self.total if self.total else 0.0

    def start(self) -> None:
        from IPython.display import display

        self.handle = display(self, display_id=True)

    def stop(self) -> None:
        from IPython.display import HTML

        self.handle.update(HTML(""))

    def reset(self, _: object) -> None:
        self.completed = 0.0

    def __repr__(self) -> str:
        before, after = (each.format(task=self) for each in self.texts)
        return f"{before} {self.percentage:.0f} % {after}".strip()

    def _repr_html_(self) -> str:
        before, after = (html.escape(each.format(task=self)) for each in self.texts)
        below = f"<pre style='margin:0'>{html.escape(self.below)}</pre>" if self.below else ""
        meter = f"<progress value='{self.completed:g}' max='{self.total:g}' style='width:14em'></progress>"
        return f"<div>{before} {meter} {after}{below}</div>"


def in_notebook() -> bool:
    """Whether this is the kernel of a notebook."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None


def quiet_unless(progress: bool | None) -> bool:
    """Whether a bar stays away: False if `progress` is True; without an answer, unless a person looks.

    A person looks at a terminal or a notebook, and not at tests, other threads and worker processes.
    """
    if progress is not None:
        return not progress
    alone = threading.current_thread() is threading.main_thread() and multiprocessing.parent_process() is None
    return not (alone and "PYTEST_CURRENT_TEST" not in os.environ and (sys.stderr.isatty() or in_notebook()))


def both(bar: Callable[[Any], Any], watch: Callable[[Any], Any] | None) -> Callable[[Any], Any]:
    """A `watch` that shows the bar and then asks another `watch`, whose answer it gives.

    >>> both(print, lambda moment: moment > 2)(3)
    3
    True
    """

    def watching(moment: Any) -> Any:
        bar(moment)
        return None if watch is None else watch(moment)

    return watching


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
