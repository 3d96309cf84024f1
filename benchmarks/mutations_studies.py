"""The database of a search."""

import contextlib
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from mutations_changes import (
    VALUES,
    Kind,
    Rng,
    altered,
    as_json,
)

import fallline as fl


def study(folder: Path) -> Kind:
    """`study.db`: flipped bits, and changed rows with valid digests."""
    from fallline.searching.description import describe, read_description
    from fallline.searching.store import Store
    from fallline.searching.trial import history_of, trials_of
    from fallline.strategies.space import Space

    table = fl.load("sklearn:iris")
    space = Space(
        fl.replace(
            fl.Recipe(epochs=3),
            {"optimizer.learning_rate.peak": fl.LogUniform(1e-5, 1e-1), "model.dropout": fl.Uniform(0, 0.5)},
        )
    )
    about = describe(space, table, strategy=fl.TPE(), folds=None, seeds=1, halving=None, batch=8, piece=None, trials=24)
    path = folder / "study.db"
    store = Store(path)
    store.begin(1, about)
    points = np.random.default_rng(0).random((24, 2))
    store.reserve(24, 24, lambda rows, numbers: points)
    store.finish(
        [
            {"number": n, "outcome": "finished", "score": float(n % 7) + 0.5, "error": 0.1, "epochs": 3.0, "lane_epochs": 3,
             "seconds": 0.5, "columns": {"valid_loss": 0.5, "valid_accuracy": None}}
            for n in range(23)
        ]
    )  # fmt: skip
    store.release([23])
    store.engine.dispose()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()

    def read() -> Any:
        for name in ("study.db-wal", "study.db-shm"):
            (folder / name).unlink(missing_ok=True)
        opened = Store(path)
        try:
            described = opened.described()
            if described is None:
                raise fl.FalllineError("there is no such study")
            seed, kept = opened.begin(1, about)
            kept = read_description(kept, "study", 2)
            trials = trials_of(space, opened.rows())
            history_of(space, trials).order()
            held = {each.number for each in trials}
            while mine := opened.reserve(30, 24, lambda rows, numbers: np.full((len(numbers), 2), 0.5)):
                held |= {number for number, _ in mine}
            assert held == set(range(24)), "a trial is lost"
            return seed, kept, {each.number: repr(each) for each in trials}
        finally:
            opened.engine.dispose()

    return Kind(path, read, _rows_sealed(path.read_bytes(), folder), True, _no_trial_differs)


def _no_trial_differs(found: Any, original: Any) -> bool:
    return bool(found[:2] == original[:2] and found[2].items() <= original[2].items())


def _rows_sealed(content: bytes, folder: Path) -> Callable[[Rng], bytes]:
    import types

    from fallline.searching.rows import RESULT, digest, study_digest

    def sealed(rng: Rng) -> bytes:
        path = folder / "sealing.db"
        path.write_bytes(content)
        connection = sqlite3.connect(path)
        connection.execute("PRAGMA journal_mode = DELETE")
        if rng.random() < 0.3:
            about = json.loads(connection.execute("SELECT description FROM studies").fetchone()[0])
            text, seed = as_json(altered(rng, about)), rng.choice((1, 1, -1, 2**40))
            values = (text, seed, study_digest(1, "study", seed, text))
            connection.execute("UPDATE studies SET description = ?, seed = ?, digest = ?", values)
        else:
            number = rng.randrange(24)
            names = ("study", "number", "point", *RESULT)
            row = dict(
                zip(
                    names,
                    connection.execute(f"SELECT {', '.join(names)} FROM trials WHERE number = ?", (number,)).fetchone(),
                    strict=True,
                )
            )
            name = rng.choice(("point", *RESULT))
            value = rng.choice(
                [each for each in VALUES if not isinstance(each, list | dict | int) or isinstance(each, bool)]
                + [7, -7, 2**62, b"\xff", "[]", "{}", "[2.0, 0.5]", '{"a": "b"}', "[" * 5000]
            )
            row[name] = None if value is None else int(value) if isinstance(value, bool) else value
            row["digest"] = digest(types.SimpleNamespace(**row))
            with contextlib.suppress(sqlite3.IntegrityError):
                connection.execute(
                    f"UPDATE trials SET {name} = ?, digest = ? WHERE number = ?", (row[name], row["digest"], number)
                )
        connection.commit()
        connection.close()
        return path.read_bytes()

    return sealed
