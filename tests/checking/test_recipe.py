"""The whole network: right in every mode, wrong where a part of it is; and what must hold before a training."""

import json
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fallline as fl
from fallline.activations import Activation
from fallline.checking import check_recipe
from fallline.checking.sanity import FEW
from fallline.cli.main import run as program
from fallline.cli.progress import CheckProgress
from fallline.core.errors import FalllineError


@pytest.fixture(scope="module")
def flowers():
    rng = np.random.default_rng(0)
    x = rng.normal([10, -3, 0, 0.5], [5, 0.1, 1, 2], (90, 4)).astype(np.float32)
    return fl.Table.from_arrays(x, np.digitize(x[:, 0] + rng.normal(0, 5, 90), [8, 12]), valid=0.16)


RECIPE = fl.Recipe(
    encoding=None, model=fl.MLP(hidden=(16, 8), batch_norm=True, dropout=0.2), penalty=fl.L2(fl.Cosine(0.01))
)


def by_name(check):
    return {each.name: each for each in check.sanity}


def test_a_sound_recipe(flowers):
    seen = []
    check = check_recipe(RECIPE, flowers, watch=lambda *moment: seen.append(moment))
    assert check.right
    assert [mode for mode, done, total in seen if done == total] == ["training", "predicting"]
    assert set(check.gradients) == {"training", "predicting"}
    assert check.parameters == 4 * 16 + 32 + 16 * 8 + 16 + 8 * 3 + 3
    for each in check.gradients.values():
        assert each.right, each.verdict
        assert sum(len(array.checked) for array in each.arrays) == check.parameters
        assert all(len(line) <= 80 for line in str(each).splitlines()[1:])
    found = by_name(check)
    assert found["first loss"].numbers["expected"] == pytest.approx(np.log(3), rel=1e-6)
    assert found["penalty"].numbers["penalty"] > 0
    assert found["overfits"].numbers["rows"] == FEW
    assert found["overfits"].numbers["least"] < 0.05
    assert found["moves"].state == "ok"
    assert not jax.config.jax_enable_x64


@jax.custom_vjp
def _faulty(x):
    return jnp.tanh(x)


_faulty.defvjp(lambda x: (jnp.tanh(x), x), lambda x, dy: (dy * (1 - x**2),))


class Faulty(Activation):
    """tanh with the slope of the wrong variable."""

    name: ClassVar[str] = ""

    def __call__(self, x):
        return _faulty(x)


def test_a_faulty_activation_is_found_below_it_and_not_above(flowers):
    check = check_recipe(fl.Recipe(encoding=None, model=fl.MLP(hidden=(5,), activation=Faulty())), flowers)
    assert not check.right
    (gradient,) = check.gradients.values()
    assert {each.name for each in gradient.arrays if each.faults} == {"dense_1.weight", "dense_1.bias"}


def test_what_is_amiss_before_a_training_is_said(flowers):
    slow = fl.Recipe(encoding=None, model=fl.MLP(hidden=(5,)), optimizer=fl.SGD(0.0), penalty=fl.L2(0.0))
    found = by_name(check_recipe(slow, flowers))
    assert found["overfits"].state == "wrong"
    assert found["moves"].state == "wrong"
    assert found["penalty"].state == "ok"
    assert "strength 0" in found["penalty"].found
    still = fl.Recipe(
        encoding=None, model=fl.Network((fl.Dense(5, bias_initializer=fl.initializers.Filled(-50.0)), fl.ReLU()))
    )
    found = by_name(check_recipe(still, flowers))
    assert found["dead units"].numbers == {"activation_1": 1.0}
    assert found["dead units"].state == "look"
    with pytest.raises(FalllineError, match="rows"):
        check_recipe(slow, flowers, rows=1)


def test_a_regression_starts_at_the_variance_of_its_target():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(80, 3)).astype(np.float32)
    data = fl.Table.from_arrays(x, 5000 + 100 * x[:, 0] + rng.normal(size=80))
    found = by_name(check_recipe(fl.Recipe(encoding=None, model=fl.MLP(hidden=(8,), layer_norm=True)), data))
    assert found["first loss"].numbers["expected"] == pytest.approx(1.0, abs=0.05)


def test_progress_is_a_line_now_and_then_where_there_is_no_terminal(capsys, monkeypatch):
    now = 0.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    with CheckProgress(quiet=False) as progress:
        for now, done in ((0.0, 1), (11.0, 60), (12.0, 100), (22.0, 200)):  # noqa: B007 - the clock reads it
            progress("training", done, 600)
    assert capsys.readouterr().err.splitlines() == [
        "gradient, as in training: 60 of 600 evaluations",
        "gradient, as in training: 200 of 600 evaluations, about 44 s left",
    ]


def call(capsys, *words):
    with pytest.raises(SystemExit) as stop:
        program([str(each) for each in words])
    out = capsys.readouterr()
    return stop.value.code, out.out, out.err


def test_the_command(tmp_path, capsys):
    folder = tmp_path / "run"
    assert (
        call(
            capsys, "train", "sklearn:iris", "--hidden", "4", "--epochs", "2", "--set", "encoding=none", "--out", folder
        )[0]
        == 0
    )
    code, out, _ = call(capsys, "check", folder, "sklearn:iris")
    assert code == 0
    assert "35 trained parameters" in out
    assert all(len(line) <= 80 for line in out.splitlines())
    code, out, _ = call(capsys, "check", folder / "recipe.toml", "--json", "--share", "0.5")
    found = json.loads(out)
    assert code == 0
    assert found["right"] is True
    assert 0.5 <= found["gradients"]["training"]["share"] < 0.6  # at least one number of each array
    (folder / "slow.toml").write_text((folder / "recipe.toml").read_text().replace("peak = 0.003", "peak = 0.0"))
    assert call(capsys, "check", folder / "slow.toml")[0] == 1
    for words, says in (
        (["check", folder], "no SOURCE"),
        (["check", folder, "sklearn:iris", "--target", "y"], "--target"),
        (["check", tmp_path / "none.toml", "sklearn:iris"], "none.toml"),
        (["check", folder, "sklearn:iris", "--share", "2"], "share"),
        (["check", folder, "sklearn:iris", "--rows", "1"], "rows"),
    ):
        code, out, err = call(capsys, *words)
        assert (code, out) == (2, "")
        assert says in err
