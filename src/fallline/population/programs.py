"""Compiled lane programs and what is known of them: each is compiled once per layout, and timed by every call."""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import PartitionSpec
from jaxtyping import Array

from fallline.core.driving import Pace
from fallline.core.executables import KeptProgram
from fallline.core.random import Seed
from fallline.population.devices import COMMON, LANES, mesh, place_common, place_lanes
from fallline.population.lanes import Lanes, Layout, advance_of, finish_of, split, start_of, without_best
from fallline.training.arrays import Arrays
from fallline.training.state import Epochs, State


class Beginning(NamedTuple):
    """The arguments from which lanes start.

    Arguments:
        own, common: the leaves of the recipes, those that differ with a lane axis.
        arrays: the data.
        rows: the lanes' own index sets, with a lane axis; empty if they share the rows.
        keys: a key per lane, or the shared one.
        widths: hidden widths with the axes (lanes, hidden layers); used if the layout is padded.
        given: initial params with a lane axis, as wide as the program's; missing layers, or None, are drawn from the keys.
    """

    own: Any
    common: Any
    arrays: Arrays
    rows: dict[str, Any]
    keys: Seed
    widths: np.ndarray
    given: Any = None


@dataclasses.dataclass(frozen=True)
class Compiled:
    """The three programs of a layout, spread over the devices."""

    start: Any
    advance: Any
    finish: Any


class Programs:
    """Lane programs by layout, how long an epoch of each takes, and how many were compiled.

    A compiled program belongs to the object that made it, so calls that share an object share its programs.
    """

    def __init__(self) -> None:
        self._traced: list[str] = []  # two threads may trace at once, and appending is atomic
        self._compiled: dict[Layout, Compiled] = {}
        self._seconds: dict[object, float] = {}  # duration of one epoch, measured by a program's last call
        self._begun: set[object] = set()

    @property
    def compilations(self) -> int:
        """Programs compiled so far, one per layout and shapes."""
        return len(self._traced)

    def of(self, layout: Layout) -> Compiled:
        """The programs of a layout; they are compiled when they are first called with arguments of some shape."""
        if layout not in self._compiled:
            self._compiled[layout] = _spread(layout, self._counted)
        return self._compiled[layout]

    def is_new(self, which: object) -> bool:
        """Whether this is the first question about a program."""
        new = which not in self._begun
        self._begun.add(which)
        return new

    def pace(self, which: object, most: int) -> Pace:
        """How many epochs the next call of a program should run; a program that was never timed runs one epoch first."""
        return Pace(most, self._seconds.get(which, np.inf))

    def timed(self, which: object, pace: Pace) -> None:
        """Remember how long an epoch of a program takes."""
        self._seconds[which] = pace.each

    def begin(self, layout: Layout, beginning: Beginning) -> Lanes:
        """Lanes before their first step."""
        state, shared = self.of(layout).start(*beginning)
        own, common, arrays, rows, *_ = beginning
        return Lanes(own, common, arrays, rows, state, shared)

    def resume(self, layout: Layout, beginning: Beginning, states: Sequence[State]) -> Lanes:
        """Lanes that continue from given states, one per lane, all at the same epoch."""
        states = list(states) if layout.keeps_params else [without_best(state) for state in states]
        stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *(split(state, layout.common)[0] for state in states))
        shared = split(states[0], layout.common)[1]
        own, common, arrays, rows, *_ = beginning
        return Lanes(place_lanes(own), common, arrays, place_lanes(rows), place_lanes(stacked), place_common(shared))

    def advance(self, layout: Layout, lanes: Lanes, until: int) -> Epochs:
        """Advance all lanes in place; returns the history of these epochs, with the axes (epochs, lanes, ...)."""
        lanes.state, lanes.shared, seen = self.of(layout).advance(*_arguments(lanes), np.int32(until))
        found: Epochs = seen
        return found

    def finish(self, layout: Layout, lanes: Lanes, test: Array) -> tuple[Array, Array]:
        """(loss, first metric) of every lane's best parameters on test rows."""
        found: tuple[Array, Array] = self.of(layout).finish(*_arguments(lanes), test)
        return found

    def _counted(self, f: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap a function so that every trace, and therefore every compilation, is counted."""

        @functools.wraps(f)
        def traced(*arguments: Any) -> Any:
            self._traced.append(f.__name__)
            return f(*arguments)

        return traced


def _arguments(lanes: Lanes) -> tuple[Any, ...]:
    return lanes.own, lanes.common_leaves, lanes.arrays, lanes.rows, lanes.state, lanes.shared


def _spread(layout: Layout, counted: Callable[[Callable[..., Any]], Callable[..., Any]]) -> Compiled:
    """The programs of a layout, with the lanes spread over all devices."""
    start, advance, finish = (counted(make(layout)) for make in (start_of, advance_of, finish_of))
    keys = LANES if layout.own_rows else COMMON
    shared: Any = dict.fromkeys(layout.common, COMMON)
    history = PartitionSpec(None, "lanes")
    spread = functools.partial(jax.shard_map, mesh=mesh(), check_vma=False)
    return Compiled(
        start=KeptProgram(
            spread(start, in_specs=(LANES, COMMON, COMMON, LANES, keys, LANES, LANES), out_specs=(LANES, shared)),
            "start lanes",
            decides=layout,
        ),
        advance=KeptProgram(
            spread(
                advance,
                in_specs=(LANES, COMMON, COMMON, LANES, LANES, shared, COMMON),
                out_specs=(LANES, shared, history),
            ),
            "advance lanes",
            decides=layout,
            donate=(4,),
        ),
        finish=KeptProgram(
            spread(finish, in_specs=(LANES, COMMON, COMMON, LANES, LANES, shared, COMMON), out_specs=LANES),
            "finish lanes",
            decides=layout,
        ),
    )
