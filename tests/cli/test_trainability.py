"""`fallline trainability`: the sentence, the document, the files, and bad input."""

import importlib.util
import json

import pytest

from fallline.cli.main import run as program

HAS_PILLOW = importlib.util.find_spec("PIL") is not None


def call(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        program(["trainability", *arguments])
    out = capsys.readouterr()
    return stop.value.code, out.out, out.err


def test_document_page_and_pictures(tmp_path, capsys):
    folder = tmp_path / "out"
    code, out, err = call(
        capsys, "sklearn:iris", "--size", "4", "--epochs", "3", "--hidden", "4", "--out", str(folder), "--json"
    )
    assert code == 0, err
    found = json.loads(out)
    assert found["x"]["values"] == pytest.approx([1e-3, 0.1, 10.0, 1e3])
    assert len(found["losses"]) == 4
    expected = {"trainability.html", "map.svg"} | ({"map.png"} if HAS_PILLOW else set())
    assert {each.name for each in folder.iterdir()} == expected


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "no SOURCE"),
        (("sklearn:iris", "--x", "optimizer.learning_rate"), "is not PATH=LOW,HIGH"),
        (("sklearn:iris", "--x", "optimizer.learning_rate=1,b"), "is not PATH=LOW,HIGH"),
        (("sklearn:iris", "--y", "model.depth=1,2"), "model.depth"),
        (("sklearn:iris", "--size", "0"), "size = 0"),
    ],
)
def test_bad_input_is_one_sentence(arguments, says, capsys):
    code, out, err = call(capsys, *arguments)
    assert (code, out) == (2, "")
    assert says in err
    assert len(err.strip().splitlines()) == 1
