"""The ONNX forms of a network's answer: probabilities or values from its outputs, and the data's own class labels."""

import numpy as np

from fallline.data.target import Target
from fallline.losses import (
    AbsoluteError,
    BinaryCrossEntropy,
    BinnedCrossEntropy,
    Focal,
    Hinge,
    Huber,
    Loss,
    OfMembers,
    Poisson,
    Quantile,
    SoftmaxCrossEntropy,
    SquaredError,
    Tempered,
    Times,
)
from fallline.onnx.forms import Forms
from fallline.onnx.graph import Graph

answer_form = Forms("answer_form", "loss")  # computes the same as `loss.mean`


@answer_form.register(SquaredError, AbsoluteError, Huber, Quantile)
def _values(loss: Loss, graph: Graph, z: str, width: int) -> str:
    return z


@answer_form.register(Poisson)
def _poisson(loss: Poisson, graph: Graph, z: str, width: int) -> str:
    return graph.op("Exp", z)


@answer_form.register(Times)
def _inner(loss: Times, graph: Graph, z: str, width: int) -> str:
    found: str = answer_form(loss.inner, graph, z, width)
    return found


@answer_form.register(Tempered)
def _tempered(loss: Tempered, graph: Graph, z: str, width: int) -> str:
    found: str = answer_form(loss.inner, graph, graph.op("Div", z, np.float32(loss.temperature)), width)
    return found


@answer_form.register(SoftmaxCrossEntropy, Focal)
def _softmax(loss: SoftmaxCrossEntropy | Focal, graph: Graph, z: str, width: int) -> str:
    return graph.op("Softmax", z, axis=-1)


@answer_form.register(BinaryCrossEntropy)
def _sigmoid(loss: BinaryCrossEntropy, graph: Graph, z: str, width: int) -> str:
    p = graph.op("Sigmoid", z)
    return graph.op("Concat", graph.op("Sub", np.float32(1.0), p), p, axis=1) if width == 1 else p


@answer_form.register(Hinge)
def _hinge(loss: Hinge, graph: Graph, z: str, width: int) -> str:
    if width > 1:
        return graph.op("Softmax", z, axis=-1)
    p = graph.op("Sigmoid", z)
    return graph.op("Concat", graph.op("Sub", np.float32(1.0), p), p, axis=1)


@answer_form.register(OfMembers)
def _members(loss: OfMembers, graph: Graph, z: str, width: int) -> str:
    parts = [
        graph.op("Slice", z, np.array([begin]), np.array([begin + width // loss.members]), np.array([1]))
        for begin in range(0, width, width // loss.members)
    ]
    answers = [answer_form(loss.inner, graph, each, width // loss.members) for each in parts]
    return answers[0] if len(answers) == 1 else graph.op("Mean", *answers)


@answer_form.register(BinnedCrossEntropy)
def _binned(loss: BinnedCrossEntropy, graph: Graph, z: str, width: int) -> str:
    histograms = graph.op("Reshape", z, np.array([0, width // loss.bins, loss.bins]))
    return graph.op("Reshape", graph.op("Softmax", histograms, axis=-1), np.array([0, width]))


def add_outputs(graph: Graph, answer: str, target: Target, probabilistic: bool) -> None:
    """Add the graph's outputs: `label` and `probabilities` (or `scores`), or `prediction`."""
    names = ", ".join(target.names)
    if target.task == "regression":
        dtype = np.float64 if target.conditioned else np.float32
        if target.conditioned:
            answer = graph.op("Div", graph.cast(answer, np.float64), np.array(target.factor))
            graph.op("Add", answer, np.array(target.shift), name="prediction")
        else:
            graph.op("Identity", answer, name="prediction")
        graph.output("prediction", dtype, len(target.names), f"{names}, in the target's own unit")
        return
    kind = "probabilities" if probabilistic else "scores"
    if target.classes is None:
        yes = graph.op("Greater", answer, np.float32(0.5))
        graph.cast(yes, np.int64, name="label")
        graph.output("label", np.int64, len(target.names), f"0 or 1 for each of {names}")
    else:
        classes = np.array(target.classes)
        classes = classes.astype(object) if classes.dtype.kind == "U" else classes
        graph.op("Gather", classes, graph.op("ArgMax", answer, axis=1, keepdims=0), name="label")
        graph.output("label", classes.dtype, None, names)
    graph.op("Identity", answer, name=kind)
    columns = ", ".join(map(str, target.classes or target.names))
    graph.output(kind, np.float32, target.n_classes, f"of {columns}")
