"""An ONNX graph under construction: operators are added and named one by one, and numbers become constants."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from fallline._version import __version__
from fallline.core.errors import FalllineError
from fallline.core.extras import optional

OPSET, ML_OPSET, IR_VERSION = 20, 3, 9  # those of ONNX 1.15, which ONNX Runtime reads since 1.17
ML = "ai.onnx.ml"
LARGEST = 2**31 - 1  # most bytes of one protobuf message


def package(name: str) -> Any:
    """Imports the package `onnx` or `onnxruntime`.

    Raises: FalllineError if it is not installed.
    """
    return optional(name, "onnx", "ONNX export")


class Graph:
    """Operators, constants, inputs and outputs of an ONNX graph.

    Arguments:
        reserved: names that inner values must not take: those of the inputs and outputs.

    >>> graph = Graph(reserved=("x",))
    >>> y = graph.op("Mul", "x", np.float32(2.0))
    >>> y, [node.op_type for node in graph.nodes], len(graph.constants)
    ('mul_1', ['Mul'], 1)
    """

    def __init__(self, reserved: Iterable[str] = ()) -> None:
        self.onnx = package("onnx")
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.inputs: list[Any] = []
        self.outputs: list[Any] = []
        self._taken = set(reserved)

    def op(self, kind: str, *inputs: Any, domain: str = "", name: str | None = None, **attributes: object) -> str:
        """Add an operator with one output and return the output's name.

        Arguments:
            kind: the operator, such as "Add".
            inputs: names of values; an array or a NumPy number becomes a constant of its own dtype.
            domain: "" for the standard operators, "ai.onnx.ml" for those of classical models.
            name: name of the output; by default the operator's name with a number.
            attributes: attributes of the operator.
        """
        names = [each if isinstance(each, str) else self.constant(each) for each in inputs]
        output = self._free(kind.lower()) if name is None else name
        node = self.onnx.helper.make_node(kind, names, [output], name=f"node_{output}", domain=domain, **attributes)
        self.nodes.append(node)
        return output

    def constant(self, value: object) -> str:
        """Add an array to the file and return its name."""
        array = np.asarray(value)
        name = self._free("constant")
        self.constants.append(self.onnx.numpy_helper.from_array(np.ascontiguousarray(array).reshape(array.shape), name))
        return name

    def cast(self, x: str, dtype: DTypeLike, name: str | None = None) -> str:
        """Add a cast to another NumPy dtype and return the output's name."""
        return self.op("Cast", x, to=self._type(dtype), name=name)

    def input(self, name: str, dtype: DTypeLike, width: int, about: str) -> str:
        """Declare an input of N rows."""
        value = self.onnx.helper.make_tensor_value_info(name, self._type(dtype), ["N", width], about)
        self.inputs.append(value)
        return name

    def output(self, name: str, dtype: DTypeLike, width: int | None, about: str) -> None:
        """Declare a value as an output of N rows; without a width it is a vector."""
        shape = ["N"] if width is None else ["N", width]
        self.outputs.append(self.onnx.helper.make_tensor_value_info(name, self._type(dtype), shape, about))

    def to_bytes(self, about: str, notes: dict[str, str]) -> bytes:
        """The content of the model's file, checked by onnx.

        Raises: FalllineError if the model is too large for one file.
        """
        size = sum(len(each.raw_data) for each in self.constants)
        if size > LARGEST:
            raise FalllineError(
                f"the model has {size / 2**30:.1f} GiB of numbers, and an ONNX file holds 2: make it smaller"
            )
        helper = self.onnx.helper
        graph = helper.make_graph(self.nodes, "fallline", self.inputs, self.outputs, self.constants, about)
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(ML, ML_OPSET)],
            ir_version=IR_VERSION,
            producer_name="fallline",
            producer_version=__version__,
        )
        helper.set_model_props(model, notes)
        self.onnx.checker.check_model(model, full_check=True)
        return bytes(model.SerializeToString())

    def _free(self, word: str) -> str:
        count = 1
        while f"{word}_{count}" in self._taken:
            count += 1
        self._taken.add(f"{word}_{count}")
        return f"{word}_{count}"

    def _type(self, dtype: DTypeLike) -> int:
        return int(self.onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))
