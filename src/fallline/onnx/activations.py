"""The ONNX forms of the activations."""

import math

import numpy as np

from fallline.activations import ELU, GELU, SELU, Identity, LeakyReLU, Mish, ReLU, Sigmoid, SiLU, Softplus, Tanh
from fallline.onnx.forms import Forms
from fallline.onnx.graph import Graph

activation_form = Forms("activation_form", "activation")


@activation_form.register(Identity)
def _identity(f: Identity, graph: Graph, x: str) -> str:
    return x


@activation_form.register(ReLU)
def _relu(f: ReLU, graph: Graph, x: str) -> str:
    return graph.op("Relu", x)


@activation_form.register(LeakyReLU)
def _leaky_relu(f: LeakyReLU, graph: Graph, x: str) -> str:
    return graph.op("LeakyRelu", x, alpha=float(f.slope))


@activation_form.register(ELU)
def _elu(f: ELU, graph: Graph, x: str) -> str:
    return graph.op("Elu", x, alpha=float(f.alpha))


@activation_form.register(SELU)
def _selu(f: SELU, graph: Graph, x: str) -> str:
    return graph.op("Selu", x)


@activation_form.register(Softplus)
def _softplus(f: Softplus, graph: Graph, x: str) -> str:
    return graph.op("Softplus", x)


@activation_form.register(SiLU)
def _silu(f: SiLU, graph: Graph, x: str) -> str:
    # x / (1 + exp(-x)): far below 0, ONNX Runtime's sigmoid stays at 1.5e-8, and multiplying it by a large x is wrong.
    return graph.op("Div", x, graph.op("Add", graph.op("Exp", graph.op("Neg", x)), np.float32(1.0)))


@activation_form.register(Mish)
def _mish(f: Mish, graph: Graph, x: str) -> str:
    n = graph.op("Exp", graph.op("Min", x, np.float32(40.0)))
    m = graph.op("Mul", n, graph.op("Add", n, np.float32(2.0)))
    return graph.op("Mul", x, graph.op("Div", m, graph.op("Add", m, np.float32(2.0))))


@activation_form.register(GELU)
def _gelu(f: GELU, graph: Graph, x: str) -> str:
    if f.form == "exact":
        bend = graph.op("Erf", graph.op("Mul", x, np.float32(math.sqrt(0.5))))
    else:
        near = graph.op("Clip", x, np.float32(-10.0), np.float32(10.0))
        cube = graph.op("Mul", graph.op("Mul", near, near), near)
        sum = graph.op("Add", near, graph.op("Mul", cube, np.float32(0.044715)))
        bend = graph.op("Tanh", graph.op("Mul", sum, np.float32(math.sqrt(2.0 / math.pi))))
    return graph.op("Mul", graph.op("Mul", x, np.float32(0.5)), graph.op("Add", bend, np.float32(1.0)))


@activation_form.register(Sigmoid)
def _sigmoid(f: Sigmoid, graph: Graph, x: str) -> str:
    return graph.op("Sigmoid", x)


@activation_form.register(Tanh)
def _tanh(f: Tanh, graph: Graph, x: str) -> str:
    return graph.op("Tanh", x)
