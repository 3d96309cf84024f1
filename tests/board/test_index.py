"""What the list says of runs, and that it follows them: new, changed, killed, damaged and deleted ones."""

import json
import os
import shutil
import subprocess

import numpy as np
import pytest
from tests.board.making import add_trials, finished, study, training

from fallline.board import Index
from fallline.board import index as module
from fallline.board.curves import ThinnedCurves
from fallline.core.holding import Hold, holder_of
from fallline.core.tensor_files import save_tensors


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch):
    monkeypatch.setattr(module, "PAUSE", 0.0)


def looked(index: Index) -> dict:
    index.refresh(float("inf"))
    return {each.name: each for each in index.runs}


def test_status_score_and_epochs_of_every_kind_of_run(tmp_path):
    finished(tmp_path, "good")
    finished(tmp_path, "bad", outcome="diverged")
    finished(tmp_path, "cut", outcome="interrupted")
    training(tmp_path, "now", 7)
    dead = subprocess.Popen(["true"])
    dead.wait()
    training(tmp_path, "killed", 5, dead.pid)
    study(tmp_path, "search", [0.5, 0.2, None]).close()
    found = looked(Index(tmp_path))
    status = {name: each.status for name, each in found.items()}
    assert status == {"good": "finished", "bad": "failed", "cut": "stopped", "now": "running", "killed": "stopped",
                      "search": "stopped"}  # fmt: skip
    now, search = found["now"], found["search"]
    assert (now.epochs, now.planned, now.entry.metric, now.entry.split) == (7, 50, "loss", "valid, so far")
    assert now.entry.score == pytest.approx(1.5)
    assert now.settings["optimizer.learning_rate"] == "0.001"
    assert (search.epochs, search.planned, search.entry.score, search.entry.data) == (2, 20, 0.2, "rows")
    assert found["good"].entry.score == 0.9666
    assert found["good"].metrics["test accuracy"] == 0.9666


def test_a_run_that_trains_shows_its_latest_metric_and_loss(tmp_path):
    folder = training(tmp_path, "now", 4)
    losses = np.array([0.9, 0.7, 0.5, 0.4], np.float32)
    arrays = {"history/valid": np.stack([losses, 1 - losses], axis=1), "state/epoch": np.int32(4)}
    columns = {"valid": {"names": ["valid_loss", "valid_accuracy"], "unit": 1.0}}
    save_tensors(folder / "checkpoint.safetensors", arrays, {"columns": columns})
    plain = looked(Index(tmp_path))["now"].to_plain()
    assert (plain["metric"], plain["split"], plain["larger_is_better"]) == ("accuracy", "valid, so far", True)
    assert (plain["score"], plain["loss"], plain["epochs"]) == (pytest.approx(0.6), pytest.approx(0.4), 4)
    finished(tmp_path, "good")
    assert looked(Index(tmp_path))["good"].to_plain()["loss"] is None


def test_only_changes_are_told(tmp_path):
    finished(tmp_path, "a")
    finished(tmp_path, "b")
    index = Index(tmp_path)
    looked(index)
    first = index.since(0)
    assert (first["whole"], len(first["runs"])) == (True, 2)
    assert index.since(first["revision"])["runs"] == []
    (tmp_path / "a" / "tags.json").write_text('{"tags": ["mine"]}')
    shutil.rmtree(tmp_path / "b")
    finished(tmp_path, "c")
    looked(index)
    second = index.since(first["revision"])
    assert not second["whole"]
    assert {each["name"]: each["tags"] for each in second["runs"]} == {"a": ["mine"], "c": []}
    assert second["removed"] == [each["id"] for each in first["runs"] if each["name"] == "b"]
    finished(tmp_path, "b")  # comes back
    looked(index)
    third = index.since(second["revision"])
    assert ([each["name"] for each in third["runs"]], third["removed"]) == (["b"], [])
    assert index.since(10**9)["whole"]  # the revision of another board


def test_a_page_that_slept_through_many_removals_gets_the_whole_list(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "REMEMBERED", 2)
    index = Index(tmp_path)
    for k in range(4):
        finished(tmp_path, f"run-{k}")
    looked(index)
    before = index.since(0)["revision"]
    for k in range(4):
        shutil.rmtree(tmp_path / f"run-{k}")
    looked(index)
    assert len(index.removed) == 2
    assert index.since(before)["whole"]
    assert index.since(0)["runs"] == []


def test_a_killed_run_stops_although_no_file_changes(tmp_path):
    process = subprocess.Popen(["sleep", "60"])
    try:
        training(tmp_path, "now", 3, process.pid)
        index = Index(tmp_path)
        assert looked(index)["now"].status == "running"
    finally:
        process.kill()
        process.wait()
    assert looked(index)["now"].status == "stopped"


