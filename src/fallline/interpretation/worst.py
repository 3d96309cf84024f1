"""The rows on which a model errs most, so that a person can look at them."""

from __future__ import annotations

from typing import Any

import numpy as np

from fallline.data.schema import Schema
from fallline.data.table import Table
from fallline.interpretation.answers import Answered
from fallline.interpretation.pictures import data_uri, sides

ROWS = 12
PICTURES = 24
SOURCES = {"test": "test_source", "valid": "validation_source"}


def worst_rows(table: Table, answered: Answered) -> list[dict[str, Any]]:
    """The rows of the largest loss, the worst first; of images only those that are wrong, as pictures.

    `row` counts from 0 in the source, or in the separate source of the split if there is one, which `source` then names;
    `name` is the row's own, such as the file of an image.
    """
    schema = table.schema
    size = sides(schema, answered.x)
    order = np.argsort(-answered.losses, kind="stable")
    if size is not None and schema.target.task != "regression":
        wrong = order[answered.errors[order] > 0]
        order = wrong[:PICTURES] if len(wrong) else order[:ROWS]
    else:
        order = order[:ROWS]
    key = {"test": "test_source", "valid": "valid_source"}.get(answered.split, "")
    is_apart = key in table.source
    first = int(getattr(table.dataset, answered.split).min()) if is_apart else 0
    highest = float(np.nanmax(answered.x, initial=0.0))
    if schema.image is not None and 1.0 < highest <= 255.0:
        highest = 255.0  # white, though no pixel of these rows may be
    names = table.dataset.row_names
    found = []
    for place in order.tolist():
        true, predicted, probability = _said(schema, answered, place)
        found.append({
            "row": int(answered.rows[place]) - first,
            "source": SOURCES[answered.split] if is_apart else "source",
            "name": names[answered.rows[place]] if names else None,
            "true": true, "predicted": predicted, "probability": probability, "loss": float(answered.losses[place]),
            "picture": None if size is None else data_uri(answered.x[place], *size, highest),
        })  # fmt: skip
    return found


def _said(schema: Schema, answered: Answered, place: int) -> tuple[str, str, float | None]:
    """(truth, answer, probability of the truth) of a row as text."""
    target, answer, truth = schema.target, answered.answer[place], answered.truth[place]
    if target.classes is not None:
        probability = float(answer[int(truth)]) if answered.is_sure else None
        return str(target.classes[int(truth)]), str(target.classes[int(answer.argmax())]), probability
    if answered.is_labels:
        both = [
            [name for name, each in zip(target.names, values, strict=True) if each > 0.5] for values in (truth, answer)
        ]
        return ", ".join(both[0]) or "none", ", ".join(both[1]) or "none", None
    return _numbers(truth), _numbers(answer), None


def _numbers(values: np.ndarray) -> str:
    return ", ".join(f"{float(each):.6g}" for each in values)
