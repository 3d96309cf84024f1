"""Model files: reads the model of a file or of a run folder, a single network or an ensemble."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from fallline.core.errors import FalllineError
from fallline.core.shape import Entries, Listed, Mapping, Plain, Real, Text, Whole, check
from fallline.core.tensor_files import load_tensors, nest
from fallline.data.schema import Schema
from fallline.data.schema_text import WRITTEN
from fallline.data.sources import ARROW, PARQUET, TEXT
from fallline.serving.outcome import outcome_of
from fallline.serving.served import check_program
from fallline.training.ensemble import KIND, MOST, Ensemble
from fallline.training.predictor import Predictor
from fallline.training.recipe import recipe_from_plain
from fallline.training.recorded import drop_program
from fallline.training.whole import FORMAT, REMEDY, check_description, check_model, complete_arrays, take_seen

_ENSEMBLE = Entries(
    {
        "kind": Text(choices=(KIND,)),
        "format": Whole(),
        "outputs": Whole(1),
        "members": Listed(Mapping(Plain())),
        "weights": Listed(Real(0.0, 1.0)),
        "schema": WRITTEN,
    },
    {"chance": Real(0.0, 1.0)},
)


def load_predictor(path: str | Path) -> Predictor:
    """Read a model file, or the model of a run folder.

    Raises: FalllineError for anything but a whole model file of a format that this version knows.
    """
    path = Path(path)
    if path.is_dir():
        if not (path / "model.safetensors").is_file():
            raise FalllineError(_no_model(path))
        path = path / "model.safetensors"
    if path.suffix.lower() in (*TEXT, *PARQUET, *ARROW, ".npz", ".gz") and path.is_file():
        raise FalllineError(f"{str(path)!r} is a table and no model: expected a run folder, or its model.safetensors")
    arrays, described = load_tensors(path, "model")
    if described.get("format") == FORMAT and described.get("kind") == KIND:
        return _ensemble_of(arrays, described, f"model {str(path)!r}")
    if described.get("kind") != "model" or described.get("format") != FORMAT:
        raise FalllineError(f"model {str(path)!r} is not a model of format {FORMAT}: train it again with this version")
    what = f"model {str(path)!r}"
    check_description(described, what)
    whole = dict(arrays)
    recipe, schema = recipe_from_plain(described["recipe"]), Schema.from_dict(described["schema"])
    seen = take_seen(arrays, described, what)
    drop_program(arrays)
    complete_arrays(arrays)
    check_model(recipe, schema, described["outputs"], arrays, what)
    check_program(whole, described, what)
    tree = nest(arrays)
    for part in ("params", "stats", "scaling"):
        tree.setdefault(part, {})
    tree.setdefault("target_scaling", None)
    return Predictor(recipe, schema, described["outputs"], tree, seen)


def _no_model(folder: Path) -> str:
    """The reason why a run folder has no model."""
    if outcome_of(folder) == "diverged":
        return (
            f"run folder {str(folder)!r} holds no model to predict with: its training diverged before it had learnt "
            "anything; train again with a lower learning rate"
        )
    return f"run folder {str(folder)!r} holds no model.safetensors: its training has not finished"


def _ensemble_of(arrays: dict[str, np.ndarray], described: dict[str, Any], what: str) -> Ensemble:
    """The ensemble of a file's arrays and description.

    Raises: FalllineError for anything but a whole ensemble; every member is checked as the file of a single model is.
    """
    check(_ENSEMBLE, described, what, REMEDY)
    recipes, weights = described["members"], np.array(described["weights"], np.float64)
    if not 1 <= len(recipes) <= MOST or len(weights) != len(recipes):
        raise FalllineError(f"{what} is damaged: it has {len(recipes)} members and {len(weights)} weights; {REMEDY}")
    if not (weights > 0).all() or abs(weights.sum() - 1.0) > 1e-6:
        raise FalllineError(f"{what} is damaged: its weights are not positive or do not sum to 1; {REMEDY}")
    schema, seen = Schema.from_dict(described["schema"]), take_seen(arrays, described, what)
    parts: dict[str, dict[str, np.ndarray]] = {str(index): {} for index in range(len(recipes))}
    for name, array in arrays.items():
        index, _, rest = name.partition("/")
        if index not in parts:
            raise FalllineError(f"{what} is damaged: its array {name[:80]!r} belongs to no member; {REMEDY}")
        parts[index][rest] = array
    members = []
    for (index, own), plain in zip(parts.items(), recipes, strict=True):
        recipe, title = recipe_from_plain(plain), f"member {int(index) + 1} of {what}"
        complete_arrays(own)
        check_model(recipe, schema, described["outputs"], own, title)
        tree: dict[str, Any] = {"params": {}, "stats": {}, "scaling": {}, "target_scaling": None, **nest(own)}
        members.append(Predictor(recipe, schema, described["outputs"], tree, seen))
    made = Ensemble.of(members, weights.tolist(), seen)
    return dataclasses.replace(made, weights=tuple(weights.tolist()))
