"""Exports a trained model as one ONNX file, which is checked and compared with the model before it is written."""

import importlib.util
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from fallline.core.errors import FalllineError
from fallline.core.files import write_atomically
from fallline.data.schema import Schema
from fallline.onnx.answers import add_outputs, answer_form
from fallline.onnx.columns import encode
from fallline.onnx.compare import compare
from fallline.onnx.encodings import with_codes
from fallline.onnx.graph import Graph
from fallline.onnx.inputs import OUTPUTS, Input, inputs_of
from fallline.onnx.layers import layer_form
from fallline.onnx.scalers import inverse_form, scaler_form


class Trained(Protocol):
    """The part of a predictor that the export reads."""

    @property
    def recipe(self) -> Any: ...
    @property
    def schema(self) -> Schema: ...
    @property
    def outputs(self) -> int: ...
    @property
    def arrays(self) -> dict[str, Any]: ...
    @property
    def task(self) -> str: ...
    def answer(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]: ...


@dataclass(frozen=True)
class Export:
    """The result of an export.

    Attributes:
        path: the file.
        inputs: name of each input of the graph and what to pass to it.
        outputs: the names of the graph's outputs.
        difference: the largest difference between ONNX Runtime's answers and the model's own on made-up rows, as a
            probability or relative to the target's spread; None if ONNX Runtime is not installed.
    """

    path: Path
    inputs: dict[str, str]
    outputs: tuple[str, ...]
    difference: float | None


def to_onnx(model: Trained | Sequence[Trained], path: str | Path, *, inputs: str = "auto") -> Export:
    """Write a trained model, or the average of several, as one ONNX file: from raw columns to the answer.

    The graph computes in float32, as the model itself does; a `prediction` is float64 if float32 could not hold the
    targets or tell them apart.
    Each column of a table is an input (N, 1), named after the column (see `Export.inputs`): float32 for numbers (float64
    if float32 cannot tell them apart), NaN where missing; text for categories and booleans, "" where missing; int64 for
    dates, microseconds since 1970-01-01. Values not seen in training are treated as in Fallline. A model of arrays has
    one input X. The outputs are `label`, in the type of the data's own labels, and `probabilities` (`scores` for a loss
    without probabilities), or `prediction`. The graph has no errors: it accepts values that Fallline refuses (infinity, a
    missing value where training had none).

    Arguments:
        model: a model from `run.model` of `fallline.train` or from `fallline.load_predictor`, or several such models of
            one table, whose probabilities or predictions are averaged.
        path: the file to write.
        inputs: "columns", "array", or "auto" to decide by the model's columns.

    Raises: FalllineError for a block without an ONNX form, if the package onnx is missing, or if ONNX Runtime is
        installed and does not reproduce the model's answers; then nothing is written.

    >>> import tempfile
    >>> import fallline as fl
    >>> model = fl.train(fl.Recipe(epochs=1), fl.load("sklearn:iris")).model
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     done = to_onnx(model, f"{folder}/iris.onnx")
    >>> list(done.inputs), done.outputs, done.difference < 1e-6
    (['X'], ('label', 'probabilities'), True)
    """
    path = Path(path)
    models, weights = apart(tuple(model) if isinstance(model, Sequence) else (model,))
    if not models or any(each.schema != models[0].schema for each in models):
        raise FalllineError(
            "the models to average must be of one table: give at least one, all trained on the same columns"
        )
    schema = models[0].schema
    wanted = inputs_of(schema, inputs)
    graph = Graph(reserved=(*OUTPUTS, *(each.name for each in wanted)))
    rows = encode(graph, wanted)
    answers = [add_model(graph, each, rows) for each in models]
    answer = mean_of(graph, answers, weights)
    add_outputs(graph, answer, schema.target, all(each.recipe.loss.probabilistic for each in models))
    content = graph.to_bytes(*described(schema, wanted))
    difference = None
    if importlib.util.find_spec("onnxruntime") is not None:
        difference = compare(content, models, weights, inputs)
    write_atomically(path, content)
    return Export(
        path, {each.name: each.about for each in wanted}, tuple(each.name for each in graph.outputs), difference
    )


def apart(models: Sequence[Any]) -> tuple[list[Any], list[float]]:
    """The single networks of some models, whose ensembles are taken apart, and the weight of each; the weights sum to 1."""
    found: list[Any] = []
    weights: list[float] = []
    for model in models:
        shares = getattr(model, "weights", (1.0,))
        found += getattr(model, "members", (model,))
        weights += [share / len(models) for share in shares]
    return found, weights


def mean_of(graph: Graph, answers: Sequence[str], weights: Sequence[float]) -> str:
    """The weighted mean of some values."""
    if len(answers) == 1:
        return answers[0]
    if max(weights) - min(weights) < 1e-9:
        return graph.op("Mean", *answers)
    return graph.op("Sum", *(graph.op("Mul", each, np.float32(w)) for each, w in zip(answers, weights, strict=True)))


def add_model(graph: Graph, model: Trained, rows: str) -> str:
    """Add the operators from the encoded rows to the answer, and return the answer's name."""
    recipe, arrays = model.recipe, model.arrays
    width = recipe.loss.outputs(model.outputs, model.task)
    x = scaler_form(recipe.scaler, graph, rows, arrays["scaling"])
    if recipe.encoding is not None:
        x = with_codes(recipe.encoding, graph, x, rows, arrays["scaling"])
    z = layer_form(recipe.network(width), graph, x, arrays["params"], arrays["stats"])
    answer = answer_form(recipe.loss, graph, z, width)
    if recipe.target_scaler is not None:
        answer = inverse_form(recipe.target_scaler, graph, answer, arrays["target_scaling"])
    return str(answer)


def described(schema: Schema, inputs: list[Input]) -> tuple[str, dict[str, str]]:
    """The description and the notes stored in the file."""
    target, columns = schema.target, {each.name: [column.name for column in each.columns] for each in inputs}
    notes = {"task": target.task, "target": json.dumps(target.names), "inputs": json.dumps(columns)}
    return f"{target.task} of {', '.join(target.names)} by Fallline; preprocessing is part of the graph", notes
