"""The lanes of an ensemble: one recipe with several seeds, and perhaps folds, from start to end."""

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from fallline.core.driving import Pace
from fallline.core.interrupt import Interrupt
from fallline.core.outcome import Outcome
from fallline.data.table import Table
from fallline.population.contexts import Folds, LaneContext, contexts_of, key_of
from fallline.population.devices import place_common, place_lanes, stack_keys
from fallline.population.evaluate import PROGRAMS
from fallline.population.groups import group_recipes
from fallline.population.lanes import ROWS, Lanes, Layout
from fallline.population.precompile import precompiling
from fallline.population.programs import Beginning
from fallline.population.sizes import lanes_per_device
from fallline.probes import Probe
from fallline.training.arrays import Arrays, suited, to_device
from fallline.training.class_weights import with_class_weights
from fallline.training.history import join
from fallline.training.moment import batch_rows, network_of
from fallline.training.recipe import Recipe, complete_for
from fallline.training.state import Epochs, State

MOST = 16  # most epochs per call, since ended lanes are computed until it returns


@dataclasses.dataclass(frozen=True)
class MemberLane:
    """One trained member.

    Arguments:
        seed: seed of its initial weights, minibatch order and dropout.
        state: its state at the end, on the host.
        seen: the records of its epochs; None if there are none.
        train, valid: its training and validation rows.
    """

    seed: int
    state: State
    seen: Epochs | None
    train: np.ndarray
    valid: np.ndarray


@dataclasses.dataclass
class Part:
    """The lanes of one program: their numbers, their arguments and state, and the records so far."""

    numbers: range
    lanes: Lanes
    epoch: int = 0
    seen: list[Epochs] = dataclasses.field(default_factory=list)

    @property
    def running(self) -> bool:
        """Whether any lane has epochs left."""
        return bool((np.asarray(self.lanes.state.outcome) == Outcome.RUNNING).any())

    @property
    def kept(self) -> dict[str, Any]:
        """Everything that the next epoch needs."""
        return {"state": self.lanes.state, "epoch": self.lanes.shared["epoch"]}

    def put(self, state: State, epoch: int, seen: Epochs | None) -> None:
        """Continue from a checkpoint."""
        self.lanes.state = place_lanes(state)
        self.lanes.shared = place_common({"epoch": np.int32(epoch)})
        self.epoch, self.seen = epoch, [] if seen is None else [seen]

    def end(self, outcome: Outcome, chosen: np.ndarray) -> None:
        """Mark the chosen lanes that are running as ended."""
        now = np.asarray(self.lanes.state.outcome)
        ended = np.where(chosen & (now == Outcome.RUNNING), int(outcome), now).astype(np.int32)
        self.lanes.state = dataclasses.replace(self.lanes.state, outcome=place_lanes(ended))