def test_damaged_half_written_and_odd_folders_do_no_harm(tmp_path):
    finished(tmp_path, "good")
    for name, file in (("metrics", "metrics.json"), ("recipe", "recipe.toml"), ("history", "history.parquet")):
        path = finished(tmp_path, name) / file
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    half = training(tmp_path, "half", 3) / "checkpoint.safetensors"
    half.write_bytes(half.read_bytes()[:50])
    (tmp_path / "db").mkdir()
    (tmp_path / "db" / "study.db").write_bytes(b"SQLite format 3\0" + bytes(100))
    (tmp_path / "file").write_text("no folder")
    (tmp_path / "empty").mkdir()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    os.mkfifo(finished(tmp_path, "pipe") / "tags.json")
    found = looked(Index(tmp_path))
    assert set(found) == {"good", "metrics", "recipe", "history", "half", "db", "pipe"}
    assert {name: each.status for name, each in found.items() if name in ("metrics", "recipe", "db")} == {
        "metrics": "failed", "recipe": "failed", "db": "stopped"}  # fmt: skip
    assert (found["half"].status, found["half"].epochs) == ("running", None)
    json.dumps([each.to_plain() for each in found.values()])


def test_names_of_any_bytes_have_keys_that_an_address_can_carry(tmp_path):
    names = [b"\xff\xfe", b"a b&c=d#", "größe".encode(), b"<img src=x>"]
    for name in names:
        finished(tmp_path, "plain").rename(tmp_path / os.fsdecode(name))
    index = Index(tmp_path)
    assert set(looked(index)) == {os.fsdecode(name) for name in names}
    drawn = ThinnedCurves(index).answer([each.key for each in index.runs], ["valid_loss"], 100)
    assert [each["points"] for each in drawn["curves"]] == [3, 3, 3, 3]
    assert all(each.key.isalnum() for each in index.runs)
    json.dumps(index.since(0)).encode("ascii")


def test_the_folder_may_be_a_run_and_may_go_and_come_back(tmp_path):
    one = finished(tmp_path, "one")
    assert set(looked(Index(one))) == {"one"}
    index = Index(tmp_path / "later")
    assert looked(index) == {}
    finished(tmp_path / "later", "a")
    assert set(looked(index)) == {"a"}
    shutil.rmtree(tmp_path / "later")
    assert looked(index) == {}


def test_one_question_reads_only_a_little(tmp_path):
    for k in range(5):
        finished(tmp_path, f"run-{k}")
    index = Index(tmp_path)
    index.refresh(0.0)
    assert (len(index.runs), index.pending) == (0, 5)
    index.refresh(float("inf"))
    assert (len(index.runs), index.pending) == (5, 0)


def test_trials_that_land_change_the_line_of_a_study(tmp_path):
    store = study(tmp_path, "search", [0.5], monitor="accuracy")
    index = Index(tmp_path)
    assert looked(index)["search"].entry.score == -0.5  # larger is better: scores are kept with the other sign
    add_trials(store, [0.3, -0.9])
    found = looked(index)["search"]
    assert (found.epochs, found.entry.score, found.to_plain()["larger_is_better"]) == (3, 0.9, True)
    store.close()


def test_a_policy_of_several_seeds_has_the_median_of_their_scores(tmp_path):
    folder = tmp_path / "hopper"
    folder.mkdir()
    (folder / "recipe.toml").write_text('environment = "Hopper-v5"\nsteps = 500\n')
    index = Index(tmp_path)
    found = looked(index)["hopper"]
    assert (found.entry.kind, found.status, found.entry.score) == ("policy", "stopped", None)
    table = np.stack([np.arange(8.0), np.arange(8.0) + 10], 0)
    for seed in (3, 4):
        (folder / f"seed-{seed}").mkdir()
        arrays = {"curve/iterations": table, "curve/evaluations": np.ones((0, 9))}
        save_tensors(folder / f"seed-{seed}" / "checkpoint.safetensors", arrays, {"kind": "policy checkpoint"})
    assert looked(index)["hopper"].entry.score == 12.0
    (folder / "seeds.json").write_text('{"median": 7.5, "seeds": 2}')
    found = looked(index)["hopper"]
    assert (found.status, found.entry.score, found.entry.split) == ("finished", 7.5, "median of 2 seeds")


def test_the_holder_of_a_folder_is_seen_without_a_lock_of_ones_own(tmp_path):
    assert holder_of(tmp_path) is None
    with Hold(tmp_path):
        assert holder_of(tmp_path) == os.getpid()
    assert holder_of(tmp_path) is None
    (tmp_path / ".lock").write_text("another-machine 1\n")
    assert holder_of(tmp_path) == 1
    (tmp_path / ".lock").write_bytes(b"\xff\n")
    assert holder_of(tmp_path) is None
