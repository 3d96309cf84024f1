"""TPE's densities over a single dimension: on a line, and over the options of a choice."""

import numpy as np
from jaxtyping import Float
from scipy.special import ndtr, ndtri

GRID = np.linspace(0.0, 1.0, 257)  # the density of the bad trials is stored on this grid, and every lie is added to it
MOST_KERNELS = 100  # no standard deviation is smaller than 1 / MOST_KERNELS


def by_rank(count: int) -> Float[np.ndarray, " count"]:
    """Weights of the best, the second best, ... trial:  log(n + 1/2) - log(i),  scaled to a mean of 1.

    Source: the recombination weights of Hansen, "The CMA evolution strategy: a tutorial", 2016.

    >>> by_rank(4).round(2).tolist()
    [2.12, 1.14, 0.57, 0.17]
    """
    weights = np.log(count + 0.5) - np.log(np.arange(1, count + 1))
    found: Float[np.ndarray, " count"] = weights / weights.mean() if count else weights
    return found


class Line:
    """Normal kernels on [0, 1], each as wide as the distance to its farther neighbour, and a wide one in the middle.

    The good trials are given from the best on, and are weighted by their rank.

    Source: the widths are those of Bergstra et al., 2011, section 4.2.
    """

    def __init__(
        self, good: Float[np.ndarray, " n"], bad: Float[np.ndarray, " m"], narrowing: float, cell: float
    ) -> None:
        self.mu, self.sigma = _widths(good, narrowing, cell)
        self.weight = np.append(by_rank(len(good)), 1.0)
        mu, sigma = _widths(bad, 1.0, cell)
        self.bad = _sum(GRID, mu, sigma, np.ones(len(mu)))
        self.lie_sigma = max(1.0 / min(MOST_KERNELS, 1 + len(mu)), 0.05, cell)

    def draw(self, u: Float[np.ndarray, "2 trials candidates"]) -> Float[np.ndarray, "trials candidates"]:
        """Draw values from the density of the good trials, using two uniform numbers for each."""
        upto = np.cumsum(self.weight) / self.weight.sum()
        which = np.searchsorted(upto[:-1], u[0], side="right")
        mu, sigma = self.mu[which], self.sigma[which]
        low, high = ndtr(-mu / sigma), ndtr((1.0 - mu) / sigma)
        found: Float[np.ndarray, "trials candidates"] = np.clip(mu + sigma * ndtri(low + (high - low) * u[1]), 0.0, 1.0)
        return found

    def of_good(self, x: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
        """The density of the good trials, up to a factor."""
        return _sum(x.reshape(-1), self.mu, self.sigma, self.weight).reshape(x.shape)

    def of_bad(self, x: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
        """The density of the bad trials, up to a factor."""
        found: Float[np.ndarray, "..."] = np.interp(x, GRID, self.bad)
        return found

    def lie(self, x: float) -> None:
        """Count a point as bad."""
        self.bad += _sum(GRID, np.array([x]), np.array([self.lie_sigma]), np.ones(1))


class Options:
    """Counts of a choice's options among good trials (weighted by rank as in `Line`) and bad ones, plus `prior` for each."""

    def __init__(self, good: Float[np.ndarray, " n"], bad: Float[np.ndarray, " m"], count: int, prior: float) -> None:
        self.count = count
        self.good = prior + np.bincount(self._index(good), weights=by_rank(len(good)), minlength=count)
        self.bad = prior + np.bincount(self._index(bad), minlength=count)

    def _index(self, x: np.ndarray) -> np.ndarray:
        found: np.ndarray = np.minimum((np.asarray(x) * self.count).astype(int), self.count - 1)
        return found

    def draw(self, u: Float[np.ndarray, "2 trials candidates"]) -> Float[np.ndarray, "trials candidates"]:
        """Draw options with the frequencies of the good trials."""
        upto = np.cumsum(self.good) / self.good.sum()
        found: Float[np.ndarray, "trials candidates"] = (
            np.searchsorted(upto, u[0], side="right").clip(0, self.count - 1) + 0.5
        ) / self.count
        return found

    def of_good(self, x: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
        """The count among the good trials."""
        found: Float[np.ndarray, "..."] = self.good[self._index(x)]
        return found

    def of_bad(self, x: Float[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
        """The count among the bad trials."""
        found: Float[np.ndarray, "..."] = self.bad[self._index(x)]
        return found

    def lie(self, x: float) -> None:
        """Count a point as bad."""
        self.bad[self._index(np.array([x]))] += 1.0


def _widths(mu: np.ndarray, narrowing: float, cell: float) -> tuple[np.ndarray, np.ndarray]:
    mu = np.append(mu, 0.5)
    order = np.argsort(mu, kind="stable")
    ends = np.concatenate([[0.0], mu[order], [1.0]])
    sigma = np.empty(len(mu))
    sigma[order] = np.maximum(ends[1:-1] - ends[:-2], ends[2:] - ends[1:-1])
    if len(mu) > 1:  # the outermost kernels use the distance to their inner neighbour
        sigma[order[0]], sigma[order[-1]] = ends[2] - ends[1], ends[-2] - ends[-3]
    sigma = np.clip(sigma, max(narrowing / min(MOST_KERNELS, 1 + len(mu)), cell), 1.0)
    sigma[-1] = 1.0
    return mu, sigma


def _sum(x: np.ndarray, mu: np.ndarray, sigma: np.ndarray, weight: np.ndarray) -> np.ndarray:
    inside = sigma * (ndtr((1.0 - mu) / sigma) - ndtr(-mu / sigma))
    # float32 halves the time; the wide kernel in the middle keeps the sum away from 0.
    z = x.astype(np.float32)[:, None] - mu.astype(np.float32)
    z *= (np.sqrt(0.5) / sigma).astype(np.float32)
    # In place, since allocating memory for a thousand kernels costs more than computing them.
    np.exp(np.negative(np.square(z, out=z), out=z), out=z)
    found: np.ndarray = z @ (weight / inside).astype(np.float32)
    return found
