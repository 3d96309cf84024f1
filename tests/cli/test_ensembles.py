"""Ensembles from the shell: train, predict, evaluate, report, export and repeat."""

import json

import numpy as np
import polars as pl
import pytest

import fallline as fl
from fallline.cli.main import run as program


def call(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        program(list(arguments))
    out = capsys.readouterr()
    return stop.value.code, out.out, out.err


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(160, 3))
    path = tmp_path_factory.mktemp("data") / "table.csv"
    y = x[:, 0] + x[:, 1] ** 2 + rng.normal(0, 0.2, 160)
    pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "c": x[:, 2], "price": y}).write_csv(path)
    return path


FLAGS = ("--target", "price", "--hidden", "6", "--epochs", "4")


def test_members_from_training_to_the_graph(table, tmp_path, capsys):
    folder = tmp_path / "run"
    code, out, _ = call(capsys, "train", str(table), *FLAGS, "--members", "2", "--out", str(folder), "--json")
    assert code == 0
    summary = json.loads(out)
    assert [each["weight"] for each in summary["members"]["each"]] == [0.5, 0.5]
    assert summary["members"]["mean_metrics"]["test"]["rmse"] >= summary["metrics"]["test"]["rmse"]  # by convexity
    assert sorted(each.name for each in folder.iterdir()) == [
        "diagnosis.json", "history.parquet", "identity.json", "interpretation.json", "metrics.json", "model.safetensors",
        "recipe.toml", "report.html",
    ]  # fmt: skip
    assert "Members" in (folder / "report.html").read_text(encoding="utf-8")
    assert "test, one member" in (folder / "report.html").read_text(encoding="utf-8")
    assert fl.load_predictor(folder).weights == (0.5, 0.5)

    answers = tmp_path / "answers.csv"
    assert call(capsys, "predict", str(folder), str(table), "--spread", "--out", str(answers))[0] == 0
    frame = pl.read_csv(answers)
    assert frame.columns == ["price", "price spread"]
    assert frame["price spread"].min() > 0

    code, out, err = call(capsys, "evaluate", str(folder), str(table))
    assert code == 0
    assert "one member" in err
    document = json.loads(call(capsys, "evaluate", str(folder), str(table), "--json")[1])
    assert document["one_member"]["rmse"] >= document["metrics"]["rmse"]

    assert call(capsys, "report", str(folder))[0] == 0
    code, out, err = call(capsys, "export", str(folder), "--onnx", str(tmp_path / "model.onnx"))
    assert code == 0
    assert "ONNX Runtime's answers differ from the model's by" in err

    again = tmp_path / "again"
    assert call(capsys, "train", "--recipe", str(folder / "recipe.toml"), "--out", str(again))[0] == 0
    assert (again / "model.safetensors").read_bytes() == (folder / "model.safetensors").read_bytes()
    code, _, err = call(capsys, "train", "--resume", str(folder))
    assert code == 2
    assert "has finished" in err


def test_a_bag_says_its_score_out_of_fold(table, tmp_path, capsys):
    folder = tmp_path / "run"
    code, _, err = call(capsys, "train", str(table), *FLAGS, "--bag", "3", "--out", str(folder))
    assert code == 0
    assert "out of fold" in err
    assert "3 members, each trained without its own fold" in err.replace("\n", " ")
    found = json.loads((folder / "metrics.json").read_text())
    assert found["data"]["rows"]["out_of_fold"] == found["data"]["rows"]["train"] == 128
    assert set(found["metrics"]) == {"train", "out_of_fold", "test"}
    assert "out of fold" in (folder / "report.html").read_text(encoding="utf-8")
    assert "bag = 3" in (folder / "recipe.toml").read_text()
    left = json.loads((folder / "interpretation.json").read_text())
    assert set(left["tables"]["scores"]["split"]) == {"test"}  # the validation rows trained members
    again = json.loads(call(capsys, "interpret", str(folder), "--json")[1])
    assert set(again["tables"]["scores"]["split"]) == {"test"}


@pytest.mark.parametrize(
    ("flags", "sentence"),
    [
        (("--members", "0"), "members = 0 is not a number of networks"),
        (("--bag", "1"), "bag = 1 is not a number of folds"),
        (("--members", "2", "--bag", "2"), "give one of them"),
    ],
)
def test_numbers_that_are_none_are_refused_before_a_folder_is_made(table, tmp_path, capsys, flags, sentence):
    code, _, err = call(capsys, "train", str(table), *FLAGS, *flags, "--out", str(tmp_path / "run"))
    assert code == 2
    assert sentence in err
    assert not (tmp_path / "run").exists()


def test_a_recipe_file_with_odd_members_is_refused(table, tmp_path, capsys):
    path = tmp_path / "recipe.toml"
    path.write_text(f'members = "five"\n[data]\nsource = "{table}"\n')
    code, _, err = call(capsys, "train", "--recipe", str(path))
    assert code == 2
    assert "members = 'five' is not a whole number" in err


def test_the_spread_of_a_single_network_is_refused(table, tmp_path, capsys):
    folder = tmp_path / "run"
    assert call(capsys, "train", str(table), *FLAGS, "--out", str(folder))[0] == 0
    assert "members" not in (folder / "recipe.toml").read_text()
    code, out, err = call(capsys, "predict", str(folder), str(table), "--spread")
    assert (code, out) == (2, "")
    assert "a single network has no spread between members" in err
