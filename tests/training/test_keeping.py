"""What becomes of a run whose folder fails: at every call of its writers, and in every way a folder can go."""

import itertools
import json
import shutil

import numpy as np
import pytest

import fallline as fl
from fallline.core import files
from fallline.core.holding import LOCK, Hold
from fallline.probes import RECORDED
from fallline.report.finished import read_finished
from fallline.training import folder as folders
from fallline.training.checkpoint import load_checkpoint, save_checkpoint
from fallline.training.state import empty_history


@pytest.fixture(scope="module")
def short(flowers, whole):
    return fl.train(fl.replace(whole, {"epochs": 3}), flowers, seed=6)


def epochs(run, count):
    """What a checkpoint keeps of a history; the values do not matter here."""
    return empty_history(count, 2, 1, recorded=RECORDED)


def test_whatever_call_fails_a_checkpoint_is_the_old_or_the_new_one(short, tmp_path, failing, same):
    for good in itertools.count():
        shutil.rmtree(tmp_path / "run", ignore_errors=True)
        (tmp_path / "run").mkdir()
        for count in (1, 2):
            save_checkpoint(tmp_path / "run", short.state, epochs(short, count), {"seed": 6})
        disk = failing(good)
        try:
            save_checkpoint(tmp_path / "run", short.state, epochs(short, 3), {"seed": 6})
        except fl.FalllineError:
            assert disk.refused
        failing(10**9)
        state, seen, damaged = load_checkpoint(tmp_path / "run", short.state, {"seed": 6}, activations=1)
        assert damaged == []
        assert len(seen["train_loss"]) in (2, 3)
        assert same(state, short.state)
        if not disk.refused:
            break
    assert good > 6


def test_whatever_call_fails_once_the_run_is_kept_somewhere_whole(flowers, short, tmp_path, failing):
    (tmp_path / "elsewhere").mkdir()
    plan = folders.Plan(short.recipe, {}, 6)
    x, moved = flowers.dataset.x, 0
    for good in itertools.count():
        folder = tmp_path / f"run-{good}"
        folder.mkdir()
        disk = failing(good, times=1)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(files, "_places", lambda: iter([tmp_path / "elsewhere"]))
            kept = folders.keep(folder, plan, short, flowers, lambda place: None, lambda: None)
        failing(10**9)
        assert fl.load_predictor(kept.folder).predict(x).tolist() == short.model.predict(x).tolist()
        assert read_finished(kept.folder).summary["run"] == str(kept.folder)
        assert (kept.folder == folder) == (not kept.refused)
        moved += bool(kept.refused)
        if kept.refused:
            assert "No space left" in kept.sentence
            assert str(kept.folder) in kept.sentence
        if not disk.refused:
            break
    assert moved > 20


def test_a_report_that_cannot_be_written_does_not_move_the_run(flowers, short, tmp_path):
    def refuse(place):
        raise fl.FalllineError("no space for the report")

    kept = folders.keep(tmp_path, folders.Plan(short.recipe, {}, 6), short, flowers, refuse, lambda: None)
    assert (kept.folder, kept.refused) == (tmp_path, "no space for the report")
    assert kept.files == ["model.safetensors", "history.parquet", "recipe.toml"]


def delete(folder):
    shutil.rmtree(folder)


def replace(folder):
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / "of somebody else").write_text("")


@pytest.mark.parametrize("lose", [delete, replace])
def test_a_folder_lost_in_training_is_a_note_of_the_run(flowers, whole, tmp_path, monkeypatch, same, lose):
    monkeypatch.setattr("fallline.core.driving.CALL_SECONDS", 0.0)
    folder = tmp_path / "run"
    lost = []

    def watch(moment):
        if moment.epoch >= 3 and not lost:
            lost.append(lose(folder))

    recipe = fl.replace(whole, {"epochs": 8})
    run = fl.train(recipe, flowers, seed=6, folder=str(folder), checkpoint_seconds=0.0, watch=watch)
    (note,) = run.notes
    assert "could not be kept, and the training went on: folder" in note
    assert "deleted or replaced" in note
    assert same(run.state, fl.train(recipe, flowers, seed=6).state)
    assert not (folder / "checkpoint.safetensors").exists()


