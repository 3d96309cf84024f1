"""Mean and variance of the observations by Welford's method, in float64 and merged in a fixed order."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

DEAD = 1e-8  # variance below which a dimension counts as constant, since its values vary only by rounding


class Scaling(NamedTuple):
    """The scaling of a policy's observations: z = factor (x - mean); the factor of a constant dimension is 0."""

    mean: Float[np.ndarray, " observations"]
    factor: Float[np.ndarray, " observations"]


class Statistics(NamedTuple):
    """The count of all observations so far, their mean, and the sum of their squared deviations from it."""

    n: int
    mean: Float[np.ndarray, " observations"]
    squares: Float[np.ndarray, " observations"]

    @classmethod
    def none(cls, observations: int) -> "Statistics":
        """The statistics of no observations."""
        return cls(0, np.zeros(observations), np.zeros(observations))

    @classmethod
    def of(cls, x: Float[np.ndarray, "steps observations"]) -> "Statistics":
        """The statistics of the rows of an array.

        >>> Statistics.of(np.array([[1.0], [2.0], [6.0]]))
        Statistics(n=3, mean=array([3.]), squares=array([14.]))
        """
        x = np.asarray(x, np.float64)
        mean = x.mean(axis=0)
        return cls(len(x), mean, np.square(x - mean).sum(axis=0))

    def merge(self, other: "Statistics") -> "Statistics":
        """The statistics of both sets together.

            n = n1 + n2,  d = mu2 - mu1,  mu = mu1 + d n2 / n,  S = S1 + S2 + d^2 n1 n2 / n

        Source: Welford 1962, in the pairwise form of Chan, Golub, LeVeque 1979.

        >>> x = np.random.default_rng(0).normal(size=(9, 2)) + 1e6
        >>> merged = Statistics.of(x[:4]).merge(Statistics.of(x[4:]))
        >>> bool(np.allclose(merged.squares, Statistics.of(x).squares))
        True
        """
        if not other.n:
            return self
        n = self.n + other.n
        d = other.mean - self.mean
        squares = self.squares + other.squares + d * d * (self.n * other.n / n)
        return Statistics(n, self.mean + d * (other.n / n), squares)

    @property
    def variance(self) -> Float[np.ndarray, " observations"]:
        """Sigma: squares / (n - 1); 1 for fewer than two observations, so that nothing is scaled."""
        return self.squares / (self.n - 1) if self.n > 1 else np.ones_like(self.squares)

    def scaling(self) -> Scaling:
        """The scaling x -> (x - mu) / sqrt(Sigma); dimensions with a variance below 1e-8 get the factor 0.

        >>> Statistics.of(np.array([[0.0, 3.0], [2.0, 3.0]])).scaling().factor
        array([0.70710678, 0.        ])
        """
        variance = self.variance
        alive = variance >= DEAD
        return Scaling(self.mean, np.where(alive, 1.0 / np.sqrt(np.where(alive, variance, 1.0)), 0.0))
