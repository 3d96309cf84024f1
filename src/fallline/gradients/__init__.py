"""Gradients: by differences, and the check of one that was derived."""

from fallline.gradients.array import ArrayCheck as ArrayCheck
from fallline.gradients.array import Coordinate as Coordinate
from fallline.gradients.check import check_gradient as check_gradient
from fallline.gradients.numerical import StepErrors as StepErrors
from fallline.gradients.numerical import numerical_gradient as numerical_gradient
from fallline.gradients.numerical import step_errors as step_errors
from fallline.gradients.result import GradientCheck as GradientCheck
