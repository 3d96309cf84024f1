"""Consistency checks of a model file: recipe, columns and arrays must agree on all sizes before any of it is used."""

import functools
from typing import Any

import jax
import numpy as np

from fallline.core.block import as_arrays
from fallline.core.errors import FalllineError
from fallline.core.random import Seed
from fallline.core.shape import Entries, Mapping, Plain, Real, Text, Whole, check
from fallline.core.tensor_files import check_finite
from fallline.core.tensors import flatten
from fallline.core.tree import Tree
from fallline.data.identity import MOST, SeenRows
from fallline.data.schema import Schema
from fallline.data.schema_text import WRITTEN
from fallline.encodings import Inputs
from fallline.serving.served import PROGRAM
from fallline.training.agreed import entry_of, remember
from fallline.training.length import AUTO
from fallline.training.recipe import Recipe, parameters_of

FORMAT = 1  # of the model files that this version writes
MODEL = Entries(
    {
        "kind": Text(choices=("model",)),
        "format": Whole(),
        "outputs": Whole(1),
        "recipe": Mapping(Plain()),
        "schema": WRITTEN,
    },
    {"chance": Real(0.0, 1.0), "program": PROGRAM},
)
REMEDY = "use another copy, or train it again"
_ROWS = 8  # rows of the abstract table from which shapes are traced; the shapes do not depend on this number


def check_description(described: dict[str, Any], what: str) -> None:
    """Raises: FalllineError for anything that is not a model's description."""
    check(MODEL, described, what, REMEDY)


def take_seen(arrays: dict[str, np.ndarray], described: dict[str, Any], what: str) -> SeenRows | None:
    """Remove the rows that a model has seen from its arrays and return them; None for versions that did not keep them.

    Raises: FalllineError if they are incomplete, or hold numbers that `SeenRows.of` cannot produce.
    """
    train, valid = (arrays.pop(name, None) for name in ("seen/train", "seen/valid"))
    chance = described.get("chance")
    if train is None and valid is None and chance is None:
        return None
    if train is None or valid is None or chance is None:
        raise _unfit(what, "of the rows that it has seen it holds a part")
    for name, array in (("seen/train", train), ("seen/valid", valid)):
        if array.dtype != np.uint64 or array.ndim != 1:
            raise _unfit(what, f"its array {name!r} is {array.dtype}{list(array.shape)}, expected uint64[rows]")
        if len(array) > MOST or (array[1:] <= array[:-1]).any():
            raise _unfit(what, f"its array {name!r} is no list of at most {MOST:,} numbers in rising order")
    return SeenRows(train, valid, float(chance))


def complete_arrays(arrays: dict[str, np.ndarray]) -> None:
    """Add the array that models of earlier versions lack: batch normalisation's `freedom`, which prediction never reads."""
    for name in [each for each in arrays if each.startswith("stats/") and each.endswith("/seen")]:
        arrays.setdefault(name.removesuffix("seen") + "freedom", np.zeros((), np.float32))


def check_model(recipe: Recipe, schema: Schema, outputs: int, arrays: dict[str, np.ndarray], what: str) -> None:
    """Compare a model's arrays, by path, with the arrays that its recipe implies for its columns and its target.

    Nothing of those sizes is allocated: the number of parameters is first compared by formula, then shapes by tracing.

    Raises: FalllineError for arrays that are missing, superfluous, of another shape or dtype, or not finite.
    """
    target = schema.target
    wanted = target.n_classes or len(target.names)
    if outputs != wanted:
        raise _unfit(what, f"it says {outputs} outputs, and its target has {wanted}")
    loss = recipe.loss
    if loss is None or target.task not in loss.tasks:
        raise _unfit(what, f"its loss {'none' if loss is None else loss.name!r} is not for a {target.task}")
    if (recipe.target_scaler is not None) and target.task != "regression":
        raise _unfit(what, f"a {target.task} has no scaled target")
    if AUTO in (recipe.epochs, recipe.patience):
        raise _unfit(what, "its recipe does not say how long it was trained")
    layers = len(getattr(recipe.model, "hidden", None) or getattr(recipe.model, "layers", None) or ())
    if layers > 8 * len(arrays) + 8:
        raise _unfit(what, f"its recipe has {layers:,} layers, and it holds {len(arrays)} arrays")
    features = len(schema.feature_names)
    held = sum(array.size for name, array in arrays.items() if name.startswith("params/"))
    check_encoding(recipe, features, what)
    counted, _ = parameters_of(recipe, features, loss.outputs(outputs, target.task))
    if counted != held:
        raise _unfit(what, f"its recipe makes a network of {counted:,} parameters, and it holds {held:,}")
    entry = entry_of(recipe, features, outputs, target.task, arrays)
    if entry is None or not entry.is_file():
        _check_shapes(_expected(recipe, features, outputs, target.task), arrays, what)
        if entry is not None:
            remember(entry)
    check_finite(arrays, what, REMEDY)


