"""Several processes on one study, one of them killed: no trial is lost, none is repeated."""

import functools
import gc
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from fallline.core.errors import FalllineError
from fallline.searching import reservations, tables
from fallline.searching import store as stores
from fallline.searching.store import Store

WORKER = """
import os, sys, time
import numpy as np
from fallline.searching.store import Store
store = Store(sys.argv[1])
store.begin(0, {})
log = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
while True:
    mine = store.reserve(3, 90, lambda rows, numbers: np.array([[n / 90] for n in numbers]))
    if not mine:
        if all(row.outcome for row in store.rows()):
            break
        time.sleep(0.05)
        continue
    time.sleep(0.02)
    store.finish([dict(number=n, outcome="finished", score=float(p[0]), error=None, epochs=1.0, lane_epochs=1,
                       seconds=0.0, columns={}) for n, p in mine])
    for n, _ in mine:
        os.write(log, f"{n}\\n".encode())
"""


def result(number: int, score: float | None = 0.5) -> dict:
    outcome = "diverged" if score is None else "finished"
    return {"number": number, "outcome": outcome, "score": score, "error": None, "epochs": 3.0, "lane_epochs": 3,
            "seconds": 0.1, "columns": {"valid_loss": score}}  # fmt: skip


def numbered(rows, numbers) -> np.ndarray:
    return np.array([[n / 10] for n in numbers])


def test_a_killed_process_loses_nothing_and_nothing_is_done_twice(tmp_path):
    path, log = tmp_path / "s.db", tmp_path / "log"
    environment = {**os.environ, "PYTHONPATH": str(Path(stores.__file__).parents[2])}
    Store(path).begin(0, {})
    workers = [subprocess.Popen([sys.executable, "-c", WORKER, path, log], env=environment) for _ in range(2)]
    deadline = time.monotonic() + 100
    while time.monotonic() < deadline and (not log.exists() or len(log.read_text().split()) < 12):
        time.sleep(0.005)
    workers[0].send_signal(signal.SIGKILL)
    assert workers[0].wait() == -signal.SIGKILL
    assert workers[1].wait(timeout=100) == 0
    store = Store(path)
    store.begin(0, {})
    rows = store.rows()
    assert [row.number for row in rows] == list(range(90))
    assert all(row.outcome == "finished" and row.score == json.loads(row.point)[0] == row.number / 90 for row in rows)
    done = log.read_text().split()
    assert len(done) == len(set(done))
    # What was killed between the database and its log is in the database alone.
    assert 90 - len(done) <= 3


def test_what_is_reserved_is_not_given_twice_and_what_is_left_is_given_first(tmp_path, monkeypatch):
    one, two = Store(tmp_path / "s.db"), Store(tmp_path / "s.db")
    one.begin(7, {"a": 1})
    assert two.begin(8, {"a": 2}) == (7, {"a": 1})
    assert [n for n, _ in one.reserve(3, 10, numbered)] == [0, 1, 2]
    assert [n for n, _ in two.reserve(3, 10, numbered)] == [3, 4, 5]
    one.finish([result(0), result(1, None)])
    one.release([2])
    found = two.reserve(3, 10, numbered)
    assert [(n, p.tolist()) for n, p in found] == [(2, [0.2])]
    monkeypatch.setattr(reservations, "_alive", lambda process: False)
    assert [n for n, _ in one.reserve(2, 10, numbered)] == [2, 3]
    two.finish([result(3, 0.25)])
    one.finish([result(3, 0.75)])
    assert one.rows()[3].score == 0.25
    assert one.rows()[1].score is None


def test_a_reservation_ends_unless_it_is_renewed(tmp_path, monkeypatch):
    one, two = Store(tmp_path / "s.db"), Store(tmp_path / "s.db")
    one.begin(0, {})
    two.begin(0, {})
    one.reserve(2, 2, numbered)
    now = time.time()
    monkeypatch.setattr(stores.time, "time", lambda: now + 50)
    one.renew([1])
    monkeypatch.setattr(stores.time, "time", lambda: now + 70)
    assert [n for n, _ in two.reserve(2, 2, numbered)] == [0]


