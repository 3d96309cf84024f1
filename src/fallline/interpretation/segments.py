"""Where a model errs more than elsewhere: errors by level of each column and by part of each number's range."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from fallline.data.read_back import Cells, day

ROWS = 5_000  # rows that are looked at
FEWEST = 10  # rows of a segment
LEVELS = 20  # most levels of a column
PARTS = 4  # quantile bins of a number
COLUMNS = 100  # most columns
SHUFFLES = 1_000
ALPHA = 0.05


@dataclasses.dataclass(frozen=True)
class Segment:
    """Some rows: those of one level of a column, or of one part of its range."""

    column: str
    name: str
    rows: Bool[np.ndarray, " rows"]


def segments_of(cells: Sequence[Cells]) -> list[Segment]:
    """Every level and every quantile bin with at least ten rows inside and outside."""
    found: list[Segment] = []
    for each in cells[:COLUMNS]:
        found += _levels(each) if each.numbers is None else _parts(each)
    count = len(found[0].rows) if found else 0
    return [each for each in found if FEWEST <= each.rows.sum() <= count - FEWEST]


def _levels(cells: Cells) -> list[Segment]:
    assert cells.codes is not None
    counts = np.bincount(cells.codes, minlength=len(cells.levels))
    shown = np.argsort(-counts, kind="stable")[:LEVELS]
    return [Segment(cells.name, cells.levels[k], cells.codes == k) for k in shown.tolist() if counts[k]]


def _parts(cells: Cells) -> list[Segment]:
    assert cells.numbers is not None
    known = cells.numbers[~cells.missing]
    if not len(known):
        return []
    word = day if cells.column.kind == "date" else _short
    distinct = np.unique(known)
    if len(distinct) <= PARTS + 1:
        found = [Segment(cells.name, word(value), cells.numbers == value) for value in distinct.tolist()]
    else:
        edges = np.unique(np.quantile(known, np.arange(1, PARTS) / PARTS, method="inverted_cdf"))
        place = np.searchsorted(edges, cells.numbers, side="left")
        found = []
        for k in range(len(edges) + 1):
            rows = (place == k) & ~cells.missing
            if rows.any():
                ends = cells.numbers[rows].min(), cells.numbers[rows].max()
                name = word(ends[0]) if ends[0] == ends[1] else f"{word(ends[0])} to {word(ends[1])}"
                found.append(Segment(cells.name, name, rows))
    if cells.missing.any():
        found.append(Segment(cells.name, "(missing)", cells.missing))
    return found


def _short(value: float) -> str:
    return f"{value:,.0f}" if value == round(value) and 1e3 <= abs(value) < 1e9 else f"{value:.3g}"


def judged(
    segments: Sequence[Segment], errors: Float[np.ndarray, " rows"], weight: Float[np.ndarray, " rows"], seed: int = 0
) -> list[dict[str, Any]]:
    """The mean error of each segment beside that of all other rows, and whether the difference is more than noise.

    The errors are shuffled among the rows many times. A segment differs if its difference, in standard errors, is larger
    than the largest of all segments in 95 % of the shuffles: of a hundred tables without any weak spot, at most five have
    a segment marked.

        t = (mean inside - mean outside) / sqrt(s^2 (1 / n_in + 1 / n_out)),  p = share of shuffles with max |t'| >= |t|

    Arguments:
        segments: as `segments_of` finds them.
        errors: the error of each row.
        weight: weight of each row.
        seed: seed of the shuffles and resamples.

    Source: Westfall and Young, "Resampling-based multiple testing", 1993.
    """
    if not segments:
        return []
    inside = np.stack([each.rows for each in segments], axis=1).astype(np.float64)
    draw = np.random.default_rng(seed)
    plain = errors / max(float(np.abs(errors).max()), 1e-300)  # t has no unit, and squares must not overflow
    t = np.abs(_standardised(plain[None], inside, weight)[0])
    highest = np.zeros(SHUFFLES)
    for begin in range(0, SHUFFLES, 100):
        shuffled = draw.permuted(np.broadcast_to(plain, (100, len(plain))), axis=1)
        highest[begin : begin + 100] = np.abs(_standardised(shuffled, inside, weight)).max(axis=1)
    p = ((highest[:, None] >= t - 1e-12).sum(axis=0) + 1) / (SHUFFLES + 1)
    found = []
    for k, each in enumerate(segments):
        w = weight * each.rows
        mean, rest = float(w @ errors / w.sum()), float((weight - w) @ errors / max((weight - w).sum(), 1e-300))
        low, high = _interval(errors[each.rows], weight[each.rows], draw)
        found.append(
            {"column": each.column, "segment": each.name, "rows": int(each.rows.sum()), "error": mean, "low": low,
             "high": high, "rest": rest, "difference": mean - rest, "p": float(p[k]), "differs": bool(p[k] <= ALPHA),
             "better": mean < rest}
        )  # fmt: skip
    return found


def _standardised(errors: np.ndarray, inside: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """t of every segment, for every row of errors."""
    w = weight[:, None] * inside
    n, total = w.sum(axis=0), weight.sum()
    weighted = errors * weight
    within = weighted @ inside
    whole = weighted.sum(axis=1, keepdims=True)
    spread = np.sqrt(np.maximum((weighted * errors).sum(axis=1, keepdims=True) / total - (whole / total) ** 2, 1e-300))
    away = within / n - (whole - within) / np.maximum(total - n, 1e-300)
    return np.asarray(away / (spread * np.sqrt(1.0 / n + 1.0 / np.maximum(total - n, 1e-300))))


def _interval(errors: np.ndarray, weight: np.ndarray, draw: np.random.Generator) -> tuple[float, float]:
    chosen = draw.integers(0, len(errors), (200, len(errors)))
    w = weight[chosen]
    low, high = np.percentile((w * errors[chosen]).sum(axis=1) / w.sum(axis=1), [2.5, 97.5])
    return float(low), float(high)
