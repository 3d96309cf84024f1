"""Update rules: `init(params) -> state`, `update(gradient, state, params, **evidence) -> delta, state`."""

from fallline.optimizers.adam import Adam as Adam
from fallline.optimizers.base import Optimizer as Optimizer
from fallline.optimizers.descent import SGD as SGD
from fallline.optimizers.descent import Momentum as Momentum
