"""Update rules side by side in one program: equal parts of a population's lanes follow one rule each."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap
from jaxtyping import Array

from fallline.core.field import part, required
from fallline.core.tree import Tree
from fallline.optimizers import (
    SGD,
    Adadelta,
    AdaGrad,
    Adam,
    AdamW,
    AveragedMomentum,
    Momentum,
    Nadam,
    Nesterov,
    Optimizer,
    RMSProp,
)
from fallline.training.recipe import Recipe

# Rules of gradient and params alone, whose memory is arrays: what a lane needs for one of them, any lane can hold.
_PLAIN = frozenset(
    (SGD, Momentum, Nesterov, AveragedMomentum, AdaGrad, RMSProp, Adadelta, Adam, AdamW, Nadam)
)  # fmt: skip
_BY_KIND = (AdamW,)  # rules that treat weights and biases differently


class Several(Optimizer):
    """Several rules, of which a lane follows the one at its place: of n rules, the first n-th of the lanes follows the first.

    Compiling takes time by the number of kernels. Rules in one program share all but their updates, where a program for
    each would be compiled with the same forward pass, backward pass and validation again.

    Every lane holds the numbers of all rules, and a memory with room for any of them.
    """

    rules: tuple[Optimizer, ...] = required(part(family="optimizer", several=True, help="the rules, in order"))

    @property
    def shares(self) -> int:  # type: ignore[override]
        """Number of parts of the lanes."""
        return len(self.rules)

    def begin(self, params: Tree) -> tuple[Array, ...]:
        ends = _ends(params)
        room, places = _room(self.rules, params)

        def of_rule(i: int, given: Any, state: Sequence[Array]) -> tuple[tuple[()], dict[int, Array]]:
            rules, whole = given
            memory = _packed(rules[i].init(_shown(rules[i], whole, ends)))
            return (), dict(zip(places[i], jax.tree.leaves(memory), strict=True))

        empty = [jnp.zeros(each.shape, each.dtype) for each in room]
        return by_place(len(self.rules), of_rule)((self.rules, _whole(params)), empty)[1]

    def step(self, gradient: Tree, state: Tree, params: Tree = None, **evidence: Any) -> tuple[Any, tuple[Array, ...]]:
        ends = _ends(params)
        _, places = _room(self.rules, params)
        structures = [jax.tree.structure(_memory(rule, params)) for rule in self.rules]

        def of_rule(i: int, given: Any, state: Sequence[Array]) -> tuple[Any, dict[int, Array]]:
            rules, *wholes = given
            memory = jax.tree.unflatten(structures[i], [state[place] for place in places[i]])
            slope, memory, at = (_shown(rules[i], each, ends) for each in (wholes[0], memory, wholes[1]))
            delta, memory = _packed(rules[i].update(slope, memory, at))
            return delta, dict(zip(places[i], jax.tree.leaves(memory), strict=True))

        given = (self.rules, _whole(gradient), _whole(params))
        delta, memory = by_place(len(self.rules), of_rule)(given, list(state))
        return _parted(delta, params), memory


def side_by_side(recipes: Sequence[Sequence[Recipe]]) -> list[list[Recipe]]:
    """Recipes that differ in their rule alone, as recipes of one program; unchanged where their rules cannot share one.

    Arguments:
        recipes: a row for each rule, with its numbers varied; all rows are equally long.
    """
    middle = [row[len(row) // 2].optimizer for row in recipes]
    kinds = {jax.tree.structure(rule) for rule in middle}
    if len(kinds) == 1 or not all(type(rule) in _PLAIN for rule in middle):
        return [list(row) for row in recipes]
    return [
        [dataclasses.replace(each, optimizer=Several((*middle[:i], each.optimizer, *middle[i + 1 :]))) for each in row]
        for i, row in enumerate(recipes)
    ]


def by_place(count: int, of_part: Callable[..., Any]) -> Callable[..., Any]:
    """A function `(given, state) -> (found, state)` whose lanes under `vmap` are computed in equal parts, in their order.

    Arguments:
        count: number of parts.
        of_part: `(part, given, state) -> (found, new)`, where `new` holds the arrays of the state that change, by their place.

    >>> f = by_place(2, lambda i, x, state: (x * 10**i, {0: state[0] + 1} if i else {}))
    >>> [each.tolist() for each in jax.tree.leaves(jax.vmap(f)(jnp.arange(4), [jnp.zeros(4, int)]))]
    [[0, 1, 20, 30], [0, 0, 1, 1]]
    """

    @custom_vmap
    def alone(given: Any, state: list[Array]) -> tuple[Any, tuple[Array, ...]]:  # never run, only traced
        found, new = of_part(0, given, state)
        return found, tuple(new.get(i, each) for i, each in enumerate(state))

    @alone.def_vmap
    def lanes(size: int, mapped: Any, given: Any, state: list[Array]) -> tuple[Any, Any]:
        each = size // count
        assert each * count == size, f"{size} lanes cannot be divided into {count} equal parts"
        leaves, structure = jax.tree.flatten(given)
        flags = jax.tree.leaves(mapped[0])
        whole = [s if flag else jnp.broadcast_to(s, (size, *s.shape)) for s, flag in zip(state, mapped[1], strict=True)]
        found = []
        for i in range(count):
            here = slice(i * each, (i + 1) * each)

            def one(own: list[Array], state: list[Array], i: int = i) -> Any:
                left = iter(own)
                filled = [next(left) if flag else leaf for leaf, flag in zip(leaves, flags, strict=True)]
                return of_part(i, jax.tree.unflatten(structure, filled), state)

            own = [leaf[here] for leaf, flag in zip(leaves, flags, strict=True) if flag]
            part, new = jax.vmap(one)(own, [s[here] for s in whole])
            found.append(part)
            for place, values in new.items():
                whole[place] = whole[place].at[here].set(values)
        joined = jax.tree.map(lambda *parts: jnp.concatenate(parts), *found)
        return (joined, tuple(whole)), jax.tree.map(lambda _: True, (joined, tuple(whole)))

    return alone


def _kinds(params: Tree) -> list[str]:
    """For every leaf the name of its part of a layer, such as `weight`; some rules treat weights differently."""
    found = jax.tree_util.tree_flatten_with_path(params)[0]
    return [str(getattr(path[-1], "key", "")) for path, _ in found]


def _order(params: Tree) -> list[int]:
    """The leaves by their kind."""
    kinds = _kinds(params)
    return sorted(range(len(kinds)), key=lambda i: kinds[i])


def _whole(params: Tree) -> Array:
    """All arrays as one, by kind: rules work element by element, and every array would be kernels of its own."""
    leaves = jax.tree.leaves(params)
    return jnp.concatenate([jnp.ravel(leaves[i]) for i in _order(params)])


def _ends(params: Tree) -> dict[str, int]:
    """Where each kind ends in the whole."""
    found, end = {}, 0
    kinds, leaves = _kinds(params), jax.tree.leaves(params)
    for i in _order(params):
        end += leaves[i].size
        found[kinds[i]] = end
    return found


def _shown(rule: Optimizer, packed: Tree, ends: dict[str, int]) -> Any:
    """Wholes as a rule needs them: as they are, or with every kind apart, under its name."""
    if not isinstance(rule, _BY_KIND):
        return packed
    starts = dict(zip(ends, (0, *ends.values()), strict=False))
    return jax.tree.map(
        lambda each: {kind: each[starts[kind] : end] for kind, end in ends.items()} if each.ndim else each, packed
    )


def _packed(shown: Tree) -> Any:
    """What a rule gives, as wholes."""

    def is_apart(tree: Any) -> bool:
        return isinstance(tree, dict)

    return jax.tree.map(
        lambda each: jnp.concatenate(list(each.values())) if is_apart(each) else each, shown, is_leaf=is_apart
    )


def _parted(whole: Array, like: Tree) -> Any:
    """The arrays that the whole is made of."""
    leaves, start = list(jax.tree.leaves(like)), 0
    for i in _order(like):
        size = leaves[i].size
        leaves[i] = whole[start : start + size].reshape(leaves[i].shape)
        start += size
    return jax.tree.unflatten(jax.tree.structure(like), leaves)


def _memory(rule: Optimizer, params: Tree) -> Any:
    """The shapes of a rule's memory."""
    ends = _ends(params)
    return jax.eval_shape(lambda p: _packed(rule.init(_shown(rule, _whole(p), ends))), params)


def _room(rules: Sequence[Optimizer], params: Tree) -> tuple[list[jax.ShapeDtypeStruct], list[list[int]]]:
    """The arrays of a memory with room for each of the rules, and the places of every rule's own arrays among them."""
    room: list[jax.ShapeDtypeStruct] = []
    places: list[list[int]] = []
    for rule in rules:
        taken: list[int] = []
        for leaf in jax.tree.leaves(_memory(rule, params)):
            like = (leaf.shape, leaf.dtype)
            free = (i for i, each in enumerate(room) if i not in taken and (each.shape, each.dtype) == like)
            at = next(free, len(room))
            if at == len(room):
                room.append(jax.ShapeDtypeStruct(*like))
            taken.append(at)
        places.append(taken)
    return room, places
