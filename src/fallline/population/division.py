"""Division: how the lanes of a group become lane batches, and how lanes that survive a rung are packed into fewer."""

import functools
import itertools
import math
from collections.abc import Sequence

import jax
import numpy as np

from fallline.population import sizes
from fallline.population.call import Call
from fallline.population.devices import pick_lanes
from fallline.population.groups import Group
from fallline.population.job import Job
from fallline.population.lane_batch import BatchPlan, LaneBatch, begin
from fallline.population.lanes import Layout
from fallline.population.widths import hidden_of
from fallline.training import program
from fallline.training.arrays import Arrays
from fallline.training.moment import batch_rows
from fallline.training.recipe import Recipe

SHARED_FROM = 8  # smallest number of recipes for which each fold and seed gets a program of its own
LOOKS = 16  # most epochs per call if lanes may end at different times
Lane = tuple[int, int]  # index of its recipe within the group, index of its context
LEAST = 2  # smallest number of lanes per device in a program that halving keeps to the end
ALIKE = (
    0.7  # share of a program's size from which fewer lanes run in it too: idle slots cost less than compiling another
)
FILLED = 8  # approximate number of lanes that fill a program well enough


def batches_of(call: Call, group: Group) -> list[LaneBatch]:
    """Lane batches for all lanes of a group."""
    return [
        LaneBatch(plan, plan.who(call.job), call.job.first_epoch, functools.partial(begin, call, plan))
        for plan in divide(call.job, group, call.arrays)
    ]


