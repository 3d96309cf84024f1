"""What a study shows about its hyperparameters: which mattered, which are at an edge, and whether more trials would help."""

import dataclasses

import numpy as np
from jaxtyping import Float

from fallline.searching.study import Study
from fallline.searching.trial import history_of
from fallline.strategies.history import FINISHED

NEAR = 0.03  # share of a range; values closer than this to an end are at the edge
SAMPLES = 1000  # bootstrap samples
FEWEST = 8  # fewest trials for which anything is reported


@dataclasses.dataclass(frozen=True)
class HyperparameterImportance:
    """Share of a score model's explained variance that is lost when one hyperparameter is shuffled; shares sum to 1."""

    name: str
    share: float


def importance(study: Study, seed: int = 0) -> list[HyperparameterImportance]:
    """Every hyperparameter's importance, the largest first; empty if there are too few trials.

    A random forest is fitted to the ranks of the trials instead of their scores, so that a single extreme score cannot
    dominate.

    Source: permutation importance, Breiman, "Random forests", 2001, section 10.
    """
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.inspection import permutation_importance

    trial_history = history_of(study.space, study.trials)
    if len(trial_history) < FEWEST:
        return []
    order = trial_history.order()
    rank = np.empty(len(trial_history))
    rank[order] = np.arange(len(trial_history))
    # Diverged trials are equally bad, so they share one rank.
    worst = ~np.isfinite(trial_history.scores)
    rank[worst] = rank[worst].mean() if worst.any() else 0.0
    forest = RandomForestRegressor(200, min_samples_leaf=2, random_state=seed).fit(trial_history.points, rank)
    lost = permutation_importance(forest, trial_history.points, rank, n_repeats=5, random_state=seed).importances_mean
    lost = np.maximum(lost, 0.0)
    shares = lost / max(lost.sum(), 1e-30)
    return [
        HyperparameterImportance(study.space.names[i], float(shares[i])) for i in np.argsort(-shares, kind="stable")
    ]


def edges(study: Study) -> list[str]:
    """A sentence for each hyperparameter whose best value is at the end of its range."""
    best, sentences = study.best.trial, []
    for i, each in enumerate(study.space.dimensions):
        count = study.space.counts[i]
        if each.name not in best.values or each.categorical or not each.distribution.bounded or (count or 99) < 3:
            continue
        u, near = best.point[i], max(NEAR, 0.51 / count if count else 0.0)
        if u < near or u > 1 - near:
            low, high = each.distribution.reached()
            side = "lower" if u < near else "upper"
            sentences.append(
                f"the best {each.name}, {_short(best.values[each.name])}, is at the {side} edge of its range "
                f"[{low:g}, {high:g}]: a wider range may hold a better one"
            )
    return sentences


def _short(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


@dataclasses.dataclass(frozen=True)
class TrialsOutlook:
    """The gain from the last doubling of the number of trials, in the unit of the score.

    Arguments:
        half: expected best score of half as many trials, drawn from the existing ones.
        best: best score of all trials.
        error: standard error of the best trial over folds and seeds; NaN for a single run.
        gains: 10th and 90th percentile of the gain over bootstrap samples of the trials.
    """

    half: float
    best: float
    error: float
    gains: tuple[float, float] | None = None

    @property
    def sentence(self) -> str:
        """A sentence on whether more trials would help."""
        gain = self.half - self.best
        said = f"the last doubling of the trials improved the best score by {gain:.2g} ({self.half:.4g} to {self.best:.4g})"
        if self.gains is not None:
            said += f", in 80 % of bootstrap samples of the trials by {self.gains[0]:.2g} to {self.gains[1]:.2g}"
        if not np.isfinite(self.error):
            return f"{said}; use cross-validation folds to tell whether this gain exceeds the noise"
        if gain < self.error:
            return f"{said}, less than its standard error of {self.error:.2g}: more trials would hardly show"
        return f"{said}, more than its standard error of {self.error:.2g}: more trials may help"


def outlook(study: Study) -> TrialsOutlook | None:
    """Compare the best of all trials with the expected best of half of them; None if there are too few trials.

        E[best of m out of n] = sum_i s_(i) C(n - i, m - 1) / C(n, m),  s_(1) <= ... <= s_(n)

    The formula ignores the order of the trials. The trials of a search that learns improve over time, so the gain is
    overestimated rather than underestimated.
    """
    scores = finished_scores(study)
    if len(scores) < FEWEST:
        return None
    m = len(scores) // 2
    draw = np.random.default_rng(0)
    samples = np.sort(draw.choice(scores, (SAMPLES, len(scores))), axis=1)
    gains = samples @ chances(len(scores), m) - samples[:, 0]
    low, high = np.quantile(gains, [0.1, 0.9])
    return TrialsOutlook(expected_best(scores, m), float(scores[0]), study.best.trial.error, (float(low), float(high)))


def finished_scores(study: Study) -> Float[np.ndarray, " n"]:
    """Scores of the trials that finished, the best first."""
    trial_history = history_of(study.space, study.trials)
    return np.sort(trial_history.scores[(trial_history.ended == FINISHED) & np.isfinite(trial_history.scores)])


@dataclasses.dataclass(frozen=True)
class Prospect:
    """The best monitored value among a number of trials drawn at random from the study.

    Arguments:
        trials: number of trials drawn.
        mean: expected value of the best one.
        low, high: its 10th and 90th percentile; `low` is the smaller number.
    """

    trials: int
    mean: float
    low: float
    high: float


def prospects(study: Study) -> list[Prospect]:
    """Best of m of the n finished trials, for several m up to n; empty if there are too few trials.

    If the curve is still steep at its end, more trials would probably have found better ones.
    """
    scores = finished_scores(study)
    n = len(scores)
    if n < FEWEST:
        return []
    found = []
    for m in np.unique(np.geomspace(1, n, 30).round().astype(int)):
        chance = chances(n, int(m))
        reached = np.minimum(np.searchsorted(np.cumsum(chance), [0.1, 0.9]), n - 1)
        ends = sorted(float(each) * study.sign for each in scores[reached])
        found.append(Prospect(int(m), float(scores @ chance) * study.sign, *ends))
    return found


def expected_best(scores: Float[np.ndarray, " n"], m: int) -> float:
    """Expected minimum of m scores drawn without replacement from n sorted scores.

    >>> round(expected_best(np.array([1.0, 2.0, 3.0]), 2), 4)  # (1, 2), (1, 3), (2, 3)
    1.3333
    """
    return float(scores @ chances(len(scores), m))


def chances(n: int, m: int) -> Float[np.ndarray, " n"]:
    """Probability of each of n sorted scores to be the minimum of m scores drawn without replacement.

        C(n - i, m - 1) / C(n, m),  i = 1 ... n

    >>> chances(3, 2).round(4).tolist()
    [0.6667, 0.3333, 0.0]
    """
    found, left = np.zeros(n), 1.0
    for i in range(n - m + 1):
        found[i] = left * m / (n - i)  # the probability that this score is drawn and no smaller one
        left -= found[i]
    return found
