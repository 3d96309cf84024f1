"""A new rule, layer, strategy, probe or command is one new file and at most two lines: everything else finds it by itself."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

import fallline


class New(NamedTuple):
    """What somebody adds.

    Arguments:
        file: the new one.
        text: what it holds.
        edited: the one other file.
        lines: for each line added to it, the line that it follows; "" for the end.
        asked: a program that finds it, in the copy.
    """

    file: str
    text: str
    edited: str
    lines: dict[str, str]
    asked: str


BEGINNING = """
import contextlib, io
from pathlib import Path
import numpy as np
import fallline as fl
from fallline.cli.app import app
from fallline.core.plain import from_plain, to_plain
from fallline.testing import check

def said(*words):
    with contextlib.redirect_stdout(io.StringIO()) as out:
        app(args=list(words), standalone_mode=False)
    return " ".join(out.getvalue().split())

x = np.random.default_rng(0).normal(size=(80, 3)).astype(np.float32)
table = fl.Table.from_arrays(x, (x[:, 0] > 0).astype(int))
"""

RULE = New(
    "optimizers/sign.py",
    '''"""Steps of one length."""

from typing import Any, ClassVar

import jax
import jax.numpy as jnp

from fallline.core.field import Number, number
from fallline.core.tree import Tree
from fallline.optimizers.base import Optimizer, rate


class SignDescent(Optimizer):
    """Steps of one length: only the sign of each slope counts, and small slopes count as 0.

        w <- w - a sign(g) if |g| > dead

    Source: Bernstein et al., "signSGD: compressed optimisation for non-convex problems", 2018, algorithm 1.
    """

    name: ClassVar[str] = "sign_descent"
    large: ClassVar[str] = "taken"
    own_rate: ClassVar[bool] = True
    learning_rate: Number = rate(1e-3, (1e-5, 1e-1))
    dead: Number = number(0.0, valid="[0, inf)", usual=(0.0, 1e-3), searched=True, help="largest slope that counts as 0")

    def begin(self, params: Tree) -> Any:
        return ()

    def step(self, gradient: Tree, state: Tree, params: Tree = None, **evidence: Any) -> tuple[Any, Any]:
        sign = lambda g: jnp.where(jnp.abs(g) > self.dead, jnp.sign(g), 0)
        return jax.tree.map(lambda g: -self.learning_rate * sign(g), gradient), state
''',
    "optimizers/__init__.py",
    {"from fallline.optimizers.sign import SignDescent as SignDescent": ""},
    """
rule = from_plain("optimizer", {"name": "sign_descent", "learning_rate": 0.02})
run = fl.train(fl.Recipe(encoding=None, model=fl.MLP(hidden=(8,)), optimizer=rule, epochs=10), table)
assert run.metrics["train"]["accuracy"] > 0.9, run.metrics
assert "sign_descent" in said("explain")
assert "only the sign of each slope counts" in said("explain", "sign_descent")
assert to_plain(rule) == {"name": "sign_descent", "learning_rate": 0.02, "dead": 0.0}
# The command line leaves its rate alone, as the rule asks, and a search without a space varies both numbers.
from fallline.cli.recipes import changed
from fallline.searching.default_space import default_space
flagged = changed(fl.Recipe(), {"optimizer": "sign_descent"}, [])
assert flagged.optimizer.learning_rate == 1e-3, flagged.optimizer
assert {"optimizer.learning_rate", "optimizer.dead"} < set(default_space(flagged).names)
assert "own-rate: yes" in said("explain", "sign_descent")
check(rule)
""",
)

LAYER = New(
    "layers/centre.py",
    '''"""A layer that takes the mean away."""

from typing import ClassVar

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from fallline.core.field import Number, number
from fallline.core.random import Seed
from fallline.initializers import Fans
from fallline.layers.base import Layer, LayerCall, Params, Stats


class Centre(Layer):
    """Takes away each unit's mean over the minibatch; in prediction, a running average of it.

        y = x - mu,  average <- momentum average + (1 - momentum) mu

    Source: Salimans and Kingma, "Weight normalization", 2016, section 4 (mean-only batch normalisation).
    """

    name: ClassVar[str] = "centre"
    momentum: Number = number(0.9, valid="[0, 1)", usual=(0.8, 0.99), help="share of the running average that is kept")

    def init(self, key: Seed, shape: tuple[int, ...], fans: Fans | None = None) -> tuple[Params, Stats]:
        return {}, {"mean": jnp.zeros(shape[-1])}

    def apply(
        self, params: Params, stats: Stats, x: Float[Array, "batch inputs"], call: LayerCall
    ) -> tuple[Float[Array, "batch outputs"], Stats]:
        if not call.training:
            return x - stats["mean"], stats
        w = jnp.ones(x.shape[0], x.dtype) if call.weight is None else call.weight
        mu = (w / jnp.maximum(jnp.sum(w), 1e-30)) @ x
        average = self.momentum * stats["mean"] + (1.0 - self.momentum) * mu
        return x - mu, {"mean": lax.stop_gradient(average)}
''',
    "layers/__init__.py",
    {"from fallline.layers.centre import Centre as Centre": ""},
    """
