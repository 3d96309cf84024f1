"""Converts weights between scikit-learn's form, `coefs_` and `intercepts_`, and a run's params by layer."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from fallline.activations import Activation, Sigmoid
from fallline.core.errors import FalllineError


def drawn(
    random: np.random.RandomState, widths: list[int], activations: list[Activation]
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Initial weights and biases of every layer, in float64, drawn in scikit-learn's order from its generator.

        w, b ~ U(-r, r),  r = sqrt(k / (inputs + outputs)),  k = 2 with the sigmoid, otherwise 6

    so that a seed gives the same initial weights as in scikit-learn.

    Arguments:
        random: generator to draw from.
        widths: widths of the inputs, the hidden layers and the outputs.
        activations: activations of the hidden layers; the output layer follows the last of them.

    Source: Glorot and Bengio, 2010, equation 16.

    >>> weights, biases = drawn(np.random.RandomState(0), [2, 3, 1], [Sigmoid()])
    >>> [each.shape for each in (*weights, *biases)]
    [(2, 3), (3, 1), (3,), (1,)]
    """
    weights, biases = [], []
    for place in range(len(widths) - 1):
        inputs, outputs = widths[place], widths[place + 1]
        own = activations[min(place, len(activations) - 1)] if activations else None
        bound = np.sqrt((2.0 if isinstance(own, Sigmoid) else 6.0) / (inputs + outputs))
        weights.append(random.uniform(-bound, bound, (inputs, outputs)))
        biases.append(random.uniform(-bound, bound, outputs))
    return weights, biases


def put(
    layers: Sequence[tuple[str, int, bool]],
    inputs: int,
    weights: list[Any],
    biases: list[Any],
    dtype: DTypeLike = np.float32,
    *,
    copy: bool = True,
) -> dict[str, Any]:
    """Converts weights and biases to the params of a network's dense layers.

    Arguments:
        layers: the name of each dense layer, its width, and whether it has a bias; before a batch normalisation it has none.
        inputs: width of its input.
        weights: (inputs, outputs) of each layer.
        biases: (outputs,) of each layer.
        dtype: dtype of the params.
        copy: whether params of that dtype are copied, too.

    Raises: FalllineError if the shapes do not match the network.
    """
    if len(weights) != len(layers) or len(biases) != len(layers):
        raise FalllineError(
            f"coefs_ has {len(weights)} and intercepts_ {len(biases)} arrays for a network of {len(layers)} layers: "
            "give one of each per layer"
        )
    params: dict[str, Any] = {}
    for place, (name, width, bias) in enumerate(layers):
        shapes = {"weight": (inputs, width), "bias": (width,)}
        inputs = width
        parts = {"weight": ("coefs_", weights), "bias": ("intercepts_", biases)}
        for part, (attribute, given) in parts.items():
            if np.shape(given[place]) != shapes[part]:
                raise FalllineError(
                    f"{attribute}[{place}] has shape {np.shape(given[place])} where the network has {shapes[part]}: "
                    "keep the shapes, or fit anew with warm_start=False"
                )
            if part == "weight" or bias:
                params.setdefault(name, {})[part] = np.array(given[place], dtype, copy=copy or None)
    return params


def taken(params: dict[str, Any], dtype: DTypeLike) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """(coefs_, intercepts_) from a run's params; a layer before a batch normalisation gets a bias of zeros."""
    layers = [params[name] for name in dense_layers(params)]
    weights = [np.asarray(layer["weight"]).astype(dtype) for layer in layers]
    biases = [
        np.asarray(layer["bias"]).astype(dtype) if "bias" in layer else np.zeros(layer["weight"].shape[-1], dtype)
        for layer in layers
    ]
    return weights, biases


def dense_layers(params: dict[str, Any]) -> list[str]:
    """The names of the layers with a weight matrix, from the inputs to the outputs."""
    names = [name for name in params if name.startswith("dense_")]
    return sorted(names, key=lambda name: int(name.rpartition("_")[2]))
