"""Compares the graph's answers with the model's, on rows made up from the model's own statistics."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from fallline.core.errors import FalllineError
from fallline.data.columns import Column
from fallline.data.schema import Schema
from fallline.onnx.feed import feed
from fallline.onnx.graph import package
from fallline.onnx.inputs import inputs_of

if TYPE_CHECKING:
    import polars as pl

ROWS = 256
TOLERANCE = 1e-4  # far above rounding errors, far below the errors of a wrong graph
UNSEEN = "a text that no table holds"


def compare(content: bytes, models: Sequence[Any], weights: Sequence[float], inputs: str) -> float:
    """The largest difference between the answers, as a probability or relative to the spread of the answers.

    Raises: FalllineError if it is larger than rounding can explain.
    """
    schema = models[0].schema
    rows = made_up(schema, models[0].arrays["scaling"], inputs)
    ours = np.average([each.answer(schema.encode(rows, "rows", []))[0] for each in models], axis=0, weights=weights)
    theirs = answers(content, feed(schema, rows, inputs))
    target = schema.target
    if target.conditioned:  # compared as a run sees them, where float64's rounding is negligible and sizes are alike
        ours, theirs = (each * target.factor - np.multiply(target.shift, target.factor) for each in (ours, theirs))
    finite = ours[np.isfinite(ours)]
    spread = 1.0
    if target.task == "regression" and finite.any():
        spread = max(
            float(np.ptp(finite)), 0.01 * float(np.abs(finite).max())
        )  # the spread of a constant is only rounding
    same = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
    difference = float(np.where(same, 0.0, np.abs(ours - theirs) / spread).max(initial=0.0))
    if not difference <= TOLERANCE:
        raise FalllineError(
            f"the ONNX graph differs from the model by {difference:.1e}, so nothing was written: check the ONNX forms "
            "that you registered"
        )
    return difference


def answers(content: bytes | str, rows: dict[str, np.ndarray]) -> np.ndarray:
    """The last output of a graph, computed by ONNX Runtime: probabilities, scores or predictions."""
    session = package("onnxruntime").InferenceSession(content, providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, rows)[-1])


def made_up(schema: Schema, scaling: dict[str, Any], inputs: str = "auto") -> "pl.DataFrame | np.ndarray":
    """Makes up rows of known values, unseen values and, if the schema allows them, missing values."""
    import polars as pl

    rng = np.random.default_rng(0)
    width = len(schema.feature_names)
    centre = np.broadcast_to(scaling.get("mean", scaling.get("fill", 0.0)), width)
    size = 1.0 / np.broadcast_to(scaling.get("inverse", 1.0), width)
    columns: dict[str, Any] = {}
    start = 0
    for column in schema.columns:
        columns[column.name] = _cells(column, centre[start], size[start], schema.missing == "impute", rng)
        start += len(column.feature_names())
    frame = pl.DataFrame(columns)
    return frame.to_numpy() if inputs_of(schema, inputs)[0].matrix else frame


def _cells(column: Column, centre: float, size: float, missing: bool, rng: np.random.Generator) -> Any:
    import polars as pl

    gone = (rng.random(ROWS) < 0.2) & missing
    if column.kind == "number":
        numbers = column.unit.restore(centre + size * rng.normal(size=ROWS))
        return pl.Series(np.where(gone, np.nan, numbers.astype(np.float32) if column.plain else numbers))
    if column.kind == "date":
        instants = ((column.origin + rng.uniform(-9e3, 9e3, ROWS)) * 86_400e6).astype("datetime64[us]")
        return _without(pl.Series(instants), gone)
    known = {"boolean": ["true", "false"], "presence": ["here"]}.get(column.kind, [])
    words = rng.permutation(np.resize([*known, *(each for each in column.values if each), UNSEEN], ROWS))
    return _without(pl.Series(words.tolist()), gone)


def _without(cells: Any, gone: np.ndarray) -> Any:
    """The cells, missing where they are gone; `Series.set` does not take every type in every release of Polars."""
    import polars as pl

    return pl.select(pl.when(pl.Series(gone)).then(None).otherwise(cells)).to_series()
