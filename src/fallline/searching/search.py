"""`search(space, data) -> study`: batches of trials, each one call of `evaluate`."""

import dataclasses
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from fallline.core.errors import FalllineError
from fallline.core.outcome import Outcome
from fallline.data.table import Table
from fallline.population import Halving, Population, evaluate
from fallline.population.collector import Progress
from fallline.searching.proposers import Proposer
from fallline.searching.space import Space
from fallline.searching.store import LEASE, Store
from fallline.searching.study import Study, Trial, past_of, trials_of
from fallline.searching.tpe import TPE
from fallline.searching.usual import usual_space
from fallline.training.recipe import OWN, Recipe, recipe_to_plain

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
    """

    done: int
    trials: int
    best: Trial | None
    seconds: float
    seconds_left: float
    part: float
    progress: Progress | None


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
    watch: Callable[[Standing], None] | None = None,
) -> Study:
    """Search hyperparameters for the best mean score.

    Arguments:
        space: a recipe with distributions in its fields; one without is searched over the usual ranges of what matters.
        data: a table.
        trials: how many recipes to try, over all processes of the study.
        epochs: begin no further batch when so many epochs are trained, summed over trials, folds and seeds.
        seconds: begin no further batch after this time.
        batch: trials per batch; default: about as many as make 32 lanes with folds and seeds, and about 8 at least.
        proposer: what to try next; default: TPE.
        folds: cross-validate, so many folds; None: the table's own validation rows.
        seeds: runs per recipe and fold.
        halving: stop all but the best of a batch early.
        seed: of the proposals and of the best model.
        study: where trials are kept, an SQLite file or an SQLAlchemy URL; what it already holds is continued.
        name: of the study in that database.
        watch: called after every chunk of epochs and every batch.

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
    proposer = TPE() if proposer is None else proposer
    if batch is None:
        # Batches of one size: another number of lanes may be another program.
        most = max(8, LANES // ((folds or 1) * seeds))
        batch = -(-trials // -(-trials // most))
    store = Store(study, name)
    description = describe(space, data, proposer, folds, seeds, halving, batch, persistent=study is not None)
    seed, kept = store.begin(seed, description)
    _same(kept, description)
    before = len(trials_of(space, store.rows()))

    def propose(rows: list[Any], numbers: range) -> np.ndarray:
        known = trials_of(space, rows)
        pending = [np.array(json.loads(row.point)) for row in rows if row.outcome is None]
        return proposer.propose(space, past_of(space, known, pending), numbers, seed)

    def standing(progress: Progress | None) -> Standing:
        known = trials_of(space, store.rows()) if progress is None else standing.known  # type: ignore[attr-defined]
        standing.known = known  # type: ignore[attr-defined]
        part = 0.0 if progress is None else len(mine) * progress.lanes_done / progress.lanes
        new, spent = len(known) - before + part, time.perf_counter() - began
        left = spent / new * max(trials - len(known) - part, 0) if new else np.nan
        order = past_of(space, known).order()
        best = known[order[0]] if len(known) and np.isfinite(known[order[0]].score) else None
        return Standing(len(known), trials, best, spent, left, part, progress)

    mine: list[tuple[int, np.ndarray]] = []
    interrupted = False
    while not interrupted:
        rows = store.rows()
        spent = sum(row.lane_epochs or 0 for row in rows)
        if (epochs is not None and spent >= epochs) or (seconds is not None and time.perf_counter() - began >= seconds):
            break
        if watch is not None:
            watch(standing(None))
        mine = store.reserve(batch, trials, propose)
        if not mine:
            if all(row.outcome is not None for row in store.rows()):
                break
            time.sleep(POLL)  # others are training the last trials; if they are killed, these are ours
            continue
        with _held(store, [number for number, _ in mine]):
            asked = time.perf_counter()
            seen = None if watch is None else lambda progress: watch(standing(progress))
            recipes = [space.fill(point) for _, point in mine]
            population = evaluate(recipes, data, seeds=seeds, folds=folds, test=False, halving=halving, watch=seen)
            interrupted = population.interrupted
            if not interrupted:
                store.finish(judged(population, [n for n, _ in mine], time.perf_counter() - asked))
    if watch is not None:
        watch(standing(None))
    found = trials_of(space, store.rows())
    return Study(space, data, found, seed, time.perf_counter() - began, interrupted)


def judged(population: Population, numbers: list[int], seconds: float) -> list[dict[str, Any]]:
    """What the store keeps of a batch: one row per recipe, means over its folds and seeds."""
    results = []
    for place, number in enumerate(numbers):
        lanes = np.flatnonzero(population.recipe == place)
        outcomes = population.outcome[lanes]
        worst = next((each for each in (Outcome.DIVERGED, Outcome.PRUNED) if (outcomes == each).any()), outcomes.max())
        scores = population.score[lanes].astype(np.float64)
        failed = worst == Outcome.DIVERGED or not np.isfinite(scores).all()
        error = float(scores.std(ddof=1) / np.sqrt(len(lanes))) if len(lanes) > 1 and not failed else None
        shown = {key: float(column[lanes].mean()) for key, column in population.columns.items()}
        results.append(
            {
                "number": number,
                "outcome": "diverged" if failed else Outcome(int(worst)).label,
                "score": None if failed else float(scores.mean()),
                "error": error,
                "epochs": float(population.epochs[lanes].mean()),
                "lane_epochs": int(population.epochs[lanes].sum()),
                "seconds": seconds / len(numbers),
                "columns": {key: value if np.isfinite(value) else None for key, value in shown.items()},
            }
        )
    return results


def describe(
    space: Space,
    data: Table,
    proposer: Proposer,
    folds: int | None,
    seeds: int,
    halving: Halving | None,
    batch: int,
    persistent: bool = True,
) -> dict[str, Any]:
    """What a study is, as plain data; a study continued must be the same."""
    return {
        "space": recipe_to_plain(space.recipe) if persistent else None,
        "default": space.default.tolist(),
        "data": data.source,
        "fingerprint": data.fingerprint,
        "proposer": repr(proposer),
        "folds": folds,
        "seeds": seeds,
        "halving": None if halving is None else [halving.factor, halving.least],
        "batch": batch,
    }


def _same(kept: dict[str, Any], asked: dict[str, Any]) -> None:
    """Raises: FalllineError for a study that was begun with something else."""
    words = {
        "space": "another space",
        "fingerprint": "other data",
        "folds": "other folds",
        "seeds": "other seeds",
        "halving": "another halving",
    }
    for key, what in words.items():
        if kept[key] != json.loads(json.dumps(asked[key])):
            raise FalllineError(
                f"the study was begun with {what}: give it another name, or search what it was begun with"
            )


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
        store.release(numbers)
