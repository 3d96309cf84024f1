"""How operations propagate a change: each rule computes the change of a result from as little of the arrays as possible.

A rule gets the operation, its original operands, their changes (None: unchanged) and the original result. If an operation
has no rule, or the conditions of its rule do not hold, the whole array counts as changed (`throughout`).
"""

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike
from jaxtyping import Array

from fallline.core.operations import Operation
from fallline.gradients.change import Change, common, same, taken

Changes = list[Change | None]
Rule = Callable[[Operation, list[Any], Changes, Any], Change | None]

_NAMES = """
    abs acos acosh add and asin asinh atan atan2 atanh cbrt ceil clamp convert_element_type copy copy_p cos cosh
    digamma div eq erf erf_inv erfc exp exp2 expm1 floor ge gt integer_pow is_finite le lgamma log log1p logistic lt max
    min mul ne neg not or pow reduce_precision rem round rsqrt select_n sign sin sinh sqrt square
    stop_gradient sub tan tanh xor"""
ELEMENT_BY_ELEMENT = frozenset(_NAMES.split())


def changed(step: Operation, values: list[Any], changes: Changes, results: list[Any]) -> list[Change | None]:
    """The changes of an operation's results."""
    if step.name == "optimization_barrier":
        return changes
    rule = element_by_element if step.name in ELEMENT_BY_ELEMENT else RULES.get(step.name)
    if PARAMETERS.get(step.name, "") not in ("", *step.params):
        rule = None  # this version of JAX describes the operation differently
    if rule is not None and len(results) == 1:
        found = rule(step, values, changes, results[0])
        if found is not None:
            return [found]
    return throughout(step, values, changes)


def throughout(step: Operation, values: list[Any], changes: Changes) -> list[Change | None]:
    """The operation itself, mapped over the lanes."""
    operands = [v if c is None else c.keep({}, v).new for v, c in zip(values, changes, strict=True)]
    axes = [None if c is None else -1 for c in changes]
    found = jax.vmap(lambda *each: step(*each), in_axes=axes, out_axes=-1)(*operands)
    return [Change({}, each) for each in found]


def element_by_element(step: Operation, values: list[Any], changes: Changes, result: ArrayLike) -> Change | None:
    """Changed places keep their indices; axes of size 1 are repeated."""
    shape = jnp.shape(result)
    if any(jnp.ndim(v) not in (0, len(shape)) for v in values):
        return None
    changes = [c if c is None or c.rank == 0 else _repeated(c, v, shape) for v, c in zip(values, changes, strict=True)]
    arrays = [c for c in changes if c is not None and c.rank == len(shape)]
    at = common(arrays) if arrays else {}
    lanes = next(c.new.shape[-1] for c in changes if c is not None)
    rest = (*(shape[axis] for axis in range(len(shape)) if axis not in at), lanes)
    operands = []
    for v, c in zip(values, changes, strict=True):
        if c is not None:
            new = c.new if c.rank < len(shape) else c.keep(at, jnp.broadcast_to(v, shape)).new
            operands.append(jnp.broadcast_to(new, rest))
        elif jnp.ndim(v) < len(shape):
            operands.append(v)
        else:
            operands.append(jnp.broadcast_to(taken(jnp.broadcast_to(v, shape), at), rest))
    if step.name == "convert_element_type":  # its other parameters only concern the array's placement on devices
        return Change(at, lax.convert_element_type(operands[0], step.params["new_dtype"]))
    return Change(at, step(*operands)[0])


def _repeated(c: Change, base: Array, shape: tuple[int, ...]) -> Change:
    """A change of an array whose axes of size 1 are broadcast to a shape."""
    repeated = [axis for axis in range(c.rank) if base.shape[axis] != shape[axis]]
    c = c.keep({axis: index for axis, index in c.at.items() if axis not in repeated}, base)
    return Change(c.at, jnp.broadcast_to(c.new, (*(shape[axis] for axis in c.rest), c.new.shape[-1])))


