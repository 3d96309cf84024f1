"""A policy's function, computed in NumPy by workers and in JAX by simulators."""

import dataclasses
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Float

from fallline.control.statistics import Scaling

Output: TypeAlias = Callable[[Float[np.ndarray, " observations"]], Float[np.ndarray, " outputs"]]

ACTIVATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "tanh": lambda xp, z: xp.tanh(z),
    "relu": lambda xp, z: xp.maximum(z, 0.0),
}


@dataclasses.dataclass(frozen=True)
class PolicyNetwork:
    """A deterministic policy of a flat parameter vector, in float64.

        z = (x - mu) / sqrt(Sigma),  h_k = f(W_k h_(k-1) + b_k),  u = W h

    Without hidden layers it is the linear policy u = M z with one weight matrix. The last layer has no bias, so at the
    mean observation a linear policy outputs 0.

    Arguments:
        widths: observations, units of each hidden layer, outputs.
        activation: f, the activation of the hidden layers.
    >>> PolicyNetwork((3, 2)).size, PolicyNetwork((3, 8, 2)).size
    (6, 48)
    """

    widths: tuple[int, ...]
    activation: str = "tanh"

    @property
    def size(self) -> int:
        """Number of parameters."""
        pairs = zip(self.widths, self.widths[1:], strict=False)
        return sum(inputs * outputs for inputs, outputs in pairs) + sum(self.widths[1:-1])

    def layers(self, point: Any) -> list[tuple[Any, Any]]:
        """The weight matrices [outputs, inputs] and biases in a flat vector; the last bias is empty."""
        found, offset = [], 0
        for index, (inputs, outputs) in enumerate(zip(self.widths, self.widths[1:], strict=False)):
            weight = point[offset : offset + inputs * outputs].reshape(outputs, inputs)
            offset += inputs * outputs
            biases = 0 if index == len(self.widths) - 2 else outputs
            found.append((weight, point[offset : offset + biases]))
            offset += biases
        return found

    def at(self, point: Float[Any, " size"], scaling: Scaling | None = None, xp: Any = np) -> Output:
        """The policy with these parameters; the scaling of the observations is folded into the first layer.

        Arguments:
            point: the parameters.
            scaling: scaling of the observations, or None.
            xp: numpy or jax.numpy.

        >>> scaling = Scaling(mean=np.array([1.0, 5.0]), factor=np.array([0.5, 0.0]))  # the second is dead
        >>> PolicyNetwork((2, 1)).at(np.array([2.0, 7.0]), scaling)(np.array([4.0, -99.0]))
        array([3.])
        """
        layers = self.layers(point)
        first, bias = layers[0]
        shift = xp.zeros(first.shape[0])
        if scaling is not None:
            first = first * scaling.factor
            shift = first @ scaling.mean
        if len(layers) == 1:
            act = first.dot  # takes half the time of first @ x for so few numbers
            return (lambda x: act(x) - shift) if scaling is not None else act
        start, rest, last = bias - shift, layers[1:-1], layers[-1][0]
        activation = ACTIVATIONS[self.activation]

        def output(x: Any) -> Any:
            h = activation(xp, first @ x + start)
            for weight, b in rest:
                h = activation(xp, weight @ h + b)
            return last @ h

        return output
