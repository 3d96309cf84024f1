"""The progress bar of a run."""

from fallline.core.bar import Bar
from fallline.core.saying import figures
from fallline.training.run import Moment


class RunProgress(Bar):
    """Shows the progress of a run; used as the `watch` of `train`.

    Arguments:
        epochs: the planned number of epochs; 0 if the first moment is to say it.
        quiet: whether nothing is shown.
        late: seconds after which the bar appears.
    """

    def __init__(self, epochs: int, quiet: bool, late: float = 0.0) -> None:
        before = "epoch {task.completed:.0f}/{task.total:.0f}"
        after = "{task.description}"
        super().__init__(before, after, quiet=quiet, late=late, description="compiling", total=max(epochs, 1))

    within_epochs = True  # a run on a stream is shown between the windows of an epoch too

    def __call__(self, moment: Moment) -> None:
        total = max(moment.epochs, 1)
        if moment.done < 1:  # within the first epoch of a stream
            self.show(f"epoch 1/{moment.epochs}, {100 * moment.done:.0f} %", completed=moment.done, total=total)
            return
        last = moment.history.row(-1)
        shown = [("loss", last["train_loss"]), ("validation", last["valid_loss"])]
        text = "  ".join(f"{name} {figures(value)}" for name, value in shown if value == value)
        line = f"epoch {moment.epoch}/{moment.epochs}  {text}"
        self.show(line, completed=moment.done, total=total, description=text)
