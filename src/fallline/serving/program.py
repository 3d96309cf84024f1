"""A network as a list of NumPy's operations: it answers without the blocks that it was recorded from, and without JAX."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from fallline.core.errors import FalllineError
from fallline.serving.limits import size_of
from fallline.serving.operations import NAMES, operation

if TYPE_CHECKING:
    from jaxtyping import Float

X = "x"  # the name of the rows among the arrays
LONGEST = 100_000  # steps
Value: TypeAlias = Any  # plain values: numbers, lists, and dicts of one entry that stand for an array


@dataclass(frozen=True)
class ProgramStep:
    """One operation.

    Attributes:
        name: of the operation.
        inputs: its arguments: {"step": 3} for an earlier result, {"array": path}, a number or a list of these.
        named: its named arguments, of the same kinds; {"rows": 2} is twice the number of rows, and {"slice": [a, b, c]},
            {"new": 1} and {"rest": 1} stand in an index for a slice, a new axis and an ellipsis.
    """

    name: str
    inputs: tuple[Value, ...]
    named: dict[str, Value]

    def to_plain(self) -> list[Any]:
        """The step as JSON's values."""
        return [self.name, list(self.inputs), self.named]


@dataclass(frozen=True)
class Program:
    """Steps in the order in which they are computed; the last one's result is the answer.

    >>> twice = Program((ProgramStep("multiply", ({"array": "x"}, {"array": "two"}), {}),))
    >>> twice.run({"two": np.array(2.0)}, np.array([[1.0], [3.0]])).tolist()
    [[2.0], [6.0]]
    """

    steps: tuple[ProgramStep, ...]

    @functools.cached_property
    def _last_use(self) -> dict[int, list[int]]:
        """The results that no later step needs, by the step after which they are let go."""
        last: dict[int, int] = {}
        for index, step in enumerate(self.steps):
            for each in _steps_of([*step.inputs, *step.named.values()]):
                last[each] = index
        found: dict[int, list[int]] = {}
        for each, index in last.items():
            found.setdefault(index, []).append(each)
        return found

    @functools.cached_property
    def _operations(self) -> list[Any]:
        return [operation(each.name) for each in self.steps]

    def run(
        self, arrays: Mapping[str, np.ndarray], x: Float[np.ndarray, "rows features"], most: float = math.inf
    ) -> np.ndarray:
        """The answer for some rows, in the precision of the arrays.

        Arguments:
            arrays: by the paths that the steps name.
            x: encoded rows.
            most: numbers in the result of a step.

        Raises: ValueError for a step with a larger result, before it is computed.
        """
        held: dict[int, Any] = {}
        rows = len(x)

        def value(each: Value) -> Any:
            if isinstance(each, dict):
                ((kind, content),) = each.items()
                return _TAKEN[kind](content, held, arrays, x, rows, value)
            if isinstance(each, list):
                return [value(inner) for inner in each]
            return each

        with np.errstate(all="ignore"):
            for index, (step, called) in enumerate(zip(self.steps, self._operations, strict=True)):
                named = {name: value(each) for name, each in step.named.items()}
                inputs = [value(each) for each in step.inputs]
                if most < math.inf and size_of(step.name, inputs, named) > most:
                    raise ValueError(f"{step.name} would make more than {most:,} numbers")
                held[index] = called(*inputs, **named)
                for old in self._last_use.get(index, ()):
                    del held[old]
            return np.asarray(held[len(self.steps) - 1])

    def to_plain(self) -> list[Any]:
        """The steps as JSON's values."""
        return [each.to_plain() for each in self.steps]

    @staticmethod
    def from_plain(steps: Sequence[Any], arrays: Mapping[str, np.ndarray], what: str, remedy: str) -> "Program":
        """The program of a file.

        Raises: FalllineError for anything but steps that name known operations, earlier results and arrays that exist.
        """
        if not isinstance(steps, list) or not 0 < len(steps) <= LONGEST:
            raise _unfit(what, "its program is no list of steps", remedy)
        found = []
        for index, step in enumerate(steps):
            if not (isinstance(step, list) and len(step) == 3 and isinstance(step[0], str) and step[0] in NAMES):
                raise _unfit(what, f"step {index} of its program is no known operation", remedy)
            name, inputs, named = step
            known = isinstance(inputs, list) and isinstance(named, dict)
            if not known or not all(_fits(each, index, arrays, 0) for each in [*inputs, *named.values()]):
                raise _unfit(what, f"step {index} of its program, {name}, has inputs that do not exist", remedy)
            found.append(ProgramStep(name, tuple(inputs), named))
        return Program(tuple(found))


_TAKEN: dict[str, Any] = {
    "step": lambda content, held, arrays, x, rows, value: held[content],
    "array": lambda content, held, arrays, x, rows, value: x if content == X else arrays[content],
    "rows": lambda content, held, arrays, x, rows, value: content * rows,
    "slice": lambda content, held, arrays, x, rows, value: slice(*value(content)),
    "new": lambda content, held, arrays, x, rows, value: None,
    "rest": lambda content, held, arrays, x, rows, value: ...,
}


def _steps_of(values: Sequence[Value]) -> list[int]:
    """The earlier steps that some values need."""
    found: list[int] = []
    for each in values:
        if isinstance(each, dict) and "step" in each:
            found.append(each["step"])
        elif isinstance(each, dict) and "slice" in each:
            found += _steps_of(each["slice"])
        elif isinstance(each, list):
            found += _steps_of(each)
    return found


def _fits(each: Value, index: int, arrays: Mapping[str, np.ndarray], depth: int) -> bool:
    """Whether a value of a file can be computed at a step."""
    if depth > 3:
        return False
    if isinstance(each, list):
        return len(each) < 10_000 and all(_fits(inner, index, arrays, depth + 1) for inner in each)
    if not isinstance(each, dict):
        return each is None or isinstance(each, bool | int | float | str)
    if len(each) != 1:
        return False
    ((kind, content),) = each.items()
    whole = isinstance(content, int) and not isinstance(content, bool)
    match kind:
        case "step":
            return whole and 0 <= content < index
        case "array":
            return isinstance(content, str) and (content == X or content in arrays)
        case "rows" | "new" | "rest":
            return whole and 0 < content < 10_000
        case "slice":
            return isinstance(content, list) and len(content) == 3 and all(
                inner is None or isinstance(inner, int) or (isinstance(inner, dict) and "rows" in inner and
                _fits(inner, index, arrays, depth + 1)) for inner in content
            )  # fmt: skip
    return False


def _unfit(what: str, why: str, remedy: str) -> FalllineError:
    return FalllineError(f"{what} is damaged: {why}; {remedy}")
