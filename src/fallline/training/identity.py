"""What makes two trainings the same, and the finished run that already holds one."""

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fallline._version import __version__
from fallline.core.documents import to_json, write_json
from fallline.core.errors import FalllineError
from fallline.core.reading import read_if_there, read_json
from fallline.core.shape import Entries, Mapping, Plain, Text, maybe
from fallline.data.table import Table

if TYPE_CHECKING:
    from fallline.training.folder import Plan
    from fallline.training.recipe import Recipe

NAME, ROOT = "identity.json", Path("runs")
_SHAPE = Entries({"identity": Mapping(Plain()), "model": maybe(Text())})
_MODEL, _METRICS = "model.safetensors", "metrics.json"


def training_identity(plan: "Plan", recipe: "Recipe", table: Table, **more: Any) -> dict[str, Any]:
    """Everything that the result of a training depends on: recipe, content of the data, key, version and device.

    Arguments:
        plan: the plan of the training.
        recipe: its completed recipe.
        table: its data; where they were read from does not matter, but their values, columns and split do.
        more: what else can change the result.
    """
    from fallline.training.resuming import identity_of

    extended = [list(each) for each in plan.extended]
    more |= {} if plan.workers is None else {"workers": plan.workers}
    return {
        "kind": "training", **identity_of(recipe, table, plan.seed), **surroundings(table), "members": plan.members,
        "bag": plan.bag, "extended": extended, **more,
    }  # fmt: skip


def surroundings(table: Table) -> dict[str, Any]:
    """The version, the device, and what the data's fingerprint leaves out: names, classes, and how columns are read."""
    import jax

    return {"version": __version__, "device": jax.default_backend(), "columns": digest(table.schema.to_dict())}


def digest(plain: Any) -> str:
    """SHA-256 of plain data.

    >>> digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    True
    """
    return hashlib.sha256(to_json(plain, sort_keys=True).encode()).hexdigest()


def keep_identity(folder: Path, identity: dict[str, Any]) -> None:
    """Write the identity of a finished run into its folder, together with the digest of its model."""
    write_json(folder / NAME, {"identity": identity, "model": _model_of(folder)})


def forget(folder: Path) -> None:
    """Remove the identity and the diagnosis from a folder whose run is about to change.

    Raises: FalllineError if that fails.
    """
    for name in (NAME, "diagnosis.json"):
        try:
            (folder / name).unlink(missing_ok=True)
        except OSError as error:
            raise FalllineError(f"cannot change {folder / name}: {error.strerror}; choose another with --out") from None


def find_run(identity: dict[str, Any], folder: Path | None) -> Path | None:
    """The newest finished run in `runs` with this identity; with a `folder`, that folder if it holds such a run.

    A run whose model was changed or removed since does not count.
    """
    asked = json.loads(to_json(identity))
    if folder is not None:
        return folder if _holds(folder, asked) else None
    places = [each.parent for each in ROOT.glob(f"*/{NAME}")]
    return next((each for each in sorted(places, key=_age) if _holds(each, asked)), None)


def read_identity(folder: Path) -> dict[str, Any] | None:
    """The identity of a run; None if its folder has none, or a damaged one."""
    found = _read(folder)
    return None if found is None else dict(found["identity"])


def _read(folder: Path) -> dict[str, Any] | None:
    path = folder / NAME
    if not path.is_file():
        return None
    try:
        found: dict[str, Any] = read_json(path, _SHAPE, f"identity {str(path)!r}", "train again")
        return found
    except FalllineError:
        return None


def _holds(folder: Path, identity: dict[str, Any]) -> bool:
    found = _read(folder)
    if found is None or found["identity"] != identity or not (folder / _METRICS).is_file():
        return False
    try:
        return bool(found["model"] == _model_of(folder))
    except FalllineError:
        return False


def _model_of(folder: Path) -> str | None:
    content = read_if_there(folder / _MODEL, "model")
    return None if content is None else hashlib.sha256(content).hexdigest()


def _age(folder: Path) -> float:
    try:
        return -(folder / NAME).stat().st_mtime
    except OSError:  # removed in the meantime
        return 0.0
