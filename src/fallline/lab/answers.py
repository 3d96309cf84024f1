"""The answer of a comparison in a sentence, from paired differences over seeds."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import stdtrit

LEVEL = 0.05  # of all pairs together
NAMED = 4  # most contenders named in one sentence
MORE = 10  # seeds that an answer of too few seeds asks for
_FEW = 1.5  # times the limit of that many seeds, from which seeds are too few


def tied_with(tuned: Float[np.ndarray, "contenders seeds"], best: int | None = None) -> Bool[np.ndarray, " contenders"]:
    """Whether each contender's difference from the best one is within the noise; the best is tied with itself.

    The differences are paired by seed. Student's limit holds for all pairs together (Bonferroni).

    >>> tied_with(np.array([[1.0, 2.0, 3.0], [1.1, 1.9, 3.1], [2.0, 3.01, 4.0]])).tolist()
    [True, True, False]
    """
    means = tuned.mean(axis=1)
    best = int(np.argmin(means)) if best is None else best
    seeds = tuned.shape[1]
    limit = _limit(seeds, len(tuned))
    found = []
    for each in tuned:
        if not np.isfinite(each).all() or not np.isfinite(tuned[best]).all():
            found.append(bool(np.array_equal(each, tuned[best])))
            continue
        differences = each - tuned[best]
        error = differences.std(ddof=1) / np.sqrt(seeds)
        found.append(bool(abs(differences.mean()) <= limit * error + 1e-12))
    return np.asarray(found)


def _limit(seeds: int, contenders: int) -> float:
    """The standard errors by which a difference must exceed 0."""
    return float(stdtrit(seeds - 1, 1 - LEVEL / 2 / max(1, contenders - 1)))


def answer_of(
    labels: Sequence[str],
    tuned: Float[np.ndarray, "contenders seeds"],
    default: Float[np.ndarray, "contenders seeds"],
    rates: Sequence[float],
) -> str:
    """What is best at the tuned rates and at the own rates, with the evidence."""
    means, seeds = tuned.mean(axis=1), tuned.shape[1]
    best = int(np.argmin(means))
    if not np.isfinite(means[best]):
        return "Every contender diverges with some seed at its best rate: lower the rates, or take a smaller network."
    tied = tied_with(tuned)
    order = [i for i in np.argsort(means, kind="stable").tolist() if tied[i]]
    error = tuned[best].std(ddof=1) / np.sqrt(seeds)
    score = f"validation loss {means[best]:.4g} ± {error:.2g} at the rate {rates[best]:.3g}"
    if len(order) == 1:
        second = int(np.argsort(means, kind="stable")[1])
        gap = tuned[second] - tuned[best]
        beside = "which diverges with some seed" if not np.isfinite(gap).all() else _gap(gap)
        first = f"{labels[best]} is best: {score}; next is {labels[second]}, {beside}."
    elif len(order) == len(labels):
        first = (
            f"No difference beyond the noise of {seeds} seeds: {labels[best]} has the lowest loss ({score}), and no other is "
            "worse by more than the paired differences vary."
        )
    else:
        names = [labels[i] for i in order]
        others = len(labels) - len(order)
        first = (
            f"No difference beyond the noise of {seeds} seeds between {_listed(names)}: the lowest is {labels[best]} "
            f"({score}); {f'{others} others are' if others > 1 else 'one other is'} worse."
        )
    return f"{first} {_untuned(labels, default)}{_more(seeds, len(labels)) if len(order) > 1 else ''}"


def _more(seeds: int, contenders: int) -> str:
    """Says that a tie may be one of too few seeds.

    >>> _more(3, 13), _more(8, 3)
    (' 3 seeds tell only differences of 15.4 standard errors apart; with --seeds 10 it would be 3.8.', '')
    """
    now, then = _limit(seeds, contenders), _limit(MORE, contenders)
    if now < _FEW * then:
        return ""
    return f" {seeds} seeds tell only differences of {now:.1f} standard errors apart; with --seeds {MORE} it would be {then:.1f}."


def _gap(gap: Float[np.ndarray, " seeds"]) -> str:
    error = gap.std(ddof=1) / np.sqrt(len(gap))
    return f"{gap.mean():.2g} ± {error:.2g} higher, paired over {len(gap)} seeds"


def _untuned(labels: Sequence[str], default: Float[np.ndarray, "contenders seeds"]) -> str:
    means = default.mean(axis=1)
    best = int(np.argmin(means))
    if not np.isfinite(means[best]):
        return "At its own rate, every contender diverges with some seed."
    tied = [labels[i] for i in np.argsort(means, kind="stable").tolist() if tied_with(default)[i]]
    if len(tied) == 1:
        return f"Untuned, at its own rate, {labels[best]} is best ({means[best]:.4g})."
    return f"Untuned, at their own rates, {_listed(tied)} are the best, alike within the noise ({means[best]:.4g})."


def _listed(names: Sequence[str]) -> str:
    """Names in a sentence.

    >>> _listed(["a", "b", "c"]), _listed(list("abcdef"))
    ('a, b and c', 'a, b, c and 3 others')
    """
    shown = list(names) if len(names) <= NAMED else [*names[: NAMED - 1], f"{len(names) - NAMED + 1} others"]
    return f"{', '.join(shown[:-1])} and {shown[-1]}"
