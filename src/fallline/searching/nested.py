"""Nested cross-validation: the score of the whole procedure, including the search and the choice of its best trial."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from fallline.core.errors import FalllineError
from fallline.data.dividing import in_two, pairs_of
from fallline.data.table import Table
from fallline.searching.default_space import default_space
from fallline.searching.driver import Standing
from fallline.searching.nested_scores import Nested
from fallline.searching.search import search
from fallline.searching.study import Study
from fallline.strategies.space import Space
from fallline.training.recipe import Recipe

VALID = 0.1  # validation share of an outer fold's rows, if the table has no validation rows of its own


def nested(
    space: Recipe | Space,
    data: Table,
    *,
    outer: int = 5,
    study: str | Path | None = None,
    name: str = "study",
    watch: Callable[[int, Standing], None] | None = None,
    **options: Any,
) -> Nested:
    """Search once per outer fold without that fold's rows, and evaluate the best recipe's model on them.

    The score of a study's best trial is biased, since the trial was selected by it. Here the rows that score a model had no
    part in selecting it. The table's test rows are not used.

    Arguments:
        space, data: as for `search`; the training and validation rows are divided into outer folds.
        outer: number of outer folds, each with its own search.
        study, name: database and name of the studies; each outer fold has its own name, and existing studies are continued.
        watch: callback that receives the outer fold, from 0, and the progress of its search.
        options: arguments of each search: trials, folds, strategy, ray, ...

    Raises: FalllineError as `search` does, and for more outer folds than rows.
    """
    if outer < 2:
        raise FalllineError(f"outer = {outer}: expected 2 or more outer folds")
    space = space if isinstance(space, Space) else default_space(space)
    studies: list[Study] = []
    metrics: list[dict[str, float]] = []
    for fold, table in enumerate(outer_tables(data, outer)):
        seen = None if watch is None else lambda standing, fold=fold: watch(fold, standing)
        inner = f"{name}, outer fold {fold + 1} of {outer}"
        found = search(space, table, study=study, name=inner, watch=seen, **options)
        if found.interrupted:
            return Nested(tuple(studies), tuple(metrics), True)
        studies.append(found)
        study = found.where if study is not None else None  # another database, if the given one has failed
        metrics.append(found.best.run.metrics["test"])  # exists, since `outer_tables` refuses folds without weight
    return Nested(tuple(studies), tuple(metrics), False)


def outer_tables(data: Table, outer: int) -> list[Table]:
    """One table per outer fold, with the fold's rows as test rows.

    Validation rows are drawn anew from the other rows, with the same share as in the given table.
    """
    dataset = data.dataset
    rows = np.sort(np.concatenate([dataset.train, dataset.valid]))
    share = len(dataset.valid) / len(rows) or VALID
    tables = []
    for fold, (rest, held) in enumerate(pairs_of(dataset, rows, outer)):
        train, valid = in_two(dataset, rest, share, fold)
        if dataset.weight is not None and not dataset.weight[held].any():
            raise FalllineError(f"every row of outer fold {fold + 1} has the weight 0: take fewer outer folds")
        changed = dataclasses.replace(dataset, train=train, valid=valid, test=held)
        tables.append(dataclasses.replace(data, dataset=changed, source={}))
    return tables
