"""Minima of functions without gradients: `minimize(objective, x0, method)`."""

from fallline.blackbox.minimize import minimize as minimize
from fallline.blackbox.optimum import Optimum as Optimum
from fallline.blackbox.polish import Polished as Polished
from fallline.blackbox.polish import polish as polish
