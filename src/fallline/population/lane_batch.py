"""A lane batch: the lanes of one program, trained together; it shrinks whenever a smaller program can hold what is left."""

import dataclasses
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from fallline.core.block import as_arrays
from fallline.core.driving import STOPPED, drive
from fallline.core.outcome import Outcome
from fallline.population import sizes
from fallline.population.call import Call
from fallline.population.contexts import key_of
from fallline.population.devices import pick_lanes, place_common, place_lanes, stack_keys
from fallline.population.groups import Group
from fallline.population.job import Job
from fallline.population.lanes import ROWS, Lanes, Layout
from fallline.population.padding import cut
from fallline.population.precompile import precompiling
from fallline.population.programs import Beginning
from fallline.population.widths import hidden_of
from fallline.training.resuming import continued


@dataclasses.dataclass(frozen=True, eq=False)
class BatchPlan:
    """What a lane batch is to train.

    Arguments:
        group: the recipes.
        layout: the facts of their program.
        members: (index within the group, index of the context) of every lane; None for a slot that only fills the program.
        size: number of slots in the program; those beyond the members only fill it, too.
        ragged: whether a minibatch may be without any weight.
        fixed: whether the batch keeps its size to the end, because halving refills it.
        most: most epochs that a single call may run.
    """

    group: Group
    layout: Layout
    members: tuple[tuple[int, int] | None, ...]
    size: int
    ragged: bool
    fixed: bool
    most: int

    @property
    def filled(self) -> tuple[tuple[int, int], ...]:
        """The members in all slots; slots without a lane repeat the first member."""
        return tuple(each or self.first for each in (*self.members, *[None] * (self.size - len(self.members))))

    @property
    def first(self) -> tuple[int, int]:
        """The first member, which stands in the first slot."""
        found = self.members[0]
        assert found is not None
        return found

    @property
    def recipes(self) -> list[int]:
        """The job's recipe in every slot."""
        return [self.group.members[index] for index, _ in self.filled]

    def who(self, job: Job) -> np.ndarray:
        """The lane number in every slot, -1 for a slot without a lane."""
        lanes = [-1 if each is None else job.lane(self.group.members[each[0]], each[1]) for each in self.members]
        return np.array(lanes + [-1] * (self.size - len(lanes)))


def begin(call: Call, plan: BatchPlan) -> Lanes:
    """The lanes of a plan before their first step, or in the state from which they continue."""
    job, layout = call.job, plan.layout
    beginning = _beginning(call, plan)
    if job.state is not None:
        recipes = [as_arrays(job.recipes[each]) for each in plan.recipes]
        lanes = call.programs.resume(
            layout, beginning, [continued(job.state, each, beginning.arrays) for each in recipes]
        )
    else:
        parts = ("own", "rows", "widths", "given")
        beginning = beginning._replace(**{name: place_lanes(getattr(beginning, name)) for name in parts})
        with precompiling(call.programs, layout, beginning):
            lanes = call.programs.begin(layout, beginning)
    standing = plan.who(job) < 0
    return pick_lanes([lanes], np.arange(plan.size), standing) if standing.any() else lanes


def _beginning(call: Call, plan: BatchPlan) -> Beginning:
    job = call.job
    own, common = plan.group.take([index for index, _ in plan.filled])
    arrays = dataclasses.replace(call.arrays, ragged=plan.ragged)
    rows: dict[str, Any] = {}
    if plan.layout.own_rows:
        contexts = [job.contexts[context] for _, context in plan.filled]
        rows = {name: np.stack([each.rows[name] for each in contexts]) for name in ROWS}
        which = [
            (context.seed, recipe if job.independent else None)
            for context, recipe in zip(contexts, plan.recipes, strict=True)
        ]
        # Each distinct key is made once, since making one is a call to the device.
        drawn = {each: key_of(*each) for each in which}
        keys = place_lanes(stack_keys([drawn[each] for each in which]))
    else:
        here = job.contexts[plan.first[1]]
        arrays = dataclasses.replace(arrays, **place_common(here.rows))
        keys = key_of(here.seed, None)
    widths = np.array([hidden_of(job.recipes[each]) for each in plan.recipes], np.int32)
    return Beginning(own, common, arrays, rows, keys, widths, job.given_to(plan.recipes))


