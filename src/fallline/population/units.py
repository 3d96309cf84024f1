"""Units: one program's worth of lanes, run from start to end and compacted on the way."""

import dataclasses
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from fallline.core.block import as_arrays
from fallline.core.outcome import Outcome
from fallline.population import lanes as lane_program
from fallline.population.collector import Collector, Progress
from fallline.population.contexts import Context, key_of
from fallline.population.groups import Group
from fallline.population.sizes import SIZES, lanes_per_device
from fallline.population.widths import hidden_of
from fallline.training import program
from fallline.training.arrays import Arrays
from fallline.training.interrupt import Interrupt
from fallline.training.recipe import Recipe
from fallline.training.step import batch_rows
from fallline.training.train import CHUNK_SECONDS, continued

SHARED_FROM = 8  # recipes from which lanes of one fold and seed are worth a program of their own


def run_group(
    group: Group,
    first: Recipe,
    contexts: list[Context],
    arrays: Arrays,
    collector: Collector,
    independent: bool,
    limit: int | None,
    interrupt: Interrupt,
    watch: Callable[[Progress], None] | None,
    began: float,
) -> None:
    """Every lane of one group, unit by unit."""
    size = batch_rows(first, arrays)
    steps = {-(-int(context.rows["train_count"]) // size) for context in contexts}
    arrays = dataclasses.replace(arrays, ragged=len(steps | {-(-arrays.train.shape[0] // size)}) > 1)
    own_rows = independent or len(group.members) < SHARED_FROM or not any(group.differ)
    padded = any(collector.widths(member) != hidden_of(first) for member in group.members)
    layout = lane_program.Layout(group.structure, group.differ, group.scalers_differ, own_rows, padded)
    everyone = range(len(group.members))
    if own_rows:
        queues = [[(place, c) for c in range(len(contexts)) for place in everyone]]
    else:
        queues = [[(place, c) for place in everyone] for c in range(len(contexts))]
    devices = len(jax.devices())
    per_device = lanes_per_device(first, arrays, max(map(len, queues)), None if limit is None else limit // devices)
    for queue in queues:
        for begin in range(0, len(queue), per_device * devices):
            unit = queue[begin : begin + per_device * devices]
            fitting = next(s for s in (*SIZES, per_device) if s * devices >= len(unit))
            _run_unit(
                group,
                layout,
                unit,
                fitting * devices,
                contexts,
                arrays,
                collector,
                independent,
                interrupt,
                watch,
                began,
            )
            if interrupt.asked:
                return


def _run_unit(
    group: Group,
    layout: lane_program.Layout,
    unit: list[tuple[int, int]],
    size: int,
    contexts: list[Context],
    arrays: Arrays,
    collector: Collector,
    independent: bool,
    interrupt: Interrupt,
    watch: Callable[[Progress], None] | None,
    began: float,
) -> None:
    """One program's worth of lanes, from start to end, compacted whenever a smaller program holds those left."""
    devices = len(jax.devices())
    filled = unit + [unit[0]] * (size - len(unit))
    own, common = group.take([place for place, _ in filled])
    if layout.own_rows:
        rows = {name: np.stack([contexts[c].rows[name] for _, c in filled]) for name in lane_program.ROWS}
        keys = [key_of(contexts[c].seed, group.members[place] if independent else None) for place, c in filled]
    else:
        here, rows = contexts[unit[0][1]], {}
        arrays = dataclasses.replace(arrays, **lane_program.place_common(here.rows))
        keys = [key_of(here.seed, None)]
    if collector.state is not None:
        recipes = [as_arrays(collector.recipes[group.members[place]]) for place, _ in filled]
        states = [continued(collector.state, recipe, arrays) for recipe in recipes]
        lanes = lane_program.resume(layout, own, common, arrays, rows, states)
    else:
        key = lane_program.place_lanes(jnp.stack(keys)) if layout.own_rows else keys[0]
        widths = np.array([collector.widths(group.members[place]) for place, _ in filled], np.int32)
        lanes = lane_program.begin(layout, own, common, arrays, rows, key, widths)
    who = np.array([collector.lane(group.members[place], c) for place, c in unit] + [-1] * (size - len(unit)))
    if (who < 0).any():
        lanes = lane_program.pick_lanes(layout, lanes, np.arange(size), who < 0)
    epoch, count = collector.first_epoch, 1
    while True:
        asked = time.perf_counter()
        collector.programs.add((layout, len(who), arrays.x.shape, arrays.train.shape))
        seen = lane_program.go(layout, lanes, epoch + count)
        interrupt.wait(lanes.state.outcome)
        count = min(count, program.CAPACITY)
        outcome = np.asarray(lanes.state.outcome)
        collector.note(who, jax.tree.map(lambda leaf, n=count: np.asarray(leaf)[:n], seen), outcome, lanes)
        epoch += count
        each = (time.perf_counter() - asked) / count
        count = int(np.clip(CHUNK_SECONDS / each, 1, program.CAPACITY))
        if watch is not None:
            watch(collector.progress(began))
        alive = (outcome == Outcome.RUNNING) & (who >= 0)
        ended = ~alive & (who >= 0)
        collector.finish(layout, lanes, who, ended)
        if not alive.any() or interrupt.asked:
            return
        who = np.where(ended, -1, who)
        smaller = next(s for s in (*SIZES, len(who) // devices) if s * devices >= alive.sum())
        if smaller * devices <= len(who) // 2:
            places = np.flatnonzero(alive)
            fill = smaller * devices - len(places)
            places = np.concatenate([places, np.repeat(places[:1], fill)])
            standing = np.arange(len(places)) >= len(places) - fill
            lanes = lane_program.pick_lanes(layout, lanes, places, standing)
            who = np.where(standing, -1, who[places])
