"""Optuna's and hyperopt's TPE, asked for batches of points in the unit cube of a Fallline space."""

from collections.abc import Callable

import numpy as np

from fallline.strategies.dimension import INACTIVE
from fallline.strategies.space import Space

Found = tuple[np.ndarray, np.ndarray]


def searched_by_optuna(
    space: Space, seen: Callable[[np.ndarray], float], trials: int, batch: int, seed: int, multivariate: bool
) -> Found:
    """Points and scores of a study that is asked for batches and told their scores."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.TPESampler(
        seed=seed, constant_liar=batch > 1, multivariate=multivariate, group=multivariate
    )
    study, points, scores = optuna.create_study(sampler=sampler), [], []
    while len(scores) < trials:
        asked = [study.ask() for _ in range(min(batch, trials - len(scores)))]
        drawn = [suggested(space, trial) for trial in asked]
        for trial, x in zip(asked, drawn, strict=True):
            points.append(x)
            scores.append(seen(x))
            study.tell(trial, scores[-1])
    return np.array(points), np.array(scores)


def suggested(space: Space, trial) -> np.ndarray:
    """A point of the space from an Optuna trial; a dimension is asked for only where it is active."""
    x = np.full(len(space), INACTIVE)
    for i, each in enumerate(space.dimensions):
        if space.active(x[None])[0, i]:  # known here, since parents come before their children
            k = space.counts[i] if each.categorical else None
            x[i] = (
                (trial.suggest_categorical(each.name, range(k)) + 0.5) / k
                if k
                else trial.suggest_float(each.name, 0, 1)
            )
    return x


def searched_by_hyperopt(
    space: Space, seen: Callable[[np.ndarray], float], trials: int, batch: int, seed: int, multivariate: bool
) -> Found:
    """Points and scores of hyperopt's TPE; trials already proposed in a batch count as bad."""
    import hyperopt

    assert not multivariate
    nested = [_expression(space, i) for i, each in enumerate(space.dimensions) if each.parent is None]
    domain, known = hyperopt.base.Domain(lambda chosen: 0.0, nested), hyperopt.Trials()
    rng = np.random.default_rng(seed)
    while len(known.losses()) < trials:
        new = []
        for _ in range(min(batch, trials - len(known.losses()))):
            (doc,) = hyperopt.tpe.suggest(
                known.new_trial_ids(1), domain, known, int(rng.integers(2**31)), verbose=False
            )
            known.insert_trial_doc(doc)
            known.refresh()
            new.append(doc["tid"])
        for doc in known.trials:
            if doc["tid"] in new:
                doc["result"] = {"loss": seen(_point(space, doc)), "status": hyperopt.STATUS_OK}
                doc["state"] = hyperopt.JOB_STATE_DONE
        known.refresh()
    return np.array([_point(space, doc) for doc in known.trials]), np.array(known.losses())


def _expression(space: Space, i: int):
    from hyperopt import hp

    each = space.dimensions[i]
    if not each.categorical:
        return hp.uniform(each.name, 0, 1)
    options = [
        [k, *(_expression(space, j) for j, other in enumerate(space.dimensions) if other.parent == (i, k))]
        for k in range(space.counts[i] or 1)
    ]
    return hp.choice(each.name, options)


def _point(space: Space, doc) -> np.ndarray:
    x = np.full(len(space), INACTIVE)
    for i, each in enumerate(space.dimensions):
        chosen = doc["misc"]["vals"][each.name]
        if chosen:
            x[i] = (chosen[0] + 0.5) / space.counts[i] if each.categorical else chosen[0]
    return x
