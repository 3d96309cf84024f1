"""Arrays of NumPy that write down what is done with them, while they compute as any array does."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike

from fallline.serving.operations import name_of
from fallline.serving.program import ProgramStep, Value


class NotRecordableError(Exception):
    """What a function does that no program can repeat."""


class Recorded(np.ndarray):
    """An array that knows from which step it comes; it computes as any array does."""

    tape: list[ProgramStep] | None
    ref: Value

    def __array_finalize__(self, other: object) -> None:
        # A view that NumPy makes by itself comes from no step that was written down.
        self.tape, self.ref = getattr(other, "tape", None), None

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: object, out: tuple[object, ...] | None = None, **kwargs: Any
    ) -> Any:
        name = name_of(ufunc, method)
        if name is None or len(inputs) > ufunc.nin:
            raise NotRecordableError(f"it calls {ufunc.__name__}.{method}")
        named = {key: each for key, each in kwargs.items() if key in ("axis", "keepdims") and each not in (None, False)}
        if method == "reduce":
            named["axis"] = kwargs.get("axis", 0)
        if kwargs.get("where", True) is not True or kwargs.get("initial", np._NoValue) not in (np._NoValue, None):
            raise NotRecordableError(f"it calls {name} on a part of an array")
        result = getattr(ufunc, method)(*map(_plain, inputs), **named)
        found = _written(_tape_of((*inputs, *(out or ()))), name, inputs, named, result)
        if out is None:
            return found
        (target,) = out
        if not isinstance(target, Recorded):
            raise NotRecordableError("it writes into an array of its own")
        np.copyto(_plain(target), result, casting="unsafe")
        target.ref = found.ref
        return target

    def __array_function__(self, function: Any, types: object, args: Any, kwargs: Any) -> Any:
        handler = _FUNCTIONS.get(function)
        if handler is not None:
            return handler(*args, **kwargs)
        return function._implementation(*args, **kwargs)  # made of what is recorded, or refused there

    def __getitem__(self, index: object) -> Any:
        parts = index if isinstance(index, tuple) else (index,)
        return _written(_tape_of((self, *parts)), "getitem", (self, _index(parts)), {}, _plain(self)[_bare(index)])

    def __setitem__(self, index: object, value: object) -> None:
        raise NotRecordableError("it writes into a part of an array")

    def __bool__(self) -> bool:
        raise NotRecordableError("its course depends on the numbers")

    __float__ = __int__ = __index__ = __bool__

    def __iter__(self) -> Iterator[Any]:
        return (self[index] for index in range(len(self)))

    def reshape(self, *shape: int | Sequence[int], order: str = "C") -> Any:  # type: ignore[override]
        wanted = shape[0] if len(shape) == 1 and isinstance(shape[0], tuple | list) else shape
        return _written(self.tape, "reshape", (self,), {"shape": list(wanted)}, _plain(self).reshape(wanted))

    def transpose(self, *axes: int | Sequence[int] | None) -> Any:  # type: ignore[override]
        order = axes[0] if len(axes) == 1 and isinstance(axes[0], tuple | list) else axes
        order = list(order) if order and order[0] is not None else list(range(self.ndim))[::-1]
        return _written(self.tape, "transpose", (self,), {"axes": order}, _plain(self).transpose(order))

    def swapaxes(self, first: int, second: int) -> Any:  # type: ignore[override]
        order = list(range(self.ndim))
        order[first], order[second] = order[second], order[first]
        return self.transpose(order)

    @property
    def T(self) -> Any:  # noqa: N802 - NumPy's name
        return self.transpose()

    def copy(self, order: str = "C") -> Any:  # type: ignore[override]
        return again(_plain(self).copy(), self.tape, self.ref)

    def astype(self, dtype: DTypeLike, *args: object, **kwargs: object) -> Any:  # type: ignore[override]
        return _written(self.tape, "astype", (self,), {"dtype": np.dtype(dtype).str}, _plain(self).astype(dtype))


def again(array: object, tape: list[ProgramStep] | None, ref: Value) -> Recorded:
    """An array that comes from a step or from a path."""
    found = np.asarray(array).view(Recorded)
    found.tape, found.ref = tape, ref
    return found


def _plain(each: object) -> Any:
    return each.view(np.ndarray) if isinstance(each, Recorded) else each


def _bare(index: object) -> Any:
    return tuple(map(_plain, index)) if isinstance(index, tuple) else _plain(index)


def _tape_of(values: Iterable[object]) -> list[ProgramStep] | None:
    return next((each.tape for each in values if isinstance(each, Recorded) and each.tape is not None), None)


def _written(
    tape: list[ProgramStep] | None, name: str, inputs: Iterable[object], named: dict[str, Any], result: object
) -> Recorded:
    """Write a step down and return its result."""
    if tape is None:
        raise NotRecordableError(f"an input of {name} comes from an unknown operation")
    tape.append(ProgramStep(name, tuple(map(_value, inputs)), {key: _value(each) for key, each in named.items()}))
    return again(result, tape, {"step": len(tape) - 1})


def _value(each: object) -> Value:
    """An argument as a step holds it."""
    if isinstance(each, Recorded):
        if each.ref is None:
            raise NotRecordableError("an array comes from an unknown operation")
        return each.ref
    if isinstance(each, np.ndarray):
        return each.copy()
    if isinstance(each, np.generic):
        return each.item()
    if isinstance(each, tuple | list):
        return [_value(inner) for inner in each]
    if each is None or isinstance(each, bool | int | float | str | dict):
        return each
    raise NotRecordableError(f"an argument is {type(each).__name__}")


def _index(parts: tuple[Any, ...]) -> list[Any]:
    """The parts of an index as a step holds them."""
    found: list[Any] = []
    for each in parts:
        if isinstance(each, slice):
            found.append({"slice": [_value(each.start), _value(each.stop), _value(each.step)]})
        elif each is None or each is ...:
            found.append({"new": 1} if each is None else {"rest": 1})
        else:
            found.append(each)
    return found


def _where(condition: object, x: object, y: object) -> Any:
    inputs = (condition, x, y)
    return _written(_tape_of(inputs), "where", inputs, {}, np.where(*map(_plain, inputs)))


def _joining(name: str, function: Callable[..., np.ndarray]) -> Callable[..., Any]:
    def handler(parts: Iterable[object], axis: int = 0) -> Any:
        parts = tuple(parts)
        return _written(
            _tape_of(parts), name, parts, {"axis": axis}, function([_plain(each) for each in parts], axis=axis)
        )

    return handler


def _of_axis(name: str, function: Callable[..., np.ndarray]) -> Callable[..., Any]:
    def handler(x: Recorded, axis: int | None = None) -> Any:
        return _written(x.tape, name, (x,), {"axis": axis}, function(_plain(x), axis=axis))

    return handler


def _einsum(subscripts: str, *parts: object) -> Any:
    result = np.einsum(subscripts, *map(_plain, parts))
    return _written(_tape_of(parts), "einsum", parts, {"subscripts": subscripts}, result)


def _broadcast_to(x: Recorded, shape: Sequence[int]) -> Any:
    return _written(x.tape, "broadcast_to", (x,), {"shape": list(shape)}, np.broadcast_to(_plain(x), shape))


def _searchsorted(edges: object, x: Recorded, side: Literal["left", "right"] = "left") -> Any:
    result = np.searchsorted(_plain(edges), _plain(x), side=side)
    return _written(_tape_of((edges, x)), "searchsorted", (edges, x), {"side": side}, result)


def _take_along_axis(x: Recorded, places: object, axis: int | None = -1) -> Any:
    result = np.take_along_axis(_plain(x), _plain(places), axis)
    return _written(_tape_of((x, places)), "take_along_axis", (x, places), {"axis": axis}, result)


def _repeat(x: Recorded, repeats: object, axis: int | None = None) -> Any:
    result = np.repeat(_plain(x), _plain(repeats), axis)
    return _written(_tape_of((x, repeats)), "repeat", (x, repeats), {"axis": axis}, result)


def _full_like(x: Recorded, value: object, **kwargs: object) -> Any:
    return _written(x.tape, "full_like", (x,), {"value": value}, np.full_like(_plain(x), value))


_FUNCTIONS: dict[Any, Callable[..., Any]] = {
    np.where: _where,
    np.concatenate: _joining("concatenate", np.concatenate),
    np.stack: _joining("stack", np.stack),
    np.cumsum: _of_axis("cumsum", np.cumsum),
    np.argmax: _of_axis("argmax", np.argmax),
    np.argmin: _of_axis("argmin", np.argmin),
    np.sort: _of_axis("sort", np.sort),
    np.einsum: _einsum,
    np.broadcast_to: _broadcast_to,
    np.searchsorted: _searchsorted,
    np.take_along_axis: _take_along_axis,
    np.repeat: _repeat,
    np.zeros_like: lambda x, **_: _full_like(x, 0.0),
    np.ones_like: lambda x, **_: _full_like(x, 1.0),
    np.full_like: _full_like,
    np.swapaxes: lambda x, first, second: x.swapaxes(first, second),
    np.transpose: lambda x, axes=None: x.transpose(axes),
    np.reshape: lambda x, shape: x.reshape(shape),
    np.shape: lambda x: x.shape,
    np.ndim: lambda x: x.ndim,
}