class EnsembleJob:
    """An ensemble in training.

    The lanes of a program stay together until the last of them ends, and a program is never exchanged for a smaller one.
    The bits of a member therefore depend neither on timing nor on interruptions.

    Arguments:
        recipe: the recipe of all members.
        table: the data.
        seeds: a seed for each member.
        folds: with folds, one for each member: it validates on this fold and trains on the others.
        recorded: the probes.

    Raises: FalllineError for a recipe that does not fit the data, and for folds that cannot be drawn.
    """

    def __init__(
        self, recipe: Recipe, table: Table, seeds: Sequence[int], folds: Folds, recorded: tuple[Probe, ...]
    ) -> None:
        self.table, self.note = suited(table, [recipe])
        self.seeds, self.recorded = list(seeds), recorded
        self.contexts = _contexts(self.table, self.seeds, folds)
        counts = [int(each.rows["train_count"]) for each in self.contexts]
        own = recipe.batch_size is None and not recipe.optimizer.full_batch
        completed = complete_for(recipe, self.table.dataset, min(counts) if own else max(counts))
        self.recipe = with_class_weights(completed, self.table)
        self.arrays = _arrays(self.recipe, self.table, self.contexts)
        group = group_recipes([self.recipe])[0]
        self.layout = Layout(group.structure, group.differ, False, True, False, recorded, True)
        self.own, self.common = group.take([0])
        devices = len(jax.devices())
        size = devices * lanes_per_device(self.recipe, self.arrays, len(self.seeds))
        starts = range(0, len(self.seeds), size)
        self.size = min(size, -(-len(self.seeds) // devices) * devices)
        self.parts = [self._part(range(begin, min(begin + size, len(self.seeds)))) for begin in starts]
        self.first_seconds = 0.0

    def _part(self, numbers: range) -> Part:
        """New lanes; slots beyond the members repeat the first, are marked as ended and never read."""
        filled = [self.contexts[k] for k in (*numbers, *[numbers[0]] * (self.size - len(numbers)))]
        rows = {name: np.stack([each.rows[name] for each in filled]) for name in ROWS}
        keys = place_lanes(stack_keys([key_of(each.seed, None) for each in filled]))
        rows, widths = (place_lanes(each) for each in (rows, np.zeros((self.size, 0), np.int32)))
        beginning = Beginning(self.own, self.common, self.arrays, rows, keys, widths)
        with precompiling(PROGRAMS, self.layout, beginning):
            lanes = PROGRAMS.begin(self.layout, beginning)
        part = Part(numbers, lanes)
        part.end(Outcome.FINISHED, np.arange(self.size) >= len(numbers))
        return part

    def run(self, between: Callable[[], Any] | None = None) -> bool:
        """Train until all lanes have ended; returns whether Ctrl-C came first. `between` is called after every chunk.

        If `between` returns True, the lanes stop as if their patience had run out.
        """
        with Interrupt() as interrupt:
            for part in self.parts:
                pace = Pace(MOST)
                while part.running and not interrupt.asked:
                    asked, count = time.perf_counter(), pace.count
                    seen = PROGRAMS.advance(self.layout, part.lanes, part.epoch + count)
                    interrupt.wait(part.lanes.state.outcome, pace.each * count)
                    part.seen.append(jax.tree.map(lambda leaf, n=count: np.asarray(leaf)[:n], seen))
                    part.epoch += count
                    pace.took(time.perf_counter() - asked, iterations=count)
                    self.first_seconds = self.first_seconds or time.perf_counter() - asked
                    if between is not None and between() is True:
                        for other in self.parts:
                            other.end(Outcome.STOPPED, np.ones(self.size, bool))
            return interrupt.asked and any(part.running for part in self.parts)

    def lanes(self) -> list[MemberLane]:
        """The members as they stand."""
        return [lane for part in self.parts for lane in self._lanes(part)]

    def _lanes(self, part: Part) -> list[MemberLane]:
        state = jax.tree.map(_on_host, part.lanes.state)
        seen = join(part.seen) if part.seen else None
        found = []
        for index, number in enumerate(part.numbers):
            context, own = self.contexts[number], jax.tree.map(lambda leaf, p=index: leaf[p], state)
            records = None if seen is None else _lived({name: leaf[:, index] for name, leaf in seen.items()})
            epochs = 0 if records is None else len(records["outcome"])
            own = dataclasses.replace(own, epoch=np.int32(epochs))
            train, valid = (context.rows[name][: int(context.rows[f"{name}_count"])] for name in ("train", "valid"))
            found.append(MemberLane(context.seed, own, records, train, valid))
        return found

    @property
    def activations(self) -> int:
        """Number of activations in the network."""
        return network_of(self.recipe, self.arrays).activations


def _contexts(table: Table, seeds: list[int], folds: Folds) -> list[LaneContext]:
    """The rows and the seed of each member."""
    if folds is None:
        return contexts_of(table, None, seeds)
    each = contexts_of(table, folds, seeds[:1])
    return [dataclasses.replace(context, seed=seed) for context, seed in zip(each, seeds, strict=True)]


def _arrays(recipe: Recipe, table: Table, contexts: list[LaneContext]) -> Arrays:
    first = contexts[0].rows
    arrays = to_device(table.dataset, first["train"], first["valid"])
    size, weight = batch_rows(recipe, arrays), table.dataset.weight
    # A row of weight 0, or a fold of fewer rows, may leave a minibatch without any weight; it must change nothing.
    steps = {-(-int(each.rows["train_count"]) // size) for each in contexts}
    ragged = (weight is not None and not np.all(weight)) or len(steps | {-(-arrays.train.shape[0] // size)}) > 1
    found: Arrays = dataclasses.replace(place_common(arrays), ragged=ragged)
    return found


def _lived(seen: Epochs) -> Epochs:
    """The records of a lane up to its end; later ones mean nothing."""
    ends = np.flatnonzero(seen["outcome"] != Outcome.RUNNING)
    return {name: leaf[: ends[0] + 1] if len(ends) else leaf for name, leaf in seen.items()}


def _on_host(leaf: Any) -> Any:
    if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return jax.random.wrap_key_data(np.asarray(jax.random.key_data(leaf)))
    return np.asarray(leaf)
