"""The preparation of a stream, kept in the cache: its schema, and what was gathered of all rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fallline.core.errors import FalllineError
from fallline.core.shape import Entries, Listed, Mapping, Plain, Real, Text, Whole, check
from fallline.core.tensor_files import load_tensors, save_tensors
from fallline.data.identity import SeenRows
from fallline.data.schema import Schema
from fallline.streams.collecting import Collected
from fallline.streams.encoding import EncodedRows, Encoder
from fallline.streams.learning import Learnt
from fallline.streams.moments import ColumnMoments

NAME = "prepared.safetensors"
_DESCRIPTION = Entries(
    {
        "kind": Text(("stream",)),
        "key": Text(),
        "schema": Mapping(Plain()),
        "decimal": Text(("", ".", ",")),
        "rows": Listed(Whole(0), 1),
        "learnt": Listed(Text()),
        "remarks": Listed(Text()),
        "chance": Real(0.0, 1.0),
    }
)
_MOMENTS = ("count", "mean", "squares", "low", "high")


@dataclass(frozen=True, eq=False)
class PreparedStream:
    """Everything that is known of a stream after both passes.

    Attributes:
        learnt: the schema, and the number of rows of each file.
        collected: what was gathered of the encoded rows.
        remarks: sentences about columns and cells.
    """

    learnt: Learnt
    collected: Collected
    remarks: tuple[str, ...]


def save_prepared(folder: Path, prepared: PreparedStream, key: str) -> None:
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


def load_prepared(folder: Path, key: str, files: int, piece: int) -> PreparedStream | None:
    """The preparation in a folder of the cache; None if there is none, or it is damaged or another's.

    Args:
        folder: the folder of the stream in the cache.
        key: digest of what the stream depends on.
        files: number of its files.
        piece: rows of a block.
    """
    if not (folder / NAME).is_file():
        return None
    try:
        arrays, said = load_tensors(folder / NAME, "stream")
        check(_DESCRIPTION, said, f"stream {str(folder / NAME)!r}", "scan the source again")
        found = _read(arrays, said) if said["key"] == key else None
    except (FalllineError, KeyError, TypeError, ValueError):  # of arrays with other names, shapes or types
        return None
    return found if found is not None and _is_sound(found, files, piece) else None


def _is_sound(found: PreparedStream, files: int, piece: int) -> bool:
    """Whether shapes, types and counts go together."""
    encoder, collected, rows = Encoder(found.learnt.schema), found.collected, found.learnt.rows
    target, features = encoder.schema.target, (len(encoder.schema.feature_names),)
    classes = target.n_classes if target.classes is not None else 0
    answers = (1 if classes else len(target.names),)
    arrays: list[tuple[np.ndarray, tuple[int, ...], str]]
    arrays = [(getattr(collected.moments, each), features, "f") for each in _MOMENTS]
    arrays += [(getattr(collected.answers, each), answers, "f") for each in _MOMENTS]
    arrays += [(collected.classes, (classes,), "i")]
    blocks = [min(piece, count - start) for count in rows for start in range(0, count, piece)]
    arrays += [(collected.counts, (len(blocks), 3), "i")]
    arrays += [(each, each.shape[:1], "u") for each in (collected.seen.train, collected.seen.valid)]
    if len(rows) != files or any((each.shape, each.dtype.kind) != (shape, kind) for each, shape, kind in arrays):
        return False
    counts = collected.counts
    samples = all(
        encoder.fits(each) and len(each) <= total
        for each, total in zip(collected.samples, counts.sum(axis=0), strict=True)
    )
    return samples and bool((counts >= 0).all()) and counts.sum(axis=1).tolist() == blocks and bool(counts[:, 0].any())


def _read(arrays: dict[str, np.ndarray], said: dict[str, Any]) -> PreparedStream:
    moments, answers = (
        ColumnMoments(*(arrays[f"{name}/{each}"] for each in _MOMENTS)) for name in ("moments", "answers")
    )
    samples = [EncodedRows(*(arrays[f"sample{i}/{each}"] for each in ("numbers", "codes", "y"))) for i in range(3)]
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
    return PreparedStream(learnt, collected, tuple(map(str, said["remarks"])))


Told = Callable[[str, int], None]  # the pass ("learning" or "encoding") and the number of rows so far
