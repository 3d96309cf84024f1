"""A progress bar of a policy's training on standard error; a line now and then where there is no terminal."""

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any

from fallline.cli.output import figures, say

if TYPE_CHECKING:
    from fallline.control.training import Progress as Standing


class PolicyProgress:
    """Shows where a policy's training stands; used as the `watch` of `train_policy`."""

    def __init__(self, steps: float, label: str, quiet: bool) -> None:
        self.quiet, self.label, self.steps = quiet, label, float(steps)
        self.live = sys.stderr.isatty() and not quiet
        self.spoke = time.monotonic()
        self.bar: Any = None
        if self.live:
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            self.bar = Progress(
                TextColumn("{task.completed:,.0f}/{task.total:,.0f} timesteps"),
                BarColumn(bar_width=24),
                TimeRemainingColumn(compact=True),
                TextColumn("{task.description}"),
                console=Console(stderr=True),
                transient=True,
            )
            self.task = self.bar.add_task(label, total=max(self.steps, 1))

    def __enter__(self) -> "PolicyProgress":
        if self.bar is not None:
            self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar is not None:
            self.bar.stop()

    def __call__(self, progress: "Standing") -> None:
        failed = f"  {progress.failures} rollouts failed" if progress.failures else ""
        text = f"{self.label}best {figures(progress.best_score)}{failed}"
        if self.bar is not None:
            self.bar.update(self.task, completed=min(progress.steps, self.steps), description=text)
        elif not self.quiet and time.monotonic() - self.spoke > 10:
            self.spoke = time.monotonic()
            say(f"{progress.steps:,}/{self.steps:,.0f} timesteps  {text}")
