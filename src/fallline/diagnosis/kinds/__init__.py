"""The kinds of findings, one class each."""

from fallline.diagnosis.base import Kind
from fallline.diagnosis.kinds.batches import FewSteps, Misplaced, NoisyBatch, SmallNormBatch
from fallline.diagnosis.kinds.ending import StoppedEarly, WorseThanBaseline
from fallline.diagnosis.kinds.fit import Overfits, StrongDropout, StrongPenalty, Underfits
from fallline.diagnosis.kinds.gradients import DeadAtStart, Dying, Exploding, SaturatedUnits, Vanishing
from fallline.diagnosis.kinds.inputs import Dominating, UnscaledInputs
from fallline.diagnosis.kinds.labels import Imbalance, LabelNoise, Leak, Miscalibrated, NeverPredicted, SegmentMissed
from fallline.diagnosis.kinds.rates import Decayed, Diverged, Jumps, Oscillates, TooLow
from fallline.diagnosis.kinds.splits import Drift, SmallValidation, Twins
from fallline.diagnosis.kinds.targets import AsNumbers, Bounded, Counts, HeavyTail, Outliers
from fallline.diagnosis.kinds.weights import FirstLoss, MisScaled, NonFinite, Symmetric, WrongGradient

KINDS: tuple[Kind, ...] = (
    Diverged(), Jumps(), Oscillates(), TooLow(), Decayed(), StoppedEarly(),
    Vanishing(), Exploding(), DeadAtStart(), Dying(), SaturatedUnits(),
    Symmetric(), MisScaled(), FirstLoss(), NonFinite(), WrongGradient(),
    UnscaledInputs(), Dominating(), Outliers(), HeavyTail(), Counts(), AsNumbers(), Bounded(),
    Overfits(), Underfits(), StrongPenalty(), StrongDropout(),
    NoisyBatch(), FewSteps(), SmallNormBatch(), Misplaced(),
    Imbalance(), LabelNoise(), Leak(), NeverPredicted(), SegmentMissed(), Miscalibrated(),
    Twins(), Drift(), SmallValidation(), WorseThanBaseline(),
)  # fmt: skip
