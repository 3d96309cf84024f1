"""The loss of a network with several members."""

import dataclasses
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from fallline.core.errors import FalllineError
from fallline.core.field import part, structure
from fallline.core.namespace import namespace
from fallline.losses.base import Loss
from fallline.losses.numbers import SquaredError


class OfMembers(Loss):
    """The mean of the losses of a network's k members, whose outputs stand one after another.

        training:    l = 1/k sum_i inner(z_i, y)
        validation:  l = inner(z, y), with mean(z) = 1/k sum_i mean(z_i)

    Every member is trained for itself: the loss of the mean would let the members' errors make up for one another while
    each of them stays poor. The answer is the mean of the members' probabilities or targets, and validation scores that
    answer. A recipe whose model has members, such as `TabM`, gets this loss around its own.

    Source: Gorishniy et al., "TabM: advancing tabular deep learning with parameter-efficient ensembling", 2024.

    >>> loss = OfMembers(SquaredError(), members=2)
    >>> z, y = jnp.array([[0.0, 2.0]]), jnp.array([[1.0]])
    >>> loss(z, y).tolist(), loss.evaluation_loss(z, y).tolist(), loss.mean(z).tolist()
    ([1.0], [0.0], [[1.0]])
    """

    name: ClassVar[str] = "of_members"
    inner: Loss = part(SquaredError(), family="loss", help="the loss of each member")
    members: int = structure(2, unit="members", help="number of members")
    averaged: bool = structure(False, choices=(True, False), help="the loss of the mean answer, as validation has it")

    def __check_init__(self) -> None:
        if isinstance(self.members, bool) or not isinstance(self.members, int) or self.members < 1:
            raise FalllineError(f"OfMembers.members = {self.members!r} is not a number of members: expected 1 or more")
        if isinstance(self.inner, OfMembers):
            raise FalllineError("OfMembers.inner is a loss of members itself: give the loss of one member")

    @property
    def tasks(self) -> tuple[str, ...]:  # type: ignore[override]
        """The kinds of target that the inner loss is for."""
        return self.inner.tasks

    @property
    def probabilistic(self) -> bool:  # type: ignore[override]
        """Whether the inner loss has probabilities."""
        return self.inner.probabilistic

    @property
    def least_target(self) -> float:  # type: ignore[override]
        """The inner loss's smallest valid target."""
        return self.inner.least_target

    @property
    def largest(self) -> float:  # type: ignore[override]
        """The inner loss's largest prediction."""
        return self.inner.largest

    def outputs(self, count: int, task: str) -> int:
        return self.members * self.inner.outputs(count, task)

    def __call__(self, prediction: Float[Array, "batch outputs"], target: Array) -> Float[Array, " batch"]:
        z = self.apart(prediction)
        if self.averaged:
            weights = jnp.full(self.members, 1.0 / self.members, prediction.dtype)
            return self.inner(self.inner.blend(z, weights), target)
        return jnp.mean(jax.vmap(self.inner, (0, None))(z, target), axis=0)

    def mean(self, prediction: Float[Array, "batch outputs"]) -> Float[Array, "batch targets"]:
        means = self.means(prediction)
        found: Float[Array, "batch targets"] = namespace(means).mean(means, axis=0)
        return found

    def means(self, prediction: Float[Array, "batch outputs"]) -> Float[Array, "members batch targets"]:
        """The answer of each member."""
        if namespace(prediction) is np:
            return np.stack([self.inner.mean(each) for each in self.apart(prediction)])
        return jax.vmap(self.inner.mean)(self.apart(prediction))

    def apart(self, prediction: Float[Array, "batch outputs"]) -> Float[Array, "members batch each"]:
        """The outputs of each member."""
        z = prediction.reshape(prediction.shape[0], self.members, -1)
        found: Float[Array, "members batch each"] = namespace(prediction).moveaxis(z, 1, 0)
        return found

    def blend(
        self, predictions: Float[Array, "networks batch outputs"], weights: Float[Array, " networks"]
    ) -> Float[Array, "batch outputs"]:
        # All members of one network weigh alike, so one member after another may be blended over the networks.
        z = jax.vmap(self.apart)(predictions)
        one = self.inner.blend(z.reshape(-1, *z.shape[2:]), jnp.repeat(weights, self.members) / self.members)
        return jnp.tile(one, (1, self.members))

    def inverse(self, answer: Float[Array, "batch targets"]) -> Float[Array, "batch outputs"]:
        return jnp.tile(self.inner.inverse(answer), (1, self.members))

    def target_scaler(self, asked: object) -> Any:
        return self.inner.target_scaler(asked)

    @property
    def evaluation_loss(self) -> Loss:
        return dataclasses.replace(self, inner=self.inner.evaluation_loss, averaged=True)
