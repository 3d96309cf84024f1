"""Progress of the commands on standard error: bars of a check and a policy."""

import time
from typing import TYPE_CHECKING

from fallline.core.bar import Bar
from fallline.core.saying import figures

if TYPE_CHECKING:
    from fallline.control.state import RolloutProgress


class StreamProgress(Bar):
    """Shows the two passes over the files of a stream; used as the stream's `told`."""

    def __init__(self, quiet: bool) -> None:
        super().__init__("{task.description}", "{task.completed:,.0f} rows", quiet=quiet, description="", total=None)

    def __call__(self, what: str, rows: int) -> None:
        self.show(f"{what}: {rows:,} rows", completed=rows, description=what)


class CheckProgress(Bar):
    """Shows the progress of a gradient check; used as the `watch` of `check_recipe`."""

    def __init__(self, quiet: bool) -> None:
        self.mode, self.began = "", time.monotonic()
        before, after = "gradient, as in {task.description}", "{task.percentage:.0f} %"
        super().__init__(before, after, quiet=quiet, description="training", total=1)

    def __call__(self, mode: str, done: int, total: int) -> None:
        if mode != self.mode:
            self.mode, self.began = mode, time.monotonic()
            if self.drawn is not None:
                self.drawn.reset(self.task)
        text = f"gradient, as in {mode}: {done:,} of {total:,} evaluations"
        if done > total // 10:  # earlier, most of the time was spent compiling
            text += f", about {(time.monotonic() - self.began) * (total - done) / done:.0f} s left"
        self.show(text, completed=done, total=total, description=mode)


class PolicyProgress(Bar):
    """Shows the progress of a policy's training; used as the `watch` of `train_policy`."""

    def __init__(self, steps: float, label: str, quiet: bool) -> None:
        self.label, self.steps = label, float(steps)
        before = "{task.completed:,.0f}/{task.total:,.0f} timesteps"
        super().__init__(before, "{task.description}", quiet=quiet, description=label, total=max(self.steps, 1))

    def __call__(self, progress: "RolloutProgress") -> None:
        failed = f"  {progress.failures} rollouts failed" if progress.failures else ""
        text = f"{self.label}best {figures(progress.best_score)}{failed}"
        line = f"{progress.done:,}/{self.steps:,.0f} timesteps  {text}"
        self.show(line, completed=min(progress.done, self.steps), description=text)