def broadcast(step: Operation, values: list[Any], changes: Changes, result: ArrayLike) -> Change | None:
    """A change along a repeated axis changes the whole axis."""
    c, goes = changes[0], step.params["broadcast_dimensions"]
    if c is None:
        return None
    repeated = [axis for axis, to in enumerate(goes) if values[0].shape[axis] != result.shape[to]]
    c = c.keep({axis: index for axis, index in c.at.items() if axis not in repeated}, values[0])
    at = {goes[axis]: index for axis, index in c.at.items()}
    rest = [axis for axis in range(len(result.shape)) if axis not in at]
    shape = (*(result.shape[axis] for axis in rest), c.new.shape[-1])
    to = [rest.index(goes[axis]) for axis in c.rest]
    return Change(at, lax.broadcast_in_dim(c.new, shape, (*to, len(rest))))


def transpose(step: Operation, values: list[Any], changes: Changes, result: ArrayLike) -> Change | None:
    """A transpose permutes the axes of the change."""
    c, order = changes[0], step.params["permutation"]
    if c is None:
        return None
    rest = [c.rest.index(axis) for axis in order if axis not in c.at]
    at = {order.index(axis): index for axis, index in c.at.items()}
    return Change(at, jnp.transpose(c.new, (*rest, len(rest))))


def reshape(step: Operation, values: list[Any], changes: Changes, result: ArrayLike) -> Change | None:
    """Axes that are split or joined keep their index if it is completely known."""
    c = changes[0]
    if c is None or step.params.get("dimensions") is not None:
        return None
    at: dict[int, Array] = {}
    for old, new in _groups(values[0].shape, result.shape):
        if old and all(axis in c.at for axis in old):
            sizes = [values[0].shape[axis] for axis in old]
            place = sum(c.at[axis] * math.prod(sizes[k + 1 :]) for k, axis in enumerate(old))
            for axis in reversed(new):
                # Keep the same index object if nothing is split or joined: rules compare indices by identity.
                at[axis] = c.at[old[0]] if len(old) == len(new) == 1 else place % result.shape[axis]
                place = place // result.shape[axis]
        else:
            c = c.keep({axis: index for axis, index in c.at.items() if axis not in old}, values[0])
    shape = [result.shape[axis] for axis in range(len(result.shape)) if axis not in at]
    return Change(at, c.new.reshape(*shape, c.new.shape[-1]))


def _groups(old: tuple[int, ...], new: tuple[int, ...]) -> list[tuple[list[int], list[int]]]:
    """The smallest groups of consecutive axes before and after a reshape that hold the same numbers."""
    groups, i, j = [], 0, 0
    while i < len(old) or j < len(new):
        a, b = [], []
        if i < len(old):
            a, i = [i], i + 1
        if j < len(new) and (old[a[0]] != 1 if a else True):
            b, j = [j], j + 1
        while (before := math.prod(old[k] for k in a)) != (after := math.prod(new[k] for k in b)):
            if before < after:
                a, i = [*a, i], i + 1
            else:
                b, j = [*b, j], j + 1
        groups.append((a, b))
    return groups


def squeeze(step: Operation, values: list[Any], changes: Changes, result: ArrayLike) -> Change | None:
    """A squeeze removes axes of size 1."""
    c, gone = changes[0], step.params["dimensions"]
    if c is None:
        return None
    c = c.keep({axis: index for axis, index in c.at.items() if axis not in gone}, values[0])
    left = [axis for axis in range(len(values[0].shape)) if axis not in gone]
    at = {left.index(axis): index for axis, index in c.at.items()}
    return Change(at, jnp.squeeze(c.new, tuple(c.rest.index(axis) for axis in gone)))


def total(step: Operation, values: list[Any], changes: Changes, result: ArrayLike) -> Change | None:
    """The change of a sum is the sum of the changes of its terms."""
    c, axes = changes[0], step.params["axes"]
    if c is None:
        return None
    if not any(axis in c.at for axis in axes):
        return reduction(step, values, changes, result)
    left = [axis for axis in range(c.rank) if axis not in axes]
    at = {left.index(axis): index for axis, index in c.at.items() if axis in left}
    summed = tuple(place for place, axis in enumerate(c.rest) if axis in axes)
    return Change(at, taken(result, at) + jnp.sum(c.new - c.old(values[0]), axis=summed))


def reduction(step: Operation, values: list[Any], changes: Changes, result: ArrayLike) -> Change | None:
    """A reduction is recomputed over complete axes."""
    c, axes = changes[0], step.params["axes"]
    if c is None:
        return None
    c = c.keep({axis: index for axis, index in c.at.items() if axis not in axes}, values[0])
    left = [axis for axis in range(c.rank) if axis not in axes]
    at = {left.index(axis): index for axis, index in c.at.items()}
    new = REDUCTIONS[step.name](c.new, tuple(c.rest.index(axis) for axis in axes))
    return Change(at, new)


