"""A traced function of a few numbers, and its gradient, as JavaScript, so that a page can walk on it."""

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np

from fallline.core.operations import Operation, operations_of

MOST = 3000  # most lines; a longer function is not translated


class UntranslatableError(Exception):
    """The function holds an operation that is not on the list, such as a loop."""


def to_javascript(f: Callable[[Any], Any], n: int) -> str | None:
    """The body of a JavaScript function of `x` that returns [f, df/dx_1, ..., df/dx_n]; None if it cannot be translated.

    The function is traced with its derivatives, so that both are those that the walks use. Only operations on an
    allow-list become text, and all names in it are made here.

    >>> print(to_javascript(lambda x: x[0] ** 2, 1))
    const a=x[0]*x[0];
    const b=2*x[0];
    return [a,b];
    """

    def with_gradient(x: jax.Array) -> Any:
        basis = jnp.eye(n, dtype=x.dtype)
        return [f(x), *(jax.jvp(f, (x,), (basis[i],))[1] for i in range(n))]

    writer = Writer()
    try:
        with jax.enable_x64(True):
            traced = operations_of(jax.make_jaxpr(with_gradient)(jnp.zeros(n, jnp.float64)))
            values: dict[int, Any] = dict(traced.constants)
            values[traced.inputs[0]] = np.array([Term(f"x[{i}]") for i in range(n)], object)
            for step in traced.steps:
                (slot,) = step.outputs
                values[slot] = _plain(writer.operation(step, [values[each] for each in step.inputs]))
            ends = [literal(np.asarray(values[slot], object).reshape(-1)[0]) for slot in traced.outputs]
    except (UntranslatableError, ValueError):  # ValueError: an operation with several results
        return None
    return "\n".join([*writer.lines, f"return [{','.join(ends)}];"])


class Term(str):
    """A name in the written code; anything else is a number that is known already."""

    __slots__ = ()


Value: TypeAlias = Any  # a term or a number, or an array of them


def literal(value: Value) -> str:
    """A term or a number as code.

    >>> literal(-0.5), literal(float("inf")), literal(True)
    ('(-0.5)', 'Infinity', 'true')
    """
    if isinstance(value, Term):
        return str(value)
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    number = float(value)
    if not math.isfinite(number):
        return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "(-Infinity)"
    text = repr(int(number)) if number.is_integer() and abs(number) < 2**53 else repr(number)
    return f"({text})" if number < 0 else text


_ONE = {
    **{name: f"Math.{name}(%s)" for name in ("exp", "log", "log1p", "expm1", "sin", "cos", "tan", "sinh", "cosh", "tanh")},
    **{name: f"Math.{name}(%s)" for name in ("asin", "acos", "atan", "sqrt", "cbrt", "abs", "sign", "floor", "ceil")},
    "neg": "-%s", "rsqrt": "1/Math.sqrt(%s)", "logistic": "1/(1+Math.exp(-%s))", "not": "!%s",
    "is_finite": "Number.isFinite(%s)", "exp2": "Math.pow(2,%s)",
}  # fmt: skip
_TWO = {
    "add": "%s+%s", "add_any": "%s+%s", "sub": "%s-%s", "mul": "%s*%s", "div": "%s/%s", "rem": "%s%%%s",
    "max": "Math.max(%s,%s)", "min": "Math.min(%s,%s)", "pow": "Math.pow(%s,%s)", "atan2": "Math.atan2(%s,%s)",
    "lt": "%s<%s", "le": "%s<=%s", "gt": "%s>%s", "ge": "%s>=%s", "eq": "%s===%s", "ne": "%s!==%s",
    "and": "%s&&%s", "or": "%s||%s",
}  # fmt: skip
_SAME = ("copy", "copy_p", "stop_gradient", "reduce_precision", "optimization_barrier")
_MOVES = ("slice", "squeeze", "reshape", "broadcast_in_dim", "transpose", "concatenate", "rev", "expand_dims", "pad")
_INDEXED = ("dynamic_slice", "gather")  # the first operand moves, by indices that must be known
_SUMS = {"reduce_sum": "add", "reduce_max": "max", "reduce_min": "min", "reduce_prod": "mul"}