def test_studies_of_a_database_are_apart_and_the_file_is_in_wal_mode(tmp_path):
    one, two = Store(tmp_path / "s.db", "a"), Store(f"sqlite:///{tmp_path / 's.db'}", "b")
    one.begin(0, {})
    two.begin(1, {})
    one.reserve(2, 2, numbered)
    assert two.rows() == []
    assert two.described() == (1, {})
    with one.engine.begin() as connection:
        assert connection.execute(sa.text("PRAGMA journal_mode")).scalar() == "wal"


def test_a_full_disk_is_named_and_what_was_written_is_kept(tmp_path):
    store = Store(tmp_path / "s.db")
    store.begin(0, {})
    store.reserve(20, 20, numbered)
    store.finish([result(n) for n in range(10)])
    with store.engine.connect() as connection:
        full = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {full}")
    wide = {**result(10), "columns": {f"valid_{n}": 0.5 for n in range(9999)}}
    with pytest.raises(FalllineError, match="database or disk is full; what it holds is kept"):
        store.finish([result(11), wide])
    store.engine.dispose()
    again = Store(tmp_path / "s.db")
    again.begin(0, {})
    assert [row.outcome for row in again.rows()] == ["finished"] * 10 + [None] * 10


@pytest.mark.parametrize("end", ["close", "forget", "refuse"])
def test_no_connection_stays_open(tmp_path, monkeypatch, end):
    opened, closed = [], []

    class Watched(sqlite3.Connection):
        def __init__(self, *arguments, **options):
            super().__init__(*arguments, **options)
            opened.append(self)

        def close(self):
            super().close()
            closed.append(self)

    monkeypatch.setattr(sqlite3.dbapi2, "connect", functools.partial(sqlite3.connect, factory=Watched))
    if end == "refuse":
        (tmp_path / "s.db").write_bytes(b"no database" * 100)
        with pytest.raises(FalllineError, match="file is not a database"):
            Store(tmp_path / "s.db")
    else:
        store = Store(tmp_path / "s.db")
        store.begin(0, {})
        with ThreadPoolExecutor(1) as other:  # as reservations are renewed
            other.submit(store.rows).result()
        if end == "close":
            store.close()
            assert len(closed) == len(opened)
        del store
    gc.collect()
    assert opened
    assert {id(each) for each in opened} == {id(each) for each in closed}


def test_who_makes_the_tables_a_moment_later_finds_them(tmp_path, monkeypatch):
    # What PostgreSQL tells all but the first of several processes that begin on an empty database.
    create, refusals = tables._META.create_all, [sa.exc.IntegrityError("CREATE TABLE", {}, Exception("duplicate key"))]

    def refused(connection):
        create(connection)
        if refusals:
            raise refusals.pop()

    monkeypatch.setattr(tables._META, "create_all", refused)
    store = Store(tmp_path / "s.db")
    assert store.begin(3, {"trials": 5}) == (3, {"trials": 5})
    assert store.begin(4, {"trials": 9}) == (3, {"trials": 9})


def test_what_is_no_database_is_named(tmp_path):
    (tmp_path / "x.db").write_text("this is no database, but a text that is long enough to be read as one")
    for where in (tmp_path / "x.db", tmp_path / "none" / "y.db", "nosuch://host/db"):
        with pytest.raises(FalllineError, match="cannot be opened"):
            Store(where)


def whole(path, trials: int = 10) -> Store:
    """A study of which all trials are finished, in one file without a log beside it."""
    store = Store(path)
    store.begin(0, {"trials": trials})
    store.reserve(trials, trials, numbered)
    store.finish([result(n, n / 7) for n in range(trials)])
    store.engine.dispose()
    return store


def changed(path, words: str) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(words)
    connection.close()


