"""The board's process stays small: it never loads JAX, which alone would take two thirds of its memory."""

import json
import subprocess
import sys

import pytest
from tests.board.making import finished, study, training

pytest.importorskip("starlette", reason="needs the extra board")
pytest.importorskip("uvicorn", reason="needs the extra board")

# What the process of `fallline board` does for a page that looks at every run, with the command's own modules.
ASKING = """
import importlib, json, pathlib, pkgutil, sys
import fallline.cli.app, fallline.cli.main, fallline.board
from fallline.board.app import Board
from fallline.board.details import compared, details
from fallline.board.searching import matches
from fallline.board.server import bound, server_of

for module in pkgutil.iter_modules(fallline.board.__path__):
    importlib.import_module(f"fallline.board.{module.name}")
folder = pathlib.Path(sys.argv[1])
with bound(0) as listening:
    server_of(folder, listening)
board = Board(folder)
board.index.refresh(float("inf"))
runs = board.index.runs
said = [details(each) for each in runs]
compared(runs)
curves = board.curves.answer([each.key for each in runs], ["valid_loss"], 100)
heavy = sorted({name.partition(".")[0] for name in sys.modules} & {"jax", "jaxlib", "equinox", "sklearn", "sqlalchemy"})
print(json.dumps({
    "heavy": heavy, "runs": len(runs), "found": [each.name for each in runs if matches(each, "learning_rate>0.0001")],
    "values": [line["values"] for each in said if each["study"] for line in each["study"]["table"]],
}))
"""


def test_no_question_loads_jax(tmp_path):
    finished(tmp_path, "done")
    training(tmp_path, "going", 4)
    study(tmp_path, "search", [0.5, 0.25]).close()
    asked = subprocess.run(
        [sys.executable, "-c", ASKING, str(tmp_path)], capture_output=True, text=True, check=True, timeout=100
    )
    said = json.loads(asked.stdout)
    assert said["heavy"] == []
    assert said["runs"] == 3
    assert "going" in said["found"]
    assert [list(each) for each in said["values"]] == [["optimizer.learning_rate"]] * 2
