"""Formulas as text: parsed by an allow-list into a function that JAX traces, and never evaluated as Python."""

import ast
import functools
import math
import re
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

import jax.numpy as jnp

from fallline.core.errors import FalllineError, nearest

LONGEST = 1000  # most characters
DEEPEST = 60  # most operations within each other
LARGEST = 1e100  # largest number
POWER = 64  # largest constant exponent
COORDINATES = 100  # most coordinates x1, x2, ...
AXES = ("x", "y", "z")
CONSTANTS = {"pi": math.pi, "e": math.e}
FUNCTIONS: dict[str, tuple[Callable[..., Any], int]] = {
    **{name: (getattr(jnp, name), 1) for name in ("sin", "cos", "tan", "exp", "log", "sqrt", "abs", "sign")},
    **{name: (getattr(jnp, name), 1) for name in ("sinh", "cosh", "tanh", "arctan", "floor", "log1p", "expm1")},
    "min": (jnp.minimum, 2),
    "max": (jnp.maximum, 2),
}
_OPERATIONS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
}
_SIGNS: dict[type, Callable[[Any], Any]] = {ast.UAdd: lambda a: a, ast.USub: lambda a: -a}
_NUMBERED = re.compile(r"x([1-9][0-9]{0,2})")

Compiled = Callable[[Mapping[str, Any]], Any]


def parse_expression(text: str) -> tuple[Callable[[Any], Any], int]:
    """A formula in x, y, z or x1, x2, ... as a function of a point, and the number of its coordinates.

    Numbers, + - * / and powers (^ or **), pi, e, and the functions sin, cos, tan, exp, log, sqrt, abs, sign, sinh, cosh,
    tanh, arctan, floor, log1p, expm1, min and max (of two) are known. Everything else is refused. Nothing is executed.

    Raises: FalllineError that names the position, for anything that is not such a formula.

    >>> f, n = parse_expression("x^2 + 10 y^2".replace(" y", "*y"))
    >>> n, float(f(jnp.array([1.0, 2.0])))
    (2, 41.0)
    >>> parse_expression("x + __import__('os')")
    Traceback (most recent call last):
    fallline.core.errors.FalllineError: formula, position 16: "'" is not allowed: expected numbers, names, + - * / ^ ( )
    """
    if not isinstance(text, str):
        raise FalllineError(f"formula of type {type(text).__name__} is not text: expected one such as 'x^2 + 10*y^2'")
    return _parsed(text)


@functools.lru_cache(maxsize=256)
def _parsed(text: str) -> tuple[Callable[[Any], Any], int]:
    reader = _Reader(text)
    run = reader.read()
    names = reader.coordinates()

    def f(x: Any) -> Any:
        return jnp.asarray(run({name: x[i] for i, name in enumerate(names)}), x.dtype).reshape(())

    return f, len(names)


