"""What a run on a stream is made of: the recipe completed for all rows, the rows it looks at, and its statistics."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from fallline.core.errors import FalllineError
from fallline.core.random import key_of
from fallline.core.whole import check_seed
from fallline.probes import Probe, recordable
from fallline.scalers import Standardise, Unscaled
from fallline.streams.collecting import Collected
from fallline.streams.moments import ColumnMoments
from fallline.streams.stream import Stream
from fallline.training.arrays import Arrays, suited, to_device
from fallline.training.class_weights import BALANCED, weighed, with_class_weights
from fallline.training.preparation import Prepared
from fallline.training.recipe import Recipe, complete, complete_for
from fallline.training.state import State
from fallline.training.transform import note_on


def prepare_stream(recipe: Recipe, stream: Stream, seed: int, probes: Sequence[Probe]) -> Prepared:
    """Check and complete what a run on a stream is given.

    The table and the arrays of the result are the stream's sample, and the training rows are counted as those of the stream.

    Raises: FalllineError as `train` does, and for a recipe that needs all rows at once.
    """
    recorded = recordable(probes)
    check_seed(seed)
    table, note = suited(stream.sample, [recipe])
    _refuse_whole(recipe, len(table.dataset.train))
    completed = complete_stream(recipe, stream, table)
    notes = [note] if note else []
    if recipe.target_transform == "auto" and completed.target_transform == "log":
        notes.append(note_on(table.dataset))
    arrays = to_device(weighed(table, completed).dataset)
    total = jax.device_put(np.int32(stream.counts["train"]))
    arrays = dataclasses.replace(arrays, train_count=total)
    return Prepared(completed, table, arrays, key_of(int(seed)), recorded, None, (*notes, *said_of(stream)))


def complete_stream(recipe: Recipe, stream: Stream, table: Any) -> Recipe:
    """The recipe completed for all rows of a stream: its length, its class weights, its smallest target.

    Raises: FalllineError as `complete_for` does.
    """
    rows = stream.counts["train"]
    found = complete_for(recipe, table.dataset, rows)
    if stream.task == "regression":
        found = complete(found, task=stream.task, training_rows=rows, lowest=stream.collected.lowest)
    if found.class_weight == BALANCED and table.classes is not None:
        often = stream.collected.classes
        weights = rows / (len(often) * np.maximum(often, 1))
        pairs = tuple((label, float(each)) for label, each in zip(table.classes, weights, strict=True))
        found = dataclasses.replace(found, class_weight=pairs)
    weighted: Recipe = with_class_weights(found, table)
    return weighted


def _refuse_whole(recipe: Recipe, most: int) -> None:
    """Raises: FalllineError for what needs all training rows in one step, or more than can be gathered."""
    if recipe.optimizer.full_batch or recipe.batch_size == "all":
        what = f"optimizer {recipe.optimizer.name!r}" if recipe.optimizer.full_batch else "batch_size 'all'"
        raise FalllineError(
            f"{what} needs all training rows at every step, and they do not fit into the stream's memory: use minibatches "
            "and an update rule such as adam, give more memory, or train on stream.sample"
        )
    if isinstance(recipe.batch_size, int) and recipe.batch_size > most:
        raise FalllineError(
            f"Recipe.batch_size = {recipe.batch_size} is too large for a stream: expected at most {most}"
        )


def said_of(stream: Stream) -> list[str]:
    """Sentences about what is taken from a sample of the rows."""
    held = {name: len(rows) for name, rows in zip(("train", "valid", "test"), stream.collected.samples, strict=True)}
    found = []
    if held["train"] < stream.counts["train"]:
        found.append(
            f"quantiles of the inputs are those of {held['train']:,} of {stream.counts['train']:,} training rows (standard "
            f"error of a rank: {50 / held['train'] ** 0.5:.2f} %)"
        )
    if held["valid"] < stream.counts["valid"]:
        found.append(
            f"the epochs are judged on {held['valid']:,} of {stream.counts['valid']:,} validation rows, the same in every epoch"
        )
    return found


def with_exact_moments(state: State, recipe: Recipe, collected: Collected, arrays: Arrays) -> State:
    """The state, in which means and deviations are those of all training rows, in float64, instead of the sample's.

    With class weights the statistics are weighted, and stay those of the sample. So do quantiles and trees.
    """
    if recipe.class_weight is not None or len(collected.samples[0]) == int(arrays.train_count):
        return state
    scaling = {**state.scaling, **_stats(recipe.scaler, collected.moments, np.asarray(arrays.columns))}
    target = state.target_scaling
    if recipe.target_scaler is not None:
        columns = np.ones(len(collected.answers.mean), bool)
        target = {**target, **_stats(recipe.target_scaler, collected.answers, columns)}
    return dataclasses.replace(state, scaling=scaling, target_scaling=target)


def _stats(scaler: Any, moments: ColumnMoments, columns: np.ndarray) -> dict[str, jax.Array]:
    """The statistics of a scaler that needs moments alone; none for the others."""
    if type(scaler) is Unscaled:
        return {"mean": jnp.asarray(moments.mean, jnp.float32)}
    if type(scaler) is not Standardise:
        return {}
    mean, sd = moments.mean, moments.sd
    varies = columns & (sd > 1e-6 * np.abs(mean)) & (sd > 0)
    inverse = np.where(varies, 1.0 / np.where(varies, sd, 1.0), 1.0)
    return {
        "mean": jnp.asarray(np.where(columns, mean, 0.0), jnp.float32),
        "inverse": jnp.asarray(inverse, jnp.float32),
    }
