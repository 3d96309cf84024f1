"""The sensitivity card: how far each hyperparameter can move from the best trial before 1 % of the score is lost."""

import dataclasses
import warnings
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from fallline.searching.study import Study
from fallline.searching.trial import history_of
from fallline.strategies.history import FINISHED

SHARE = 0.01  # tolerated loss, as a share of the best score
FEWEST, MOST = 16, 128  # fewest and most trials to which a model is fitted
PLACES = 101  # grid points along each range
DRAWS = 400  # functions drawn from the model


@dataclasses.dataclass(frozen=True)
class Sensitivity:
    """The range in which the score stays within 1 % of the best trial's, with all other hyperparameters held fixed.

    Arguments:
        name: name of the hyperparameter.
        best: its value in the best trial.
        likely: first and last value of the range around it in which a loss of 1 % is less likely than not.
        sure: the same for a probability of loss below one in ten.
        whole: whether `likely` is the whole range; the hyperparameter then hardly matters around the best trial.
        options: for a choice, each other option that was tried and the probability that it is within 1 %.
    """

    name: str
    best: Any
    likely: tuple[Any, Any] | None
    sure: tuple[Any, Any] | None
    whole: bool
    options: tuple[tuple[str, float], ...] = ()

    @property
    def sentence(self) -> str:
        """The line of the card.

        >>> Sensitivity("dropout", 0.2, (0.1, 0.35), (0.15, 0.25), False).sentence
        '0.1 to 0.35 (surely 0.15 to 0.25)'
        """
        if self.options:
            return "instead " + ", ".join(f"{option} ({chance:.0%} likely)" for option, chance in self.options)
        assert self.likely is not None
        assert self.sure is not None
        (a, b), (c, d) = self.likely, self.sure
        sure = f"surely {_short(c)} to {_short(d)}" if c != d else "surely only there"
        return f"{'all of ' if self.whole else ''}{_short(a)} to {_short(b)} ({sure})"


def sensitivity(study: Study, seed: int = 0) -> list[Sensitivity]:
    """One entry per hyperparameter of the best trial, in the space's order; empty if there are too few trials.

    A Gaussian process is fitted to the scores,

        y = f(x) + noise,   f ~ GP(0, Matern 5/2 with a length scale per dimension),

    of the finished trials with the same active dimensions as the best trial, at most the best 128 of them. Scores are taken
    as logarithms if all are positive, and clipped at the third quartile, since only the good region matters. Functions are
    then drawn from the posterior along each dimension through the best trial, and the share of functions that lose at most
    1 % is counted at each point. With few or noisy trials the functions differ, and the `sure` range becomes narrow.

    Source: Rasmussen and Williams, "Gaussian processes for machine learning", 2006, algorithm 2.1.
    """
    space, trial_history = study.space, history_of(study.space, study.trials)
    if not len(trial_history) or not np.isfinite(trial_history.scores).any():
        return []
    order = trial_history.order()
    best = trial_history.points[order[0]]
    active = space.active(trial_history.points)
    alike = (
        (active == active[order[0]]).all(axis=1) & (trial_history.ended == FINISHED) & np.isfinite(trial_history.scores)
    )
    chosen = order[alike[order]][:MOST]
    if len(chosen) < FEWEST or np.ptp(trial_history.scores[chosen]) == 0:
        return []
    y, room = _responses(trial_history.scores[chosen])
    dims = [i for i in range(len(space)) if active[order[0], i]]
    model = _fitted(_encoded(study, trial_history.points[chosen], dims), y, seed)
    found = []
    for i in dims:
        line = np.repeat(best[None], PLACES + 1, axis=0)
        count, dimension = space.counts[i], space.dimensions[i]
        if dimension.categorical:
            line = line[: (count or 1) + 1]
            line[1:, i] = (np.arange(count or 1) + 0.5) / (count or 1)
        else:
            line[1:, i] = np.linspace(0, 1, PLACES)
        line = space.snap(line)
        drawn = _drawn(model, _encoded(study, line, dims), seed)
        chance = (drawn[:, 1:] <= drawn[:, :1] + room).mean(axis=0)
        values = [space.values(point)[dimension.name] for point in line]
        if dimension.categorical:
            tried = np.isclose(line[1:, i : i + 1], trial_history.points[chosen, i]).any(axis=1)
            each = zip(values[1:], chance, tried, strict=True)
            options = tuple((str(value), float(share)) for value, share, seen in each if seen and value != values[0])
            if options:
                found.append(Sensitivity(dimension.name, values[0], None, None, False, options))
            continue
        nearest = int(np.argmin(np.abs(line[1:, i] - best[i])))
        a, b = _around(chance >= 0.5, nearest)
        c, d = _around(chance >= 0.9, nearest)
        ends = [values[1 + k] if k != nearest else values[0] for k in (a, b, c, d)]
        found.append(
            Sensitivity(dimension.name, values[0], (ends[0], ends[1]), (ends[2], ends[3]), a == 0 and b == PLACES - 1)
        )
    return found


