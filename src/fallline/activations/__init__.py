"""Activations: the function that a unit applies to its weighted sum."""

from fallline.activations.base import Activation as Activation
from fallline.activations.base import Identity as Identity
from fallline.activations.rectified import ELU as ELU
from fallline.activations.rectified import SELU as SELU
from fallline.activations.rectified import LeakyReLU as LeakyReLU
from fallline.activations.rectified import ReLU as ReLU
from fallline.activations.smooth import GELU as GELU
from fallline.activations.smooth import Mish as Mish
from fallline.activations.smooth import SiLU as SiLU
from fallline.activations.smooth import Softplus as Softplus
from fallline.activations.squashing import Sigmoid as Sigmoid
from fallline.activations.squashing import Tanh as Tanh
