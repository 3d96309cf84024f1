"""Progress of the commands on standard error: one bar each for a run, a search, a check and a policy."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from fallline.cli.bar import Bar
from fallline.cli.output import figures

if TYPE_CHECKING:
    from fallline.control.state import RolloutProgress
    from fallline.searching.driver import Standing
    from fallline.training.run import Moment

MOST = 8  # most hyperparameters of the best trial shown below the bar


class RunProgress(Bar):
    """Shows the progress of a run; used as the `watch` of `train`."""

    def __init__(self, epochs: int, quiet: bool) -> None:
        before = "epoch {task.completed:.0f}/{task.total:.0f}"
        super().__init__(before, "{task.description}", quiet=quiet, description="compiling", total=max(epochs, 1))

    within_epochs = True  # a run on a stream is shown between the windows of an epoch too

    def __call__(self, moment: "Moment") -> None:
        if not len(moment.history):
            self.show(f"epoch 1/{moment.epochs}, {100 * moment.done:.0f} %", completed=moment.done)
            return
        last = moment.history.row(-1)
        shown = [("loss", last["train_loss"]), ("validation", last["valid_loss"])]
        text = "  ".join(f"{name} {figures(value)}" for name, value in shown if value == value)
        self.show(f"epoch {moment.epoch}/{moment.epochs}  {text}", completed=moment.done, description=text)


class StreamProgress(Bar):
    """Shows the two passes over the files of a stream; used as the stream's `told`."""

    def __init__(self, quiet: bool) -> None:
        super().__init__("{task.description}", "{task.completed:,.0f} rows", quiet=quiet, description="", total=None)

    def __call__(self, what: str, rows: int) -> None:
        self.show(f"{what}: {rows:,} rows", completed=rows, description=what)


class SearchProgress(Bar):
    """Shows the progress of a search, with its best trial below; used as the `watch` of `search`."""

    def __init__(self, quiet: bool) -> None:
        self.before = ""
        after = "{task.fields[left]}"
        task = {"description": "starting", "total": 1, "left": "compiling"}
        super().__init__("{task.description}", after, quiet=quiet, clock=False, **task)

    def nested(self, outer: int) -> Callable[[int, "Standing"], None]:
        """The `watch` of `nested`."""

        def watch(fold: int, standing: "Standing") -> None:
            self.before = f"outer fold {fold + 1}/{outer}, "
            self(standing)

        return watch

    def __call__(self, standing: "Standing") -> None:
        left = f"{standing.seconds_left:.0f} s left" if standing.seconds_left == standing.seconds_left else "compiling"
        done, best = f"{self.before}trial {standing.done}/{standing.trials}", best_lines(standing)
        self.show(
            f"{done}  {left}  {'; '.join(each.strip() for each in best)}".rstrip(),
            "\n".join(best),
            completed=standing.done + standing.part,
            total=standing.trials,
            description=done,
            left=left,
        )


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


def best_lines(standing: "Standing") -> list[str]:
    """The best trial so far: its score, then its hyperparameters, one per line."""
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
