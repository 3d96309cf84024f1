"""`fallline board` as a process: it prints its address, follows a run, and ends with a sentence."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import pytest
from tests.board.making import finished

from fallline.cli.main import run as program

needs_extra = pytest.mark.usefixtures("_extra")


@pytest.fixture
def _extra():
    pytest.importorskip("starlette", reason="needs the extra board")
    pytest.importorskip("uvicorn", reason="needs the extra board")


def refused(capsys, *words) -> str:
    with pytest.raises(SystemExit) as stop:
        program(["board", *map(str, words)])
    assert stop.value.code == 2
    said = capsys.readouterr()
    assert said.out == ""
    return said.err


@needs_extra
def test_bad_input_is_refused_in_a_sentence(tmp_path, capsys):
    assert "there is no folder" in refused(capsys, tmp_path / "none")
    assert "--port 70000: expected a number from 0" in refused(capsys, tmp_path, "--port", 70000)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"port {port} cannot be used" in refused(capsys, tmp_path, "--port", port)


def test_without_the_extra_the_command_says_how_to_install_it(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)  # Python's own mark of a module that cannot be imported
    assert 'pip install "fallline[board]"' in refused(capsys, tmp_path)


@needs_extra
def test_a_real_server_follows_a_run_and_ends_by_ctrl_c(tmp_path):
    finished(tmp_path, "a")
    words = [sys.executable, "-m", "fallline", "board", str(tmp_path)]
    environment = {**os.environ, "JAX_PLATFORMS": "cpu"}
    board = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        address = board.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(f"{address}api/runs", timeout=20) as answer:
            first = json.load(answer)
        assert [each["name"] for each in first["runs"]] == ["a"]
        with pytest.raises(urllib.error.HTTPError, match="403") as other:
            urllib.request.urlopen(address.rpartition("/")[0] + "x/", timeout=20)
        assert b"open the one that it has printed" in other.value.read()
        other.value.close()
        board.send_signal(signal.SIGINT)
        out, err = board.communicate(timeout=20)
    finally:
        board.kill()
        board.communicate()
    assert (board.returncode, out) == (130, "")
    assert err.splitlines()[-1] == "fallline: stopped"
    assert "Traceback" not in err
