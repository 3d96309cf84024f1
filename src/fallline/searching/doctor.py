"""A study's doctor: where trials fail, what the best have in common, which bounds to move, and whether more would help."""

import operator
from collections.abc import Callable

import numpy as np

from fallline.searching.against import default_sentence
from fallline.searching.diagnosed import Stretch, StudyDiagnosis
from fallline.searching.findings import FEWEST, edges, outlook
from fallline.searching.study import Study
from fallline.searching.trial import history_of

CELLS = 6  # stretches of a dimension in the map
BEST = 0.2  # share of the trials that are the best
SURE = 2.5  # excess of failures in a stretch, in standard errors


def diagnose_study(study: Study) -> StudyDiagnosis:
    """Look at the trials of a study.

    >>> import fallline as fl
    >>> space = fl.Recipe(optimizer=fl.SGD(fl.LogUniform(1e-6, 1e6)), epochs=2)
    >>> study = fl.search(space, fl.load("sklearn:iris"), trials=48, strategy="sobol")
    >>> study.diagnosis.failing[0].split(":")[0]
    'optimizer.learning_rate from 100 to 1e+06'
    """
    stretches = tuple(each for index in range(len(study.space)) for each in _stretches(study, index))
    few = len(study.trials) < FEWEST
    finished = any(np.isfinite(each.score) for each in study.trials)
    ahead = outlook(study) if finished else None
    return StudyDiagnosis(
        map=stretches,
        failing=() if few else _failing(study, stretches),
        common=() if few or not finished else _common(study),
        bounds=tuple(edges(study)) if finished else (),
        default=default_sentence(study) if finished else None,
        more=None if ahead is None else ahead.sentence,
    )


def _fates(study: Study) -> tuple[np.ndarray, np.ndarray]:
    """Which trials diverged, and which of the finished ones stalled: nearer to the worst score than to the best."""
    diverged = np.array([each.outcome == "diverged" or each.score == np.inf for each in study.trials], bool)
    scores = np.array([each.score for each in study.trials])
    stalled = np.zeros(len(scores), bool)
    known = scores[np.isfinite(scores)]
    if len(known) >= FEWEST // 2 and known.max() > known.min():
        middle = 0.5 * (np.quantile(known, 0.9) + known.min())
        stalled = np.isfinite(scores) & (scores > middle)
    return diverged, stalled


def _stretches(study: Study, index: int) -> list[Stretch]:
    """One dimension in stretches of equal width in the unit cube, or its options."""
    space = study.space
    dimension, count = space.dimensions[index], space.counts[index]
    cells = int(min(CELLS, count or CELLS))
    points = np.array([each.point[index] for each in study.trials])
    active = np.array([dimension.name in each.values for each in study.trials], bool)
    where = np.clip((points * cells).astype(int), 0, cells - 1)
    diverged, stalled = _fates(study)
    found = []
    for cell in range(cells):
        inside = active & (where == cell)
        low, high = _value(study, index, cell / cells), _value(study, index, (cell + 1) / cells)
        found.append(
            Stretch(
                dimension.name,
                low,
                high,
                int(inside.sum()),
                int((inside & diverged).sum()),
                int((inside & stalled).sum()),
            )
        )
    return found


def _value(study: Study, index: int, u: float) -> str:
    """The value of a dimension at a number of the unit interval, in words."""
    point = study.trials[0].point.copy() if study.trials else np.full(len(study.space), 0.5)
    point[index] = min(max(u, 1e-9), 1.0 - 1e-9)
    value = study.space.values(point).get(study.space.dimensions[index].name)
    return f"{value:.3g}" if isinstance(value, float | np.floating) else str(value)


def _failing(study: Study, stretches: tuple[Stretch, ...]) -> tuple[str, ...]:
    """A sentence for every run of stretches where clearly more trials diverge or stall than in the rest of the dimension."""
    sentences = []
    for name in study.space.names:
        own = [each for each in stretches if each.name == name and each.trials]
        total = sum(each.trials for each in own)
        for word in ("diverged", "stalled"):
            count: Callable[[Stretch], int] = operator.attrgetter(word)
            rate = sum(map(count, own)) / max(total, 1)
            if not 0 < rate < 1:
                continue
            bad = [
                s
                for s in own
                if count(s) / s.trials - rate > SURE * np.sqrt(rate * (1 - rate) / s.trials) and count(s) > 1
            ]
            if not bad:
                continue
            failed, there = sum(map(count, bad)), sum(s.trials for s in bad)
            sentences.append(
                f"{name} from {bad[0].low} to {bad[-1].high}: {failed} of {there} trials {word}, elsewhere "
                f"{sum(map(count, own)) - failed} of {total - there}"
            )
    return tuple(sentences)


def _common(study: Study) -> tuple[str, ...]:
    """Where the best fifth of the trials lie, for each dimension in which they are much closer together than all trials."""
    order = history_of(study.space, study.trials).order()
    best = order[: max(4, int(BEST * len(order)))]
    sentences = []
    for index, name in enumerate(study.space.names):
        points = np.array([study.trials[i].point[index] for i in best if name in study.trials[i].values])
        every = np.array([each.point[index] for each in study.trials if name in each.values])
        if len(points) < 4 or every.std() == 0 or points.std() > 0.5 * every.std():
            continue
        low, high = _value(study, index, float(points.min())), _value(study, index, float(points.max()))
        sentences.append(f"the best {len(points)} trials have {name} from {low} to {high}")
    return tuple(sentences)
