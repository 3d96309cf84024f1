"""Callbacks beside a search: they are told of its beginning, of every trial and of its end."""

from typing import TYPE_CHECKING, Any

from fallline.callbacks.base import Begun, Ended
from fallline.core.nested import flat
from fallline.data.table import Table
from fallline.searching.driver import Driver
from fallline.searching.trial import Trial
from fallline.strategies.space import Space
from fallline.training.following import Following
from fallline.training.recipe import recipe_to_plain

if TYPE_CHECKING:
    from fallline.searching.study import Study

_KEPT = ("folds", "seeds", "strategy", "halving", "batch")


def begun_search(space: Space, data: Table, seed: int, kept: dict[str, Any], trials: int) -> Begun:
    """What callbacks are told when a search begins; `kept` is the study's description."""
    usual = space.fill(space.default)
    searched = {each.name for each in space.dimensions}
    settings = {path: value for path, value in flat(recipe_to_plain(usual)) if path not in searched}
    settings |= dict(flat({name: kept[name] for name in _KEPT if kept[name] is not None})) | {"seed": seed}
    return Begun("search", data.name, settings, trials, str(usual.monitor))


def tell_of_trials(driver: Driver, following: Following) -> None:
    """Make a search tell callbacks of every trial that it completes."""
    if not following.running:
        return
    known = {each.number for each in driver.known}

    def told(trials: tuple[Trial, ...]) -> bool:
        new = [each for each in trials if each.number not in known]
        known.update(each.number for each in new)
        answers = [following.tell("trial", each.number, *_facts(each, driver)) for each in new]
        return any(answers)

    driver.told = told


def ended_search(study: "Study") -> Ended:
    """What callbacks are told when a search has ended."""
    best = study.order[0] if study.trials else None
    metrics = {} if best is None else {"best": {"score": best.score * study.sign, "trial": float(best.number)}}
    return Ended("interrupted" if study.interrupted else "finished", metrics, study)


def _facts(trial: Trial, driver: Driver) -> tuple[dict[str, Any], dict[str, Any]]:
    """The values of a trial, and its scores."""
    scores = {
        "score": trial.score * driver.sign, "error": trial.error, "outcome": trial.outcome, "epochs": trial.epochs,
        "seconds": trial.seconds, **trial.columns,
    }  # fmt: skip
    return dict(trial.values), scores
