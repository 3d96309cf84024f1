"""`fallline train --learning-rate find` and what it refuses."""

import pytest

from fallline.cli.main import run as program
from fallline.training.folder import read_plan


def call(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        program(["train", *arguments])
    out = capsys.readouterr()
    return stop.value.code, out.err


def test_the_found_rate_is_said_and_is_in_the_recipe(tmp_path, capsys):
    code, err = call(
        capsys,
        "sklearn:iris",
        "--learning-rate",
        "find",
        "--hidden",
        "4",
        "--epochs",
        "3",
        "--out",
        str(tmp_path / "run"),
    )
    assert code == 0, err
    (said,) = [each for each in err.splitlines() if each.startswith("Learning rate ")]
    rate = read_plan(tmp_path / "run" / "recipe.toml").recipe.optimizer.learning_rate.peak
    assert said.startswith(f"Learning rate {rate:g}: the middle of the plateau")
    page = tmp_path / "run" / "learning_rate.html"
    assert f"The rates that were tried: {page}" in err
    assert f"suggested {rate:g}" in page.read_text()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("sklearn:iris", "--learning-rate", "fnd"), "--learning-rate 'fnd' is not a number"),
        (("--learning-rate", "find"), "no SOURCE"),
        (("sklearn:iris", "--learning-rate", "find", "--optimizer", "lbfgs"), "chooses its own steps"),
        (("--resume", "x", "--learning-rate", "find"), "leave all other flags"),
    ],
)
def test_bad_input(arguments, says, capsys):
    code, err = call(capsys, *arguments)
    assert code == 2
    assert says in err
