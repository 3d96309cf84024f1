"""Schedules: `(time) -> value`. Any numeric field accepts one, so that a momentum or a dropout rate can change in time."""

from fallline.schedules.cosine import Cosine as Cosine
from fallline.schedules.cosine import CosineRestarts as CosineRestarts
from fallline.schedules.cosine import OneCycle as OneCycle
from fallline.schedules.decay import Exponential as Exponential
from fallline.schedules.decay import Geometric as Geometric
from fallline.schedules.decay import InversePower as InversePower
from fallline.schedules.decay import InverseSqrt as InverseSqrt
from fallline.schedules.decay import InverseTime as InverseTime
from fallline.schedules.decay import Polynomial as Polynomial
from fallline.schedules.decay import Step as Step
from fallline.schedules.plateau import ReduceOnPlateau as ReduceOnPlateau
from fallline.schedules.plateau import begun as begun
from fallline.schedules.plateau import observed as observed
from fallline.schedules.plateau import remembered as remembered
from fallline.schedules.table import Constant as Constant
from fallline.schedules.table import Linear as Linear
from fallline.schedules.table import Milestone as Milestone
from fallline.schedules.table import Milestones as Milestones