class _Reader:
    """A parse of one formula; positions count characters from 1."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.used: dict[str, int] = {}  # the coordinates that occur, with the position of their first use

    def read(self) -> Compiled:
        """The formula as a function of its coordinates by name."""
        if not self.text.strip():
            raise FalllineError("the formula is empty: expected one such as 'x^2 + 10*y^2'")
        if len(self.text) > LONGEST:
            raise FalllineError(f"the formula has {len(self.text):,} characters: expected at most {LONGEST:,}")
        for place, letter in enumerate(self.text):
            if not (letter.isascii() and (letter.isalnum() or letter in "_.+-*/^(), ")):
                shown = repr(letter) if letter.isascii() and letter.isprintable() else ascii(letter)
                self.refuse(place, f"{shown} is not allowed: expected numbers, names, + - * / ^ ( )")
        self.check_brackets()
        python = self.text.replace("^", "**")
        # Python's own parser only builds the tree; every node of it is checked below.
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                tree = ast.parse(f"({python}\n)", mode="eval")
        except SyntaxError as error:
            self.refuse(self.place(max((error.offset or 1) - 2, 0) if error.lineno == 1 else len(python)), _said(error))
        except (ValueError, MemoryError, RecursionError):
            raise FalllineError("the formula has too many brackets or too long numbers: simplify it") from None
        return self.node(tree.body, 0)

    def check_brackets(self) -> None:
        """Refuse brackets that are not in pairs, before the text is put into a pair of its own."""
        opened: list[int] = []
        for place, letter in enumerate(self.text):
            if letter == "(":
                opened.append(place)
                if len(opened) > DEEPEST:
                    self.refuse(place, f"brackets are nested more than {DEEPEST} deep: simplify the formula")
            elif letter == ")":
                if not opened:
                    self.refuse(place, "this bracket was never opened")
                opened.pop()
        if opened:
            self.refuse(opened[-1], "this bracket is never closed")

    def coordinates(self) -> tuple[str, ...]:
        """The names of all coordinates, in order."""
        if not self.used:
            raise FalllineError(f"formula {self.text!r} has no coordinate: expected x, y and z, or x1, x2, ...")
        numbered = [name for name in self.used if name not in AXES]
        plain = [name for name in self.used if name in AXES]
        if numbered and plain:
            self.refuse(self.used[plain[0]], f"{plain[0]!r} is mixed with {numbered[0]!r}: use x, y, z or x1, x2, ...")
        if numbered:
            return tuple(f"x{i + 1}" for i in range(max(int(name[1:]) for name in numbered)))
        return AXES[: max(AXES.index(name) for name in plain) + 1]

    def node(self, node: ast.AST, depth: int) -> Compiled:
        """A node of the tree, if it is on the list."""
        if depth > DEEPEST:
            self.refuse_at(node, f"operations are nested more than {DEEPEST} deep: simplify the formula")
        match node:
            case ast.Constant():
                return self.constant(node)
            case ast.Name():
                return self.name(node)
            case ast.UnaryOp(op=op, operand=operand) if type(op) in _SIGNS:
                one, sign = self.node(operand, depth + 1), _SIGNS[type(op)]
                return lambda x: sign(one(x))
            case ast.BinOp(op=ast.Pow(), left=left, right=right):
                return self.power(left, right, depth)
            case ast.BinOp(op=op, left=left, right=right) if type(op) in _OPERATIONS:
                a, b, operation = self.node(left, depth + 1), self.node(right, depth + 1), _OPERATIONS[type(op)]
                return lambda x: operation(a(x), b(x))
            case ast.Call():
                return self.call(node, depth)
        self.refuse_at(node, f"{_WORDS.get(type(node), 'this')} does not belong into a formula")

    def constant(self, node: ast.Constant) -> Compiled:
        value = node.value
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.refuse_at(node, f"{value!r} is not a real number")
        if not abs(value) <= LARGEST:
            self.refuse_at(node, f"the number is too large: expected at most {LARGEST:g}")
        number = float(value)
        # An array, so that a division by 0 gives an infinity as it does among coordinates.
        return lambda x: jnp.asarray(number, next(iter(x.values())).dtype)

    def name(self, node: ast.Name) -> Compiled:
        name = node.id
        if name in CONSTANTS:
            return lambda x: jnp.asarray(CONSTANTS[name], next(iter(x.values())).dtype)
        matched = _NUMBERED.fullmatch(name)
        if name not in AXES and not (matched and int(matched[1]) <= COORDINATES):
            known = [*AXES, "x1", "x2", *CONSTANTS, *FUNCTIONS]
            self.refuse_at(
                node,
                f"{name!r} needs brackets: {name}(x)"
                if name in FUNCTIONS
                else f"{name!r} is unknown: {nearest(name, known)}",
            )
        self.used.setdefault(name, self.start(node))
        return lambda x: x[name]

    def power(self, left: ast.AST, right: ast.AST, depth: int) -> Compiled:
        base = self.node(left, depth + 1)
        sign, digits = (
            (-1, right.operand) if isinstance(right, ast.UnaryOp) and isinstance(right.op, ast.USub) else (1, right)
        )
        if (
            isinstance(digits, ast.Constant)
            and isinstance(digits.value, int | float)
            and not isinstance(digits.value, bool)
        ):
            if not digits.value <= POWER:
                self.refuse_at(right, f"the exponent is too large: expected -{POWER} to {POWER}")
            p = sign * digits.value
            return lambda x: base(x) ** (int(p) if float(p).is_integer() else p)
        exponent = self.node(right, depth + 1)
        return lambda x: base(x) ** exponent(x)

    def call(self, node: ast.Call, depth: int) -> Compiled:
        if not isinstance(node.func, ast.Name):
            self.refuse_at(node, "a bracket follows what is not a function: write * between them")
        name = node.func.id
        if name not in FUNCTIONS:
            is_value = _NUMBERED.fullmatch(name) or name in AXES or name in CONSTANTS
            remedy = f"write {name}*(...)" if is_value else nearest(name, FUNCTIONS)
            self.refuse_at(node, f"{name!r} is no function: {remedy}")
        f, count = FUNCTIONS[name]
        if node.keywords or len(node.args) != count:
            self.refuse_at(node, f"{name} takes {count} value{'s' * (count > 1)}")
        inner = [self.node(each, depth + 1) for each in node.args]
        return lambda x: f(*(each(x) for each in inner))

    def start(self, node: Any) -> int:
        """Where a node begins in the text; the tree's first line begins with a bracket of its own."""
        return self.place(node.col_offset - 1)

    def place(self, column: int) -> int:
        """A column of the text with `**` for `^`, in the text itself."""
        at = 0
        while column > 0 and at < len(self.text):
            column -= 2 if self.text[at] == "^" else 1
            at += 1
        return at

    def refuse_at(self, node: Any, why: str) -> NoReturn:
        self.refuse(self.start(node), why)

    def refuse(self, place: int, why: str) -> NoReturn:
        """Raise a FalllineError that names the position, counted from 1."""
        raise FalllineError(f"formula, position {place + 1}: {why}")


_WORDS: dict[type, str] = {
    ast.Tuple: "a comma", ast.IfExp: "a condition", ast.BoolOp: "a condition", ast.Compare: "a comparison",
    ast.Attribute: "a dot after a name", ast.Starred: "a second *", ast.Lambda: "lambda", ast.BinOp: "//",
    ast.GeneratorExp: "a loop", ast.Yield: "yield", ast.Await: "await",
}  # fmt: skip


def _said(error: SyntaxError) -> str:
    message = (error.msg or "").lower()
    if "decimal literal" in message or "comma" in message:
        return "two things stand side by side: write * or brackets between them"
    return "the formula cannot be read from here: expected a number, a name or one of + - * / ^ ( )"