@pytest.mark.parametrize(
    ("words", "again"),
    [
        ("UPDATE trials SET score = 0 WHERE number = 4", 0.4),
        ("UPDATE trials SET outcome = 'pruned' WHERE number = 4", 0.4),
        ("UPDATE trials SET columns = '{}' WHERE number = 4", 0.4),
        ("UPDATE trials SET epochs = 'x' WHERE number = 4", 0.4),
        ("UPDATE trials SET digest = substr(digest, 1, 40) WHERE number = 4", 0.4),
        ("UPDATE trials SET point = '[0.5]' WHERE number = 4", 0.9),
        ("UPDATE trials SET digest = NULL WHERE number = 4", 0.9),
        ("UPDATE trials SET number = 40 WHERE number = 4", 0.9),
        ("UPDATE trials SET study = 7 WHERE number = 4", 0.9),
        ("DELETE FROM trials WHERE number = 4", 0.9),
    ],
)
def test_a_damaged_trial_is_named_left_out_and_trained_again(tmp_path, words, again):
    whole(tmp_path / "s.db")
    changed(tmp_path / "s.db", words)
    store = Store(tmp_path / "s.db")
    store.begin(0, {})
    assert any("trial 4 of study" in note and "trained again" in note for note in store.notes)
    assert [row.number for row in store.rows() if row.outcome] == [0, 1, 2, 3, 5, 6, 7, 8, 9]
    # At its own point where that is whole, else at a new one.
    assert [(n, p.tolist()) for n, p in store.reserve(3, 10, lambda rows, new: np.full((len(new), 1), 0.9))] == [
        (4, [again])
    ]
    store.finish([result(4, 0.25)])
    assert [row.score for row in store.rows()][4] == 0.25
    store.engine.dispose()
    once_more = Store(tmp_path / "s.db")
    once_more.begin(0, {})
    assert once_more.notes == []
    assert len(once_more.rows()) == 10


@pytest.mark.parametrize(
    "words", ["UPDATE studies SET seed = 1", "UPDATE studies SET description = '{}'", "UPDATE studies SET name = 'studz'",
              "UPDATE studies SET id = 65", "DROP TABLE trials"],
)  # fmt: skip
def test_a_damaged_description_is_refused_rather_than_begun_anew(tmp_path, words):
    whole(tmp_path / "s.db")
    changed(tmp_path / "s.db", words)
    with pytest.raises(FalllineError, match="is damaged"):
        Store(tmp_path / "s.db").begin(0, {})


def test_a_study_of_a_version_without_digests_is_taken_as_it_stands(tmp_path):
    whole(tmp_path / "s.db")
    for table in ("trials", "studies"):
        changed(tmp_path / "s.db", f"ALTER TABLE {table} DROP COLUMN digest")
    store = Store(tmp_path / "s.db")
    store.begin(0, {})
    assert len(store.rows()) == 10
    assert ["written by an earlier version" in note for note in store.notes] == [True]
    store.engine.dispose()
    changed(tmp_path / "s.db", "UPDATE trials SET score = 0 WHERE number = 4")
    again = Store(tmp_path / "s.db")
    again.begin(0, {})
    assert len([row for row in again.rows() if row.outcome]) == 9


def test_no_flipped_bit_changes_a_trial_in_silence(tmp_path):
    path = tmp_path / "s.db"
    whole(path)
    content = path.read_bytes()
    store = Store(path)
    store.begin(0, {})
    expected = {row.number: tuple(row)[2:] for row in store.rows()}
    store.engine.dispose()
    generator = np.random.default_rng(0)
    rows = content.find(b"finished")
    for trial in range(60):
        flipped = bytearray(content)
        place = rows - 200 + generator.integers(400) if trial % 2 else generator.integers(len(content))
        flipped[place] ^= 1 << generator.integers(8)
        for beside in tmp_path.iterdir():
            beside.unlink()
        path.write_bytes(flipped)
        try:
            store = Store(path)
            store.begin(0, {})
            found = {row.number: tuple(row)[2:] for row in store.rows() if row.outcome}
            store.engine.dispose()
        except FalllineError:
            continue
        assert found.items() <= expected.items()
        assert len(found) == 10 or store.notes
