"""A trained network's program, kept in its file, so that predictions of few rows need neither its blocks nor JAX."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from fallline.core.tensor_files import nest
from fallline.data.schema import Schema
from fallline.serving.recording import record
from fallline.serving.served import KEY, agrees, digest_of_program
from fallline.training.host import has_own, host_of, wide
from fallline.training.recipe import Recipe
from fallline.training.validation import answering

LARGEST = 20_000_000  # numbers of a network, which are recorded in float64
_EMPTY: dict[str, Any] = {"params": {}, "stats": {}, "scaling": {}, "target_scaling": None}


def with_program(
    recipe: Recipe, schema: Schema, outputs: int, arrays: dict[str, np.ndarray], description: dict[str, Any]
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The arrays and the description of a model's file, with its program and the rows that it is tried with.

    They are returned as they are for a network with blocks of the user's own, which may change, for a very large one, and
    for what NumPy cannot repeat.
    """
    own = {name: each for name, each in arrays.items() if not name.startswith("seen/")}
    if has_own(answering(recipe)) or sum(each.size for each in own.values()) > LARGEST:
        return arrays, description
    host = host_of(recipe, schema.target.task, outputs)
    floats: Mapping[str, np.ndarray] = wide(own)
    x = _rows(len(schema.feature_names))
    try:
        program, more = record(host.compute, floats, _nested, x.shape[1])
        answers = host.compute(_nested(floats), x.astype(np.float64))
        same = agrees(program.run({**floats, **more}, x.astype(np.float64)), answers)
    except Exception:  # a model is saved without a program rather than not at all; contracts find what is not recorded
        same = False
    if not same:
        return arrays, description
    loss = recipe.loss
    scores = "" if loss is None or loss.probabilistic else loss.name
    kept = {**arrays, **more, f"{KEY}/rows": x, f"{KEY}/answers": answers}
    described = {**description, KEY: {"steps": program.to_plain(), "scores": scores}}
    described[KEY]["of"] = digest_of_program(kept, described)
    return kept, described


def drop_program(arrays: dict[str, np.ndarray]) -> None:
    """Remove a program's arrays from those of a model's file."""
    for name in [each for each in arrays if each.startswith(f"{KEY}/")]:
        del arrays[name]


def _nested(arrays: Mapping[str, Any]) -> dict[str, Any]:
    return _EMPTY | nest(dict(arrays))


def _rows(features: int) -> np.ndarray:
    """Rows to try a program with: usual ones, zeros, and some whose cells are missing."""
    x = np.random.default_rng(0).normal(size=(4, features)).astype(np.float32)
    x[2] = 0.0
    x[3, ::3] = np.nan
    return x
