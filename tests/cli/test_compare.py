"""`fallline compare`: the table, the answer, the document, the files, and bad input."""

import json

import pytest

from fallline.cli.main import run as program


def call(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        program(["compare", *arguments])
    out = capsys.readouterr()
    return stop.value.code, out.out, out.err


def test_document_page_and_pictures(tmp_path, capsys):
    folder = tmp_path / "out"
    code, out, err = call(
        capsys, "sklearn:iris", "--vary", "model.dropout=0,0.2", "--hidden", "4", "--rates", "3", "--seeds", "3",
        "--epochs", "2", "--out", str(folder), "--json",
    )  # fmt: skip
    assert code == 0, err
    found = json.loads(out)
    assert [each["contender"] for each in found["contenders"]] == ["0", "0.2"]
    assert found["trainings"] == 18
    assert {each.name for each in folder.iterdir()} == {"compare.html", "rates.svg", "epochs.svg", "trials.svg"}
    assert (folder / "compare.html").stat().st_size < 300_000


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "no SOURCE to compare on"),
        (("sklearn:iris", "--rates", "4"), "rates = 4"),
        (("sklearn:iris", "--vary", "activation=relu,fo"), "activation 'fo' is unknown"),
        (("sklearn:iris", "--out", "/dev/null/x"), "cannot be made"),
    ],
)
def test_bad_input_is_one_sentence(arguments, says, capsys):
    code, out, err = call(capsys, *arguments)
    assert (code, out) == (2, "")
    assert says in err
    assert len(err.strip().splitlines()) == 1
