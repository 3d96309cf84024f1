"""How many numbers the result of an operation will have, before it is computed."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fallline.serving.operations import SHAPING


def size_of(name: str, inputs: Sequence[Any], named: Mapping[str, Any]) -> int:
    """The number of numbers in an operation's result, or more.

    Raises: ValueError for arrays that do not fit together.

    >>> size_of("add", [np.zeros((3, 1)), np.zeros(4)], {}), size_of("matmul", [np.zeros((3, 2)), np.zeros((2, 5))], {})
    (12, 15)
    """
    if name in SHAPING and name not in ("where", "clip"):
        return _shaped(name, inputs, named)
    shapes = [np.shape(each) for each in inputs]
    if name == "matmul":
        return _product(*shapes) if len(shapes) == 2 else 0
    return math.prod(np.broadcast_shapes(*shapes)) if shapes else 0


def _shaped(name: str, inputs: Sequence[Any], named: Mapping[str, Any]) -> int:
    arrays = [each for each in inputs if isinstance(each, np.ndarray)]
    if name == "einsum":
        return _einsum(str(named.get("subscripts")), [each.shape for each in arrays])
    if name in ("broadcast_to", "reshape"):
        return math.prod(abs(int(each)) for each in named["shape"])
    if name == "repeat":
        return arrays[0].size * int(np.max(named["repeats"] if "repeats" in named else inputs[1], initial=1))
    if name == "getitem":
        chosen = [each.size for each in inputs[1] if isinstance(each, np.ndarray)]
        return arrays[0].size if not chosen else max(chosen) * max(1, arrays[0].size // max(1, len(arrays[0])))
    return sum(each.size for each in arrays)


def _product(left: tuple[int, ...], right: tuple[int, ...]) -> int:
    rows, columns = left[-2:-1] or (1,), right[-1:] if len(right) > 1 else (1,)
    return math.prod((*np.broadcast_shapes(left[:-2], right[:-2]), *rows, *columns))


def _einsum(subscripts: str, shapes: Sequence[tuple[int, ...]]) -> int:
    inputs, _, output = subscripts.replace(" ", "").partition("->")
    lengths = {letter: size for part, shape in zip(inputs.split(","), shapes, strict=True)
               for letter, size in zip(part, shape, strict=True)}  # fmt: skip
    return math.prod(lengths[letter] for letter in output)
