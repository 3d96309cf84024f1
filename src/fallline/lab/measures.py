"""What a walk is measured by: steps and gradients to a tolerance, length, overshoot, basin."""

import numpy as np
import polars as pl
from jaxtyping import Bool, Float, Int

from fallline.lab.program import Track
from fallline.surfaces import Minimum

NEAR = 0.05  # share of the domain's width within which an end belongs to a minimum


def measured(
    track: Track, minima: tuple[Minimum, ...], widths: Float[np.ndarray, " n"], tolerance: float
) -> dict[str, np.ndarray]:
    """A column per measure; arrays with the axes rule and start.

    Every walk is compared with the minimum nearest to its end.

        steps       the first t with |w_t - w*| <= tolerance |w_0 - w*|; -1 if there is none
        gradients   evaluated by then
        length      sum |w_(t+1) - w_t|
        overshoot   max (w_t - w*) . u / |w* - w_0| beyond w*, with u the direction from w_0 to w*
        basin       the minimum's place in the list; -1 if the end is not near one, or the walk diverged
    """
    with np.errstate(all="ignore"):  # what diverges overflows, and is null in the table
        return _measured(track, minima, widths, tolerance)


def _measured(
    track: Track, minima: tuple[Minimum, ...], widths: Float[np.ndarray, " n"], tolerance: float
) -> dict[str, np.ndarray]:
    finite = np.isfinite(track.values) & np.isfinite(track.points).all(axis=-1)
    diverged = ~finite.all(axis=-1)
    last = np.where(finite.all(axis=-1), finite.shape[-1] - 1, np.maximum(np.argmin(finite, axis=-1) - 1, 0))
    end = np.take_along_axis(track.points, last[..., None, None], axis=-2)[..., 0, :]
    value = np.take_along_axis(track.values, last[..., None], axis=-1)[..., 0]
    length = np.linalg.norm(np.diff(track.points, axis=-2), axis=-1).sum(axis=-1)
    columns = {
        "diverged": diverged,
        "final_value": value,
        "final_slope": track.slopes[..., -1],
        "length": np.where(diverged, np.nan, length),
    }
    none = np.full(diverged.shape, -1)
    nan = np.full(diverged.shape, np.nan)
    if not minima:
        empty = {
            "steps": none,
            "gradients": none,
            "distance": nan,
            "overshoot": nan,
            "basin": none,
            "global": none == 0,
        }
        return columns | empty
    places = np.asarray([each.point for each in minima])
    nearest = nearest_minimum(end, places)
    goal = places[nearest]
    apart = np.linalg.norm(
        np.nan_to_num(track.points - goal[..., None, :], nan=np.inf, posinf=1e300, neginf=-1e300), axis=-1
    )
    steps = _first(apart <= tolerance * apart[..., :1])
    counted = np.take_along_axis(track.gradients, np.maximum(steps, 0)[..., None], axis=-1)[..., 0]
    near = (np.abs(end - goal) <= NEAR * widths).all(axis=-1) & ~diverged
    is_global = np.asarray([each.is_global for each in minima])[nearest] & near
    return columns | {
        "steps": steps,
        "gradients": np.where(steps < 0, -1, counted).astype(np.int64),
        "distance": np.where(diverged, np.nan, np.linalg.norm(end - goal, axis=-1)),
        "overshoot": np.where(diverged, np.nan, _overshoot(track.points, goal)),
        "basin": np.where(near, nearest, -1),
        "global": is_global,
    }


def nearest_minimum(
    end: Float[np.ndarray, "*walks n"], places: Float[np.ndarray, "minima n"]
) -> Int[np.ndarray, "*walks"]:
    """The place of the minimum nearest to each end, chosen row by row so that many minima need little memory."""
    best, found = np.full(end.shape[:-1], np.inf), np.zeros(end.shape[:-1], int)
    for i, place in enumerate(places):
        apart = np.sum((end - place) ** 2, axis=-1)
        found, best = np.where(apart < best, i, found), np.minimum(apart, best)
    return found


def _first(holds: Bool[np.ndarray, "*walks steps"]) -> Int[np.ndarray, "*walks"]:
    return np.where(holds.any(axis=-1), holds.argmax(axis=-1), -1)


def _overshoot(
    points: Float[np.ndarray, "*walks steps n"], goal: Float[np.ndarray, "*walks n"]
) -> Float[np.ndarray, "*walks"]:
    way = goal - points[..., 0, :]
    far = np.linalg.norm(way, axis=-1)
    beyond = np.sum((points - goal[..., None, :]) * way[..., None, :], axis=-1)
    share = np.max(beyond, axis=-1) / far**2  # NaN if the walk diverged
    return np.where(far > 0, np.maximum(share, 0.0), np.nan)


def frame_of(columns: dict[str, np.ndarray], labels: list[str], starts: Float[np.ndarray, "starts n"]) -> pl.DataFrame:
    """The measures as a table with a row per rule and start; what does not exist is null."""
    count = len(starts)
    rows: dict[str, object] = {"rule": np.repeat(labels, count), "start": np.tile(np.arange(count), len(labels))}
    for i in range(min(starts.shape[1], 3)):
        rows[f"from_{'xyz'[i]}"] = np.tile(starts[:, i], len(labels))
    rows |= {name: column.reshape(-1) for name, column in columns.items()}
    frame = pl.DataFrame(rows)
    return frame.with_columns(
        *(pl.when(pl.col(name) >= 0).then(pl.col(name)).alias(name) for name in ("steps", "gradients", "basin")),
        *(pl.col(name).fill_nan(None) for name in ("final_value", "final_slope", "length", "distance", "overshoot")),
    )


def summary_of(frame: pl.DataFrame) -> pl.DataFrame:
    """The measures by rule: shares and medians over the starts."""
    return frame.group_by("rule", maintain_order=True).agg(
        pl.len().alias("starts"),
        pl.col("diverged").mean().alias("diverged"),
        pl.col("steps").is_not_null().mean().alias("reached"),
        pl.col("steps").median().alias("median_steps"),
        pl.col("gradients").median().alias("median_gradients"),
        pl.col("final_value").median().alias("median_value"),
        pl.col("distance").median().alias("median_distance"),
        pl.col("length").median().alias("median_length"),
        pl.col("overshoot").median().alias("median_overshoot"),
        pl.col("global").mean().alias("global"),
        pl.col("basin").drop_nulls().n_unique().alias("basins"),
    )