class Writer:
    """Lines of code, one per value; equal values share a line."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.known: dict[str, Term] = {}

    def value(self, code: str) -> Term:
        """The name of a value, which is written unless it is known."""
        if code not in self.known:
            if len(self.lines) >= MOST:
                raise UntranslatableError(code)
            self.known[code] = Term(_letters(len(self.lines)))
            self.lines.append(f"const {self.known[code]}={code};")
        return self.known[code]

    def operation(self, step: Operation, values: list[Any]) -> Any:
        """The result of one operation, an array of terms and numbers."""
        inputs = [np.asarray(each, object) if _has_terms(each) else np.asarray(each) for each in values]
        if not any(map(_has_terms, inputs)):
            return np.asarray(step(*(jnp.asarray(each) for each in inputs))[0])
        name = step.name
        if name in _SAME:
            return inputs[0]
        if name == "convert_element_type":
            return self._converted(inputs[0], np.dtype(step.params["new_dtype"]))
        if name in _MOVES:
            return _moved(step, inputs, len(inputs))
        if name in _INDEXED:
            return _moved(step, inputs, 1)
        if name in _SUMS:
            return self._reduced(_SUMS[name], inputs[0], step.params["axes"])
        if name == "dot_general":
            return self._product(step, *inputs)
        return _elementwise(lambda *each: self._one(name, step.params, *each), inputs)

    def _one(self, name: str, params: dict[str, Any], *each: Value) -> Any:
        if name == "select_n" and len(each) == 3:
            which, a, b = each
            return self.value(f"{which}?{literal(b)}:{literal(a)}") if isinstance(which, Term) else (b if which else a)
        if name == "clamp":
            return self._one("min", params, self._one("max", params, each[1], each[0]), each[2])
        if name == "integer_pow":
            return self._power(each[0], params["y"])
        if name == "square":
            return self._power(each[0], 2)
        if name == "one_minus_square":  # in the derivative of tanh, since JAX 0.12
            return self._two("mul", self._two("sub", 1.0, each[0]), self._two("add", 1.0, each[0]))
        if name in _ONE and len(each) == 1:
            return self.value(_ONE[name] % literal(each[0]))
        if name in _TWO and len(each) == 2:
            return self._two(name, *each)
        raise UntranslatableError(name)

    def _two(self, name: str, a: Value, b: Value) -> Any:
        # The derivatives begin with constants of 0 and 1, which need no code.
        numbers = [None if isinstance(each, Term) else float(each) for each in (a, b)]
        if name == "mul" and 0.0 in numbers:
            return 0.0
        if name in ("mul", "div") and numbers[1] == 1.0:
            return a
        if name == "mul" and numbers[0] == 1.0:
            return b
        if name in ("add", "add_any", "sub") and numbers[1] == 0.0:
            return a
        if name in ("add", "add_any") and numbers[0] == 0.0:
            return b
        if None not in numbers and name in ("add", "add_any", "sub", "mul", "max", "min"):
            x, y = float(a), float(b)
            return {"add": x + y, "add_any": x + y, "sub": x - y, "mul": x * y, "max": max(x, y), "min": min(x, y)}[
                name
            ]
        return self.value(_TWO[name] % (literal(a), literal(b)))

    def _power(self, a: Value, y: int) -> Any:
        if not isinstance(a, Term):
            return float(a) ** y
        return self.value(f"{a}*{a}" if y == 2 else f"{a}*{a}*{a}" if y == 3 else f"Math.pow({a},{y})")

    def _converted(self, x: Value, dtype: np.dtype[Any]) -> Any:
        if dtype.kind == "f":
            return _elementwise(lambda each: self.value(f"+{each}") if isinstance(each, Term) else float(each), [x])
        raise UntranslatableError("convert_element_type")

    def _reduced(self, name: str, x: Value, axes: tuple[int, ...]) -> Any:
        kept = [axis for axis in range(x.ndim) if axis not in axes]
        rows = x.transpose([*kept, *axes]).reshape(*(x.shape[axis] for axis in kept), -1)
        found = np.empty(rows.shape[:-1], object)
        for place in np.ndindex(found.shape):
            row = rows[place]
            total = row[0]
            for each in row[1:]:
                total = self._one(name, {}, total, each)
            found[place] = total
        return found

    def _product(self, step: Operation, a: Value, b: Value) -> Any:
        (of_a, of_b), (batch, _) = step.params["dimension_numbers"]
        if batch:
            raise UntranslatableError("dot_general")
        left = a.transpose([*(i for i in range(a.ndim) if i not in of_a), *of_a])
        right = b.transpose([*(i for i in range(b.ndim) if i not in of_b), *of_b])
        n = math.prod(a.shape[i] for i in of_a)
        rows, columns = left.reshape(-1, n), right.reshape(-1, n)
        terms = np.empty((len(rows), len(columns), n), object)
        for i, j, k in np.ndindex(terms.shape):
            terms[i, j, k] = self._one("mul", {}, rows[i, k], columns[j, k])
        shape = left.shape[: a.ndim - len(of_a)] + right.shape[: b.ndim - len(of_b)]
        return self._reduced("add", terms, (2,)).reshape(shape)


def _has_terms(value: Value) -> bool:
    array = np.asarray(value, object) if isinstance(value, np.ndarray) and value.dtype == object else None
    return isinstance(value, Term) or (array is not None and any(isinstance(each, Term) for each in array.reshape(-1)))


def _plain(values: Value) -> Any:
    """An array of objects that are all numbers, as an array of numbers."""
    return values if _has_terms(values) or values.dtype != object else np.asarray(values.tolist())


def _elementwise(f: Callable[..., Any], inputs: list[Any]) -> Any:
    together = np.broadcast(*inputs)
    found = np.empty(together.shape, object)
    for place, each in zip(np.ndindex(together.shape), together, strict=True):
        found[place] = f(*each)
    return found


def _moved(step: Operation, inputs: list[Any], count: int) -> Any:
    """The result of an operation that only moves elements: it moves their numbers in a list instead."""
    pool: list[Any] = []
    places = []
    for each in inputs[:count]:
        places.append(jnp.asarray(np.arange(len(pool), len(pool) + each.size).reshape(each.shape), jnp.float64))
        pool += list(each.reshape(-1))
    known = [jnp.asarray(each) for each in inputs[count:]]
    if any(map(_has_terms, inputs[count:])):
        raise UntranslatableError(step.name)
    where = np.asarray(step(*places, *known)[0])
    return _elementwise(lambda i: pool[int(i)] if np.isfinite(i) else math.nan, [where])


def _letters(number: int) -> str:
    """A short name that is no word of the language: a to z, then a1 to z1, and so on; x is the argument."""
    letters = "abcdefghijklmnopqrstuvwyz"
    return letters[number % 25] + (str(number // 25) if number >= 25 else "")
