"""`fallline cache`: shows, clears and limits what is kept."""

import json

import pytest

from fallline.cli.main import run as program

DIGEST = "0123456789abcdef" * 4


@pytest.fixture
def ran(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("FALLLINE_CACHE", str(tmp_path / "cache"))

    def run(*words):
        with pytest.raises(SystemExit) as stop:
            program(["cache", *words])
        out = capsys.readouterr()
        return stop.value.code, out.out, out.err

    return run


def filled(tmp_path):
    for name, size in (("programs/jit_f-1-cache", 3000), (f"streams/{DIGEST}/0000001.block", 5000)):
        path = tmp_path / "cache" / name
        path.parent.mkdir(parents=True)
        path.write_bytes(bytes(size))


def test_an_empty_cache_is_said_in_a_sentence(ran, tmp_path):
    code, out, said = ran()
    assert (code, out) == (0, "")
    assert said == f"Nothing is kept in {tmp_path / 'cache'}; programs may take 2 GB there.\n"


def test_kinds_that_hold_something_are_listed(ran, tmp_path):
    filled(tmp_path)
    code, out, said = ran()
    assert code == 0
    assert [line.split() for line in out.splitlines()[1:]] == [
        ["compiled", "programs", "1", "3", "kB", str(tmp_path / "cache" / "programs")],
        ["encoded", "streams", "1", "5", "kB", str(tmp_path / "cache" / "streams")],
    ]
    assert "Programs may take 2 GB" in said


def test_the_document_names_every_kind(ran, tmp_path):
    filled(tmp_path)
    code, out, _ = ran("--json")
    found = json.loads(out)
    assert (code, found["folder"], found["limit"], found["removed_bytes"]) == (0, str(tmp_path / "cache"), 2 * 10**9, 0)
    assert [(each["entries"], each["bytes"]) for each in found["kept"]] == [(1, 3000), (0, 0), (1, 5000), (0, 0)]


def test_clearing_removes_everything_and_says_how_much(ran, tmp_path):
    filled(tmp_path)
    code, out, said = ran("--clear")
    assert (code, out) == (0, "")
    assert said.startswith(f"Removed 8 kB from {tmp_path / 'cache'}.\nNothing is kept")


def test_a_limit_is_kept_and_holds_at_once(ran, tmp_path):
    filled(tmp_path)
    code, _, said = ran("--limit", "1KB")
    assert code == 0
    assert said.startswith(f"Removed 3 kB from {tmp_path / 'cache'}.\n")
    assert json.loads(ran("--json")[1])["limit"] == 1000


def test_a_limit_that_is_no_size_is_refused_before_anything_is_removed(ran, tmp_path):
    filled(tmp_path)
    code, _, said = ran("--clear", "--limit", "much")
    assert (code, said) == (2, "fallline: --limit = 'much' is no number of bytes: expected e.g. 8GB or 8e9\n")
    assert json.loads(ran("--json")[1])["kept"][0]["entries"] == 1
