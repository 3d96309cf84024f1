"""`fallline interpret` and `report --card`, and what `train` leaves of both in its folder."""

import json

import pytest

from fallline.cli.main import run as fallline

WORDS = ["--hidden", "16", "--epochs", "12", "--valid", "0.2"]


def call(capsys, *words):
    with pytest.raises(SystemExit) as ended:
        fallline(list(words))
    out, err = capsys.readouterr()
    return ended.value.code, out, err


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "iris"
    with pytest.raises(SystemExit) as ended:
        fallline(["train", "sklearn:iris", *WORDS, "--out", str(path)])
    assert ended.value.code == 0
    return path


def test_training_leaves_an_interpretation_that_interpret_makes_again(capsys, folder):
    left = json.loads((folder / "interpretation.json").read_text())
    (folder / "interpretation.json").unlink()
    code, out, _ = call(capsys, "report", str(folder))
    assert "Predictions</h2>" not in (folder / "report.html").read_text()
    code, out, _ = call(capsys, "interpret", str(folder), "--json")
    assert code == 0
    again = json.loads(out)
    assert again["tables"].keys() == left["tables"].keys()
    assert again["tables"]["scores"] == left["tables"]["scores"]
    assert again["tables"]["importance"]["column"] == left["tables"]["importance"]["column"]
    assert "Predictions</h2>" in (folder / "report.html").read_text()


def test_the_table_for_a_terminal(capsys, folder):
    code, out, err = call(capsys, "interpret", str(folder))
    assert code == 0
    assert "Accuracy, test rows" in out
    assert "the largest class" in out
    assert "On the test rows" in out + err


def test_a_learning_curve_on_request(capsys, folder):
    assert call(capsys, "interpret", str(folder), "--learning-curve")[0] == 0
    assert len(json.loads((folder / "interpretation.json").read_text())["tables"]["learning_curve"]["rows"]) == 5
    assert "Would more rows help?" in (folder / "report.html").read_text()


def test_a_model_card(capsys, folder, tmp_path):
    code, out, _ = call(capsys, "report", str(folder), "--card", str(tmp_path / "card.md"), "--json")
    assert code == 0
    assert json.loads(out)["card"] == str(tmp_path / "card.md")
    text = (tmp_path / "card.md").read_text()
    assert "It chooses among 3 classes: " in text
    assert "| Accuracy, test rows |" in text


@pytest.mark.parametrize(
    ("words", "said"),
    [(["RUN", "--leave-out", "petal lenth (cm)"], "petal length (cm)"), (["nowhere"], "not a run folder")],
)
def test_bad_input_is_one_sentence(capsys, folder, words, said):
    code, _, err = call(capsys, "interpret", *(str(folder) if each == "RUN" else each for each in words))
    assert code == 2
    assert said in err
    assert "Traceback" not in err


def test_a_fault_is_a_note_and_the_run_is_kept(capsys, monkeypatch, tmp_path):
    def broken(*_):
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("fallline.report.interpreted.interpret", broken)
    code, _, err = call(capsys, "train", "sklearn:iris", *WORDS, "--out", str(tmp_path / "run"))
    assert code == 0
    assert "unexpected ZeroDivisionError" in err
    assert (tmp_path / "run" / "model.safetensors").is_file()
    assert "unexpected ZeroDivisionError" in (tmp_path / "run" / "report.html").read_text()
