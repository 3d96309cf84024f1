"""`fallline train --workers`: its number is part of the recipe, and what it cannot do is said."""

import json

import pytest
from tests.cli.test_predict import call
from tests.training.test_crew import Here

QUICK = ("sklearn:iris", "--hidden", "4", "--epochs", "2", "--batch-size", "32", "--set", "encoding=none")


@pytest.fixture
def here(monkeypatch, tmp_path):
    """Workers in this process, and no reports."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("fallline.cli.train_run._write_report", lambda *arguments: None)
    monkeypatch.setattr("fallline.training.crew.WorkerGroup", Here)
    monkeypatch.setattr(Here, "losses", set())
    monkeypatch.setattr(Here, "started", 0)
    return Here


def test_the_number_of_workers_is_kept_with_the_recipe(here, capsys, tmp_path):
    code, out, err = call(capsys, "train", *QUICK, "--workers", "2", "--ray", "--out", "a", "--json")
    assert code == 0, err
    assert here.started == 1
    assert "workers = 2\n" in (tmp_path / "a/recipe.toml").read_text()
    code, again, err = call(capsys, "train", "--recipe", "a/recipe.toml", "--out", "b", "--json")
    assert (code, here.started) == (0, 2), err
    assert json.loads(again)["metrics"] == json.loads(out)["metrics"]
    code, _, err = call(capsys, "train", "--resume", "a", "--epochs", "3", "--out", "c", "--json")
    assert (code, here.started) == (0, 3), err
    assert "workers = 2\n" in (tmp_path / "c/recipe.toml").read_text()
    code, _, err = call(capsys, "train", *QUICK, "--out", "d", "--json")
    assert (code, here.started) == (0, 3), err
    assert "workers" not in (tmp_path / "d/recipe.toml").read_text()


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (("--workers", "0"), "workers = 0 is not a number of processes: expected 1 or more"),
        (("--workers", "33"), "workers = 33 cannot share a minibatch of 32 rows"),
        (("--ray", "head:6379"), "ray says where workers compute, and their number is missing"),
        (("--ray",), "their number is missing"),
        (("--workers", "2", "--members", "3"), "leave --members and --bag out, or --workers"),
    ],
)
def test_what_workers_cannot_do_is_said(flags, sentence, here, capsys, tmp_path):
    code, _, err = call(capsys, "train", *QUICK, *flags, "--out", "run")
    assert code == 2
    assert sentence in err
    assert here.started == 0
    assert not (tmp_path / "run").exists()


def test_a_stream_beyond_memory_is_shared(here, capsys, tmp_path, monkeypatch):
    import polars as pl

    monkeypatch.setenv("FALLLINE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("fallline.streams.stream.RUNNING", 10**9 - 1)
    monkeypatch.setattr("fallline.streams.windows.RUNNING", 10**9 - 5_000)
    (tmp_path / "rows").mkdir()
    pl.DataFrame({"a": range(400), "y": ["yes", "no"] * 200}).write_parquet(tmp_path / "rows/0.parquet")
    words = ("train", "rows", "--target", "y", "--memory", "1GB", *QUICK[1:])
    code, out, err = call(capsys, *words, "--workers", "2", "--out", "run", "--json")
    assert (code, here.started) == (0, 1), err
    assert "workers = 2\n" in (tmp_path / "run/recipe.toml").read_text()
    code, alone, err = call(capsys, *words, "--out", "alone", "--json")
    assert (code, here.started) == (0, 1), err
    assert json.loads(out)["steps"] == json.loads(alone)["steps"] > 0
    for part, scores in json.loads(alone)["metrics"].items():
        assert json.loads(out)["metrics"][part] == pytest.approx(scores, rel=1e-3)
