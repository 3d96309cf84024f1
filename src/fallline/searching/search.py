"""`search(space, data) -> study`: batches of trials, proposed together, trained in pieces."""

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Unpack

from fallline.callbacks.base import Callback
from fallline.core.bar import LATE, both, quiet_unless
from fallline.core.distribution import refuse_space
from fallline.core.errors import FalllineError
from fallline.core.scores import larger_is_better
from fallline.core.whole import check_seed
from fallline.data.table import Table
from fallline.population.contexts import contexts_of
from fallline.searching.budget import Budget, Shorthand, Validation, expand
from fallline.searching.default_space import default_space
from fallline.searching.description import check_same, describe, read_description, strategy_of
from fallline.searching.doctor import diagnose_study
from fallline.searching.driver import Driver, Standing
from fallline.searching.figures import study_figures
from fallline.searching.following import begun_search, ended_search, tell_of_trials
from fallline.searching.kept import LastingStore
from fallline.searching.memory import Memory
from fallline.searching.progress import SearchProgress
from fallline.searching.study import Study
from fallline.searching.trial import judges_another_loss
from fallline.searching.work import Here, OnRay, StudyTask, piece_size
from fallline.strategies.base import Strategy
from fallline.strategies.halving import Halving
from fallline.strategies.named import strategy_named
from fallline.strategies.space import Space
from fallline.strategies.tpe import TPE
from fallline.streams.opening import in_memory_if_it_fits, table_of
from fallline.streams.stream import Stream
from fallline.training.following import Following
from fallline.training.recipe import OWN, Recipe

LANES = 16  # fewest lanes of a batch whose size is not given
COMPETE = 32  # trials of a batch whose trials compete in halving


