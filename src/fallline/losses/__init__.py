"""Losses: `(prediction, target) -> loss per example`, computed from logits and never reduced."""

from fallline.losses.base import Loss as Loss
from fallline.losses.bins import BinnedCrossEntropy as BinnedCrossEntropy
from fallline.losses.classes import BinaryCrossEntropy as BinaryCrossEntropy
from fallline.losses.classes import SoftmaxCrossEntropy as SoftmaxCrossEntropy
from fallline.losses.focal import Focal as Focal
from fallline.losses.margins import Hinge as Hinge
from fallline.losses.members import OfMembers as OfMembers
from fallline.losses.numbers import AbsoluteError as AbsoluteError
from fallline.losses.numbers import Huber as Huber
from fallline.losses.numbers import Poisson as Poisson
from fallline.losses.numbers import Quantile as Quantile
from fallline.losses.numbers import SquaredError as SquaredError
from fallline.losses.tempered import Tempered as Tempered
from fallline.losses.times import Times as Times
