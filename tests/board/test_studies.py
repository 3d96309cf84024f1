"""Trials as they land, read beside a search that writes, and without leaving anything in its folder."""

import sqlite3

import pytest
from tests.board.making import add_trials, study

from fallline.board import studies
from fallline.board.studies import read_trials
from fallline.core.errors import FalllineError


def test_trials_are_seen_as_they_land(tmp_path):
    store = study(tmp_path, "search", [0.5, 0.7, 0.2, None])
    found = read_trials(tmp_path / "search")
    assert (found.monitor, found.larger, found.planned) == ("loss", False, 20)
    assert found.counts == {"finished": 3, "running": 1}
    assert found.points == [(0, 0.5, "finished"), (1, 0.7, "finished"), (2, 0.2, "finished"), (3, None, "running")]
    assert found.best == [(0, 0.5), (2, 0.2)]
    assert [each["trial"] for each in found.table] == [2, 0, 1, 3]
    assert found.table[0]["values"] == {"optimizer.learning_rate": "0.007943"}
    assert found.lanes[0] == (2, [3, 9], [1.2, 0.2])
    add_trials(store, [0.1])
    assert read_trials(tmp_path / "search").best[-1] == (4, 0.1)
    store.close()


def test_a_metric_of_which_more_is_better_is_shown_with_its_own_sign(tmp_path):
    study(tmp_path, "search", [-0.5, -0.9, -0.7], monitor="accuracy").close()
    found = read_trials(tmp_path / "search")
    assert found.larger
    assert found.best == [(0, 0.5), (1, 0.9)]
    assert found.table[0]["score"] == 0.9


def test_reading_leaves_the_folder_as_it_is(tmp_path):
    study(tmp_path, "search", [0.5]).close()
    before = {each.name: each.read_bytes() for each in (tmp_path / "search").iterdir()}
    read_trials(tmp_path / "search")
    assert {each.name: each.read_bytes() for each in (tmp_path / "search").iterdir()} == before


def test_long_studies_are_shown_in_part(tmp_path, monkeypatch):
    monkeypatch.setattr(studies, "POINTS", 10)
    monkeypatch.setattr(studies, "SHOWN", 6)
    study(tmp_path, "search", [1.0 - k / 100 for k in range(40)], planned=40).close()
    found = read_trials(tmp_path / "search")
    assert len(found.points) == 10
    assert [each[0] for each in found.points[-5:]] == [35, 36, 37, 38, 39]
    assert len(found.table) == 6
    assert found.counts == {"finished": 40}


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE trials SET score = 'x' WHERE number = 0",
        "UPDATE trials SET point = 'x', columns = '[' WHERE number = 0",
        "UPDATE studies SET description = '{'",
        'UPDATE studies SET description = \'{"space": {"optimizer": 3}}\'',
        "UPDATE trials SET outcome = 7 WHERE number = 0",
        "DELETE FROM studies",
    ],
)
def test_damaged_rows_are_shown_without_what_is_damaged(tmp_path, damage):
    study(tmp_path, "search", [0.5, 0.4]).close()
    connection = sqlite3.connect(tmp_path / "search" / "study.db")
    connection.execute(damage)
    connection.commit()
    connection.close()
    found = read_trials(tmp_path / "search")
    assert 1 in [each["trial"] for each in found.table]


def test_a_file_that_never_ends_its_answer_is_left(tmp_path, monkeypatch):
    monkeypatch.setattr(studies, "PATIENCE", 0.05)
    study(tmp_path, "search", [0.5]).close()
    connection = sqlite3.connect(tmp_path / "search" / "study.db")
    endless = "WITH RECURSIVE k(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM k) SELECT 0 AS study, n AS number"
    empty = ", ".join(f"NULL AS {name}" for name in ("outcome", "score", "error", "epochs", "seconds"))
    connection.execute("DROP TABLE trials")
    connection.execute(f"CREATE VIEW trials AS {endless}, {empty} FROM k WHERE n < 0")
    connection.close()
    with pytest.raises(FalllineError, match="cannot be read now"):
        read_trials(tmp_path / "search")


def test_a_file_that_is_no_study_is_refused(tmp_path):
    with pytest.raises(FalllineError, match="is not there"):
        read_trials(tmp_path)
    (tmp_path / "study.db").write_bytes(b"no database" * 100)
    with pytest.raises(FalllineError, match="cannot be read now"):
        read_trials(tmp_path)