layer = from_plain("layer", {"name": "centre", "momentum": 0.8})
model = fl.Network((fl.Dense(8), layer, fl.ReLU()))
run = fl.train(fl.Recipe(encoding=None, model=model, epochs=20, patience=None), table)
run.model.save("model.safetensors")
again = fl.load_predictor("model.safetensors")
np.testing.assert_array_equal(again.predict(x), run.model.predict(x))
assert run.metrics["train"]["accuracy"] > 0.8, run.metrics
assert "centre" in said("explain")
assert "share of the running average" in said("explain", "centre")
check(layer)
# A layer that keeps statistics is checked in both modes.
assert list(fl.check_recipe(fl.Recipe(encoding=None, model=model), table).gradients) == ["training", "predicting"]
""",
)

NOISE = New(
    "layers/noise.py",
    '''"""A layer that adds noise."""

from typing import ClassVar

from jaxtyping import Array, Float

from fallline.core.field import Number, number
from fallline.core.random import normal
from fallline.layers.base import Layer, LayerCall, Params, Stats


class Noise(Layer):
    """Adds Gaussian noise while training.

        y = x + deviation n,  n ~ N(0, 1)

    Source: Bishop, "Training with noise is equivalent to Tikhonov regularization", 1995.
    """

    name: ClassVar[str] = "noise"
    random: ClassVar[bool] = True
    deviation: Number = number(0.1, valid="[0, inf)", usual=(0.01, 1.0), read="training", help="of the noise")

    def apply(
        self, params: Params, stats: Stats, x: Float[Array, "batch inputs"], call: LayerCall
    ) -> tuple[Float[Array, "batch outputs"], Stats]:
        return (x + self.deviation * normal(call.key, x.shape) if call.training else x), stats
''',
    "layers/__init__.py",
    {"from fallline.layers.noise import Noise as Noise": ""},
    """
layer = from_plain("layer", {"name": "noise", "deviation": 3.0})
recipe = fl.Recipe(encoding=None, model=fl.Network((fl.Dense(8), layer, fl.ReLU())), epochs=2)
checked = fl.check_recipe(recipe, table)  # its gradient is that of the network without noise, and so is its few rows' fit
assert checked.gradients["training"].right
assert {each.name: each.state for each in checked.sanity}["overfits"] == "ok", checked.sanity
assert fl.train(recipe, table).outcome is fl.Outcome.FINISHED
check(layer)
""",
)

STRATEGY = New(
    "strategies/antithetic.py",
    '''"""Random points, each followed by its mirror image."""

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
''',
    "strategies/__init__.py",
    {"from fallline.strategies.antithetic import Antithetic as Antithetic": ""},
    """
from fallline.searching.description import strategy_to_plain
from fallline.strategies.named import strategy_named
strategy = strategy_named("antithetic")
check(strategy)
plain = strategy_to_plain(strategy)
assert plain == {"name": "antithetic", "middle": 0.5}
assert from_plain("strategy", plain) == strategy
assert "strategy antithetic, coarse_to_fine" in said("explain")
assert said("explain", "antithetic").startswith("antithetic (strategy): Pairs of opposite random points.")
assert "what the points are mirrored at" in said("explain", "antithetic")
assert "tpe (default), antithetic, coarse_to_fine" in said("tune", "--help")
""",
)

PROBE = New(
    "probes/largest.py",
    '''"""How large weights become."""

from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from fallline.probes.base import Axis, Probe
from fallline.probes.context import Context


class LargestWeight(Probe):
    """Each layer's largest weight, max_ij |w_ij|."""

    name: ClassVar[str] = "largest_weight"
    axis: ClassVar[Axis] = "layer"
    title: ClassVar[str] = "Largest weight"
    help: ClassVar[str] = "Fast growth hints at a learning rate that is too high."

    def compute(self, context: Context) -> Float[Array, " layers"]:
        return context.per_layer(lambda name: jnp.max(jnp.abs(context.params[name]["weight"])))