def _check_shapes(expected: dict[str, tuple[tuple[int, ...], Any]], arrays: dict[str, np.ndarray], what: str) -> None:
    for name in expected.keys() - arrays.keys():
        raise _unfit(what, f"its array {name!r} is missing")
    for name in arrays.keys() - expected.keys():
        raise _unfit(what, f"it holds an array {name[:80]!r}, which its recipe has no use for")
    for name, (shape, dtype) in expected.items():
        if (arrays[name].shape, arrays[name].dtype) != (shape, dtype):
            found = f"{arrays[name].dtype}{list(arrays[name].shape)}"
            raise _unfit(what, f"its array {name!r} is {found}, expected {dtype}{list(shape)}")


def check_encoding(recipe: Recipe, features: int, what: str) -> None:
    """Raises: FalllineError for an encoding whose columns were not chosen, or are not among a model's features."""
    columns = () if recipe.encoding is None else recipe.encoding.named()
    if columns is None or max(columns, default=-1) >= features:
        raise _unfit(what, f"its encoding is of the features {columns}, and it has {features}")


_SHAPES: dict[Any, dict[str, tuple[tuple[int, ...], Any]]] = {}


def _expected(recipe: Recipe, features: int, outputs: int, task: str) -> dict[str, tuple[tuple[int, ...], Any]]:
    """Shape and dtype of every array of a model, by path; cached, since they need tracing."""
    which = (jax.tree.structure(as_arrays(recipe)), features, outputs, task)
    if which not in _SHAPES:
        if len(_SHAPES) > 64:
            _SHAPES.clear()
        made = jax.eval_shape(functools.partial(_made, recipe, features, outputs, task), jax.random.key(0))
        _SHAPES[which] = {name: (leaf.shape, leaf.dtype) for name, leaf in _leaves(made).items()}
    return _SHAPES[which]


def _made(recipe: Recipe, features: int, outputs: int, task: str, key: Seed) -> dict[str, Any]:
    assert recipe.loss is not None
    x, weight = jax.numpy.ones((_ROWS, features)), jax.numpy.ones(_ROWS)
    network = recipe.network(recipe.loss.outputs(outputs, task))
    params, stats = network.init(key, (recipe.inputs.outputs(features),))
    columns = jax.numpy.ones(features, bool)
    if not isinstance(recipe.inputs, Inputs):
        scaling = recipe.inputs.fit(x, weight, columns)
    else:
        y = jax.numpy.ones((_ROWS, outputs)) if task != "classification" else jax.numpy.zeros(_ROWS, int)
        scaling = recipe.inputs.fit(x, weight, columns, y, outputs if task == "classification" else 0)
    made = {"params": params, "stats": stats, "scaling": scaling}
    if recipe.target_scaler is not None:
        made["target_scaling"] = recipe.target_scaler.fit(jax.numpy.ones((_ROWS, outputs)), weight)
    return made


def _leaves(made: Tree) -> dict[str, Any]:
    """Abstract leaves, keyed by the paths that `flatten` gives to arrays."""
    paths = jax.tree_util.tree_flatten_with_path(made)[0]
    names = list(flatten(jax.tree.map(lambda _: np.zeros(0), made)))
    return dict(zip(names, (leaf for _, leaf in paths), strict=True))


def _unfit(what: str, why: str) -> FalllineError:
    return FalllineError(f"{what} is damaged: {why}; {REMEDY}")
