"""Update rules: `init(params) -> state`, `update(gradient, state, params, **evidence) -> delta, state`."""

from fallline.optimizers.adagrad import Adadelta as Adadelta
from fallline.optimizers.adagrad import AdaGrad as AdaGrad
from fallline.optimizers.adam import Adam as Adam
from fallline.optimizers.adam import AdamW as AdamW
from fallline.optimizers.adam import Nadam as Nadam
from fallline.optimizers.around import SkipNonfinite as SkipNonfinite
from fallline.optimizers.around import WeightDecay as WeightDecay
from fallline.optimizers.around import Wrapper as Wrapper
from fallline.optimizers.averaging import Accumulate as Accumulate
from fallline.optimizers.averaging import WeightAverage as WeightAverage
from fallline.optimizers.base import Optimizer as Optimizer
from fallline.optimizers.bridge import Clocked as Clocked
from fallline.optimizers.bridge import FromOptax as FromOptax
from fallline.optimizers.bridge import to_optax as to_optax
from fallline.optimizers.clipping import ClipByLayerNorm as ClipByLayerNorm
from fallline.optimizers.clipping import ClipByNorm as ClipByNorm
from fallline.optimizers.clipping import ClipByValue as ClipByValue
from fallline.optimizers.descent import SGD as SGD
from fallline.optimizers.descent import AveragedMomentum as AveragedMomentum
from fallline.optimizers.descent import Momentum as Momentum
from fallline.optimizers.descent import Nesterov as Nesterov
from fallline.optimizers.half import HalfMemory as HalfMemory
from fallline.optimizers.lbfgs import LBFGS as LBFGS
from fallline.optimizers.newton import Newton as Newton
from fallline.optimizers.rmsprop import RMSProp as RMSProp
from fallline.optimizers.rprop import Rprop as Rprop
