"""Distributions: `sample`, `quantile`, `cdf`. A distribution in a field of a recipe makes the recipe a search space."""

from fallline.distributions.bells import LogNormal as LogNormal
from fallline.distributions.bells import Normal as Normal
from fallline.distributions.choice import Choice as Choice
from fallline.distributions.choice import alike as alike
from fallline.distributions.ranges import LogUniform as LogUniform
from fallline.distributions.ranges import Uniform as Uniform
from fallline.distributions.whole import Integer as Integer
from fallline.distributions.whole import LogInteger as LogInteger
from fallline.distributions.whole import Quantised as Quantised
