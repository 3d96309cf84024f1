"""Mixtures of product kernels on the unit cube, which also cover choices and conditional dimensions."""

import dataclasses
import functools

import numpy as np
from jaxtyping import Bool, Float
from scipy.special import logsumexp, ndtr, ndtri

SHARE = 0.2  # share of a choice's probability that a kernel spreads over all options


@dataclasses.dataclass(frozen=True)
class Kernels:
    """One kernel per point.

        ordered:  a normal at mu, deviation sigma, cut off at 0 and 1     choice of K:  (1 - s) [x = mu] + s / K
        dimensions that are inactive in x or in mu: density 1

    Arguments:
        mu: the centres of the kernels.
        active: which dimensions are active at each centre.
        sigma: standard deviations, per point and dimension.
        options: number of options per dimension; 0 for an ordered dimension.
        weight: weights of the kernels in the mixture, with mean 1.
    """

    mu: Float[np.ndarray, "n d"]
    active: Bool[np.ndarray, "n d"]
    sigma: Float[np.ndarray, "n d"]
    options: tuple[int, ...]
    weight: Float[np.ndarray, " n"]

    def log_kernels(self, x: Float[np.ndarray, "m d"], active: Bool[np.ndarray, "m d"]) -> Float[np.ndarray, "m n"]:
        """The logarithm of every kernel at every point.

        It is a sum over dimensions of products of a factor that depends on x and one that depends on mu, and therefore a
        single matrix product.
        """
        found: Float[np.ndarray, "m n"] = _of_points(x, active, self.options) @ self._of_kernels.T
        return found

    @functools.cached_property
    def _of_kernels(self) -> Float[np.ndarray, "n features"]:
        precision = 1.0 / self.sigma**2
        inside = ndtr((1.0 - self.mu) / self.sigma) - ndtr(-self.mu / self.sigma)
        constant = -0.5 * precision * self.mu**2 - np.log(self.sigma * inside) - 0.5 * np.log(2 * np.pi)
        columns = []
        for i, k in enumerate(self.options):
            on = self.active[:, i]
            if k:
                same = np.floor(self.mu[:, i] * k)[:, None] == np.arange(k)
                columns.append(np.where(on[:, None], np.log(k * ((1 - SHARE) * same + SHARE / k)), 0.0))
            else:
                features = np.stack([-0.5 * precision[:, i], precision[:, i] * self.mu[:, i], constant[:, i]], axis=1)
                columns.append(np.where(on[:, None], features, 0.0))
        return np.concatenate(columns, axis=1)

    def log_density(self, x: Float[np.ndarray, "m d"], active: Bool[np.ndarray, "m d"], prior: float) -> np.ndarray:
        """The logarithm of a mixture of the kernels and the uniform density, which has the weight of `prior` kernels."""
        each = self.log_kernels(x, active) + np.log(self.weight)
        both = np.concatenate([each, np.full((len(x), 1), np.log(prior))], axis=1)
        found: np.ndarray = logsumexp(both, axis=1) - np.log(each.shape[1] + prior)
        return found

    def sample(self, uniform: Float[np.ndarray, "m d+1"], prior: float) -> Float[np.ndarray, "m d"]:
        """Draw points from that mixture, given uniform numbers; the first number selects the kernel."""
        n = len(self.mu)
        which = np.searchsorted(np.cumsum(self.weight), uniform[:, 0] * (n + prior), side="right")
        points = uniform[:, 1:].copy()
        inside = which < n
        mu, sigma, on = (each[which[inside]] for each in (self.mu, self.sigma, self.active))
        u = points[inside]
        low, high = ndtr(-mu / sigma), ndtr((1.0 - mu) / sigma)
        drawn = np.clip(mu + sigma * ndtri(low + (high - low) * u), 0.0, 1.0)
        for i, k in enumerate(self.options):
            if k:
                # One part of the unit interval stands for the kernel's own option, the rest for all options.
                drawn[:, i] = np.where(u[:, i] < 1 - SHARE, mu[:, i], (u[:, i] - (1 - SHARE)) / SHARE)
        points[inside] = np.where(on, drawn, u)
        return points


def _of_points(x: np.ndarray, active: np.ndarray, options: tuple[int, ...]) -> Float[np.ndarray, "m features"]:
    columns = []
    for i, k in enumerate(options):
        if k:
            features = (np.floor(np.minimum(x[:, i], 1 - 1e-12) * k)[:, None] == np.arange(k)).astype(float)
        else:
            features = np.stack([x[:, i] ** 2, x[:, i], np.ones(len(x))], axis=1)
        columns.append(features * active[:, i : i + 1])
    return np.concatenate(columns, axis=1)
