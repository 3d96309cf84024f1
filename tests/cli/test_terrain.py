"""`fallline terrain`: the table, the document, the files, and bad input in one sentence with exit code 2."""

import importlib.util
import json

import pytest

from fallline.cli.main import run as program

HAS_PILLOW = importlib.util.find_spec("PIL") is not None


def call(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        program(["terrain", *arguments])
    out = capsys.readouterr()
    return stop.value.code, out.out, out.err


def test_page_pictures_and_document(tmp_path, capsys):
    folder = tmp_path / "here" / "out"
    code, out, err = call(
        capsys, "ravine", "--rules", "sgd,momentum", "--steps", "60", "--set", "condition=50", "--set", "momentum.momentum=0.8",
        "--out", str(folder), "--json",
    )  # fmt: skip
    assert code == 0, err
    found = json.loads(out)
    kinds = ("contour", "surface", "loss", "rates")
    expected = {"terrain.html", *(f"{kind}.svg" for kind in kinds)}
    expected |= {f"{kind}.png" for kind in kinds} if HAS_PILLOW else set()
    assert {each.name for each in folder.iterdir()} == expected
    assert [each["rule"] for each in found["rules"]] == ["sgd", "momentum"]
    assert found["learning_rates"]["sgd"] == pytest.approx(2 / 51, rel=0.4)
    assert found["rules"][1]["distance"] < found["rules"][0]["distance"]
    page = (folder / "terrain.html").read_text()
    assert "condition 50" in page
    assert '"momentum":0.8' in page
    assert (folder / "contour.svg").read_text().startswith("<svg")
    if HAS_PILLOW:
        assert (folder / "loss.png").read_bytes().startswith(b"\x89PNG")


def test_the_table_of_a_formula(capsys):
    code, out, _ = call(
        capsys, "x^2 + 4*y^2", "--rules", "sgd", "--start", "-1,1", "--learning-rate", "0.2", "--steps", "100"
    )
    assert code == 0
    assert out.splitlines()[0] == "x^2 + 4*y^2: 100 steps from (-1, 1)"
    row = out.splitlines()[-1].split()
    assert row[:4] == ["sgd", "0.2", "28", "28"]  # 0.6^28 < 1e-6, from (-1, 1) to the distance sqrt 2


def test_rules_keep_the_rate_that_was_set(capsys):
    code, out, _ = call(
        capsys, "bowl", "--rules", "sgd,adam", "--set", "adam.learning_rate=0.125", "--steps", "20", "--json"
    )
    assert code == 0
    rates = json.loads(out)["learning_rates"]
    assert rates["adam"] == 0.125
    assert rates["sgd"] == pytest.approx(1.0)


@pytest.mark.skipif(importlib.util.find_spec("imageio") is None, reason="needs imageio, which writes films")
def test_a_film(tmp_path, capsys):
    code, _, err = call(capsys, "bowl", "--rules", "sgd", "--steps", "5", "--out", str(tmp_path), "--film", "gif")
    assert code == 0, err
    assert (tmp_path / "walks.gif").read_bytes().startswith(b"GIF8")


REFUSED = [
    (("ravin",), "surface 'ravin' is unknown: did you mean 'ravine'"),
    (("x +",), "formula, position 4"),
    (("bowl", "--rules", "sgdd"), "sgdd"),
    (("bowl", "--rules", ","), "rules is empty"),
    (("bowl", "--start", "a,b"), "--start 'a,b' is not a list of numbers"),
    (("bowl", "--start", "1"), "do not fit Bowl"),
    (("bowl", "--steps", "0"), "steps = 0"),
    (("bowl", "--noise", "-1"), "noise = -1"),
    (("bowl", "--set", "condition=3"), "has no field 'condition'"),
    (("bowl", "--set", "adm.beta1=3"), "is of no rule here"),
    (("bowl", "--set", "curvature"), "has no '='"),
    (("x*y", "--limits", "1,2,3"), "has 3 numbers"),
    (("bowl", "--limits", "1,2"), "limits are for a formula"),
    (("bowl", "--learning-rate", "-1"), "interval"),
    (("bowl", "--film", "avi", "--out", "x"), "film 'avi' is unknown"),
    (("bowl", "--film", "gif"), "give --out FOLDER"),
]


@pytest.mark.parametrize(("words", "sentence"), REFUSED)
def test_bad_input_is_one_sentence_and_exit_code_2(words, sentence, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, out, err = call(capsys, *words)
    assert (code, out) == (2, "")
    assert sentence in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