def search(
    space: Recipe | Space,
    data: Table | Stream,
    *,
    budget: Budget = Budget(),
    validation: Validation = Validation(),
    strategy: Strategy | str | None = None,
    halving: Halving | None = None,
    seed: int = 0,
    batch: int | None = None,
    study: str | Path | None = None,
    name: str = "study",
    ray: bool | str = False,
    limit: float | None = None,
    watch: Callable[[Standing], None] | None = None,
    progress: bool | None = None,
    callbacks: Sequence[Callback] = (),
    **shorthand: Unpack[Shorthand],
) -> Study:
    """Search hyperparameters for the best mean score.

    Arguments:
        space: a recipe with distributions in its fields; without any, the usual ranges of the most important numbers are
            searched.
        data: a table, or a stream. If its rows do not fit into its memory, the trials are trained on its sample, which is the
            same one in every search, and the best recipe is trained on all rows.
        budget: the number of trials, epochs and seconds after which the search ends.
        validation: the folds and seeds over whose runs the score of a recipe is the mean.
        strategy: the search strategy, or its name; default: the one with which the study was begun, or TPE.
        halving: stops early all but the best trials of a batch (of a piece on Ray), or trials that fall behind the study's
            good ones.
        seed: seed of the proposals and of the best model.
        batch: trials per batch; default: the value with which the study was begun. A new study uses about as many as make
            16 lanes with folds and seeds, and at least about 8; about 32 if halving compares the trials of a batch; and
            four pieces on Ray. Use more for a larger number of workers.
        study: SQLite file or SQLAlchemy URL for the trials; an existing study is continued. If the database fails later,
            the search continues in a new file, named by the study's `where` and `notes`.
        name: name of the study in that database.
        ray: train pieces of a batch on Ray: True for this machine, or the address of a cluster (`HOST:PORT`, `auto`).
        limit: seconds after which a piece on Ray counts as hung and is trained elsewhere; None: ten times the slowest
            so far, and at least a minute.
        watch: callback after every chunk of epochs and every piece.
        progress: show a progress bar; by default in a terminal and in a notebook, if the search takes over a second.
        callbacks: told of the beginning, of every trial and of the end, with the right to stop; see `fallline.Callback`.
        shorthand: fields of the budget and the validation, such as `trials=100, folds=5`; they take precedence.

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
    budget, validation = expand(budget, validation, dict(shorthand))
    space = space if isinstance(space, Space) else default_space(space)
    data = in_memory_if_it_fits(data)
    stream, data = data if isinstance(data, Stream) else None, table_of(data)
    _comparable(space, data)
    strategy = _checked(strategy, halving, seed)
    if batch is not None and batch < 1:
        raise FalllineError(f"batch = {batch}: expected 1 or more")
    contexts_of(data, validation.folds, [0])  # refuses impossible folds before a study is made
    task = StudyTask(space, data, validation, halving)
    size = piece_size(budget.trials, task.lanes, halving)
    usual = batch or _usual_batch(task, budget.trials, 4 * size if ray else None)
    # The trainer is made first, so that an unreachable cluster leaves no study behind.
    with closing(OnRay(task, None if ray is True else ray, limit) if ray else Here(task)) as trainer:
        asked = describe(
            space, data, strategy=strategy or TPE(), folds=validation.folds, seeds=validation.seeds, halving=halving,
            batch=usual, piece=min(size, usual) if ray else None, trials=budget.trials, persistent=study is not None,
        )  # fmt: skip
        with closing(_store(study, name)) as store:
            seed, kept = store.begin(int(seed), asked)
            kept = read_description(kept, f"study {str(study)!r}", None if study is None else len(space))
            check_same(kept, asked)
            keeper = None if isinstance(store, Memory) else LastingStore(store, seed, kept)
            driver = Driver(
                space, strategy or strategy_of(kept, f"study {str(study)!r}"), seed, budget, keeper or store, trainer,
                batch=batch or kept["batch"], piece=kept["piece"] or asked["piece"], halving=halving, watch=watch,
                sign=-1.0 if larger_is_better(str(space.recipe.monitor)) else 1.0, began=began,
            )  # fmt: skip
            begun = begun_search(space, data, int(seed), kept, budget.trials)
            with SearchProgress(quiet_unless(progress), LATE) as bar, Following(callbacks, begun) as following:
                driver.watch = watch if bar.quiet else both(bar, watch)
                tell_of_trials(driver, following)
                driver.run()
                completed = driver.completed()
                found = Study(
                    space, data, completed, seed, time.perf_counter() - began, driver.interrupted, keeper, diagnose_study,
                    study_figures, stream,
                )  # fmt: skip
                following.ended = ended_search(found)
        return found


def _checked(strategy: Strategy | str | None, halving: Halving | None, seed: int) -> Strategy | None:
    """The strategy, if one is given; raises FalllineError for invalid settings."""
    if isinstance(strategy, str):
        strategy = strategy_named(strategy)
    if strategy is not None and not isinstance(strategy, Strategy):
        raise FalllineError(f"strategy = {strategy!r} is no strategy: expected one such as fallline.TPE(), or its name")
    if halving is not None and not isinstance(halving, Halving):
        raise FalllineError(f"halving = {halving!r} is not known: expected fallline.Halving(), or None")
    for settings in filter(None, (strategy, halving)):
        refuse_space(settings)
    check_seed(seed)
    return strategy


def _store(where: str | Path | None, name: str) -> Any:
    if where is None:
        return Memory()
    from fallline.searching.store import Store

    return Store(where, name)


def _usual_batch(task: StudyTask, trials: int, most: int | None) -> int:
    """Trials per batch: few, so that the strategy learns often, yet enough to fill a program; all batches have one size.

    Halving keeps a third of a batch, and then a third of that; in a small batch, no trial would have others to beat.
    """
    if most is None:
        compete = task.halving is not None and task.halving.among == "batch"
        most = COMPETE if compete else max(8, LANES // task.lanes)
    return -(-trials // -(-trials // most))


def _comparable(space: Space, data: Table) -> None:
    """Raises: FalllineError for a space in which a better score does not imply a better model."""
    monitor = space.recipe.monitor
    if not isinstance(monitor, str) or monitor in ("none", *OWN):
        raise FalllineError(f"Recipe.monitor = {monitor!r} judges no validation rows: expected 'loss' or a metric")
    changing = judges_another_loss(space)
    if changing and monitor == "loss":
        raise FalllineError(
            f"{changing[0]} is searched, which changes the loss itself, and the loss cannot compare it: "
            "set monitor to a metric such as accuracy or rmse"
        )
