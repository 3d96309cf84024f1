"""A progress bar of one run on standard error; a line now and then where there is no terminal."""

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

from fallline.cli.output import figures, say

if TYPE_CHECKING:
    from fallline.searching.driver import Standing
    from fallline.training.train import Moment

MOST = 8  # hyperparameters of the best trial below the bar


class RunProgress:
    """Shows where a run stands; used as the `watch` of `train`."""

    def __init__(self, epochs: int, quiet: bool) -> None:
        self.quiet = quiet
        self.live = sys.stderr.isatty() and not quiet
        self.spoke = time.monotonic()
        self.bar: Any = None
        if self.live:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            self.bar = Progress(
                TextColumn("epoch {task.completed:.0f}/{task.total:.0f}"),
                BarColumn(bar_width=24),
                TimeRemainingColumn(compact=True),
                TextColumn("{task.description}"),
                console=Console(stderr=True),
                transient=True,
            )
            self.task = self.bar.add_task("compiling", total=max(epochs, 1))

    def __enter__(self) -> "RunProgress":
        if self.bar is not None:
            self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar is not None:
            self.bar.stop()

    def __call__(self, moment: "Moment") -> None:
        last = moment.history.row(-1)
        shown = [("loss", last["train_loss"]), ("validation", last["valid_loss"])]
        text = "  ".join(f"{name} {figures(value)}" for name, value in shown if value == value)
        if self.bar is not None:
            self.bar.update(self.task, completed=moment.epoch, description=text)
        elif not self.quiet and time.monotonic() - self.spoke > 10:
            self.spoke = time.monotonic()
            say(f"epoch {moment.epoch}/{moment.epochs}  {text}")


class SearchProgress:
    """Shows where a search stands, and its best trial below; used as the `watch` of `search`."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet
        self.spoke = time.monotonic()
        self.before = ""
        self.live: Any = None
        if sys.stderr.isatty() and not quiet:
            from rich.console import Console
            from rich.live import Live
            from rich.progress import BarColumn, Progress, TextColumn

            columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), TextColumn("{task.fields[left]}"))
            self.bar = Progress(*columns)
            self.task = self.bar.add_task("starting", total=1, left="compiling")
            self.live = Live(self.bar, console=Console(stderr=True), transient=True, refresh_per_second=4)

    def __enter__(self) -> "SearchProgress":
        if self.live is not None:
            self.live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.live is not None:
            self.live.stop()

    def nested(self, outer: int) -> Callable[[int, "Standing"], None]:
        """The `watch` of `nested`."""

        def watch(fold: int, standing: "Standing") -> None:
            self.before = f"outer fold {fold + 1}/{outer}, "
            self(standing)

        return watch

    def __call__(self, standing: "Standing") -> None:
        left = f"{standing.seconds_left:.0f} s left" if standing.seconds_left == standing.seconds_left else "compiling"
        done = f"{self.before}trial {standing.done}/{standing.trials}"
        if self.live is not None:
            from rich.console import Group
            from rich.text import Text

            completed = standing.done + standing.part
            self.bar.update(self.task, completed=completed, total=standing.trials, description=done, left=left)
            self.live.update(Group(self.bar, Text("\n".join(best_lines(standing)), overflow="ellipsis", no_wrap=True)))
        elif not self.quiet and time.monotonic() - self.spoke > 10:
            self.spoke = time.monotonic()
            say(f"{done}  {left}  {'; '.join(each.strip() for each in best_lines(standing))}".rstrip())


class CheckProgress:
    """Shows where the check of a gradient stands; used as the `watch` of `check_recipe`."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet
        self.live = sys.stderr.isatty() and not quiet
        self.began = self.spoke = time.monotonic()
        self.mode = ""
        self.bar: Any = None
        if self.live:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

            self.bar = Progress(
                TextColumn("gradient, as in {task.description}"),
                BarColumn(bar_width=24),
                TaskProgressColumn(),
                TimeRemainingColumn(compact=True),
                console=Console(stderr=True),
                transient=True,
            )
            self.task = self.bar.add_task("training", total=1)

    def __enter__(self) -> "CheckProgress":
        if self.bar is not None:
            self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar is not None:
            self.bar.stop()

    def __call__(self, mode: str, done: int, total: int) -> None:
        if mode != self.mode:
            self.mode, self.began = mode, time.monotonic()
            if self.bar is not None:
                self.bar.reset(self.task, total=total, description=mode)
        if self.bar is not None:
            self.bar.update(self.task, completed=done, total=total)
        elif not self.quiet and time.monotonic() - self.spoke > 10:
            self.spoke = time.monotonic()
            text = f"gradient, as in {mode}: {done:,} of {total:,} evaluations"
            if done > total // 10:  # before, most of the time has gone into compiling
                text += f", about {(self.spoke - self.began) * (total - done) / done:.0f} s left"
            say(text)


def best_lines(standing: "Standing") -> list[str]:
    """The best trial so far, its score and then its hyperparameters, one a line."""
    best = standing.best
    if best is None:
        return []
    values = {name: f"{value:.3g}" if isinstance(value, float) else str(value) for name, value in best.values.items()}
    shown = list(values.items())[:MOST]
    width = max(len(name) for name, _ in shown)
    lines = [f"  {name.ljust(width)}  {value}" for name, value in shown]
    if len(values) > MOST:
        lines.append(f"  and {len(values) - MOST} more")
    error = f" +- {figures(best.error)}" if best.error == best.error else ""
    return [f"  best score {figures(best.score * standing.sign)}{error}, trial {best.number}", *lines]
