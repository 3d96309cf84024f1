"""`fallline doctor` and `fallline fork`, from a run folder to findings, remedies, an improved run and a page."""

import json
import re

import pytest

from fallline.cli.main import run as fallline


def call(capsys, *words):
    with pytest.raises(SystemExit) as ended:
        fallline(list(words))
    out, err = capsys.readouterr()
    return ended.value.code, out, err


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run that its learning rate ruins."""
    path = tmp_path_factory.mktemp("runs") / "iris"
    words = ["--hidden", "16", "--epochs", "12", "--learning-rate", "1e-6", "--valid", "0.2", "--out", str(path)]
    with pytest.raises(SystemExit) as ended:
        fallline(["train", "sklearn:iris", *words])
    assert ended.value.code == 0
    return path


def test_training_leaves_a_diagnosis_and_a_report_that_says_why(folder):
    found = json.loads((folder / "diagnosis.json").read_text())
    assert found["findings"][0]["name"] == "rate_low"
    page = (folder / "report.html").read_text()
    assert "<h2>Why</h2>" in page
    assert "Learning rate too low" in page
    assert 'aria-label="learning rate too low.' in page


def test_the_doctor_tries_and_fixes(capsys, folder, tmp_path):
    code, out, _ = call(
        capsys, "doctor", str(folder), "--fix", "--seeds", "2", "--out", str(tmp_path / "fixed"), "--json"
    )
    assert code == 0
    found = json.loads(out)
    assert found["findings"][0]["name"] == "rate_low"
    tried = found["tried"]["tried"]
    assert tried[0]["verdict"] == "helps"
    before = json.loads((folder / "metrics.json").read_text())["metrics"]["test"]["loss"]
    assert found["fixed"]["metrics"]["test"]["loss"] < 0.9 * before
    assert (tmp_path / "fixed" / "model.safetensors").is_file()
    kept = json.loads((folder / "diagnosis.json").read_text())
    assert kept["tried"]["tried"][0]["name"] == tried[0]["name"]
    assert "Remedies that were tried" in (folder / "report.html").read_text()


def test_the_page_for_a_terminal(capsys, folder):
    code, out, _ = call(capsys, "doctor", str(folder))
    assert code == 0
    assert out.startswith("1. Learning rate too low")
    assert "To try:" in out
    assert "Skill (1 is perfect" in out


def test_a_fork_draws_its_branches(capsys, folder, tmp_path):
    page = tmp_path / "fork.html"
    words = ["--epoch", "4", "--vary", "optimizer.learning_rate.peak=1e-2", "--out", str(page), "--json"]
    code, out, _ = call(capsys, "fork", str(folder), *words)
    assert code == 0
    found = json.loads(out)
    assert [each["name"] for each in found["branches"]] == ["as it was", "optimizer.learning_rate.peak = 0.01"]
    assert found["best"] == "optimizer.learning_rate.peak = 0.01"
    text = page.read_text()
    assert "as it was" in text
    assert "…ate.peak = 0.01" in text  # its legend does not leave the value out
    trunk, *branches = json.loads(re.search(r'<script type="application/json"[^>]*>(.*?)</script>', text)[1])[0][
        "series"
    ]
    assert [each["x"][0] for each in branches] == [trunk["x"][-1]] * 2 == [4, 4]  # the curves part at the fork


def test_a_fork_takes_blocks_by_their_names(capsys, folder, tmp_path):
    words = [
        "--epoch",
        "9",
        "--vary",
        'model.activation=tanh,{name="leaky_relu", slope=0.2}',
        "--out",
        str(tmp_path / "p.html"),
    ]
    code, out, _ = call(capsys, "fork", str(folder), *words, "--json")
    assert code == 0
    assert [each["changes"].get("model.activation") for each in json.loads(out)["branches"]] == [
        None, "tanh", {"name": "leaky_relu", "slope": 0.2},
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["doctor", "nowhere"], "is not a run folder"),
        (["fork", "RUN", "--epoch", "99", "--vary", "model.dropout"], "expected 1 to 11"),
        (["fork", "RUN", "--epoch", "3", "--vary", "model.dropout=a b"], "PATH=VALUES"),
        (["fork", "RUN", "--epoch", "3", "--vary", "model.dropout=[1"], "PATH=VALUES"),
        (["fork", "RUN", "--epoch", "3", "--vary", "model.activation=relu,thanh"], "did you mean 'tanh'"),
    ],
)
def test_bad_input_is_one_sentence_and_2(capsys, folder, words, said):
    code, _, err = call(capsys, *(str(folder) if each == "RUN" else each for each in words))
    assert code == 2
    assert said in err


def test_a_damaged_diagnosis_is_named(capsys, folder, tmp_path):
    kept = (folder / "diagnosis.json").read_text()
    (folder / "diagnosis.json").write_text('{"healthy": 3}')
    code, _, err = call(capsys, "report", str(folder))
    (folder / "diagnosis.json").write_text(kept)
    assert code == 2
    assert "diagnosis" in err


def test_a_lost_run_is_ended_if_asked(capsys, tmp_path):
    words = ["train", "sklearn:iris", "--optimizer", "adam", "--set", "optimizer.learning_rate=1e4", "--epochs", "3000"]
    words += ["--patience", "none", "--hidden", "16,16"]
    code, _, err = call(capsys, *words, "--stop-when-lost", "--out", str(tmp_path / "lost"))
    assert code == 0
    assert "this run is lost (" in err
    epochs = json.loads((tmp_path / "lost" / "metrics.json").read_text())["epochs"]
    assert epochs < 3000
