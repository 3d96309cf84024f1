"""Trains candidates together: every candidate on every fold is a lane, in as few populations as possible."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.utils.validation import _num_samples

from fallline.estimators import settings
from fallline.estimators.base import BaseMLP
from fallline.estimators.batch import table_of
from fallline.estimators.candidates import alike
from fallline.estimators.fitting import RECORDED
from fallline.estimators.folds import Fold, Split, begun, folds_of, places_of, stacked
from fallline.estimators.lanes import Expected, SearchLane, recognised
from fallline.population import evaluate
from fallline.population.table import Report


class Together:
    """The fits of a search.

    Arguments:
        candidates: arguments to try.
        models: every candidate as an estimator; None if it is fitted on its own.
        X, y: all rows.
        fit_params: arguments of `fit`, for all rows.
        splits: index sets (training, test) of every fold.

    Attributes:
        reports: how every population was run.
        seconds: training time of every candidate on every fold; 0 for those fitted on their own.
    """

    def __init__(
        self,
        candidates: list[dict[str, Any]],
        models: list[BaseMLP | None],
        X: Any,
        y: Any,
        fit_params: dict[str, Any],
        splits: Sequence[Split],
    ) -> None:
        self.candidates, self.models, self.splits = candidates, models, splits
        self.X, self.y, self.fit_params = X, y, fit_params
        self.lanes: dict[tuple[int, int], SearchLane] = {}
        self.reports: list[Report] = []
        self.seconds = np.zeros((len(candidates), len(splits)))

    def train(self) -> None:
        """Trains all candidates that can be trained in populations."""
        for places in alike(self.candidates, self.models):
            models: list[Any] = [self.models[place] for place in places]
            folds = folds_of(models[0], self.X, self.y, self.fit_params, self.splits)
            sets: dict[Any, list[Fold]] = {}
            for fold in folds:
                if fold is not None:
                    sets.setdefault(fold.together_with(), []).append(fold)
            for several in sets.values():
                self._run(places, models, several)

    def expected(self) -> list[Expected]:
        """The fits that scikit-learn will request, in its order."""
        counts = [len(places_of(train, _num_samples(self.X))) for train, _ in self.splits]
        found = []
        for place, model in enumerate(self.models):
            if model is not None:
                arguments = recognised(model)
                for number, count in enumerate(counts):
                    found.append(Expected(arguments, count, self.lanes.get((place, number))))
        return found

    def _run(self, places: list[int], models: list[BaseMLP], folds: list[Fold]) -> None:
        """Trains one population: candidates with the same rows, on folds with the same columns and classes.

        Candidates without a valid recipe are left to their own fits, and so are all of them if the population refuses
        them. Those fits raise the same error where scikit-learn expects it.
        """
        rows, pairs = stacked(folds)
        recipes, weights, able = [], [], []
        for place, model in zip(places, models, strict=True):
            try:
                recipe, given = _recipe_of(model, folds[0])
                if model.encoding is not None and not _alike(model, folds):
                    continue  # a population has the same inputs in all folds
            except Exception:
                continue
            recipes.append(recipe)
            weights.append(given)
            able.append(place)
        if not able:
            return
        table = table_of(folds[0].model._described(), rows, folds[0].model._n_classes)
        began = time.perf_counter()
        try:
            population = evaluate(
                recipes,
                table,
                seeds=[folds[0].seed],
                folds=pairs,
                test=False,
                keep=True,
                probes=RECORDED,
                given=weights,
            )
        except Exception:
            return
        if population.interrupted:
            raise KeyboardInterrupt
        self.reports.append(population.report)
        each = (time.perf_counter() - began) / len(population)
        for lane in range(len(population)):
            candidate, place = divmod(lane, len(folds))
            fold = folds[place]
            key = able[candidate], fold.number
            self.lanes[key] = SearchLane(fold.model, population, lane, len(fold.rows.train), fold.rows.x)
            self.seconds[key] = each


def _alike(model: BaseMLP, folds: list[Fold]) -> bool:
    """Whether a candidate encodes the same columns in every fold."""
    first, *others = (settings.encoding_of(fold.model._known_to(model)) for fold in folds)
    return all(each == first for each in others)


def _recipe_of(model: BaseMLP, fold: Fold) -> tuple[Any, dict[str, Any]]:
    """A candidate's recipe and initial params, for rows of this fold."""
    known = fold.model._known_to(model)
    features = fold.rows.x.shape[1]
    with_weights, _ = begun(known, features)
    task, targets = known._task, known._targets
    recipe = settings.recipe_of(known, task=task, targets=targets, rows=len(fold.rows.train))
    return recipe, with_weights._params(recipe, features)
