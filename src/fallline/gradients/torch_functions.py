"""PyTorch functions and modules, in float64, by plain calls. PyTorch is only used if the caller has imported it."""

import copy
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from fallline.core.tree import Tree
from fallline.gradients.function import weights_for
from fallline.gradients.plain import PlainFunction


class Tensors(PlainFunction):
    """A function of PyTorch tensors."""

    def gradient(self) -> Any:
        torch: Any = sys.modules["torch"]
        arrays = [torch.from_numpy(part).requires_grad_() for part in self._parts(self.point.vector)]
        answer = self.f(self.point.tree(arrays))
        if answer.ndim:
            answer = (answer * torch.from_numpy(weights_for(tuple(answer.shape)))).sum()
        found = torch.autograd.grad(answer, arrays, allow_unused=True)
        return self.point.tree(list(found))

    def _tree(self, vector: np.ndarray) -> Any:
        torch: Any = sys.modules["torch"]
        return self.point.tree([torch.from_numpy(part) for part in self._parts(vector)])

    def _parts(self, vector: np.ndarray) -> list[np.ndarray]:
        return [part.copy() for part in self.point.parts(vector)]


def is_module(f: Any) -> bool:
    """Whether something is a PyTorch module, without importing PyTorch."""
    nn = sys.modules.get("torch.nn")
    return nn is not None and isinstance(f, nn.Module)


def function_of_parameters(module: Any, inputs: Any) -> tuple[Callable[[Any], Any], Any]:
    """A module as a function of its parameters and inputs, on a float64 copy; the module itself is unchanged.

    Returns: the function, and the tree {"parameters": ..., "inputs": ...} at which to differentiate it.
    """
    torch: Any = sys.modules["torch"]
    own = copy.deepcopy(module).double()
    inputs = inputs if isinstance(inputs, tuple) else (inputs,)
    parameters = {name: each.detach() for name, each in own.named_parameters() if each.requires_grad}
    point = {"inputs": inputs, "parameters": parameters}

    def f(tree: Tree) -> Any:
        return torch.func.functional_call(own, tree["parameters"], tree["inputs"])

    return f, point
