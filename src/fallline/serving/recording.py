"""Records what a forward function does with NumPy's arrays, as a program that repeats it.

The function is run on arrays that write down every operation. Two runs with different numbers of rows are compared, so that
sizes that depend on the rows become part of the program. A function whose course depends on the numbers cannot be recorded.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from fallline.serving.program import Program, ProgramStep, Value, X
from fallline.serving.recorded import NotRecordableError, Recorded, again

ROWS = (7, 11)  # of the two runs


def record(
    function: Callable[[dict[str, Any], Any], Any],
    arrays: Mapping[str, np.ndarray],
    nested: Callable[[dict[str, Any]], dict[str, Any]],
    features: int,
) -> tuple[Program, dict[str, np.ndarray]]:
    """A program that repeats a function, and the arrays that it needs besides those given.

    Arguments:
        function: of nested arrays and rows; it computes with NumPy.
        arrays: its arrays in float64, by path.
        nested: turns arrays by path into the nested dicts that the function expects.
        features: number of columns of the rows.

    Raises: NotRecordableError for a function that does anything but NumPy's operations, independent of the numbers.

    >>> made, more = record(lambda a, x: np.tanh(x @ a["w"]).reshape(len(x)), {"w": np.ones((2, 1))}, dict, 2)
    >>> [step.name for step in made.steps], more
    (['matmul', 'tanh', 'reshape'], {})
    >>> made.run({"w": np.ones((2, 1))}, np.zeros((3, 2))).tolist()
    [0.0, 0.0, 0.0]
    """
    runs = []
    for rows in ROWS:
        tape: list[ProgramStep] = []
        own = {path: again(each, tape, {"array": path}) for path, each in arrays.items()}
        x = np.random.default_rng(rows).normal(size=(rows, features))
        with np.errstate(all="ignore"):
            answer = function(nested(own), again(x, tape, {"array": X}))
        if not isinstance(answer, Recorded) or answer.ref is None:
            raise NotRecordableError("its answer is not the result of a known operation")
        if answer.ref != {"step": len(tape) - 1}:  # an earlier result, or the rows themselves
            answer.astype(answer.dtype)
        runs.append(tape)
    if [each.name for each in runs[0]] != [each.name for each in runs[1]]:
        raise NotRecordableError("what it does depends on the number of rows")
    more: dict[str, np.ndarray] = {}
    steps = []
    for one, other in zip(*runs, strict=True):
        if one.named.keys() != other.named.keys() or len(one.inputs) != len(other.inputs):
            raise NotRecordableError("what it does depends on the number of rows")
        inputs = tuple(_joined(a, b, more) for a, b in zip(one.inputs, other.inputs, strict=True))
        steps.append(
            ProgramStep(one.name, inputs, {key: _joined(one.named[key], other.named[key], more) for key in one.named})
        )
    return Program(tuple(steps)), more


def _joined(one: Value, other: Value, more: dict[str, np.ndarray]) -> Value:
    """A value of both runs: what they share, or a multiple of the number of rows."""
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        if one.shape != other.shape or not np.array_equal(one, other, equal_nan=one.dtype.kind == "f"):
            raise NotRecordableError("a constant depends on the rows")
        if one.ndim == 0:
            return one.item()
        path = f"program/{len(more)}"
        more[path] = one
        return {"array": path}
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return {key: _joined(one[key], other[key], more) for key in one}
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [_joined(a, b, more) for a, b in zip(one, other, strict=True)]
    if one == other and type(one) is type(other):
        return one
    if isinstance(one, int) and isinstance(other, int) and one % ROWS[0] == 0 and other == one // ROWS[0] * ROWS[1]:
        return {"rows": one // ROWS[0]}
    raise NotRecordableError("what it does depends on the number of rows")