REDUCTIONS: dict[str, Callable[[Array, tuple[int, ...]], Array]] = {
    "reduce_sum": lambda x, axes: jnp.sum(x, axis=axes),
    "reduce_max": lambda x, axes: jnp.max(x, axis=axes),
    "reduce_min": lambda x, axes: jnp.min(x, axis=axes),
    "reduce_prod": lambda x, axes: jnp.prod(x, axis=axes),
    "reduce_and": lambda x, axes: jnp.all(x, axis=axes),
    "reduce_or": lambda x, axes: jnp.any(x, axis=axes),
}


def product(step: Operation, values: list[Any], changes: Changes, result: ArrayLike) -> Change | None:
    """A matrix product is linear in each factor: a change of one number or column adds a rank-one change."""
    contracted, (batch, _) = step.params["dimension_numbers"]
    if batch:
        return None
    if None not in changes:
        return _squares(values, changes, contracted, result)
    side = 1 if changes[0] is None else 0
    c, other = changes[side], values[1 - side]
    assert c is not None
    mine, theirs = contracted[side], contracted[1 - side]
    free = [axis for axis in range(c.rank) if axis not in mine]
    open_ = [axis for axis in range(other.ndim) if axis not in theirs]
    shift = 0 if side == 0 else len(open_)
    at = {shift + free.index(axis): index for axis, index in c.at.items() if axis in free}
    known = [axis for axis in mine if axis in c.at]
    if known and len(known) < len(mine):
        c, known = c.keep({axis: index for axis, index in c.at.items() if axis in free}, values[side]), []
    if not known:
        indices = [c.rest.index(axis) for axis in mine]
        return Change(at, _lanes_last(c.new, indices, other, list(theirs), side))
    index = {theirs[mine.index(axis)]: c.at[axis] for axis in known}
    difference, factor = c.new - c.old(values[side]), taken(other, index)

    def ones(count: int) -> tuple[int, ...]:
        return (1,) * count

    lanes, n, m = difference.shape[-1], difference.ndim - 1, factor.ndim - 1
    if side == 0:
        difference = difference.reshape(*difference.shape[:-1], *ones(m), lanes)
        factor = factor.reshape(*ones(n), *factor.shape)
    else:
        factor = factor.reshape(*factor.shape[:-1], *ones(n), factor.shape[-1])
        difference = difference.reshape(*ones(m), *difference.shape)
    return Change(at, taken(result, at) + difference * factor)


def _lanes_last(new: Array, indices: list[int], other: Array, theirs: list[int], side: int) -> Array:
    """The product with an array in lanes, with the free axes in order and the lanes last."""
    if side == 1:
        return lax.dot_general(other, new, ((theirs, indices), ((), ())))
    found = lax.dot_general(new, other, ((indices, theirs), ((), ())))
    lanes = new.ndim - 1 - len(indices)
    return jnp.moveaxis(found, lanes, -1)


def _squares(values: list[Any], changes: Changes, contracted: Any, result: ArrayLike) -> Change | None:
    """The inner product of two arrays that are changed at the same places: w . w of a penalty."""
    one, two = changes
    if one is None or two is None:
        return None
    if len(contracted[0]) != one.rank or one.rank != two.rank or tuple(contracted[0]) != tuple(contracted[1]):
        return None
    at = same(one.at, two.at)
    if len(at) != one.rank or len(two.at) != one.rank:
        return None
    return Change({}, result + one.new * two.new - one.old(values[0]) * two.old(values[1]))


RULES: dict[str, Rule] = {
    "broadcast_in_dim": broadcast,
    "transpose": transpose,
    "reshape": reshape,
    "squeeze": squeeze,
    "dot_general": product,
    **dict.fromkeys(REDUCTIONS, reduction),
    "reduce_sum": total,
}

# The parameter of the operation that each rule reads.
PARAMETERS = {
    "broadcast_in_dim": "broadcast_dimensions",
    "convert_element_type": "new_dtype",
    "transpose": "permutation",
    "squeeze": "dimensions",
    "dot_general": "dimension_numbers",
    **dict.fromkeys(REDUCTIONS, "axes"),
}
