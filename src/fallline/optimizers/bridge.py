"""Interoperability with Optax in both directions.

Fallline's rules work in `optax.chain` and Optax's loops as they are; `to_optax` is for rules that need evidence there.
`FromOptax(transformation)` turns an Optax transformation, or any object with the same two functions, into a recipe's
optimizer.
"""

import inspect
import sys
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array

from fallline.core.block import Block
from fallline.core.errors import FalllineError
from fallline.core.extras import optional
from fallline.core.field import Number, number, required, structure
from fallline.core.schedule import Time, at_time
from fallline.core.tree import Tree
from fallline.optimizers.base import Counted, Evidence, Optimizer
from fallline.optimizers.wrappers import Wrapper


class FromOptax(Optimizer):
    """An Optax transformation: two functions, `init(params)` and `update(gradient, state, params)`.

    Its numbers are part of its structure: a different learning rate compiles another program, and searches cannot vary
    it. No file can hold it, so a run with it stays in memory. A transformation that takes extra arguments gets `value`,
    `grad` and `value_fn`, as Optax calls them.

    Source: Optax's GradientTransformation.

    >>> import optax
    >>> rule = FromOptax(optax.chain(optax.clip(1.0), optax.sgd(0.1)))
    >>> delta, _ = rule.update(jnp.array(9.0), rule.init(jnp.array(0.0)))
    >>> round(float(delta), 3)
    -0.1
    """

    transformation: Any = required(structure(help="an object with init and update"))

    def __check_init__(self) -> None:
        if not all(callable(getattr(self.transformation, each, None)) for each in ("init", "update")):
            raise FalllineError(
                f"FromOptax.transformation = {self.transformation!r} has no init and update: expected an Optax "
                "transformation such as optax.adam(1e-3)"
            )

    def begin(self, params: Tree) -> Any:
        try:
            return self.transformation.init(params)
        except FalllineError:
            raise
        except Exception as error:
            raise FalllineError(
                f"the Optax rule {self._called} cannot begin here ({_first_line(error)}): it gets the params as a tree of arrays"
            ) from error

    def step(self, gradient: Tree, state: Tree, params: Tree = None, **evidence: Evidence) -> tuple[Any, Any]:
        extra = {}
        optax = sys.modules.get("optax")  # imported if the transformation is Optax's; a user's own does not need it
        if optax is not None and isinstance(self.transformation, optax.GradientTransformationExtraArgs):
            # No other arguments: Optax's line searches refuse unknown ones.
            extra = {"value": evidence.get("value"), "grad": gradient, "value_fn": evidence.get("objective")}
        try:
            delta, state = self.transformation.update(gradient, state, params, **extra)
        except FalllineError:
            raise
        except Exception as error:
            raise FalllineError(
                f"the Optax rule {self._called} cannot take a step here ({_first_line(error)}): it gets the gradient, "
                "the params, value, grad and value_fn, and no gradients of single rows or of other points"
            ) from error

        def shapes(tree: Tree) -> list[tuple[int, ...]]:
            return [jnp.shape(leaf) for leaf in jax.tree.leaves(tree)]

        if jax.tree.structure(delta) != jax.tree.structure(gradient) or shapes(delta) != shapes(gradient):
            raise FalllineError(
                f"the Optax rule {self._called} answers with steps of other shapes than the params: it cannot train a network"
            )
        return delta, state

    @property
    def _called(self) -> str:
        """The name of the transformation's factory, for a chain with those of its parts: `'chain(clip, sgd)'`."""
        name = getattr(self.transformation.update, "__qualname__", type(self.transformation).__name__)
        parts = [_factory(update) for update in _chained(self.transformation.update)]
        return repr(name.partition(".<locals>")[0] + (f"({', '.join(parts)})" if parts else ""))