''',
    "probes/__init__.py",
    {
        "from fallline.probes.largest import LargestWeight": "from fallline.probes.context import Tap as Tap",
        "    LargestWeight(),": "RECORDED: tuple[Probe, ...] = (",
    },
    """
run = fl.train(fl.Recipe(encoding=None, model=fl.MLP(hidden=(4,)), epochs=3), table)
largest = run.history["dense_1.largest_weight"]
assert largest.shape == (3,) and (largest > 0).all(), largest
said("train", "sklearn:iris", "--epochs", "2", "--hidden", "4", "--out", "run")
page = Path("run/report.html").read_text()
assert "Largest weight" in page and "a learning rate that is too high" in page
lanes = fl.evaluate([fl.Recipe(encoding=None, model=fl.MLP(hidden=(width,)), epochs=3) for width in (3, 4)], table)
assert lanes.history(0)["dense_1.largest_weight"].shape == (3,)
assert "largest_weight" in said("explain")
check(fl.probes.RECORDED[0])
""",
)

COMMAND = New(
    "cli/rows.py",
    '''"""`fallline rows`: how many rows a source has."""

from typing import Annotated

import typer


def rows(source: Annotated[str, typer.Argument(help="a file, or sklearn:NAME")]) -> int:
    """Count the rows of a source."""
    from fallline.data.sources import read

    print(f"{read(source).frame.height:,} rows")
    return 0
''',
    "cli/app.py",
    {
        "from fallline.cli.rows import rows": "from fallline.cli.report import report",
        "app.command()(stoppable(rows))": "app.command()(stoppable(report))",
    },
    """
Path("t.csv").write_text("a,b\\n" + "1,2\\n" * 1234)
assert said("rows", "t.csv") == "1,234 rows"
assert "Count the rows of a source" in said("--help")
assert "a file, or sklearn:NAME" in said("rows", "--help")
""",
)


NEW = [RULE, LAYER, NOISE, STRATEGY, PROBE, COMMAND]
# Each program in its own names, one after the other: starting Python, JAX and the compiler takes longer than all of them.
ASKING = """
import json, sys, traceback
failed = []
for file, program in json.load(sys.stdin):
    try:
        exec(compile(program, file, "exec"), {"__name__": file})
    except Exception:
        failed.append(file + ": " + traceback.format_exc())
sys.exit("\\n".join(failed) or 0)
"""


@pytest.mark.parametrize("new", NEW, ids=lambda new: new.file)
def test_it_adds_at_most_two_lines_elsewhere(new):
    assert len(new.lines) <= 2
    assert not (Path(fallline.__file__).parent / new.file).exists()


def test_new_files_are_found_everywhere(tmp_path):
    copy = tmp_path / "fallline"
    shutil.copytree(Path(fallline.__file__).parent, copy, ignore=shutil.ignore_patterns("__pycache__"))
    for new in NEW:
        (copy / new.file).write_text(new.text)
        edited = (copy / new.edited).read_text().splitlines()
        for line, after in new.lines.items():
            edited.insert(edited.index(after) + 1 if after else len(edited), line)
        (copy / new.edited).write_text("\n".join(edited) + "\n")
    quick = os.environ.get("FALLLINE_TESTS_FLAGS", "")  # as conftest.py compiles: here it is the finding that counts
    environment = os.environ | {"PYTHONPATH": str(tmp_path), "COLUMNS": "200", "XLA_FLAGS": quick}
    done = subprocess.run(
        [sys.executable, "-c", ASKING],
        input=json.dumps([(new.file, BEGINNING + new.asked) for new in NEW]),
        capture_output=True, text=True, env=environment, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
