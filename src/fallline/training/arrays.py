"""A data set on the device, ready for a run."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from fallline.data.dataset import Dataset


class Arrays(eqx.Module):
    """Rows, targets and the index sets that make them a training and a validation set.

    Index sets may be padded: `train_count` and `valid_count` say how many of their entries count, so that folds of
    unequal size share one program. `ragged` says that there may be minibatches of no weight at all. `counted` says that an
    epoch has as many steps as `train_count` asks for, decided while it runs, so that padding costs nothing; it is for a run
    alone, since lanes of different counts would each compute the other's steps.
    """

    x: Float[Array, "rows features"]
    y: Array
    weight: Float[Array, " rows"] | None
    train: Int[Array, " training"]
    train_count: Int[Array, ""]
    valid: Int[Array, " validation"]
    valid_count: Int[Array, ""]
    columns: Bool[Array, " features"]
    task: str = eqx.field(static=True)
    n_classes: int = eqx.field(static=True)
    ragged: bool = eqx.field(static=True, default=False)
    counted: bool = eqx.field(static=True, default=False)

    @property
    def targets(self) -> int:
        """Classes, labels or targets: what a loss turns into a number of outputs."""
        return self.n_classes if self.task == "classification" else self.y.shape[1]


def to_device(data: Dataset, train: np.ndarray | None = None, valid: np.ndarray | None = None) -> Arrays:
    """Put a data set on the default device, without a copy where the backend can use the host's memory."""
    train = data.train if train is None else train
    valid = data.valid if valid is None else valid
    return Arrays(
        x=_put(data.x),
        y=_put(data.y),
        weight=None if data.weight is None else _put(data.weight),
        train=_put(np.asarray(train, np.int32)),
        train_count=_put(np.int32(len(train))),
        valid=_put(np.asarray(valid, np.int32)),
        valid_count=_put(np.int32(len(valid))),
        columns=_put(data.scaled),
        task=data.task,
        n_classes=data.n_classes,
    )


def _put(array: np.ndarray | np.generic) -> Array:
    return jax.device_put(array, may_alias=True)


def training_weight(arrays: Arrays) -> Float[Array, " rows"]:
    """Each row's weight in the statistics of the training set: 0 for rows that do not belong to it."""
    counts = jnp.arange(arrays.train.shape[0]) < arrays.train_count
    own = jnp.zeros(arrays.x.shape[0], jnp.float32).at[arrays.train].add(counts.astype(jnp.float32))
    return own if arrays.weight is None else own * arrays.weight
