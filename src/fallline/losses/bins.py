"""Regression as a classification: the loss over bins of the target."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from fallline.core.block import lookup
from fallline.core.errors import FalllineError
from fallline.core.field import structure
from fallline.core.namespace import softmax
from fallline.losses.base import Loss, log_mean


class BinnedCrossEntropy(Loss):
    """Cross-entropy over bins of the target, for a regression that predicts the whole distribution.

        l = log(sum_k exp z_k) - z_b,  b the bin of the target; averaged over the targets

    The outputs are a histogram, so a target may have two likely values, or a spread that depends on the inputs. The
    prediction is the histogram's mean, and prediction intervals are available. Outliers cost no more than any other miss.
    It needs more data than a squared error, because neighbouring bins are treated as unrelated.

    The bins come from the target's scaler, `Bins`, which is fitted on the run's own training rows and replaces any other
    target scaler. By quantile, each bin holds equally many targets; by width, all bins are equally wide.

    Source: Weiss and Indurkhya, "Rule-based machine learning methods for functional prediction", 1995, section 3;
    with networks: van den Oord et al., "Pixel recurrent neural networks", 2016, section 2.

    >>> loss = BinnedCrossEntropy(bins=4)
    >>> loss.outputs(1, "regression"), round(float(loss(jnp.zeros((1, 4)), jnp.array([[2.0]]))[0]), 4)
    (4, 1.3863)
    """

    name: ClassVar[str] = "binned_cross_entropy"
    tasks: ClassVar[tuple[str, ...]] = ("regression",)
    bins: int = structure(32, unit="bins", help="number of classes that the target is divided into")
    by: str = structure("quantile", choices=("quantile", "width"), help="what the bins have in common")

    def __check_init__(self) -> None:
        if isinstance(self.bins, bool) or not isinstance(self.bins, int) or self.bins < 2:
            raise FalllineError(f"BinnedCrossEntropy.bins = {self.bins!r} is not a number of bins: expected 2 or more")

    def outputs(self, count: int, task: str) -> int:
        return count * self.bins

    def __call__(
        self, prediction: Float[Array, "batch outputs"], target: Float[Array, "batch targets"]
    ) -> Float[Array, " batch"]:
        z = self._histograms(prediction)
        chosen = target[..., None] == jnp.arange(self.bins)
        hit = jnp.sum(jnp.where(chosen, z, 0.0), axis=-1)
        return jnp.mean(jax.nn.logsumexp(z, axis=-1) - hit, axis=-1)

    def mean(self, prediction: Float[Array, "batch outputs"]) -> Float[Array, "batch bins"]:
        """The probability of each bin, target after target; the scaler's `invert` converts them to targets."""
        return softmax(self._histograms(prediction)).reshape(prediction.shape)

    def blend(
        self, predictions: Float[Array, "members batch outputs"], weights: Float[Array, " members"]
    ) -> Float[Array, "batch outputs"]:
        logs = jax.nn.log_softmax(jax.vmap(self._histograms)(predictions), axis=-1)
        return log_mean(logs, weights).reshape(predictions.shape[1:])

    def target_scaler(self, asked: object) -> Any:
        return lookup("scaler", "bins")(self.bins, self.by)

    def _histograms(self, prediction: Float[Array, "batch outputs"]) -> Float[Array, "batch targets bins"]:
        return prediction.reshape(prediction.shape[0], -1, self.bins)
