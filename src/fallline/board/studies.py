"""The trials of a study as they land, read from its file without a lock and without a change to it."""

import dataclasses
import json
import sqlite3
import time
import urllib.parse
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from fallline.board.places import SpacePlace, places_of, values_at
from fallline.core.errors import FalllineError
from fallline.core.nested import dotted
from fallline.core.reading import check_regular
from fallline.core.scores import larger_is_better, rungs_of
from fallline.report.runs import RunEntry
from fallline.searching.earlier import upgraded

STUDY = "study.db"
POINTS = 2000  # most trials that are drawn
SHOWN = 50  # most trials in the table: the best ones and the latest
LANES = 40  # most trials whose rungs are drawn
PATIENCE = 2.0  # seconds after which a file that gives no answer is left
_COLUMNS = "number, outcome, score, error, epochs, seconds"


@dataclasses.dataclass(frozen=True)
class Trials:
    """What the board shows of a study.

    Attributes:
        monitor: the monitored value.
        larger: whether a larger one is better.
        planned: the number of trials in the plan, if it is known.
        counts: how many trials have each outcome; those in training are `running`.
        points: (number, score, outcome) of the trials that are drawn.
        best: (number, score) wherever the best score so far improves.
        table: the best trials and the latest, with their values.
        lanes: (number, epochs, scores) of trials with scores at rungs.
    """

    monitor: str
    larger: bool
    planned: int | None
    counts: dict[str, int]
    points: list[tuple[int, float | None, str]]
    best: list[tuple[int, float]]
    table: list[dict[str, Any]]
    lanes: list[tuple[int, list[int], list[float]]]


def study_facts(
    folder: Path, entry: RunEntry, held: bool
) -> tuple[RunEntry, float | None, float | None, dict[str, str]]:
    """A study's line in the list while it has no result yet: its best score, trials so far and planned, and its space."""
    try:
        with _connected(folder) as connection:
            kept = _described(connection)
            counts = dict(connection.execute("SELECT outcome IS NULL, COUNT(*) FROM trials GROUP BY 1").fetchall())
            best = connection.execute(
                "SELECT MIN(score) FROM trials WHERE typeof(score) = 'real' AND outcome IN ('finished', 'stopped_early')"
            ).fetchone()[0]
    except FalllineError:
        return entry, None, None, {}
    settings = dict(dotted(kept.get("space") or {}))
    planned = kept.get("trials")
    done, plan = float(counts.get(0, 0)), float(planned) if isinstance(planned, int) else None
    if entry.outcome not in ("unfinished", "damaged") and not held:
        return entry, done, plan, settings
    monitor, sign = _monitor(kept)
    described = kept.get("data")
    source = described.get("source") if isinstance(described, dict) else None
    data = entry.data or (Path(source).stem if isinstance(source, str) else "")
    score = None if best is None else float(best) * sign
    found = dataclasses.replace(entry, data=data, metric=monitor, score=score, split="valid, best so far")
    return found, done, plan, settings


def read_trials(folder: Path) -> Trials:
    """The trials of the study in a folder.

    Raises: FalllineError for a file that is gone, damaged, or cannot be read at this moment.
    """
    with _connected(folder) as connection:
        kept = _described(connection)
        rows = [each for each in connection.execute(f"SELECT {_COLUMNS} FROM trials ORDER BY number") if _sound(each)]
        monitor, sign = _monitor(kept)
        done = [(number, float(score) * sign) for number, outcome, score, *_ in rows if _has_score(outcome, score)]
        best = _improving(done, sign)
        shown = _worth_showing(rows)
        more = {
            number: (point, columns)
            for number, point, columns in connection.execute(
                f"SELECT number, point, columns FROM trials WHERE number IN ({', '.join('?' * len(shown))})", shown
            )
        }
    places, counts = _places(json.dumps(kept.get("space"))), dict[str, int]()
    for row in rows:
        counts[row[1] or "running"] = counts.get(row[1] or "running", 0) + 1
    facts = {row[0]: row for row in rows}
    planned = kept.get("trials")
    return Trials(
        monitor,
        sign < 0,
        planned if isinstance(planned, int) else None,
        counts,
        [(n, float(s) * sign if _has_score(o, s) else None, o or "running") for n, o, s, *_ in _spread(rows)],
        best,
        [_line(facts[n], sign, places, more.get(n)) for n in shown],
        list(_rungs(more, shown, sign)),
    )


