"""A finished training, and where a training stands between two chunks of epochs."""

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from fallline.core.driving import Progress
from fallline.core.errors import FalllineError
from fallline.core.outcome import Outcome
from fallline.data.table import Table
from fallline.diagnosis.outlook import Outlook, outlook_of
from fallline.drawing.figure import Figures
from fallline.drawing.notebook import shown
from fallline.drawing.words import metric_title, value_of
from fallline.training.calibration import Calibration
from fallline.training.curves import curves_of
from fallline.training.history import History
from fallline.training.predictor import Predictor
from fallline.training.recipe import Recipe
from fallline.training.state import State

if TYPE_CHECKING:
    from fallline.diagnosis import Diagnosis


@dataclasses.dataclass(frozen=True)
class Moment(Progress):
    """Where a run stands between two chunks, for a progress bar or a callback."""

    unit: ClassVar[str] = "epochs"
    history: History
    best_epoch: int

    @property
    def epoch(self) -> int:
        """The epoch that has just ended, counted from 1."""
        return int(self.done)

    @property
    def epochs(self) -> int:
        """Most epochs of the run."""
        return int(self.total)


@dataclasses.dataclass(frozen=True, repr=False)
class Run:
    """A finished training.

    Arguments:
        recipe: the completed recipe, with everything that depends on the data filled in.
        model: the trained model, with the best parameters.
        history: one row per epoch.
        metrics: metrics of every split that has rows, such as `metrics["test"]["accuracy"]`.
        outcome: how the run ended.
        interrupted: whether Ctrl-C ended the run early.
        notes: sentences that the user should read.
        unsaved: writes the last checkpoint of an interrupted run into another folder, if its own folder refused it.
        data: the table that it was trained on.
        last_state: writes the state after the last epoch into a folder, so that the run can be extended; None for a run
            without a folder of its own.
        calibration: the temperature that the model was given after training, if the recipe says so.
    """

    recipe: Recipe
    model: Predictor
    state: State
    history: History
    metrics: dict[str, dict[str, float]]
    outcome: Outcome
    interrupted: bool
    seconds: float
    compile_seconds: float
    seed: int
    notes: tuple[str, ...] = ()
    unsaved: Callable[[Path], None] | None = None
    data: Table | None = None
    calibration: Calibration | None = None
    last_state: Callable[[Path], None] | None = None

    def __repr__(self) -> str:
        """How it ended, and the metrics of the rows that say most: test, otherwise validation, otherwise training."""
        split = next((each for each in ("test", "valid", "train") if self.metrics.get(each)), None)
        scores = "" if split is None else f"; {split}: " + ", ".join(
            f"{name} {value:.4g}" for name, value in self.metrics[split].items()
        )  # fmt: skip
        return f"{type(self).__name__}({self._titled()}{self.sentence}{scores})"

    def _titled(self) -> str:
        return "" if self.data is None else f"{self.data.name!r}: "

    def _repr_html_(self) -> str:
        """What a notebook shows: how it ended, and the metrics of every split."""
        splits = [each for each in self.metrics if self.metrics[each]]
        names = dict.fromkeys(name for each in splits for name in self.metrics[each])
        rows = [
            (metric_title(name), *(value_of(name, self.metrics[each].get(name)) for each in splits)) for name in names
        ]
        facts = {"data": repr(self.data)} if self.data is not None else {}
        return shown(self.sentence[:1].upper() + self.sentence[1:] + ".", facts, ("", *splits), rows)

    def plot(self) -> Figures:
        """Its curves over the epochs, as figures: losses, metrics and every recorded probe.

        `run.plot()["Loss"]` is one of them; each has `frame`, `svg()`, `picture().save(path)` and `plotly()`.
        """
        curves = curves_of(self.history, {"best_epoch": self.best_epoch})
        return Figures(each for each in curves if not each.all_zero)

    @property
    def best_epoch(self) -> int:
        """The epoch whose parameters are kept, counted from 1; 0 stands for the initial parameters."""
        return int(self.state.best_epoch)

    @property
    def learnt(self) -> bool:
        """Whether there is a model to predict with; False if the run diverged before any epoch was worth keeping."""
        return self.outcome is not Outcome.DIVERGED or self.best_epoch > 0

    @property
    def steps(self) -> int:
        """Number of updates."""
        return int(self.state.step)

    def rows(self, table: Table) -> dict[str, int]:
        """Number of rows behind the metrics of each split."""
        data = table.dataset
        return {"train": len(data.train), "valid": len(data.valid), "test": len(data.test)}

    @property
    def more(self) -> dict[str, Any]:
        """What the summary of a run says besides; nothing for a single network."""
        return {}

    @property
    def scaling(self) -> dict[str, float]:
        """Numbers that the input scaler determined on the training rows, such as the components PCA keeps; often empty."""
        return self.model.scaling

    @functools.cached_property
    def diagnosis(self) -> "Diagnosis":
        """What its history and its data say of it; `fallline.diagnose(run)` also looks into the network."""
        from fallline.diagnosis import judge  # here: a search judges no run, and imports none of it
        from fallline.diagnosis.light import light_evidence

        if self.data is None:
            raise FalllineError("this run does not know its data: fallline.diagnose(run, data) takes them")
        return judge(
            light_evidence(
                self.recipe,
                self.data,
                self.history,
                self.metrics,
                outcome=self.outcome.label,
                best_epoch=self.best_epoch,
                steps=self.steps,
                learnt=self.learnt,
            )
        )

    @property
    def sentence(self) -> str:
        """How the run ended, in words."""
        epochs, kept = len(self.history), self.recipe.keep
        if self.interrupted:
            return f"interrupted after {epochs} epochs; the parameters are those of epoch {self.best_epoch}, the {kept}"
        ended = self.outcome.sentence(epochs=epochs, best_epoch=self.best_epoch, step=int(self.state.step), kept=kept)
        if not self.learnt:
            return f"{ended}; the parameters are the initial ones: there is no model to predict with"
        return ended if self.outlook is None else f"{ended}; {self.outlook.sentence}"

    @property
    def outlook(self) -> Outlook | None:
        """What twice as many epochs promise; None for a run that ended early, or whose validation loss no longer falls."""
        if self.interrupted or self.outcome is not Outcome.FINISHED or not len(self.history):
            return None
        return outlook_of(self.history["valid_loss"], int(self.history["epoch"][0]) - 1)
