"""The choice of how to evaluate a function: one mapped program, or plain calls."""

from collections.abc import Callable
from typing import Any

from fallline.core.errors import FalllineError
from fallline.gradients.function import CheckedFunction
from fallline.gradients.plain import PlainFunction
from fallline.gradients.point import Point
from fallline.gradients.torch_functions import Tensors
from fallline.gradients.traced import Traced


def function_of(f: Callable[[Any], Any], point: Point) -> CheckedFunction:
    """The function at a point: mapped if JAX can trace f, otherwise evaluated by plain calls.

    Raises: FalllineError for an f that cannot be called.
    """
    if not callable(f):
        raise FalllineError(f"f of type {type(f).__name__} cannot be called: expected a function of x")
    if point.kind == "torch":
        return Tensors(f, point)
    try:
        return Traced(f, point)
    except FalllineError:
        raise
    except Exception:  # any error from NumPy or Python's control flow on a tracer; plain calls reveal genuine errors
        return PlainFunction(f, point)