@contextmanager
def _connected(folder: Path) -> Iterator[sqlite3.Connection]:
    """A connection that only reads.

    Without a write-ahead log nobody is writing, and the file is read as it stands: nothing is created beside it.
    """
    path = folder / STUDY
    what = f"study {str(path)!r}"
    check_regular(path, what, "the study.db of a search")
    quiet = "" if path.with_name(f"{STUDY}-wal").exists() else "&immutable=1"
    address = f"file:{urllib.parse.quote(str(path.absolute()).encode('utf-8', 'surrogateescape'))}?mode=ro{quiet}"
    try:
        with closing(sqlite3.connect(address, uri=True, timeout=0.1)) as connection:
            connection.text_factory = lambda text: text.decode("utf-8", "replace")
            connection.execute("PRAGMA trusted_schema = OFF")
            end = time.monotonic() + PATIENCE
            connection.set_progress_handler(lambda: time.monotonic() > end, 10_000)
            yield connection
    except sqlite3.Error as error:
        raise FalllineError(f"{what} cannot be read now: {error}; it is read again later") from None


def _described(connection: sqlite3.Connection) -> dict[str, Any]:
    found = connection.execute("SELECT description FROM studies ORDER BY id LIMIT 1").fetchone()
    try:
        kept = json.loads(found[0]) if found else {}
    except (ValueError, TypeError, RecursionError):
        kept = {}
    return upgraded(kept) if isinstance(kept, dict) else {}


def _monitor(kept: Mapping[str, Any]) -> tuple[str, float]:
    """The monitored value and the factor that turns a score into it."""
    space = kept.get("space")
    monitor = space.get("monitor", "loss") if isinstance(space, dict) else "loss"
    monitor = monitor if isinstance(monitor, str) else "loss"
    return monitor, -1.0 if larger_is_better(monitor) else 1.0


@lru_cache(maxsize=8)
def _places(text: str) -> tuple[SpacePlace, ...]:
    """The dimensions of a space; the last ones are kept, since every question of a page asks for them."""
    return places_of(json.loads(text))


def _sound(row: tuple[Any, ...]) -> bool:
    """Whether a row has the types that were written: SQLite keeps whatever it is given."""
    number, outcome, *values = row
    plain = all(each is None or isinstance(each, int | float) for each in values)
    return isinstance(number, int) and (outcome is None or isinstance(outcome, str)) and plain


def _has_score(outcome: str | None, score: float | None) -> bool:
    return outcome is not None and outcome != "diverged" and score is not None and bool(np.isfinite(score))


def _improving(done: list[tuple[int, float]], sign: float) -> list[tuple[int, float]]:
    found: list[tuple[int, float]] = []
    for number, value in done:
        if not found or value * sign < found[-1][1] * sign:
            found.append((number, value))
    return found


def _worth_showing(rows: list[tuple[Any, ...]]) -> list[int]:
    """The best trials, then the latest that are left."""
    ended = sorted((row for row in rows if _has_score(row[1], row[2])), key=lambda row: (row[2], row[0]))
    best = [row[0] for row in ended[: SHOWN // 2]]
    known = set(best)
    return best + [row[0] for row in rows[::-1] if row[0] not in known][: SHOWN - len(best)]


def _spread(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """All rows, or an even selection and the latest ones."""
    if len(rows) <= POINTS:
        return rows
    older, latest = rows[: -POINTS // 2], rows[-POINTS // 2 :]
    return [older[i] for i in np.linspace(0, len(older) - 1, POINTS // 2).astype(int)] + latest


def _line(
    row: tuple[Any, ...], sign: float, places: tuple[SpacePlace, ...], more: tuple[Any, Any] | None
) -> dict[str, Any]:
    number, outcome, score, error, epochs, seconds = row
    values: dict[str, str] = {}
    if more is not None:
        with suppress(TypeError, ValueError, RecursionError):
            values = {name: _shown(value) for name, value in values_at(places, json.loads(more[0])).items()}
    score = float(score) * sign if _has_score(outcome, score) else None
    return {"trial": number, "outcome": outcome or "running", "score": score, "error": error, "epochs": epochs,
            "seconds": seconds, "values": values}  # fmt: skip


def _rungs(
    more: Mapping[int, tuple[Any, Any]], shown: list[int], sign: float
) -> Iterator[tuple[int, list[int], list[float]]]:
    """The scores of trials at the rungs that they reached."""
    for number in shown[:LANES]:
        try:
            found = sorted(rungs_of(json.loads(more[number][1])).items())
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
            continue
        if found:
            yield number, [epoch for epoch, _ in found], [sign * value for _, value in found]


def _shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