@dataclasses.dataclass(eq=False)
class LaneBatch:
    """The lanes of one program, from start to end.

    Arguments:
        plan: what it trains.
        who: the lane number in every slot of its program; -1 marks an ended lane, or a slot that only fills it.
        epoch: the epoch that its lanes have reached.
        make: makes the lanes when they are first needed, so that this overlaps with the computation of another batch.
        lanes: the lanes, once they are made and while some of them go on.
    """

    plan: BatchPlan
    who: np.ndarray
    epoch: int
    make: Callable[[], Lanes] | None
    lanes: Lanes | None = None

    def waits(self, until: int) -> bool:
        """Whether the batch has running lanes that have not reached an epoch."""
        return bool((self.who >= 0).any()) and self.epoch < until

    def ready(self) -> Lanes:
        """The lanes; they are made and put on the devices on the first call."""
        if self.lanes is None:
            assert self.make is not None
            self.lanes = self.make()
            self.make = None  # this also frees the lanes from before a rung
        return self.lanes

    def advance(self, call: Call, until: int, after: "LaneBatch | None" = None) -> None:
        """Train until all lanes have ended or reached an epoch; meanwhile prepare the next batch, `after`."""
        waiting = [after] if after is not None and after.waits(until) else []

        def step(batch: LaneBatch) -> LaneBatch:
            batch.chunk(call, until, waiting)
            return batch

        _, why = drive(
            self,
            step,
            goal=lambda batch: "" if batch.waits(until) else "there",
            interrupt=call.interrupt,
            watch=lambda _: call.tell(),
        )
        if why == STOPPED:
            call.interrupt.asked = True

    def chunk(self, call: Call, until: int, waiting: list["LaneBatch"]) -> None:
        """Train for as many epochs as take half a second, and note the results."""
        lanes, asked = self.ready(), time.perf_counter()
        which = (self.plan.layout, len(self.who), lanes.arrays.x.shape, lanes.arrays.train.shape)
        call.ledger.programs.add(which)
        pace = call.programs.pace(which, self.plan.most)
        count = min(pace.count, until - self.epoch)
        # `advance` returns before the device has finished, so the host prepares the next batch in the meantime.
        seen = call.programs.advance(self.plan.layout, lanes, self.epoch + count)
        while waiting:
            waiting.pop().ready()
        call.interrupt.wait(lanes.state.outcome, pace.each * count)
        outcome = np.asarray(lanes.state.outcome)
        call.ledger.note(self.who, jax.tree.map(lambda leaf: np.asarray(leaf)[:count], seen), lanes.state)
        self.epoch += count
        pace.took(time.perf_counter() - asked, count)
        call.programs.timed(which, pace)
        ended = (outcome != Outcome.RUNNING) & (self.who >= 0)
        self.finish(call, ended)
        self.leave(ended)

    def finish(self, call: Call, ended: np.ndarray) -> None:
        """Keep the arrays of lanes that have ended, and evaluate them on the test rows, as far as the job asks for it."""
        if not ended.any():
            return
        assert self.lanes is not None
        if call.job.keep:
            for index, arrays in _arrays_of(self.lanes, np.flatnonzero(ended)):
                lane = int(self.who[index])
                call.ledger.keep(lane, cut(call.job, call.job.recipe(lane), arrays))
        if call.test is not None:
            # The program evaluates all of its lanes; only the results of lanes that have just ended are read.
            loss, metric = call.programs.finish(self.plan.layout, self.lanes, call.test)
            call.ledger.tested(self.who[ended], np.asarray(loss)[ended], np.asarray(metric)[ended])

    def drop(self, lanes: np.ndarray) -> None:
        """Take out lanes that halving has stopped; `packed` then leaves them out."""
        self.leave(np.isin(self.who, lanes) & (self.who >= 0))

    def leave(self, ended: np.ndarray) -> None:
        """Take lanes out, and compact the remaining ones if a smaller program can hold them."""
        self.who = np.where(ended, -1, self.who)
        indices = np.flatnonzero(self.who >= 0)
        if not len(indices):
            self.lanes = self.make = None
        if not len(indices) or self.plan.fixed:  # with halving, `packed` refills batches and the program stays the same
            return
        devices = len(jax.devices())
        smaller = devices * sizes.smallest(-(-len(indices) // devices), len(self.who) // devices)
        # Each new size costs a compilation, so the program shrinks only if at least half of it is free.
        if self.lanes is not None and smaller <= len(self.who) // 2:
            fill = smaller - len(indices)
            indices = np.concatenate([indices, np.repeat(indices[:1], fill)])
            standing = np.arange(len(indices)) >= len(indices) - fill
            self.lanes = pick_lanes([self.lanes], indices, standing)
            self.who = np.where(standing, -1, self.who[indices])


def _arrays_of(lanes: Lanes, indices: np.ndarray) -> list[tuple[int, dict[str, Any]]]:
    """(slot, arrays) of some lanes: their best params and stats, and their scaling, as a predictor holds them."""
    own = {"params": lanes.state.best_params, "stats": lanes.state.best_stats}
    common = {}
    for name in ("scaling", "target_scaling"):
        if name in lanes.shared:
            common[name] = jax.tree.map(np.asarray, lanes.shared[name])
        else:
            own[name] = getattr(lanes.state, name)
    on_host = jax.tree.map(np.asarray, own)
    return [(p, jax.tree.map(lambda leaf, p=p: leaf[p].copy(), on_host) | common) for p in indices.tolist()]