def _chained(update: Tree) -> list[Any]:
    """The update functions of a chain's parts, read from its closure; empty for anything else."""
    held = inspect.getclosurevars(update).nonlocals if inspect.isfunction(update) else {}
    return [each for each in held.get("update_fns", ()) if callable(each)]


def _factory(update: Tree) -> str:
    """The name of the factory of an update function, seen through Optax's wrapper for extra arguments."""
    held = inspect.getclosurevars(update).nonlocals if inspect.isfunction(update) else {}
    name = getattr(update, "__qualname__", "?").partition(".<locals>")[0]
    return _factory(held["tx"].update) if name == "with_extra_args_support" and "tx" in held else name


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"


def as_rule(value: object) -> Any:
    """Wrap an object with `init` and `update` that is not a block in `FromOptax`; return anything else unchanged.

    >>> import optax
    >>> type(as_rule(optax.sgd(0.1))).__name__, as_rule(3)
    ('FromOptax', 3)
    """
    transforms = not isinstance(value, Block) and all(callable(getattr(value, n, None)) for n in ("init", "update"))
    return FromOptax(value) if transforms else value


def to_optax(rule: Optimizer) -> Any:
    """The rule as an Optax transformation with extra arguments: `value_fn` (or `objective`), `value`, `time`.

    Raises: FalllineError if Optax is not installed.

    >>> import jax
    >>> from fallline.optimizers import LBFGS
    >>> transformation, bowl = to_optax(LBFGS()), lambda w: (w - 3.0) ** 2
    >>> w = jnp.array(0.0)
    >>> value, gradient = jax.value_and_grad(bowl)(w)
    >>> delta, _ = transformation.update(gradient, transformation.init(w), w, value=value, value_fn=bowl)
    >>> float(delta) > 0
    True
    """
    optax = optional("optax", "optax", "to_optax")

    def update(gradient: Tree, state: Tree, params: Tree = None, **extra: object) -> tuple[Any, Any]:
        if "value_fn" in extra:
            extra["objective"] = extra.pop("value_fn")
        return rule.update(gradient, state, params, **extra)

    return optax.GradientTransformationExtraArgs(rule.init, update)


class Clocked(Wrapper):
    """A rule with its own clock, for loops outside a run: it gives the rule's schedules the epoch and the progress.

        step = t,  epoch = t / steps_per_epoch,  progress = (t + 1/2) / steps

    Source: the clock of a run.

    >>> from fallline.optimizers import SGD
    >>> from fallline.schedules import Cosine
    >>> rule = Clocked(SGD(Cosine(1.0)), steps=2)
    >>> state = rule.init(jnp.array(0.0))
    >>> for _ in range(2):
    ...     delta, state = rule.update(jnp.array(1.0), state)
    ...     print(round(float(delta), 3))  # (1 + cos(pi / 4)) / 2, (1 + cos(3 pi / 4)) / 2
    -0.854
    -0.146
    """

    steps: Number = number(
        1000, valid="[1, 1e9]", usual=(100, 1e6), scale="log", integer=True, help="updates to the end"
    )
    steps_per_epoch: Number = number(
        1, valid="[1, 1e9]", usual=(1, 1e4), scale="log", integer=True, help="updates in an epoch"
    )

    def init(self, params: Tree) -> Counted:
        """The step count and the rule's memory."""
        zero = jnp.zeros((), jnp.int32)
        return Counted(zero, self._at(zero).init(params))

    def update(self, gradient: Tree, state: Tree, params: Tree = None, **evidence: Evidence) -> tuple[Any, Counted]:
        """The rule's step at this time."""
        delta, memory = self._at(state.count).update(gradient, state.memory, params, **evidence)
        return delta, Counted(state.count + 1, memory)

    begin, step = init, update

    def _at(self, count: Array) -> Optimizer:
        t = jnp.asarray(count, jnp.result_type(float))
        found: Optimizer = at_time(self.rule, Time(t, t / self.steps_per_epoch, (t + 0.5) / self.steps))
        return found
