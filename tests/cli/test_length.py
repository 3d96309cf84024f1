"""`fallline train` with words for its length, with class weights, a temperature and a logarithm, and a run that is extended."""

import json
import tomllib

import numpy as np
import polars as pl
import pytest

from fallline.cli.main import run as program


@pytest.fixture
def train(capsys, tmp_path, monkeypatch):
    """The command in this process: (exit code, JSON document or None, standard error)."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 2))
    label = np.where(x[:, 0] + rng.normal(0, 0.7, 120) > 0.8, "yes", "no")
    price = np.exp(1.5 * x[:, 0] + 4)
    pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "answer": label}).write_csv(tmp_path / "answers.csv")
    pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "price": price}).write_csv(tmp_path / "prices.csv")

    def run(*words):
        with pytest.raises(SystemExit) as stop:
            program(["train", *map(str, words), "--json"])
        said = capsys.readouterr()
        return stop.value.code, json.loads(said.out) if said.out.strip() else None, said.err

    return run


ANSWERS = ("answers.csv", "--target", "answer", "--hidden", "4", "--out", "run")


def test_all_words_at_once_reach_the_recipe(train, tmp_path):
    words = ("--epochs", "auto", "--patience", "auto", "--class-weight", "yes=3,no=1", "--calibrate", "temperature")
    code, said, err = train(*ANSWERS, *words)
    assert code == 0, err
    plain = tomllib.loads((tmp_path / "run/recipe.toml").read_text())
    assert (plain["epochs"], plain["patience"], plain["calibrate"]) == (250, 50, "temperature")
    assert plain["class_weight"] == [["no", 1.0], ["yes", 3.0]]
    assert said["calibration"]["temperature"] > 0
    assert said["metrics"]["test"]["loss"] == pytest.approx(said["calibration"]["after"]["test"], abs=1e-5)
    assert said["still_improving"] is None or said["still_improving"]["epochs"] > said["epochs"]
    code, again, err = train("--recipe", "run/recipe.toml", "--out", "again")
    assert code == 0, err
    assert again["metrics"] == said["metrics"]


def test_a_skewed_target_is_noted(train):
    code, said, err = train(
        "prices.csv", "--target", "price", "--target-transform", "auto", "--epochs", 3, "--hidden", 4
    )
    assert code == 0, err
    assert any("the network learns the logarithm" in each for each in said["notes"])


def test_a_run_is_extended_in_a_folder_of_its_own(train, tmp_path):
    assert train(*ANSWERS, "--epochs", 4)[0] == 0
    before = {each.name: each.read_bytes() for each in (tmp_path / "run").iterdir()}
    code, said, err = train("--resume", "run", "--epochs", 6, "--out", "longer")
    assert code == 0, err
    assert said["epochs"] == 6
    assert any(each.startswith("this run extends one of 4 epochs") for each in said["notes"])
    assert {each.name: each.read_bytes() for each in (tmp_path / "run").iterdir()} == before
    assert tomllib.loads((tmp_path / "longer/recipe.toml").read_text())["extended"] == [[4, 4]]
    code, _, err = train("--recipe", "longer/recipe.toml")
    assert (code, "is of a run that was extended" in err) == (2, True)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((*ANSWERS, "--epochs", "soon"), "'soon' is not a number or 'auto'"),
        ((*ANSWERS, "--class-weight", "maybe=2"), "class_weight names 'maybe', which is not a class"),
        ((*ANSWERS, "--class-weight", "yes"), "cannot be read at 'yes'"),
        ((*ANSWERS, "--calibrate", "heat"), "calibrate = 'heat' is unknown"),
        ((*ANSWERS, "--target-transform", "log"), "target_transform is for a regression"),
        ((*ANSWERS, "--activation", "dense"), "dense"),
        (("--resume", "nowhere", "--epochs", "9"), "is not a run folder"),
        (("--resume", "nowhere", "--epochs", "auto"), "is not a number of epochs"),
        (("--resume", "nowhere", "--epochs", "9", "--seed", "1"), "leave all other flags but --epochs out"),
    ],
)
def test_bad_words_are_one_sentence_and_leave_nothing(train, tmp_path, words, sentence):
    code, _, err = train(*words)
    assert code == 2
    assert sentence in err
    assert err.count("\n") <= 1
    assert not (tmp_path / "run").exists()
