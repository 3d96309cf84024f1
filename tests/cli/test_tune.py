import json

import pytest

from fallline.cli.main import run
from fallline.searching.store import Store
from fallline.strategies.named import spellings

SPACE = """
epochs = 3
patience = "none"
[model]
name = "mlp"
hidden = [8]
dropout = {name = "uniform", low = 0.0, high = 0.5}
[optimizer]
name = "adam"
learning_rate = {name = "log_uniform", low = 1e-4, high = 1e-1}
"""


def ended(*arguments: str) -> int:
    with pytest.raises(SystemExit) as caught:
        run(list(arguments))
    return caught.value.code


def test_tune_saves_the_best_and_its_study_is_found_and_continued(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "space.toml").write_text(SPACE)
    words = ("tune", "sklearn:iris", "--space", "space.toml", "--trials", "8", "--batch", "8", "--out", "a", "--json")
    code = ended(*words)
    first = json.loads(capsys.readouterr().out)
    assert code == 0
    assert first["trials"] == 8
    assert not first["found"]
    assert set(first["best"]["values"]) == {"model.dropout", "optimizer.learning_rate"}
    assert set(first["importance"]) == set(first["best"]["values"])
    assert {"recipe.toml", "model.safetensors", "report.html", "study.db", "study.json", "interpretation.json"} <= {
        p.name for p in (tmp_path / "a").iterdir()
    }
    assert "The search that found it" in (tmp_path / "a" / "report.html").read_text()
    # The best recipe is complete: it trains again to the same metrics.
    code = ended("train", "--recipe", "a/recipe.toml", "--out", "c", "--json")
    again = json.loads(capsys.readouterr().out)
    assert code == 0
    assert again["metrics"] == first["metrics"]
    # The same search is found; a study that was continued in its folder is no longer the one that was begun.
    assert ended(*words) == 0
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert (found["found"], found["metrics"], len(found["search"]["trials"])) == (True, first["metrics"], 8)
    assert "holds the same search" in said.err
    code = ended("tune", "--resume", "a", "--trials", "16")
    said = capsys.readouterr().err
    assert code == 0
    assert "16 trials" in said
    assert "Its validation loss" in said
    assert "Saved in a:" in said
    store = Store(tmp_path / "a" / "study.db")
    store.begin(0, {})
    assert len(store.rows()) == 16
    assert not (tmp_path / "a" / "identity.json").exists()
    assert ended(*words) == 2
    assert "is not empty" in capsys.readouterr().err


def test_halving_stands_alone_or_says_among_whom(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "space.toml").write_text(SPACE)
    for out, words in {"a": ["--halving", "sklearn:iris"], "b": ["--halving", "study", "sklearn:iris"]}.items():
        assert ended("tune", *words, "--space", "space.toml", "--trials", "4", "--batch", "4", "--out", out) == 0
        _, kept = Store(tmp_path / out / "study.db").described()
        assert kept["halving"] == {
            "name": "halving",
            "factor": 3,
            "least": 2,
            "among": "batch" if out == "a" else "study",
        }
    capsys.readouterr()
    assert ended("tune", "--resume", "b/study.db", "--trials", "8", "--out", "c") == 0
    assert "8 trials" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--trials", "2"], "no SOURCE to train on"),
        (["sklearn:iris", "--strategy", "tp"], "strategy 'tp' is unknown: did you mean 'tpe'"),
        (["sklearn:iris", "--strategy", "optuna:TPESampla"], "did you mean 'TPESampler'"),
        (["--resume", "nothing.db"], "study 'nothing.db' is not there"),
        (["--resume", "nothing.db", "--folds", "3", "--halving"], "leave --folds, --halving out"),
        (["sklearn:iris", "--nested", "1"], "--nested 1: expected 2 or more outer folds"),
        (["sklearn:iris", "--trials", "0"], "expected 1 or more"),
        (["sklearn:iris", "--folds", "0"], "needs at least 2"),
        (["--ray", "ray://head:10001", "sklearn:iris"], "is a client's: expected HOST:PORT"),
        (["sklearn:iris", "--limit", "9"], "--limit 9 is of work on Ray"),
        (["--ray", "sklearn:nothing"], "no data set 'nothing'"),
        (["--halving=all", "sklearn:iris"], "Halving.among = 'all' is unknown: valid: 'batch', 'study'"),
        (["sklearn:iris", "--strategy", "optuna"], "the strategy 'optuna' needs a sampler: write optuna:SAMPLER"),
        (["sklearn:iris", "--strategy", "tpe:16"], "the strategy 'tpe' takes no value"),
    ],
)
def test_bad_input_is_one_sentence(tmp_path, monkeypatch, capsys, arguments, words):
    monkeypatch.chdir(tmp_path)
    assert ended("tune", *arguments) == 2
    said = capsys.readouterr().err
    assert words in said
    assert "Traceback" not in said
    assert not list(tmp_path.glob("runs/*"))


def test_help_lists_every_strategy_and_whom_halving_compares(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "200")
    assert ended("tune", "--help-all") == 0
    said = " ".join(capsys.readouterr().out.split())
    assert f"{spellings()[0]} (default), {', '.join(spellings()[1:])};" in said
    assert "--halving [batch|study]" in said
    assert "{" not in said
