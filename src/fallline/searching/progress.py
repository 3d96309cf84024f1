"""The progress bar of a search."""

from collections.abc import Callable

from fallline.core.bar import Bar
from fallline.core.saying import figures
from fallline.searching.driver import Standing

MOST = 8  # most hyperparameters of the best trial shown below the bar


class SearchProgress(Bar):
    """Shows the progress of a search, with its best trial below; used as the `watch` of `search`."""

    def __init__(self, quiet: bool, late: float = 0.0) -> None:
        self.before = ""
        after = "{task.fields[left]}"
        task = {"description": "starting", "total": 1, "left": "compiling"}
        super().__init__("{task.description}", after, quiet=quiet, clock=False, late=late, **task)

    def nested(self, outer: int) -> Callable[[int, Standing], None]:
        """The `watch` of `nested`."""

        def watch(fold: int, standing: Standing) -> None:
            self.before = f"outer fold {fold + 1}/{outer}, "
            self(standing)

        return watch

    def __call__(self, standing: Standing) -> None:
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


def best_lines(standing: Standing) -> list[str]:
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
