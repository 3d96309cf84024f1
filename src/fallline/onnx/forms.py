"""The tables of ONNX forms: the operators of each block of a family, kept apart from the blocks' own files."""

from collections.abc import Callable
from typing import Any, TypeVar

from fallline.core.errors import FalllineError

Function = TypeVar("Function", bound=Callable[..., Any])


class Forms:
    """A function that dispatches on the type of its first argument.

    Unlike with `functools.singledispatch`, a subclass does not inherit the form of its base: it may compute something
    else, and a graph that silently predicts the wrong thing is worse than none.

    Arguments:
        name: name of the table in `fallline.onnx`.
        what: the kind of block, for error messages.

    >>> form = Forms("activation_form", "activation")
    >>> @form.register(int)
    ... def _int(block, x):
    ...     return f"{x} + {block}"
    >>> form(3, "x"), bool in form  # bool is a subclass of int
    ('x + 3', False)
    """

    def __init__(self, name: str, what: str) -> None:
        self.name, self.what = name, what
        self._functions: dict[type, Callable[..., Any]] = {}

    def register(self, *blocks: type) -> Callable[[Function], Function]:
        """A decorator that makes a function the form of these blocks."""

        def add(function: Function) -> Function:
            self._functions.update(dict.fromkeys(blocks, function))
            return function

        return add

    def __contains__(self, block: type) -> bool:
        return block in self._functions

    def __call__(self, block: object, *arguments: object) -> Any:
        kind = type(block)
        if kind not in self._functions:
            raise FalllineError(
                f"the {self.what} {kind.__name__} has no ONNX form: register a function with "
                f"fallline.onnx.{self.name}.register({kind.__name__})"
            )
        return self._functions[kind](block, *arguments)
