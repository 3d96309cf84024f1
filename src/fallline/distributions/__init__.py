"""Distributions: `sample`, `quantile`, `cdf`. A distribution in a field of a recipe makes the recipe a search space."""

from fallline.distributions.choice import Choice as Choice
from fallline.distributions.choice import alike as alike
from fallline.distributions.integers import Integer as Integer
from fallline.distributions.integers import LogInteger as LogInteger
from fallline.distributions.integers import Quantised as Quantised
from fallline.distributions.normal import LogNormal as LogNormal
from fallline.distributions.normal import Normal as Normal
from fallline.distributions.ranges import LogUniform as LogUniform
from fallline.distributions.ranges import Uniform as Uniform
