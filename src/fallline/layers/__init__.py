"""Layers: `init(key, shape) -> params, stats` and `apply(params, stats, x, *, key, training) -> y, stats`."""

from fallline.layers.base import Layer as Layer
from fallline.layers.base import LayerCall as LayerCall
from fallline.layers.base import Params as Params
from fallline.layers.base import Stats as Stats
from fallline.layers.dense import Dense as Dense
from fallline.layers.dense import Maxout as Maxout
from fallline.layers.dropout import Dropout as Dropout
from fallline.layers.members import Heads as Heads
from fallline.layers.members import SharedDense as SharedDense
from fallline.layers.normalisation import BatchNorm as BatchNorm
from fallline.layers.normalisation import LayerNorm as LayerNorm
from fallline.layers.prelu import PReLU as PReLU
from fallline.layers.scale import Scale as Scale
from fallline.layers.sequential import Sequential as Sequential
