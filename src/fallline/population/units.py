"""Units: the lanes of one program, run from start to end; a unit is compacted, or packed anew, on the way."""

import copy
import dataclasses
import functools
import time
from collections.abc import Callable

import jax
import numpy as np

from fallline.core.block import as_arrays
from fallline.core.driving import CALL_SECONDS
from fallline.core.interrupt import Interrupt
from fallline.core.outcome import Outcome
from fallline.population import lanes as lane_program
from fallline.population.ahead import ahead
from fallline.population.collector import Collector, Progress
from fallline.population.contexts import Context, key_of
from fallline.population.groups import Group
from fallline.population.sizes import SIZES, lanes_per_device, mixes
from fallline.population.widths import hidden_of
from fallline.training import program
from fallline.training.arrays import Arrays
from fallline.training.moment import batch_rows
from fallline.training.recipe import Recipe
from fallline.training.train import continued

SHARED_FROM = 8  # smallest number of recipes for which each fold and seed gets a program of its own
LOOKS = 16  # most epochs per call if lanes may end at different times
LEAST = 2  # smallest number of lanes per device in a program that halving keeps to the end
_SECONDS: dict[object, float] = {}  # duration of one epoch of a program in seconds, measured by its last call


def units_of(
    group: Group,
    first: Recipe,
    contexts: list[Context],
    arrays: Arrays,
    collector: Collector,
    independent: bool,
    limit: int | None,
    last: int | None = None,
) -> list["Unit"]:
    """Divide the lanes of one group into units.

    If halving will leave about `last` recipes, lanes of all folds and seeds are mixed, and units on CPUs are only as large as
    the remaining lanes need. `packed` can then refill units of one size, and one program serves until the end.
    """
    size = batch_rows(first, arrays)
    # If folds differ in their number of steps, the last minibatches of some lanes are empty.
    steps = {-(-int(context.rows["train_count"]) // size) for context in contexts}
    ragged = arrays.ragged or len(steps | {-(-arrays.train.shape[0] // size)}) > 1
    arrays = dataclasses.replace(arrays, ragged=ragged)
    # Lanes with their own rows gather every minibatch for themselves. Sharing rows pays only if enough recipes share them.
    own_rows = independent or len(group.members) < SHARED_FROM or not any(group.differ)
    own_rows |= len(contexts) > 1 and (last is not None or mixes(first, arrays))
    padded = any(collector.widths(member) != hidden_of(first) for member in group.members)
    layout = lane_program.Layout(
        group.structure,
        group.differ,
        group.scalers_differ,
        own_rows,
        padded,
        collector.recorded,
        collector.keeps_params,
    )
    everyone = range(len(group.members))
    if own_rows:
        queues = [[(place, c) for c in range(len(contexts)) for place in everyone]]
    else:
        queues = [[(place, c) for place in everyone] for c in range(len(contexts))]
    devices = len(jax.devices())
    per_device = lanes_per_device(first, arrays, max(map(len, queues)), None if limit is None else limit // devices)
    if last is not None and jax.devices()[0].platform == "cpu":  # on other devices idle lanes cost next to nothing
        per_device = min(per_device, max(LEAST, -(-last * len(contexts) // devices)))
    fixed, units = last is not None, []
    for queue in queues:
        for begin in range(0, len(queue), per_device * devices):
            part = queue[begin : begin + per_device * devices]
            # With halving every unit has the full size, so that all of them share one program; otherwise the smallest
            # size that holds the lanes is used.
            fitting = per_device if fixed else next(s for s in (*SIZES, per_device) if s * devices >= len(part))
            units.append(Unit(group, layout, part, fitting * devices, contexts, arrays, collector, independent, fixed))
    return units


def _most(recipes: list[Recipe]) -> int:
    """Most epochs that a single call may run: as many as it can return if all lanes end together, otherwise fewer."""
    together = len({int(each.epochs) for each in recipes}) == 1
    steady = all(each.patience is None and each.gradient_tolerance is None for each in recipes)
    return program.CAPACITY if together and steady else LOOKS


def packed(units: list["Unit"]) -> list["Unit"]:
    """Pack the lanes that are still running after a rung into as few units as possible, per program."""
    alike: dict[object, list[Unit]] = {}
    for unit in units:
        if unit.lanes is not None:
            # Lanes that share their rows can only join lanes of the same fold and seed.
            alike.setdefault((unit.layout, None if unit.layout.own_rows else unit.members[0][1]), []).append(unit)
    found = [unit for unit in units if unit.lanes is None]
    for those in alike.values():
        many = [unit.lanes for unit in those if unit.lanes is not None]
        who = np.concatenate([unit.who for unit in those])
        places, size = np.flatnonzero(who >= 0), those[0].size
        for begin in range(0, len(places), size):
            part = places[begin : begin + size]
            # Copies of the first lane fill the last unit; they are marked as ended and never read.
            standing = np.arange(size) >= len(part)
            part = np.concatenate([part, np.repeat(part[:1], standing.sum())])
            unit = copy.copy(those[0])
            unit.lanes, unit.who = None, np.where(standing, -1, who[part])
            # The lanes are copied only when the unit is next, so that this overlaps with the computation before it.
            unit.make = functools.partial(lane_program.pick_lanes, many, part, standing)
            found.append(unit)
    return found


class Unit:
    """The lanes of one program, from start to end; compacted whenever a smaller program can hold the remaining ones."""

    def __init__(
        self,
        group: Group,
        layout: lane_program.Layout,
        members: list[tuple[int, int]],
        size: int,
        contexts: list[Context],
        arrays: Arrays,
        collector: Collector,
        independent: bool,
        fixed: bool = False,
    ) -> None:
        self.group, self.layout, self.members, self.size, self.fixed = group, layout, members, size, fixed
        self.contexts, self.arrays, self.collector, self.independent = contexts, arrays, collector, independent
        numbers = [collector.lane(group.members[place], c) for place, c in members]
        self.who = np.array(numbers + [-1] * (size - len(members)))
        self.epoch, self.most = collector.first_epoch, _most([collector.recipes[each] for each in group.members])
        self.lanes: lane_program.Lanes | None = None
        self.make: Callable[[], lane_program.Lanes] | None = None  # makes lanes that continue, instead of new ones

    def _begin(self) -> lane_program.Lanes:
        group, layout, contexts, arrays, collector = (
            self.group,
            self.layout,
            self.contexts,
            self.arrays,
            self.collector,
        )
        # Places without a lane repeat the first member; they are marked as ended below.
        filled = self.members + [self.members[0]] * (self.size - len(self.members))
        own, common = group.take([place for place, _ in filled])
        if layout.own_rows:
            rows = {name: np.stack([contexts[c].rows[name] for _, c in filled]) for name in lane_program.ROWS}
            which = [(contexts[c].seed, group.members[place] if self.independent else None) for place, c in filled]
            # Each distinct key is made once, since making one is a call to the device.
            drawn = {each: key_of(*each) for each in which}
            keys = lane_program.place_lanes(lane_program.stack_keys([drawn[each] for each in which]))
        else:
            here, rows = contexts[self.members[0][1]], {}
            arrays = dataclasses.replace(arrays, **lane_program.place_common(here.rows))
            keys = key_of(here.seed, None)
        if collector.state is not None:
            recipes = [as_arrays(collector.recipes[group.members[place]]) for place, _ in filled]
            states = [continued(collector.state, recipe, arrays) for recipe in recipes]
            lanes = lane_program.resume(layout, own, common, arrays, rows, states)
        else:
            widths = np.array([collector.widths(group.members[place]) for place, _ in filled], np.int32)
            given = collector.given_to([group.members[place] for place, _ in filled])
            own, rows, widths, given = (lane_program.place_lanes(each) for each in (own, rows, widths, given))
            with ahead(layout, (own, common, arrays, rows, keys, widths, given)):
                lanes = lane_program.begin(layout, own, common, arrays, rows, keys, widths, given)
        if (self.who < 0).any():
            lanes = lane_program.pick_lanes([lanes], np.arange(self.size), self.who < 0)
        self.arrays = arrays
        return lanes

    def waits(self, until: int) -> bool:
        """Whether the unit has running lanes that have not reached an epoch."""
        return bool((self.who >= 0).any()) and self.epoch < until

    def ready(self) -> lane_program.Lanes:
        """The lanes; they are made and put on the devices on the first call."""
        self.lanes = self.lanes or (self.make or self._begin)()
        self.make = None  # this also frees the lanes from before the rung
        return self.lanes

    def advance(
        self,
        until: int,
        interrupt: Interrupt,
        watch: Callable[[Progress], None] | None,
        began: float,
        after: "Unit | None" = None,
    ) -> None:
        """Train until all lanes have ended or reached an epoch; meanwhile prepare the next unit, `after`."""
        collector, layout = self.collector, self.layout
        while self.waits(until) and not interrupt.asked:
            lanes = self.ready()
            asked = time.perf_counter()
            which = (layout, len(self.who), self.arrays.x.shape, self.arrays.train.shape)
            collector.programs.add(which)
            # A program that was never timed runs one epoch first.
            each = _SECONDS.get(which, np.inf)
            count = min(int(np.clip(CALL_SECONDS / each, 1, self.most)), until - self.epoch)
            # `go` returns before the device has finished, so the host prepares the next unit in the meantime.
            seen = lane_program.go(layout, lanes, self.epoch + count)
            if after is not None and after.waits(until):
                after.ready()
            after = None
            interrupt.wait(lanes.state.outcome, each * count)
            outcome = np.asarray(lanes.state.outcome)
            collector.note(self.who, jax.tree.map(lambda leaf, n=count: np.asarray(leaf)[:n], seen), outcome, lanes)
            self.epoch += count
            _SECONDS[which] = (time.perf_counter() - asked) / count
            if watch is not None:
                watch(collector.progress(began))
            ended = (outcome != Outcome.RUNNING) & (self.who >= 0)
            collector.finish(layout, lanes, self.who, ended)
            self._leave(ended)

    def drop(self, numbers: np.ndarray) -> None:
        """Stop the lanes with these numbers at their current epoch; `packed` then leaves them out."""
        dropped = np.isin(self.who, numbers) & (self.who >= 0)
        self.collector.outcome[self.who[dropped]] = Outcome.PRUNED
        self._leave(dropped)

    def _leave(self, ended: np.ndarray) -> None:
        """Take lanes out, and compact the remaining ones if a smaller program can hold them."""
        self.who = np.where(ended, -1, self.who)
        places = np.flatnonzero(self.who >= 0)
        if not len(places):
            self.lanes = None
        if not len(places) or self.fixed:  # with halving, `packed` refills units and the program stays the same
            return
        devices = len(jax.devices())
        smaller = next(s for s in (*SIZES, len(self.who) // devices) if s * devices >= len(places))
        # Each new size costs a compilation, so the program shrinks only if at least half of it is free.
        if self.lanes is not None and smaller * devices <= len(self.who) // 2:
            fill = smaller * devices - len(places)
            places = np.concatenate([places, np.repeat(places[:1], fill)])
            standing = np.arange(len(places)) >= len(places) - fill
            self.lanes = lane_program.pick_lanes([self.lanes], places, standing)
            self.who = np.where(standing, -1, self.who[places])
