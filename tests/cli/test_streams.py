"""Streams in the commands: a training beyond memory, and predictions and scores piece by piece."""

import gzip
import json

import polars as pl
import pytest
from tests.cli.test_predict import call
from tests.streams.conftest import folder, little, made, own_cache, short  # noqa: F401  (fixtures)

import fallline as fl

QUICK = ("--hidden", "4", "--epochs", "2", "--batch-size", "16", "--set", "encoding=none")


def test_a_folder_is_trained_on_predicted_and_scored(folder, tmp_path, capsys, little, monkeypatch):  # noqa: F811
    monkeypatch.setattr("fallline.cli.train_run._write_report", lambda *arguments: None)  # tested elsewhere, and slow
    run, pattern = tmp_path / "run", f"{folder}/*.parquet"
    code, out, err = call(
        capsys, "train", pattern, "--target", "y", "--memory", "1GB", *QUICK, "--out", run, "--json"
    )  # fmt: skip
    assert code == 0, err
    said = json.loads(out)
    assert sum(said["data"]["rows"].values()) == 1200
    assert fl.load_predictor(run).seen is not None
    code, out, _ = call(capsys, "predict", run, pattern, "--out", tmp_path / "p.parquet", "--id", "count", "--json")
    assert (code, json.loads(out)["rows"]) == (0, 1200)
    whole = pl.read_parquet(folder / "*.parquet")
    answers = fl.load_predictor(run).predict(whole).tolist()
    assert pl.read_parquet(tmp_path / "p.parquet").rows() == list(zip(whole["count"], answers, strict=True))
    code, out, _ = call(capsys, "predict", run, folder)
    assert (code, out.split()) == (0, ["y", *answers])
    code, out, _ = call(capsys, "evaluate", run, folder, "--json")
    found = json.loads(out)
    whole.write_csv(tmp_path / "whole.csv")
    code, out, _ = call(capsys, "evaluate", run, tmp_path / "whole.csv", "--json")
    assert found["metrics"] == pytest.approx(json.loads(out)["metrics"], rel=1e-5)
    assert found["seen"]["trained"] == said["data"]["rows"]["train"]
    assert code == 0


def test_what_a_stream_does_not_take_is_named(folder, tmp_path, capsys):  # noqa: F811
    for flags, words in (
        (("--test-source", "x.csv"), "test_source is for tables in memory and not for a stream"),
        (("--memory", "1MB"), "memory = '1MB' is too little"),
        (("--split", "town"), "no column of 0.parquet"),
        (("--cache", "much"), "cache = 'much' is no number of bytes"),
    ):
        code, _, err = call(capsys, "train", folder, "--target", "y", *flags, "--out", tmp_path / "run")
        assert code == 2
        assert words in err
    assert not (tmp_path / "run").exists()
    (tmp_path / "rows.csv.gz").write_bytes(gzip.compress(made(30).write_csv().encode()))
    code, _, err = call(capsys, "train", tmp_path / "rows.csv.gz", "--target", "y", "--memory", "1GB")
    assert code == 2
    assert "unpack it" in err


def test_tune_tries_a_sample_and_trains_on_all_rows(folder, tmp_path, capsys, little, short, monkeypatch):  # noqa: F811
    monkeypatch.setattr("fallline.report.interpreted.keep_interpretation", lambda *arguments: "")  # slow
    monkeypatch.setattr("fallline.report.page.write_report", lambda *arguments: None)
    run = tmp_path / "run"
    flags = ("--memory", "1GB", "--trials", "2", *QUICK, "--out", run)
    code, out, err = call(capsys, "tune", f"{folder}/*.parquet", "--target", "y", *flags, "--json")
    assert code == 0, err
    said = json.loads(out)
    assert sum(said["data"]["rows"].values()) == 1200
    assert said["steps"] == 2 * -(-said["data"]["rows"]["train"] // 16)
    assert said["trials"] == 2
    found = fl.search(fl.Recipe(epochs=1, batch_size=16), fl.scan(folder, "y", memory="1GB"), trials=1)
    assert sum(len(getattr(found.data.dataset, part)) for part in ("train", "valid", "test")) < 1200
    # What was found is trained again on the same stream: the trials come from the study, the model from all rows.
    code, out, err = call(capsys, "tune", "--resume", run, "--trials", "2", "--out", tmp_path / "again", "--json")
    assert code == 0, err
    assert json.loads(out)["metrics"] == said["metrics"]
