"""`search(space, data) -> study`: batches of trials, proposed together, trained in pieces."""

import dataclasses
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from fallline.core.errors import FalllineError
from fallline.data.table import Table
from fallline.population import Halving
from fallline.population.collector import Progress
from fallline.population.result import larger_is_better
from fallline.searching.description import check_same, describe, proposer_from_plain
from fallline.searching.proposers import Proposer
from fallline.searching.space import Space
from fallline.searching.store import LEASE, Store
from fallline.searching.study import Study, Trial, past_of, trials_of
from fallline.searching.tpe import TPE
from fallline.searching.usual import usual_space
from fallline.searching.work import Here, OnRay, Piece, Task, in_pieces, piece_size
from fallline.training.recipe import OWN, Recipe

LANES = 32  # of a batch, at least, where its size is not given
POLL = 0.2  # seconds between two looks at what other processes have left to do


@dataclasses.dataclass(frozen=True)
class Standing:
    """Where a search stands, for a live table or a callback.

    Arguments:
        done, trials: trials judged, and to be judged altogether.
        best: the best so far, or None.
        seconds, seconds_left: wall-clock so far, and still to come if trials go on as they did.
        part: trials' worth of the batch at hand.
        progress: where that batch stands, or None between two.
        sign: of the best trial's score as the monitored value: -1 where more of it is better.
    """

    done: int
    trials: int
    best: Trial | None
    seconds: float
    seconds_left: float
    part: float
    progress: Progress | None
    sign: float = 1.0


