"""The preparation of a stream, kept in the cache: its schema, and what was gathered of all rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fallline.core.errors import FalllineError
from fallline.core.tensors import load_tensors, save_tensors
from fallline.data.identity import SeenRows
from fallline.data.schema import Schema
from fallline.streams.collecting import Collected
from fallline.streams.encoding import Rows
from fallline.streams.learning import Learnt
from fallline.streams.moments import Moments

NAME = "prepared.safetensors"
_MOMENTS = ("count", "mean", "squares", "low", "high")


@dataclass(frozen=True, eq=False)
class Prepared:
    """Everything that is known of a stream after both passes.

    Attributes:
        learnt: the schema, and the number of rows of each file.
        collected: what was gathered of the encoded rows.
        remarks: sentences about columns and cells.
    """

    learnt: Learnt
    collected: Collected
    remarks: tuple[str, ...]


def save_prepared(folder: Path, prepared: Prepared, key: str) -> None:
    """Keeps a preparation in a folder of the cache; without room for it, nothing is kept."""
    collected = prepared.collected
    arrays: dict[str, Any] = {}
    for name in ("moments", "answers"):
        arrays |= {f"{name}/{each}": getattr(getattr(collected, name), each) for each in _MOMENTS}
    for index, rows in enumerate(collected.samples):
        arrays |= {f"sample{index}/{each}": getattr(rows, each) for each in ("numbers", "codes", "y")}
    arrays |= {"counts": collected.counts, "classes": collected.classes, "lowest": np.float64(collected.lowest)}
    arrays |= {"seen/train": collected.seen.train, "seen/valid": collected.seen.valid}
    learnt = prepared.learnt
    description = {
        "kind": "stream",
        "key": key,
        "schema": learnt.schema.to_dict(),
        "decimal": learnt.decimal,
        "rows": list(learnt.rows),
        "learnt": list(learnt.remarks),
        "remarks": list(prepared.remarks),
        "chance": collected.seen.chance,
    }
    folder.mkdir(parents=True, exist_ok=True)
    save_tensors(folder / NAME, arrays, description)


def load_prepared(folder: Path, key: str) -> Prepared | None:
    """The preparation in a folder of the cache; None if there is none, or it is damaged or another's."""
    if not (folder / NAME).is_file():
        return None
    try:
        arrays, said = load_tensors(folder / NAME, "stream")
        return _read(arrays, said) if said.get("key") == key else None
    except (FalllineError, KeyError, TypeError, ValueError):
        return None


def _read(arrays: dict[str, np.ndarray], said: dict[str, Any]) -> Prepared:
    moments, answers = (Moments(*(arrays[f"{name}/{each}"] for each in _MOMENTS)) for name in ("moments", "answers"))
    samples = [Rows(*(arrays[f"sample{i}/{each}"] for each in ("numbers", "codes", "y"))) for i in range(3)]
    seen = SeenRows(arrays["seen/train"], arrays["seen/valid"], float(said["chance"]))
    collected = Collected(
        arrays["counts"],
        moments,
        answers,
        arrays["classes"],
        float(arrays["lowest"]),
        (samples[0], samples[1], samples[2]),
        seen,
    )
    schema = Schema.from_dict(said["schema"])
    learnt = Learnt(schema, str(said["decimal"]), tuple(map(int, said["rows"])), tuple(map(str, said["learnt"])))
    return Prepared(learnt, collected, tuple(map(str, said["remarks"])))


Told = Callable[[str, int], None]  # the pass ("learning" or "encoding") and the number of rows so far
