"""A new strategy is one new file and one line: everything else finds it by itself."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import fallline

STRATEGY = '''"""Random points, each followed by its mirror image."""

from typing import ClassVar

import numpy as np

from fallline.core.field import number
from fallline.strategies.base import Strategy


class Antithetic(Strategy):
    """Pairs of opposite random points.

    Source: Hammersley and Morton, "A new Monte Carlo technique: antithetic variates", 1956.
    """

    name: ClassVar[str] = "antithetic"
    learns: ClassVar[bool] = False
    batch_invariant: ClassVar[bool] = True
    middle: float = number(0.5, valid="(0, 1)", usual=(0.3, 0.7), help="what the points are mirrored at")

    def propose(self, space, trial_history, numbers, seed):
        half = [self.draws(seed, each // 2).random(len(space)) for each in numbers]
        points = np.array(half).reshape(-1, len(space))
        mirrored = np.array(numbers, int) % 2 == 1
        points[mirrored] = np.clip(2 * self.middle - points[mirrored], 0, 1)
        return space.snap(points)
'''
ASKED = """
import contextlib, io, json
from fallline.cli.main import app
from fallline.core.plain import from_plain
from fallline.searching.description import strategy_to_plain
from fallline.strategies.named import strategy_named
from fallline.testing import check

def said(*words):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        app(args=list(words), standalone_mode=False)
    return out.getvalue()

strategy = strategy_named("antithetic")
check(strategy)
plain = strategy_to_plain(strategy)
assert from_plain("strategy", plain) == strategy
print(json.dumps([said("explain"), said("explain", "antithetic"), " ".join(said("tune", "--help").split()), plain]))
"""


def test_a_new_strategy_is_one_file_and_one_line(tmp_path):
    home = Path(fallline.__file__).parent
    shutil.copytree(home, tmp_path / "fallline", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "fallline/strategies/antithetic.py").write_text(STRATEGY)
    with open(tmp_path / "fallline/strategies/__init__.py", "a") as front:
        front.write("from fallline.strategies.antithetic import Antithetic as Antithetic\n")
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "COLUMNS": "200"}
    done = subprocess.run([sys.executable, "-c", ASKED], capture_output=True, text=True, env=environment, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    listed, explained, options, plain = json.loads(done.stdout)
    assert "strategy     antithetic, coarse_to_fine" in listed
    assert explained.startswith("antithetic (strategy): Pairs of opposite random points.")
    assert "what the points are mirrored at" in explained
    assert "tpe (default), antithetic, coarse_to_fine" in options
    assert plain == {"name": "antithetic", "middle": 0.5}
