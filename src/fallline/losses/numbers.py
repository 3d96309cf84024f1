"""Losses for numbers: squared, absolute, Huber's, quantiles and counts."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from fallline.core.block import lookup
from fallline.core.field import Number, number
from fallline.core.namespace import namespace
from fallline.losses.base import Loss


class SquaredError(Loss):
    """Squared error, averaged over the targets.

        l = mean_j (z_j - y_j)^2

    A single outlier dominates the gradient; with outliers use an absolute or Huber loss.

    Source: Legendre, 1805.

    >>> SquaredError()(jnp.array([[1.0], [4.0]]), jnp.array([[1.0], [2.0]])).tolist()
    [0.0, 4.0]
    """

    name: ClassVar[str] = "squared_error"
    aliases: ClassVar[tuple[str, ...]] = ("mse", "mean_squared_error", "l2_loss", "least_squares")
    uninformed: ClassVar[str] = "the target's variance is {cost:.4g}"
    tasks: ClassVar[tuple[str, ...]] = ("regression",)

    def __call__(
        self, prediction: Float[Array, "batch outputs"], target: Float[Array, "batch outputs"]
    ) -> Float[Array, " batch"]:
        return jnp.mean((prediction - target) ** 2, axis=-1)


class AbsoluteError(Loss):
    """Absolute error, averaged over the targets.

        l = mean_j |z_j - y_j|,  dl/dz_j proportional to sign(z_j - y_j),  0 at z_j = y_j

    The best constant prediction is the median, so a few outliers hardly move it. The gradient does not shrink near the
    optimum, so let the learning rate decay.

    Source: Boscovich, 1757; Laplace, 1774.

    >>> AbsoluteError()(jnp.array([[1.0], [4.0]]), jnp.array([[1.0], [2.0]])).tolist()
    [0.0, 2.0]
    """

    name: ClassVar[str] = "absolute_error"
    aliases: ClassVar[tuple[str, ...]] = ("mae", "mean_absolute_error", "l1_loss")
    tasks: ClassVar[tuple[str, ...]] = ("regression",)

    def __call__(
        self, prediction: Float[Array, "batch outputs"], target: Float[Array, "batch outputs"]
    ) -> Float[Array, " batch"]:
        d = prediction - target
        return jnp.mean(jnp.sign(d) * d, axis=-1)  # the slope of `abs` at 0 would be 1


class Huber(Loss):
    """Squared error near the target, absolute error far from it; averaged over the targets.

        d = z - y,  l = d^2 / 2 for |d| <= delta, else delta (|d| - delta / 2)

    The usual choice for a target with outliers: smooth at the optimum, and no example's gradient is larger than delta.

    Source: Huber, "Robust estimation of a location parameter", 1964; its 1.345 is 95 % as efficient as the mean.

    >>> Huber(1.0)(jnp.array([[0.5], [4.0]]), jnp.array([[0.0], [0.0]])).tolist()
    [0.125, 3.5]
    """

    name: ClassVar[str] = "huber"
    aliases: ClassVar[tuple[str, ...]] = ("smooth_l1",)
    tasks: ClassVar[tuple[str, ...]] = ("regression",)
    delta: Number = number(
        1.345,
        valid="(0, inf)",
        usual=(0.1, 10.0),
        scale="log",
        unit="of the scaled target",
        help="where squared becomes absolute",
        source="Huber 1964",
    )

    def __call__(
        self, prediction: Float[Array, "batch outputs"], target: Float[Array, "batch outputs"]
    ) -> Float[Array, " batch"]:
        d = prediction - target
        near = jnp.clip(d, -self.delta, self.delta)
        return jnp.mean(near * (d - 0.5 * near), axis=-1)


class Quantile(Loss):
    """Pinball loss: the prediction is a quantile of the target, averaged over the targets.

        d = y - z,  l = level d for d >= 0, else (level - 1) d,  dl/dz = 0 at d = 0

    With level 0.9, 9 of 10 targets lie below the prediction; two runs, at 0.05 and 0.95, give an interval. At 0.5 the
    loss is half the absolute error.

    Source: Koenker and Bassett, "Regression quantiles", 1978, equation 3.1.

    >>> Quantile(0.75)(jnp.array([[0.0], [0.0]]), jnp.array([[4.0], [-4.0]])).tolist()
    [3.0, 1.0]
    """

    name: ClassVar[str] = "quantile"
    aliases: ClassVar[tuple[str, ...]] = ("pinball",)
    tasks: ClassVar[tuple[str, ...]] = ("regression",)
    level: Number = number(0.5, valid="(0, 1)", usual=(0.05, 0.95), help="share of targets below the prediction")

    def __call__(
        self, prediction: Float[Array, "batch outputs"], target: Float[Array, "batch outputs"]
    ) -> Float[Array, " batch"]:
        d = target - prediction
        slope = jnp.where(d > 0, self.level, jnp.where(d < 0, self.level - 1.0, 0.0))
        return jnp.mean(jnp.where(d == d, slope, d) * d, axis=-1)  # keeps NaN as NaN


class Poisson(Loss):
    """Half the deviance of counts whose mean is the exponential of the output; averaged over the targets.

        y ~ Poisson(exp z),  l = log p(y | y) - log p(y | exp z) = exp z - y z + y log y - y

    For counts and other non-negative targets whose variance grows with their size. Predictions are always positive, and
    a perfect one costs 0. The target's scaler is `PerMean`, which divides by the mean without subtracting anything: the
    loss is also divided by the mean, its optimum is unchanged, and descent starts at the mean.

    Source: Nelder and Wedderburn, "Generalized linear models", 1972, section 3.

    >>> loss = Poisson()(jnp.array([[0.0], [0.0]]), jnp.array([[1.0], [3.0]]))
    >>> [round(each, 4) for each in loss.tolist()]  # as expected, and three events where one was: 3 ln 3 - 2
    [0.0, 1.2958]
    """

    name: ClassVar[str] = "poisson"
    tasks: ClassVar[tuple[str, ...]] = ("regression",)
    least_target: ClassVar[float] = 0.0
    largest: ClassVar[float] = 80.0

    def __call__(
        self, prediction: Float[Array, "batch outputs"], target: Float[Array, "batch outputs"]
    ) -> Float[Array, " batch"]:
        z, y = prediction, target
        return jnp.mean(jnp.exp(z) - y * z + jax.scipy.special.xlogy(y, y) - y, axis=-1)

    def mean(self, prediction: Float[Array, "batch outputs"]) -> Float[Array, "batch targets"]:
        found: Float[Array, "batch targets"] = namespace(prediction).exp(prediction)
        return found

    def inverse(self, answer: Float[Array, "batch targets"]) -> Float[Array, "batch outputs"]:
        return jnp.log(jnp.maximum(answer, 1e-38))

    def target_scaler(self, asked: object) -> Any:
        return lookup("scaler", "per_mean")()
