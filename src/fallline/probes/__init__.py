"""Probes: `compute(context) -> array`, values that are recorded for every epoch besides its scores."""

from collections.abc import Iterable

from fallline.probes.base import Probe as Probe
from fallline.probes.context import Context as Context
from fallline.probes.context import Padding as Padding
from fallline.probes.context import StepFacts as StepFacts
from fallline.probes.context import Tap as Tap
from fallline.probes.layers import GradientNorm as GradientNorm
from fallline.probes.layers import UpdateRatio as UpdateRatio
from fallline.probes.recording import SCORES as SCORES
from fallline.probes.recording import distinct
from fallline.probes.training import Evaluations as Evaluations
from fallline.probes.training import LearningRate as LearningRate
from fallline.probes.training import TrainMetric as TrainMetric
from fallline.probes.training import TrainObjective as TrainObjective
from fallline.probes.units import Dead as Dead
from fallline.probes.units import Saturated as Saturated

# The probes that a run records by default, in the order of the history's columns and of the report's figures.
RECORDED: tuple[Probe, ...] = (
    TrainObjective(),
    TrainMetric(),
    LearningRate(),
    Evaluations(),
    GradientNorm(),
    UpdateRatio(),
    Dead(),
    Saturated(),
)


def recordable(probes: Iterable[Probe]) -> tuple[Probe, ...]:
    """Probes that a run can record together.

    Raises: FalllineError for objects that are not probes, and for names that are missing or taken.

    >>> [each.name for each in recordable([Dead(), LearningRate()])]
    ['dead', 'learning_rate']
    """
    return distinct(probes, RECORDED)
