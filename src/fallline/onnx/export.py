"""A trained model as one ONNX file: assembled, checked, compared with the model itself, and then written."""

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
from fallline.onnx.graph import Graph
from fallline.onnx.inputs import OUTPUTS, Input, inputs_of
from fallline.onnx.layers import layer_form
from fallline.onnx.scalers import inverse_form, scaler_form


class Trained(Protocol):
    """What of a predictor the export reads."""

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
    def judge(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]: ...


@dataclass(frozen=True)
class Export:
    """What was written.

    Attributes:
        path: the file.
        inputs: the graph's inputs: name and what to give.
        outputs: the names of the graph's outputs.
        difference: the largest difference between the graph's answer by ONNX Runtime and the model's own on rows made up
            for it, of a probability or of the target's spread; None where ONNX Runtime is not installed.
    """

    path: Path
    inputs: dict[str, str]
    outputs: tuple[str, ...]
    difference: float | None


def to_onnx(model: Trained | Sequence[Trained], path: str | Path, *, inputs: str = "auto") -> Export:
    """Write a trained model, or the average of several, as one ONNX file: from raw columns to the answer.

    The graph computes in float32, as the model itself does; a `prediction` is float64 where float32 could not tell the
    targets apart or hold them.
    A table's columns are inputs of their own, (N, 1), named after them (`Export.inputs` says how): float32 for numbers
    (float64 where float32 cannot tell them apart), NaN where missing; text for categories and booleans, "" where missing;
    int64 for dates, microseconds since 1970-01-01. A value that training has not seen goes the way it goes in Fallline. A
    model of arrays has one input X. Outputs: `label` in the type of the data's own labels and `probabilities` (`scores`
    for a loss without probabilities), or `prediction`. What Fallline refuses (infinity, a missing value where training
    knew none), the graph does not: it has no errors.

    Arguments:
        model: what `fallline.train` returns as `run.model`, or `fallline.load_predictor` reads; or several such models of
            one table, whose probabilities or predictions are averaged.
        path: the file to write.
        inputs: "columns", "array", or "auto" to decide by the model's columns.

    Raises: FalllineError for a block without an ONNX form, without the package onnx, and where ONNX Runtime, if it is
        installed, does not get the model's own answers; then nothing is written.

    >>> import tempfile
    >>> import fallline as fl
    >>> model = fl.train(fl.Recipe(epochs=1), fl.load("sklearn:iris")).model
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     done = to_onnx(model, f"{folder}/iris.onnx")
    >>> list(done.inputs), done.outputs, done.difference < 1e-6
    (['X'], ('label', 'probabilities'), True)
    """
    path = Path(path)
    models = tuple(model) if isinstance(model, Sequence) else (model,)
    if not models or any(each.schema != models[0].schema for each in models):
        raise FalllineError(
            "the models to average must be of one table: give at least one, all trained on the same columns"
        )
    schema = models[0].schema
    wanted = inputs_of(schema, inputs)
    graph = Graph(reserved=(*OUTPUTS, *(each.name for each in wanted)))
    rows = encode(graph, wanted)
    answers = [add_model(graph, each, rows) for each in models]
    answer = answers[0] if len(answers) == 1 else graph.op("Mean", *answers)
    add_outputs(graph, answer, schema.target, all(each.recipe.loss.probabilistic for each in models))
    content = graph.to_bytes(*described(schema, wanted))
    difference = None
    if importlib.util.find_spec("onnxruntime") is not None:
        difference = compare(content, models, inputs)
    write_atomically(path, content)
    return Export(
        path, {each.name: each.about for each in wanted}, tuple(each.name for each in graph.outputs), difference
    )


def add_model(graph: Graph, model: Trained, rows: str) -> str:
    """Add everything between the encoded rows and the answer."""
    recipe, arrays = model.recipe, model.arrays
    width = recipe.loss.outputs(model.outputs, model.task)
    x = scaler_form(recipe.scaler, graph, rows, arrays["scaling"])
    z = layer_form(recipe.model.network(width), graph, x, arrays["params"], arrays["stats"])
    answer = answer_form(recipe.loss, graph, z, width)
    if recipe.target_scaler is not None:
        answer = inverse_form(recipe.target_scaler, graph, answer, arrays["target_scaling"])
    return str(answer)


def described(schema: Schema, inputs: list[Input]) -> tuple[str, dict[str, str]]:
    """A sentence and the notes that the file carries."""
    target, columns = schema.target, {each.name: [column.name for column in each.columns] for each in inputs}
    notes = {"task": target.task, "target": json.dumps(target.names), "inputs": json.dumps(columns)}
    return f"{target.task} of {', '.join(target.names)} by Fallline; preprocessing is part of the graph", notes
