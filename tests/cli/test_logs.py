"""`--log`: what it names is told of a training and of a search, and what is wrong with it is said before rows are read."""

import sys
from typing import ClassVar

import numpy as np
import pytest

import fallline as fl
from fallline.cli.logs import LogFlags
from fallline.cli.main import run as program
from fallline.core.errors import FalllineError
from fallline.core.field import structure

TOLD: list[object] = []


class HeardByATest(fl.Callback):
    """Keeps what it is told."""

    name: ClassVar[str] = "heard_by_a_test"
    title: str = structure("none", help="what it calls itself")

    def begin(self, begun):
        TOLD.append((self.title, begun.kind))

    def epoch(self, state, number, values):
        TOLD.append(number)

    def end(self, state, ended):
        TOLD.append(ended.outcome)


def call(*words: str) -> int:
    with pytest.raises(SystemExit) as stop:
        program([str(each) for each in words])
    return int(stop.value.code)


@pytest.fixture
def rows(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = np.random.default_rng(0).normal(size=(40, 2)).round(3)
    (tmp_path / "rows.csv").write_text("a,y\n" + "".join(f"{a},{b}\n" for a, b in made))
    TOLD.clear()
    return ["rows.csv", "--target", "y", "--hidden", "2", "--epochs", "2"]


def test_a_training_is_told_and_is_not_only_looked_up(rows, monkeypatch):
    log = ["--log", "heard_by_a_test:title=mine"]
    assert call("train", *rows, *log) == 0
    assert TOLD == [("mine", "training"), 1, 2, "finished"]
    finds = []
    monkeypatch.setattr("fallline.cli.train.train_and_save", lambda *_, find, **__: (finds.append(find) or 0, None))
    assert [call("train", *rows, *log), call("train", *rows)] == [0, 0]
    assert finds == [False, True]


def test_a_search_is_told(rows, monkeypatch):
    given = {}
    monkeypatch.setattr("fallline.searching.search.search", lambda **options: given.update(options) or 1 / 0)
    with pytest.raises(ZeroDivisionError):
        program(["tune", *rows, "--trials", "2", "--log", "heard_by_a_test:title=mine"])
    assert [each.title for each in given["callbacks"]] == ["mine"]


def test_the_fields_of_a_tool_may_hold_colons_and_signs():
    flags = LogFlags(log=["heard_by_a_test:title=sqlite:///a.db?mode=ro", "heard-by-a-test"])
    assert [each.title for each in flags.callbacks()] == ["sqlite:///a.db?mode=ro", "none"]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("tensorbord", "did you mean 'tensorboard'"),
        ("wandb", "callback 'wandb' is unknown"),
        ("heard_by_a_test:title", "has no '=' in 'title'"),
        ("heard_by_a_test:titel=x", "has no field 'titel'"),
    ],
)
def test_what_is_unknown_is_refused_in_a_sentence(said, expected, capsys):
    assert call("train", "no_such_file.csv", "--log", said) == 2
    assert expected in capsys.readouterr().err


@pytest.mark.parametrize(("tool", "module"), [("tensorboard", "tensorboardX"), ("mlflow", "mlflow")])
def test_a_missing_package_is_named_before_rows_are_read(tool, module, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(FalllineError, match=rf'--log {tool} needs .*"fallline\[{tool}\]"'):
        LogFlags(log=[tool]).callbacks()
