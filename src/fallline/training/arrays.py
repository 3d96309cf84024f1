"""A data set on the device, ready for a run."""

from collections.abc import Sequence
from dataclasses import replace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from fallline.data.dataset import Dataset
from fallline.data.table import Table
from fallline.training.recipe import Recipe
from fallline.training.spread import Spread


class Arrays(eqx.Module):
    """Rows, targets and the index sets that make them a training and a validation set.

    Index sets may be padded: only the first `train_count` and `valid_count` of their entries count, so that folds of
    unequal size share one program. `ragged` says that some minibatches may have no weight at all. With `counted`, the number
    of steps in an epoch follows from `train_count` at run time, so that padding costs nothing. It is for single runs only:
    lanes with different counts would each compute the steps of the longest.

    A regression's targets may be conditioned (`Target`). A difference of conditioned targets, multiplied by `sizes` and
    `scale`, is in the target's own unit. `scale` belongs to the largest target, and `sizes` holds the targets' sizes relative
    to it. `scale` is None if it is 1, and `sizes` is None if all targets have the same size.

    `spread` names the devices that share the rows of a minibatch; None: there is one.
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
    sizes: Float[Array, " targets"] | None = None
    scale: Float[Array, ""] | None = None
    spread: Spread | None = eqx.field(static=True, default=None)

    @property
    def targets(self) -> int:
        """Number of classes, labels or targets; the loss derives the number of outputs from it."""
        return self.n_classes if self.task == "classification" else self.y.shape[1]


def to_device(data: Dataset, train: np.ndarray | None = None, valid: np.ndarray | None = None) -> Arrays:
    """Put a data set on the default device, without a copy where the backend can use the host's memory."""
    train = data.train if train is None else train
    valid = scored_rows(data, data.valid if valid is None else valid)
    scale = scale_of(data)
    units = 1.0 / (np.array(data.factor) * scale)
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
        sizes=None if len(set(data.factor)) < 2 else _put(units.astype(np.float32)),
        scale=None if scale == 1.0 else _put(np.float32(np.clip(scale, 1e-38, 1e38))),
    )


def scale_of(data: Dataset) -> float:
    """Factor that turns a run's error into the target's own unit; with several targets, into that of the largest."""
    return 1.0 / min(data.factor, default=1.0)


def suited(table: Table, recipes: Sequence[Recipe]) -> tuple[Table, str]:
    """The table with its target in a unit that all these recipes' losses can use, and a sentence if that costs digits.

    A loss with a smallest allowed target, such as a loss for counts, needs the target's own zero. If that smallest target
    is not 0, the loss needs the target's own unit as well.
    """
    target, least = table.schema.target, {getattr(each.loss, "least_target", -np.inf): each.loss for each in recipes}
    asks = {value: loss for value, loss in least.items() if np.isfinite(value)}
    own = target if not asks else target.unshifted() if set(asks) == {0.0} else replace(target, shift=(), factor=())
    if own == target:
        return table, ""
    dataset = replace(table.dataset, y=own.condition(table.dataset.given), factor=own.factor)
    name = next(iter(asks.values())).name  # type: ignore[union-attr]
    sentence = (
        f"the loss {name} needs the target's own zero, so float32 holds {target.names[0]!r} to seven digits only, and "
        "smaller differences are lost: squared_error has no such need"
    )
    return replace(table, schema=replace(table.schema, target=own), dataset=dataset), sentence if any(
        target.shift
    ) else ""


def scored_rows(data: Dataset, rows: np.ndarray) -> np.ndarray:
    """The rows if any of them has a weight, otherwise none: no score can be taken from rows that all weigh 0."""
    return rows if data.weight is None or data.weight[rows].any() else rows[:0]


def _put(array: np.ndarray | np.generic) -> Array:
    return jax.device_put(array, may_alias=True)


def training_weight(arrays: Arrays) -> Float[Array, " rows"]:
    """Weight of each row in the statistics of the training set; rows outside the set have weight 0."""
    counts = jnp.arange(arrays.train.shape[0]) < arrays.train_count
    own = jnp.zeros(arrays.x.shape[0], jnp.float32).at[arrays.train].add(counts.astype(jnp.float32))
    return own if arrays.weight is None else own * arrays.weight