def divide(job: Job, group: Group, arrays: Arrays) -> list[BatchPlan]:
    """Divide the lanes of one group.

    With halving, lanes of all folds and seeds are mixed, and batches on CPUs are only as large as the lanes need that are
    left after the last rung. `packed` can then refill batches of one size, and one program serves until the end.
    """
    first, last = job.wide[group.members[0]], last_recipes(job, len(group.members))
    layout = layout_of(job, group, arrays)
    ragged = arrays.ragged or _steps_differ(job, first, arrays)
    lanes = [[(index, context) for index in range(len(group.members))] for context in range(len(job.contexts))]
    queues = [[each for queue in lanes for each in queue]] if layout.own_rows else lanes
    devices = len(jax.devices())
    limit = None if job.limit is None else job.limit // devices
    most = _most([job.recipes[each] for each in group.members])
    if first.optimizer.shares > 1:
        room = sizes.fitting(first, arrays)
        parts = [part for queue in lanes for part in shared(queue, first.optimizer.shares, room, devices)]
        return [BatchPlan(group, layout, part, len(part), ragged, True, most) for part in parts]
    per_device = sizes.lanes_per_device(first, arrays, max(map(len, queues)), limit)
    if last is not None and jax.devices()[0].platform == "cpu":  # on other devices idle lanes cost next to nothing
        per_device = min(per_device, max(LEAST, -(-last * len(job.contexts) // devices)))
    plans = []
    for queue in queues:
        for start in range(0, len(queue), per_device * devices):
            part = tuple(queue[start : start + per_device * devices])
            # With halving every batch has the full size, so that all of them share one program. Otherwise the last batch
            # has the smallest size that holds its lanes, if that is so much smaller that a program of its own pays.
            fitting = per_device if last is not None else sizes.smallest(-(-len(part) // devices), per_device)
            if start and fitting >= ALIKE * per_device:
                fitting = per_device
            plans.append(BatchPlan(group, layout, part, fitting * devices, ragged, last is not None, most))
    return plans


def shared(queue: Sequence[Lane], shares: int, fitting: int, devices: int) -> list[tuple[Lane | None, ...]]:
    """The lanes of a fold and seed, in batches that give every device as many slots from each of some equal parts.

    Arguments:
        queue: the lanes; those of a part follow each other.
        shares: number of parts.
        fitting: most lanes on a device, if that is as many as there are parts.
        devices: number of devices.

    >>> shared([(i, 0) for i in range(6)], shares=2, fitting=4, devices=2)
    [((0, 0), (1, 0), (3, 0), (4, 0), (2, 0), None, (5, 0), None)]
    """
    each = len(queue) // shares
    batches = -(-each // (max(1, fitting // shares) * devices))
    count = -(-each // (batches * devices))  # slots on a device for each part
    starts = range(0, each, count)

    def slots(start: int) -> list[Lane | None]:
        places = [(part, start + i) for part in range(shares) for i in range(count)]
        return [queue[part * each + i] if i < each else None for part, i in places]

    blocks = [slots(start) for start in range(0, -(-len(starts) // devices) * devices * count, count)]
    return [tuple(itertools.chain(*blocks[i : i + devices])) for i in range(0, len(blocks), devices)]


def layout_of(job: Job, group: Group, arrays: Arrays) -> Layout:
    """The facts of the program that trains a group."""
    first = job.wide[group.members[0]]
    # Lanes with their own rows gather every minibatch for themselves. Sharing rows pays only if enough recipes share them.
    together = first.optimizer.shares > 1
    own_rows = job.independent or len(group.members) < SHARED_FROM or not any(group.differ)
    halved = last_recipes(job, len(group.members)) is not None
    mixed = len(job.contexts) > 1 and (halved or sizes.mixes(first, arrays))
    return Layout(
        structure=group.structure,
        differ=group.differ,
        scalers_differ=group.scalers_differ,
        own_rows=(own_rows or mixed) and not together,
        padded=any(hidden_of(job.recipes[member]) != hidden_of(first) for member in group.members),
        recorded=job.recorded,
        keeps_params=job.keeps_params,
    )


def last_recipes(job: Job, recipes: int) -> int | None:
    """Number of recipes that programs are sized for: those left after the last rung, or a small number if unknown.

    None without halving, or if no rung stops anybody.
    """
    if job.halving is None or not job.rungs:
        return None
    if job.halving.among == "batch":
        found: int | None = math.ceil(recipes * job.halving.factor ** -len(job.rungs))
        return found
    return math.ceil(max(2, FILLED / len(job.contexts)))


def _steps_differ(job: Job, first: Recipe, arrays: Arrays) -> bool:
    """Whether folds differ in their number of steps, so that the last minibatches of some lanes are empty."""
    size = batch_rows(first, arrays)
    steps = {-(-int(context.rows["train_count"]) // size) for context in job.contexts}
    return len(steps | {-(-arrays.train.shape[0] // size)}) > 1


def _most(recipes: list[Recipe]) -> int:
    """Most epochs that a single call may run: as many as it can return if all lanes end together, otherwise fewer."""
    together = len({int(each.epochs) for each in recipes}) == 1
    steady = all(each.patience is None and each.gradient_tolerance is None for each in recipes)
    return program.CAPACITY if together and steady else LOOKS


def packed(batches: list[LaneBatch]) -> list[LaneBatch]:
    """Pack the lanes that are still running after a rung into as few batches as possible, per program."""
    alike: dict[object, list[LaneBatch]] = {}
    for batch in batches:
        if batch.lanes is not None:
            # Lanes that share their rows can only join lanes of the same fold and seed.
            plan = batch.plan
            alike.setdefault((plan.layout, None if plan.layout.own_rows else plan.first[1]), []).append(batch)
    found = [batch for batch in batches if batch.lanes is None]
    for those in alike.values():
        many = [batch.lanes for batch in those if batch.lanes is not None]
        who = np.concatenate([batch.who for batch in those])
        plan, epoch = those[0].plan, those[0].epoch
        indices = np.flatnonzero(who >= 0)
        for start in range(0, len(indices), plan.size):
            part = indices[start : start + plan.size]
            # Copies of the first lane fill the last batch; they are marked as ended and never read.
            standing = np.arange(plan.size) >= len(part)
            part = np.concatenate([part, np.repeat(part[:1], standing.sum())])
            # The lanes are copied only when the batch is next, so that this overlaps with the computation before it.
            make = functools.partial(pick_lanes, many, part, standing)
            found.append(LaneBatch(plan, np.where(standing, -1, who[part]), epoch, make))
    return found
