"""The board is killed and started again while a run goes on: the run notices nothing, and the new board shows its epochs."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.parse
import urllib.request

import numpy as np
import pytest

pytest.importorskip("starlette", reason="needs the extra board")
pytest.importorskip("uvicorn", reason="needs the extra board")

PATIENCE = 300  # seconds until something is given up that takes a few on a machine with nothing else to do
ENVIRONMENT = {**os.environ, "JAX_PLATFORMS": "cpu"}


class Board:
    """A board in a process of its own."""

    def __init__(self, folder):
        words = [sys.executable, "-m", "fallline", "board", str(folder)]
        self.process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.address = self.process.stdout.readline().strip()

    def asked(self, question, **parts):
        address = f"{self.address}api/{question}?{urllib.parse.urlencode(parts)}"
        with urllib.request.urlopen(address, timeout=PATIENCE) as answer:
            return json.load(answer)

    def run(self):
        """The only run in the list, or None until the board has seen it."""
        return next(iter(self.asked("runs")["runs"]), None)

    def run_beyond(self, epochs):
        """The run when it has trained more than some epochs."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            found = self.run()
            if found is not None and (found["epochs"] or 0) > epochs:
                return found
            time.sleep(0.2)
        pytest.fail(f"the board shows no epoch after {epochs}")

    def killed(self):
        self.process.kill()
        self.process.communicate()


def contents(folder):
    return {each.name: (each.read_bytes(), each.stat().st_mtime_ns) for each in folder.iterdir()}


@pytest.fixture
def training(tmp_path):
    """A training that goes on until it is interrupted."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    rows = np.column_stack([x, x.sum(axis=1) + rng.normal(size=200)])
    table = tmp_path / "rows.csv"
    np.savetxt(table, rows, delimiter=",", header="a,b,c,y", comments="", fmt="%.4f")
    words = ["train", str(table), "--target", "y", "--epochs", "100000000", "--patience", "none"]
    words += ["--checkpoint-seconds", "0.2", "--out", str(tmp_path / "runs" / "long")]
    command = [sys.executable, "-m", "fallline", *words]
    process = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    yield process
    process.kill()
    process.communicate()


def test_a_board_that_is_killed_and_started_again_shows_the_run_as_it_is_then(tmp_path, training):
    runs = tmp_path / "runs"
    runs.mkdir(exist_ok=True)
    first = Board(runs)
    try:
        seen = first.run_beyond(0)
        assert seen["status"] == "running"
    finally:
        first.killed()
    training.send_signal(signal.SIGSTOP)  # from here on, only the board could change the folder
    before = contents(runs / "long")
    second = Board(runs)
    try:
        frozen = second.run_beyond(seen["epochs"] - 1)
        key = frozen["id"]
        assert (key, frozen["status"]) == (seen["id"], "running")
        curve = second.asked("curves", ids=key, columns="valid_loss,train_loss", width=300)["curves"]
        assert {each["column"] for each in curve} == {"valid_loss", "train_loss"}
        assert second.asked("run", id=key)["name"] == "long"
        assert second.asked("compare", ids=key)["names"] == ["long"]
        assert contents(runs / "long") == before
        training.send_signal(signal.SIGCONT)
        later = second.run_beyond(frozen["epochs"])
        assert later["epochs"] > seen["epochs"]
        training.send_signal(signal.SIGINT)
        training.communicate(timeout=PATIENCE)
        assert training.returncode == 130
        end = second.run_beyond(later["epochs"] - 1)
        assert end["status"] == "stopped"
    finally:
        second.killed()
