"""`fallline runs`, and runs that are found instead of trained again."""

import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fallline.cli.main import run as program

TRAIN = ("train", "rows.csv", "--target", "y", "--hidden", "4", "--batch-size", "all", "--epochs", "2")


def call(capsys, *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        program([str(each) for each in arguments])
    said = capsys.readouterr()
    return stop.value.code, said.out, said.err


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with a table and two runs of it."""
    home = tmp_path_factory.mktemp("place")
    x = np.random.default_rng(0).normal(size=(80, 2))
    pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": x.sum(axis=1)}).write_csv(home / "rows.csv")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        for words in ((), ("--set", "optimizer.learning_rate.peak=0.01")):
            with pytest.raises(SystemExit) as stop:
                program([*TRAIN, *words])
            assert stop.value.code == 0
    return home


@pytest.fixture
def here(place, tmp_path, monkeypatch) -> Path:
    """A copy of that folder, which a test may change."""
    shutil.copytree(place, tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def names() -> list[str]:
    return sorted(each.name for each in Path("runs").iterdir())


def test_the_same_training_is_found(here, capsys):
    first = json.loads(Path("runs/rows-1/metrics.json").read_text())
    code, out, err = call(capsys, *TRAIN, "--json")
    found = json.loads(out)
    assert (code, found["found"], found["run"]) == (0, True, "runs/rows-1")
    assert found["metrics"] == first["metrics"]
    assert "holds the same training" in err
    Path("rows.csv").rename("moved.csv")
    code, _, err = call(capsys, TRAIN[0], "moved.csv", *TRAIN[2:])  # the content counts, not the name
    assert (code, names()) == (0, ["rows-1", "rows-2"])
    assert "Found: runs/rows-1" in err


@pytest.mark.parametrize("change", ["data", "seed", "names", "again", "model", "out", "lost"])
def test_any_other_training_is_trained(here, capsys, change):
    words: list[object] = list(TRAIN)
    frame = pl.read_csv("rows.csv")
    if change == "data":
        frame[0, "a"] = frame[0, "a"] + 1e-3
    frame.rename({"b": "c"} if change == "names" else {}).write_csv("rows.csv")
    if change == "model":
        with Path("runs/rows-1/model.safetensors").open("ab") as file:
            file.write(b" ")
    words += {
        "seed": ["--seed", 1], "again": ["--again"], "out": ["--out", "other"],
        "lost": ["--stop-when-lost"],
    }.get(change, [])  # fmt: skip
    code, out, _ = call(capsys, *words, "--json")
    assert (code, json.loads(out)["found"]) == (0, False)
    assert Path("other" if change == "out" else "runs/rows-3").is_dir()


def test_a_named_folder_is_found_or_refused(here, capsys):
    code, out, _ = call(capsys, *TRAIN, "--out", "runs/rows-1", "--json")
    assert (code, json.loads(out)["found"]) == (0, True)
    code, _, err = call(capsys, *TRAIN, "--out", "runs/rows-2")
    assert code == 2
    assert "is not empty" in err


def test_runs_are_listed_compared_tagged_and_removed(here, capsys):
    assert call(capsys, "runs", "tag", "runs/rows-2", "--add", "good", "--add", "fast")[0] == 0
    code, out, _ = call(capsys, "runs")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == ["run", "runs/rows-1", "runs/rows-2"]
    assert max(map(len, out.splitlines())) <= 100
    code, out, _ = call(capsys, "runs", "--tag", "good", "--json")
    listed = json.loads(out)["runs"]
    assert [(each["folder"], each["tags"], each["metric"]) for each in listed] == [
        ("runs/rows-2", ["good", "fast"], "rmse")
    ]
    assert call(capsys, "runs", "tag", "runs/rows-2", "--remove", "good", "--remove", "fast")[0] == 0
    assert not Path("runs/rows-2/tags.json").exists()
    code, out, _ = call(capsys, "runs", "compare", "runs/rows-1", "runs/rows-2", "--json")
    document = json.loads(out)
    assert document["recipe"] == {"optimizer.learning_rate.peak": ["0.003", "0.01"]}
    assert document["same_data"] is True
    assert {each["split"] for each in document["metrics"]} == {"train", "valid", "test"}
    Path("runs/rows-2/notes.txt").write_text("mine")
    code, _, err = call(capsys, "runs", "remove", "runs/rows-1", "runs/rows-2")
    assert (code, names()) == (2, ["rows-1", "rows-2"])
    assert "--yes" in err
    code, out, _ = call(capsys, "runs", "remove", "runs/rows-1", "runs/rows-2", "--yes", "--json")
    assert (code, names()) == (0, ["rows-2"])
    assert json.loads(out)["left"] == {"runs/rows-2": ["notes.txt"]}
    assert [each.name for each in Path("runs/rows-2").iterdir()] == ["notes.txt"]


def test_odd_folders_are_listed_as_what_they_are(here, capsys):
    Path("runs/rows-1/metrics.json").write_text("{")
    Path("runs/rows-2/metrics.json").unlink()
    Path("runs/other").mkdir()
    _, out, _ = call(capsys, "runs", "--json")
    assert {Path(each["folder"]).name: each["outcome"] for each in json.loads(out)["runs"]} == {
        "rows-1": "damaged",
        "rows-2": "unfinished",
    }


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("nowhere",), "there is no folder 'nowhere'"),
        (("compare", "runs/rows-1"), "one run alone is not compared"),
        (("compare", "runs/rows-1", "rows.csv"), "'rows.csv' is not a run folder"),
        (("tag", "runs/rows-1"), "no tag was given"),
        (("tag", "runs/rows-1", "--add", "two words"), "expected a word"),
        (("tag", "runs", "--add", "word"), "'runs' is not a run folder"),
        (("remove", "runs", "--yes"), "'runs' is not a run folder"),
    ],
)
def test_what_is_no_run_is_said(here, capsys, words, sentence):
    code, _, err = call(capsys, "runs", *words)
    assert (code, err.count("\n")) == (2, 1)
    assert sentence in err