def test_a_full_disk_at_a_checkpoint_is_a_note_and_the_next_one_is_tried(flowers, whole, tmp_path, monkeypatch):
    from fallline.training import checkpoint, resuming

    monkeypatch.setattr("fallline.core.driving.CALL_SECONDS", 0.0)
    calls = []

    def sometimes(folder, *rest):
        calls.append(1)
        if len(calls) in (1, 2):
            raise fl.FalllineError("cannot write it: No space left on device")
        checkpoint.save_checkpoint(folder, *rest)

    monkeypatch.setattr(resuming, "save_checkpoint", sometimes)
    run = fl.train(fl.replace(whole, {"epochs": 8}), flowers, folder=tmp_path, checkpoint_seconds=0.0)
    assert len(run.history) == 8
    assert len(run.notes) == 1
    assert (tmp_path / "checkpoint.safetensors").exists()


def test_places_that_are_no_good_are_refused_before_training(flowers, whole, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(fl.FalllineError, match="cannot make folder"):
        fl.train(whole, flowers, folder=tmp_path / "file" / "run")
    usage = shutil.disk_usage(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda folder: usage._replace(free=1000))
        with pytest.raises(fl.FalllineError, match="free space"):
            fl.train(whole, flowers, folder=tmp_path / "full")
    with Hold(tmp_path):
        refused = []

        def other():
            try:
                fl.train(whole, flowers, folder=tmp_path)
            except fl.FalllineError as error:
                refused.append(str(error))

        import threading

        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
        assert "in use" in refused[0]


def test_only_a_run_with_an_end_has_finished(tmp_path):
    assert not folders.has_finished(tmp_path)
    (tmp_path / "metrics.json").write_text(json.dumps({"outcome": "interrupted"}))
    assert not folders.has_finished(tmp_path)
    (tmp_path / "metrics.json").write_text(json.dumps({"outcome": "finished"}))
    assert folders.has_finished(tmp_path)
    (tmp_path / "checkpoint.safetensors").write_bytes(b"")
    assert not folders.has_finished(tmp_path)


def test_runs_that_begin_at_once_get_folders_of_their_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    free, taken = folders.new_folder, []
    monkeypatch.setattr(folders, "new_folder", lambda path, name: taken.pop() if taken else free(path, name))
    first = folders.claim_folder(None, "x")
    taken.append(first)  # as another process saw it, just before
    second = folders.claim_folder(None, "x")
    assert first != second
    assert first.is_dir()
    assert second.is_dir()
    (second / LOCK).write_text("")  # all that a process leaves that was killed at once
    assert folders.claim_folder(second, "x") == second
    (second / "recipe.toml").write_text("")
    with pytest.raises(fl.FalllineError, match="not empty"):
        folders.claim_folder(second, "x")


def test_the_model_of_an_unsaved_checkpoint_can_be_continued_elsewhere(flowers, whole, tmp_path, monkeypatch, same):
    """Ctrl-C when the folder is gone: the run knows how to write its checkpoint into another one."""
    import os
    import signal

    monkeypatch.setattr("fallline.core.driving.CALL_SECONDS", 0.0)
    recipe, folder = fl.replace(whole, {"epochs": 8}), tmp_path / "run"

    def watch(moment):
        if moment.epoch == 3:
            shutil.rmtree(folder)
            os.kill(os.getpid(), signal.SIGINT)

    run = fl.train(recipe, flowers, seed=6, folder=folder, watch=watch)
    assert run.interrupted
    (tmp_path / "other").mkdir()
    run.unsaved(tmp_path / "other")
    again = fl.train(recipe, flowers, seed=6, folder=tmp_path / "other", resume=True)
    assert same(again.state, fl.train(recipe, flowers, seed=6).state)
    assert np.array_equal(again.history["epoch"], np.arange(1, 9))