def search(
    space: Recipe | Space,
    data: Table,
    *,
    trials: int = 64,
    epochs: int | None = None,
    seconds: float | None = None,
    batch: int | None = None,
    proposer: Proposer | None = None,
    folds: int | None = None,
    seeds: int = 1,
    halving: Halving | None = None,
    seed: int = 0,
    study: str | Path | None = None,
    name: str = "study",
    ray: bool | str = False,
    limit: float | None = None,
    watch: Callable[[Standing], None] | None = None,
) -> Study:
    """Search hyperparameters for the best mean score.

    Arguments:
        space: a recipe with distributions in its fields; one without is searched over the usual ranges of what matters.
        data: a table.
        trials: how many recipes to try, over all processes of the study.
        epochs: begin no further batch when so many epochs are trained, summed over trials, folds and seeds.
        seconds: begin no further batch after this time.
        batch: trials per batch; default: as the study was begun; a new one: about as many as make 32 lanes with folds
            and seeds, about 8 at least; with halving about 32; and on Ray four pieces. Give more where there are more
            workers than that.
        proposer: what to try next; default: as the study was begun; a new one: TPE.
        folds: cross-validate, so many folds; None: the table's own validation rows.
        seeds: runs per recipe and fold.
        halving: stop all but the best of a batch early; on Ray, of a piece.
        seed: of the proposals and of the best model.
        study: where trials are kept, an SQLite file or an SQLAlchemy URL; what it already holds is continued.
        name: of the study in that database.
        ray: train pieces of a batch on Ray: True for this machine, or the address of a cluster (`HOST:PORT`, `auto`).
        limit: seconds after which a piece on Ray counts as hung, and is trained elsewhere; None: ten times the slowest
            so far, and a minute at least.
        watch: called after every chunk of epochs and every piece.

    Raises: FalllineError for a space whose scores cannot be compared, and for a study of another space or other data.

    >>> from fallline.core.block import replace
    >>> from fallline.data.table import load
    >>> from fallline.distributions import LogUniform
    >>> space = replace(Recipe(epochs=3), {"optimizer.learning_rate.peak": LogUniform(1e-5, 1e-1)})
    >>> found = search(space, load("sklearn:iris"), trials=8)
    >>> len(found), found.best.recipe.optimizer.learning_rate.peak > 1e-3
    (8, True)
    """
    began = time.perf_counter()
    space = space if isinstance(space, Space) else usual_space(space)
    _comparable(space, data)
    if trials < 1 or (batch is not None and batch < 1):
        raise FalllineError(f"trials = {trials}, batch = {batch}: expected 1 or more")
    lanes = (folds or 1) * seeds
    size = piece_size(trials, lanes, halving)
    if batch is None:
        # Batches of one size: another number of lanes may be another program.
        # Halving keeps a third of a batch, and a third of that: of few, none is left that had others to beat.
        most = 4 * size if ray else LANES if halving else max(8, LANES // lanes)
        usual = -(-trials // -(-trials // most))
    else:
        usual = batch
    sign = -1.0 if larger_is_better(str(space.recipe.monitor)) else 1.0
    task = Task(space, data, folds, seeds, halving)
    # Before the study, so that a cluster that is not there leaves no study behind.
    with closing(OnRay(task, None if ray is True else ray, limit) if ray else Here(task)) as trainer:
        asked = describe(
            space, data, proposer=proposer or TPE(), folds=folds, seeds=seeds, halving=halving, batch=usual,
            piece=min(size, usual) if ray else None, trials=trials, persistent=study is not None,
        )  # fmt: skip
        store = Store(study, name)
        seed, kept = store.begin(seed, asked)
        check_same(kept, asked)
        chosen = proposer or proposer_from_plain(kept["proposer"])
        batch, piece = batch or kept["batch"], kept["piece"] or asked["piece"]
        before = len(trials_of(space, store.rows()))

        def propose(rows: list[Any], numbers: range) -> np.ndarray:
            known = trials_of(space, rows)
            pending = [np.array(json.loads(row.point)) for row in rows if row.outcome is None]
            return chosen.propose(space, past_of(space, known, pending), numbers, seed)

        known: tuple[Trial, ...] = ()
        at_hand: Piece = []

        def tell(progress: Progress | None) -> None:
            nonlocal known
            if watch is None:
                return
            if progress is None:
                known = trials_of(space, store.rows())
            part = 0.0 if progress is None else len(at_hand) * progress.lanes_done / progress.lanes
            new, spent = len(known) - before + part, time.perf_counter() - began
            left = spent / new * max(trials - len(known) - part, 0) if new else np.nan
            order = past_of(space, known).order()
            best = known[order[0]] if len(known) and np.isfinite(known[order[0]].score) else None
            watch(Standing(len(known), trials, best, spent, left, part, progress, sign))

        while not trainer.interrupted:
            rows = store.rows()
            spent = sum(row.lane_epochs or 0 for row in rows)
            if (epochs is not None and spent >= epochs) or (
                seconds is not None and time.perf_counter() - began >= seconds
            ):
                break
            tell(None)
            mine = store.reserve(batch, trials, propose)
            if not mine:
                if all(row.outcome is not None for row in store.rows()):
                    break
                time.sleep(POLL)  # others are training the last trials; if they are killed, these are ours
                continue
            with _held(store, [number for number, _ in mine]):
                pieces = in_pieces(mine, piece)
                at_hand = pieces[0]
                for results in trainer.train(pieces, tell):
                    store.finish(results)
                    tell(None)
        tell(None)
        found = trials_of(space, store.rows())
        return Study(space, data, found, seed, time.perf_counter() - began, trainer.interrupted)


def _comparable(space: Space, data: Table) -> None:
    """Raises: FalllineError for a space in which a better score need not be a better model."""
    monitor = space.recipe.monitor
    if not isinstance(monitor, str) or monitor in ("none", *OWN):
        raise FalllineError(f"Recipe.monitor = {monitor!r} judges no validation rows: expected 'loss' or a metric")
    changing = [each.path for each in space.dimensions if each.path.split(".")[0] in ("loss", "target_scaler")]
    if changing and monitor == "loss":
        raise FalllineError(
            f"{changing[0]} is searched, which changes the loss itself, and the loss cannot judge it: "
            "set monitor to a metric such as accuracy or rmse"
        )


@contextmanager
def _held(store: Store, numbers: list[int]) -> Iterator[None]:
    """Renew a reservation while its trials are trained, and give back what is not finished."""
    over = threading.Event()

    def renew() -> None:
        while not over.wait(LEASE / 4):
            with suppress(FalllineError):  # the next renewal may succeed; if none does, others take the trials over
                store.renew(numbers)

    if store.where is None:
        yield
        return
    thread = threading.Thread(target=renew, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        with suppress(FalllineError):  # what ends the search is said already; a lease ends by itself
            store.release(numbers)