def _responses(scores: Float[np.ndarray, " n"]) -> tuple[Float[np.ndarray, " n"], float]:
    """The values to model, scaled to a standard deviation of 1, and 1 % of the best score on that scale."""
    clipped = np.minimum(scores, np.quantile(scores, 0.75))
    if scores.min() > 0:
        y, room = np.log(clipped), np.log1p(SHARE)
    else:
        y, room = clipped, SHARE * abs(scores[0])
    spread = max(float(y.std()), 1e-12)
    return (y - y.mean()) / spread, room / spread


def _encoded(study: Study, points: Float[np.ndarray, "n d"], dims: list[int]) -> Float[np.ndarray, "n k"]:
    """Coordinates of ordered dimensions, and one indicator column per option of a choice."""
    columns = []
    for i in dims:
        if study.space.dimensions[i].categorical:
            count = study.space.counts[i] or 1
            options = np.minimum((points[:, i] * count).astype(int), count - 1)
            columns.append(np.eye(count)[options])
        else:
            columns.append(points[:, i : i + 1])
    return np.concatenate(columns, axis=1)


def _fitted(x: Float[np.ndarray, "n k"], y: Float[np.ndarray, " n"], seed: int) -> Any:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel
    from threadpoolctl import threadpool_limits

    scales = Matern(np.full(x.shape[1], 0.5), (0.05, 20.0), nu=2.5)
    kernel = ConstantKernel(1.0, (0.05, 50.0)) * scales + WhiteKernel(0.05, (1e-5, 2.0))
    # The matrices are small: one thread is fastest, and does not wait for a second one on a busy machine.
    with warnings.catch_warnings(), threadpool_limits(1):
        # A length scale at its bound is a valid result: the dimension does not matter.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return GaussianProcessRegressor(kernel, n_restarts_optimizer=1, random_state=seed).fit(x, y)


def _drawn(model: Any, x: Float[np.ndarray, "m k"], seed: int) -> Float[np.ndarray, "draws m"]:
    """Functions drawn from the model at some points, without the noise of the trials."""
    mean, covariance = model.predict(x, return_cov=True)
    covariance = covariance - model.kernel_.k2.noise_level * np.eye(len(x))
    value, vector = np.linalg.eigh(covariance)
    root = vector * np.sqrt(np.maximum(value, 0.0))
    found: Float[np.ndarray, "draws m"] = mean + np.random.default_rng(seed).standard_normal((DRAWS, len(x))) @ root.T
    return found


def _around(holds: Bool[np.ndarray, " n"], index: int) -> tuple[int, int]:
    """First and last index of the run of true values that contains an index."""
    a = b = index
    while a > 0 and holds[a - 1]:
        a -= 1
    while b < len(holds) - 1 and holds[b + 1]:
        b += 1
    return a, b


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
