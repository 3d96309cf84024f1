"""Units: one program's worth of lanes, run from start to end and compacted, or packed anew, on the way."""

import copy
import dataclasses
import functools
import time
from collections.abc import Callable

import jax
import numpy as np

from fallline.core.block import as_arrays
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
from fallline.training.chunks import CHUNK_SECONDS
from fallline.training.interrupt import Interrupt
from fallline.training.recipe import Recipe
from fallline.training.step import batch_rows
from fallline.training.train import continued

SHARED_FROM = 8  # recipes from which lanes of one fold and seed are worth a program of their own
LOOKS = 16  # epochs after which lanes that may have ended are looked at, at the latest
LEAST = 2  # lanes per device of a program that halving keeps until its end
_SECONDS: dict[object, float] = {}  # of an epoch of a program, as its last call took


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
    """Every lane of one group, cut into units.

    Where halving leaves `last` recipes or so, lanes of all folds and seeds mix, and units on CPUs are no larger than those
    need: so `packed` can fill units of one size, which one program runs to the end.
    """
    size = batch_rows(first, arrays)
    steps = {-(-int(context.rows["train_count"]) // size) for context in contexts}
    ragged = arrays.ragged or len(steps | {-(-arrays.train.shape[0] // size)}) > 1
    arrays = dataclasses.replace(arrays, ragged=ragged)
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
    if last is not None and jax.devices()[0].platform == "cpu":  # elsewhere idle lanes cost next to nothing
        per_device = min(per_device, max(LEAST, -(-last * len(contexts) // devices)))
    fixed, units = last is not None, []
    for queue in queues:
        for begin in range(0, len(queue), per_device * devices):
            part = queue[begin : begin + per_device * devices]
            fitting = per_device if fixed else next(s for s in (*SIZES, per_device) if s * devices >= len(part))
            units.append(Unit(group, layout, part, fitting * devices, contexts, arrays, collector, independent, fixed))
    return units


def _most(recipes: list[Recipe]) -> int:
    """Epochs of one call at most: as many as it can return, where no lane ends before the others."""
    together = len({int(each.epochs) for each in recipes}) == 1
    steady = all(each.patience is None and each.gradient_tolerance is None for each in recipes)
    return program.CAPACITY if together and steady else LOOKS


def packed(units: list["Unit"]) -> list["Unit"]:
    """Units after a rung: the lanes still running of those that share a program, in as few of them as hold them."""
    alike: dict[object, list[Unit]] = {}
    for unit in units:
        if unit.lanes is not None:
            alike.setdefault((unit.layout, None if unit.layout.own_rows else unit.members[0][1]), []).append(unit)
    found = [unit for unit in units if unit.lanes is None]
    for those in alike.values():
        many = [unit.lanes for unit in those if unit.lanes is not None]
        who = np.concatenate([unit.who for unit in those])
        places, size = np.flatnonzero(who >= 0), those[0].size
        for begin in range(0, len(places), size):
            part = places[begin : begin + size]
            standing = np.arange(size) >= len(part)
            part = np.concatenate([part, np.repeat(part[:1], standing.sum())])
            unit = copy.copy(those[0])
            unit.lanes, unit.who = None, np.where(standing, -1, who[part])
            unit.make = functools.partial(lane_program.pick_lanes, many, part, standing)
            found.append(unit)
    return found


class Unit:
    """One program's worth of lanes, from start to end, compacted whenever a smaller program holds those left."""

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
        self.make: Callable[[], lane_program.Lanes] | None = None  # where the lanes are not to begin, but to go on

    def _begin(self) -> lane_program.Lanes:
        group, layout, contexts, arrays, collector = (
            self.group,
            self.layout,
            self.contexts,
            self.arrays,
            self.collector,
        )
        filled = self.members + [self.members[0]] * (self.size - len(self.members))
        own, common = group.take([place for place, _ in filled])
        if layout.own_rows:
            rows = {name: np.stack([contexts[c].rows[name] for _, c in filled]) for name in lane_program.ROWS}
            which = [(contexts[c].seed, group.members[place] if self.independent else None) for place, c in filled]
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
        """Whether it has lanes that are to be trained until an epoch."""
        return bool((self.who >= 0).any()) and self.epoch < until

    def ready(self) -> lane_program.Lanes:
        """The lanes, put on the devices if they are not there yet."""
        self.lanes = self.lanes or (self.make or self._begin)()
        self.make = None  # and with it the lanes before the rung
        return self.lanes

    def advance(
        self,
        until: int,
        interrupt: Interrupt,
        watch: Callable[[Progress], None] | None,
        began: float,
        after: "Unit | None" = None,
    ) -> None:
        """Train until an epoch is reached by all lanes that have not ended; meanwhile make the unit after it ready."""
        collector, layout = self.collector, self.layout
        while self.waits(until) and not interrupt.asked:
            lanes = self.ready()
            asked = time.perf_counter()
            which = (layout, len(self.who), self.arrays.x.shape, self.arrays.train.shape)
            collector.programs.add(which)
            each = _SECONDS.get(which, np.inf)
            count = min(int(np.clip(CHUNK_SECONDS / each, 1, self.most)), until - self.epoch)
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
        """Stop lanes where they stand; `packed` then leaves them out."""
        dropped = np.isin(self.who, numbers) & (self.who >= 0)
        self.collector.outcome[self.who[dropped]] = Outcome.PRUNED
        self._leave(dropped)

    def _leave(self, ended: np.ndarray) -> None:
        """Take lanes out, and compact those left into a smaller program where there is one."""
        self.who = np.where(ended, -1, self.who)
        places = np.flatnonzero(self.who >= 0)
        if not len(places):
            self.lanes = None
        if not len(places) or self.fixed:
            return
        devices = len(jax.devices())
        smaller = next(s for s in (*SIZES, len(self.who) // devices) if s * devices >= len(places))
        if self.lanes is not None and smaller * devices <= len(self.who) // 2:
            fill = smaller * devices - len(places)
            places = np.concatenate([places, np.repeat(places[:1], fill)])
            standing = np.arange(len(places)) >= len(places) - fill
            self.lanes = lane_program.pick_lanes([self.lanes], places, standing)
            self.who = np.where(standing, -1, self.who[places])
