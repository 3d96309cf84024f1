"""Greedy selection: which models to average, and with which weights, by their predictions for validation rows."""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float

ROUNDS = 100
DIGITS = 6  # significant digits to which scores are compared


def greedy_weights(
    answers: Sequence[Float[np.ndarray, "rows targets"]],
    score: Callable[[Float[np.ndarray, "rows targets"]], float],
    *,
    rounds: int = ROUNDS,
    seed: int = 0,
) -> Float[np.ndarray, " models"]:
    """The weight of each model in the mean whose score is lowest.

    From an empty set, each round adds the model that makes the score of the averaged answers lowest; a model may be added
    again. The shortest prefix with the lowest score is kept, and a weight is a model's share of it. Ties go to models that
    are already in, then to one at random. Models whose answers or scores are not finite are never added.

    Source: Caruana et al., "Ensemble selection from libraries of models", 2004, section 2.

    Arguments:
        answers: probabilities or targets of each model, for the same rows.
        score: the score of an answer; smaller is better.
        rounds: number of rounds.
        seed: seed of the random choice among equal models.

    >>> y = np.array([[1.0], [2.0], [3.0]])
    >>> low, high, far = y - 1.0, y + 1.0, y + 9.0
    >>> greedy_weights([low, high, far], lambda a: float(np.mean((a - y) ** 2))).tolist()
    [0.5, 0.5, 0.0]
    """
    random = np.random.default_rng(seed)
    usable = [index for index, each in enumerate(answers) if np.isfinite(each).all()]
    counts, total = np.zeros(len(answers), np.int64), np.zeros(np.shape(answers[0]))
    best, weights = np.inf, np.zeros(len(answers))
    for number in range(1, rounds + 1):
        scores = np.full(len(answers), np.inf)
        for index in usable:
            found = score((total + answers[index].astype(np.float64)) / number)
            scores[index] = _rounded(found) if np.isfinite(found) else np.inf
        least = scores.min(initial=np.inf)
        if not np.isfinite(least):
            break
        equal = np.flatnonzero(scores == least)
        known = equal[counts[equal] > 0]
        chosen = int(random.choice(known if len(known) else equal))
        counts[chosen] += 1
        total = total + answers[chosen].astype(np.float64)
        if least < best:
            best, weights = float(least), counts / number
    return weights


def _rounded(value: float) -> float:
    """A score to `DIGITS` significant digits, so that rounding decides nothing."""
    return float(f"{value:.{DIGITS - 1}e}")
