"""The columns of a run that trains, from its newest checkpoint, of which single arrays are read."""

import dataclasses
import json
import math
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from fallline.control.curve import EVALUATION, ITERATION
from fallline.core.errors import FalllineError
from fallline.core.reading import check_regular

if TYPE_CHECKING:
    from safetensors import safe_open

MOST_LANES = 64  # lanes of a population that are shown
_DIGEST = 64  # characters before the description
_TABLES = {"iterations": ("", ITERATION), "evaluations": ("evaluation.", EVALUATION)}
_HIDDEN = ("outcome", "monitor")  # where the checkpoint does not name their columns

Curve = tuple[str, Float[np.ndarray, " n"], Float[np.ndarray, " n"]]


@dataclasses.dataclass(frozen=True)
class LiveColumn:
    """A column in an array of a checkpoint.

    Attributes:
        column: its name.
        place: its place in the last axis; None for an array without one for columns.
        unit: the factor that turns it into the target's own unit.
    """

    column: str
    place: int | None
    unit: float = 1.0


def columns_in(path: Path) -> list[str]:
    """The names of the columns in a checkpoint.

    Raises: FalllineError for a file that cannot be read now.
    """
    with _opened(path) as file:
        said = _described(file)
        return list(dict.fromkeys(each.column for key in file.keys() for each in _parts(key, file, said)))  # noqa: SIM118


def curves_in(path: Path, column: str) -> list[Curve]:
    """The curves of a column in a checkpoint: one, or one for every lane of a population.

    Raises: FalllineError for a file that cannot be read now.
    """
    with _opened(path) as file:
        return list(_curves(file, column))


@contextmanager
def _opened(path: Path) -> "Iterator[safe_open]":
    from safetensors import SafetensorError, safe_open

    check_regular(path, f"checkpoint {str(path)!r}")
    try:
        with safe_open(path, framework="numpy") as file:
            yield file
    except (SafetensorError, OSError, ValueError, KeyError, IndexError, TypeError) as error:
        # A TypeError is that of a path that is not UTF-8.
        raise FalllineError(f"checkpoint {str(path)!r} cannot be read: {error}; wait for the next one") from None


def _described(file: Any) -> dict[str, tuple[list[str], float]]:
    """The columns that a checkpoint names, with their unit, by array; those of an earlier version names none."""
    with suppress(ValueError, RecursionError, AttributeError, TypeError):
        said = json.loads((file.metadata() or {}).get("fallline", "")[_DIGEST:]).get("columns", {})
        found = {own: (each.get("names"), each.get("unit")) for own, each in said.items()}
        return {own: (names, unit) for own, (names, unit) in found.items() if _sound(names, unit)}
    return {}


def _sound(names: Any, unit: Any) -> bool:
    named = isinstance(names, list) and all(isinstance(each, str) for each in names)
    return named and isinstance(unit, float) and math.isfinite(unit) and unit > 0


def _parts(key: str, file: Any, said: dict[str, tuple[list[str], float]]) -> Iterator[LiveColumn]:
    """The columns in an array of a checkpoint."""
    home, _, name = key.partition("/")
    if home == "curve" and name in _TABLES:
        prefix, columns = _TABLES[name]
        yield from (
            LiveColumn(f"{prefix}{each}", k) for k, each in enumerate(columns) if each not in ("iteration", "steps")
        )
    elif home == "history":
        lane, _, own = name.rpartition("/")
        several = file.get_slice(key).get_shape()[1 + bool(lane) :]
        names, unit = said.get(own, ([], 1.0))
        count = several[0] if several else 1
        if len(names) != count:
            hidden = own in _HIDDEN
            names = [] if hidden else [f"layer_{k + 1}.{own}" for k in range(count)] if several else [own]
        yield from (LiveColumn(each, k if several else None, unit) for k, each in enumerate(names))


def _curves(file: Any, column: str) -> Iterator[Curve]:
    said, lane = _described(file), 0
    for key in sorted(file.keys()):
        part = next((each for each in _parts(key, file, said) if each.column == column), None)
        if part is None:
            continue
        values = np.asarray(file.get_tensor(key), np.float64)
        home, _, name = key.partition("/")
        if home == "curve":
            yield "", values[:, _TABLES[name][1].index("steps")], values[:, part.place]
            continue
        values = part.unit * (values if part.place is None else values[..., part.place])
        alone = "/" not in name
        done = int(file.get_tensor("state/epoch")) if alone and "state/epoch" in file.keys() else len(values)  # noqa: SIM118
        x = np.arange(done - len(values) + 1.0, done + 1)
        if alone:
            yield "", x, values
            continue
        for each in values.T[: MOST_LANES - lane]:
            lane += 1
            yield f"lane {lane}", x, each
