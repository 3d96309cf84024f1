"""`fallline landscape`: the sentences, the document, the files, and bad input in one sentence with exit code 2."""

import json

import pytest

from fallline.cli.main import run as program


def call(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        program(list(arguments))
    out = capsys.readouterr()
    return stop.value.code, out.out, out.err


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    home = tmp_path_factory.mktemp("runs")
    for seed in (0, 1):
        with pytest.raises(SystemExit):
            program(["train", "sklearn:iris", "--epochs", "4", "--seed", str(seed), "--out", str(home / str(seed))])
    return home / "0", home / "1"


def test_planes_page_and_document(folders, tmp_path, capsys):
    capsys.readouterr()
    out = tmp_path / "a" / "b"
    arguments = ("landscape", str(folders[0]), "--plane", "trajectory", "--size", "5", "--out", str(out), "--json")
    code, text, err = call(capsys, *arguments)
    assert code == 0, err
    found = json.loads(text)
    assert (found["plane"], len(found["loss"]), len(found["trajectory"])) == ("trajectory", 5, 5)
    assert found["explained_by_a_random_walk"] == pytest.approx([0.608, 0.152], abs=1e-3)
    assert {"landscape.html", "loss.svg", "surface.svg", "accuracy.svg", "training.svg"} <= {
        each.name for each in out.iterdir()
    }
    metrics = json.loads((folders[0] / "metrics.json").read_text())
    assert found["loss_here"] == pytest.approx(metrics["metrics"]["train"]["loss"], rel=1e-4)
    assert found["notes"] == []


def test_the_line_between_two_runs_in_words(folders, capsys):
    capsys.readouterr()
    code, text, err = call(
        capsys, "landscape", str(folders[0]), "--to", str(folders[1]), "--size", "5", "--no-sharpness"
    )
    assert code == 0, err
    assert "Along the line to the other network" in text
    assert "Between the two networks the loss rises by" in text
    assert "eigenvalue" not in text


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--plane", "lines"), "unknown"),
        (("--rows", "0"), "rows = 0"),
        (("--to", "/nowhere"), "/nowhere"),
        (("--seed", "-1"), "seed"),
    ],
)
def test_bad_input(folders, capsys, more, said):
    capsys.readouterr()
    code, text, err = call(capsys, "landscape", str(folders[0]), *more)
    assert (code, text) == (2, "")
    assert said in err


def test_what_is_no_run(tmp_path, capsys):
    code, _, err = call(capsys, "landscape", str(tmp_path))
    assert code == 2
    assert str(tmp_path) in err
