"""Commands whose disk, folder or process fails: nothing trained is lost, and no traceback is shown."""

import json
import os
import re
import shutil
import signal
import sys
import threading
from pathlib import Path

import pytest

from fallline import load_predictor
from fallline.cli.main import run as program
from fallline.cli.progress import PolicyProgress
from fallline.control.policy import load_policy
from fallline.core import files
from fallline.core.errors import FalllineError
from fallline.core.holding import Hold
from fallline.report.finished import read_finished
from fallline.searching.progress import SearchProgress
from fallline.searching.store import Store
from fallline.training.progress import RunProgress

SPACE = """
epochs = 3
patience = "none"
[model]
name = "mlp"
hidden = [4]
[optimizer]
name = "adam"
learning_rate = {name = "log_uniform", low = 1e-4, high = 1e-1}
"""
TRAIN = ["sklearn:iris", "--hidden", "4", "--epochs", "9", "--patience", "none", "--checkpoint-seconds", "0"]
TUNE = ["sklearn:iris", "--space", "space.toml", "--trials", "12", "--batch", "4"]
ARS = ["jax:cartpole", "--steps", "3000", "--directions", "2", "--kept", "1", "--checkpoint-seconds", "0", "--set"]
ARS += ["episodes=2"]
COMMANDS = {"train": TRAIN, "tune": TUNE, "ars": ARS}
WATCHED = {"train": RunProgress, "tune": SearchProgress, "ars": PolicyProgress}


@pytest.fixture
def call(tmp_path, monkeypatch, capsys):
    """A command within this process, in a folder of its own; places elsewhere are in that folder too."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("fallline.core.driving.CALL_SECONDS", 0.0)
    (tmp_path / "space.toml").write_text(SPACE)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setattr(files, "_places", lambda: iter([tmp_path / "elsewhere"]))

    def calling(*arguments):
        with pytest.raises(SystemExit) as stop:
            program(list(arguments))
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return stop.value.code, said.out, said.err

    return calling


@pytest.fixture
def at(monkeypatch):
    """Do something once, when a command has shown its work for the n-th time."""

    def doing(command, n, act):
        shown, kind = [], WATCHED[command]
        told = kind.__call__

        def tell(self, moment):
            shown.append(1)
            if len(shown) == n:
                act()
            told(self, moment)

        monkeypatch.setattr(kind, "__call__", tell)

    return doing


@pytest.fixture
def heeded():
    """SIGHUP heeded, as in a terminal: under `nohup` it is ignored, and then the command ignores it too."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    signal.signal(signal.SIGHUP, before)


def terminate(number=signal.SIGTERM):
    return lambda: os.kill(os.getpid(), number)


@pytest.mark.parametrize(
    ("command", "number", "code"),
    [
        ("train", signal.SIGTERM, 143),
        ("tune", signal.SIGTERM, 143),
        ("ars", signal.SIGTERM, 143),
        ("train", signal.SIGHUP, 129),
    ],
)
def test_a_signal_ends_a_command_as_ctrl_c_does_and_it_can_be_continued(call, at, heeded, command, number, code):
    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    at(command, 3, terminate(number))
    assert call(command, *COMMANDS[command], "--out", "run")[0] == code
    assert before == {each: signal.getsignal(each) for each in before}
    again = ["--resume", "run/study.db", "--out", "second"] if command == "tune" else ["--resume", "run"]
    ended, out, _ = call(command, *again, "--json")
    assert ended == 0
    document = json.loads(out)
    if command != "tune":  # the bits of an uninterrupted one
        whole = json.loads(call(command, *COMMANDS[command], "--out", "whole", "--json")[1])
        name = "model.safetensors" if command == "train" else "policy.safetensors"
        assert Path("run", name).read_bytes() == Path("whole", name).read_bytes()
        assert document["steps"] == whole["steps"]
    else:
        assert document["trials"] == 12


def test_a_signal_that_is_ignored_stays_ignored_and_one_before_any_work_is_a_sentence(call, monkeypatch):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        monkeypatch.setattr(
            "fallline.streams.opening.load", lambda **given: (terminate(signal.SIGHUP)(), terminate()())
        )
        code, _, err = call("train", *TRAIN)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert (code, err) == (143, "fallline: stopped\n")
    assert not Path("runs").exists()


def test_what_ctrl_c_says_was_saved_was_saved(call, at):
    for command in ("train", "ars"):
        at(command, 3, terminate(signal.SIGINT))
        code, _, err = call(command, *COMMANDS[command], "--out", command)
        assert code == 130
        (names,) = re.findall(rf"Saved in {command}: (.*)\.\n", err)
        assert {"checkpoint.safetensors"} <= set(os.listdir(command))
        assert set(names.split(", ")) <= set(os.listdir(command))
    assert "metrics.json" not in names  # which says of a policy that its training has ended
    assert "metrics.json" not in os.listdir("ars")


def test_of_several_seeds_those_are_named_that_are_there(call, at):
    at("ars", 15, terminate(signal.SIGINT))
    code, _, err = call("ars", *ARS, "--steps", "1000", "--seeds", "3", "--out", "run")
    assert code == 130
    for folder, names in re.findall(r"Saved in (\S+): (.*)\.\n", err):
        assert set(names.split(", ")) <= set(os.listdir(folder))
    assert (code := call("ars", "--resume", "run")[0]) == 0, code
    assert {"seed-0", "seed-1", "seed-2", "seeds.json", "recipe.toml"} == set(os.listdir("run"))


def test_ctrl_c_while_the_best_is_trained_once_more_says_so(call, at, monkeypatch):
    from fallline.searching import study

    fit = study.train

    def interrupted(*arguments, **options):
        return fit(*arguments, **options, watch=lambda moment: terminate(signal.SIGINT)())

    monkeypatch.setattr(study, "train", interrupted)
    code, _, err = call("tune", *TUNE, "--out", "run")
    assert code == 130
    assert "Interrupted after 12 trials, while the best was trained once more" in err
    assert "study.db" in os.listdir("run")
    assert "recipe.toml" not in os.listdir("run")


def lost(folder):
    return {
        "deleted": lambda: shutil.rmtree(folder),
        "replaced": lambda: (shutil.rmtree(folder), os.mkdir(folder), Path(folder, "theirs").write_text("")),
        "a file": lambda: (shutil.rmtree(folder), Path(folder).write_text("theirs")),
    }


@pytest.mark.parametrize("how", ["deleted", "replaced", "a file"])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_that_goes_in_training_is_replaced_by_another(call, at, command, how):
    at(command, 3, lost("run")[how])
    code, _, err = call(command, *COMMANDS[command], "--out", "run")
    assert code == 1
    (place,) = {each for each in re.findall(r"(\S*elsewhere/fallline-[^\s/:,]+)", err) if "study" not in each}
    assert Path(place).is_dir()
    if command == "ars":
        assert load_policy(Path(place) / "policy.safetensors").notes["episodes"] == 2
    else:
        assert load_predictor(place).predict("sklearn:iris").shape == (150,)
        assert read_finished(Path(place)).history["epoch"][-1] == (9 if command == "train" else 3)
    theirs = {"deleted": None, "replaced": ["theirs"], "a file": "theirs"}[how]
    found = Path("run").read_text() if how == "a file" else os.listdir("run") if how == "replaced" else None
    assert found == theirs
    if command == "tune":
        (where,) = set(re.findall(r"(\S*elsewhere/fallline-study-[^\s/]+/study\.db)", err))
        store = Store(where)
        store.begin(0, {})
        assert sum(row.outcome is not None for row in store.rows()) == 12


def test_an_interrupted_run_whose_folder_is_gone_goes_on_from_elsewhere(call, at):
    for command in ("train", "ars"):
        at(command, 3, lambda: (shutil.rmtree("run"), terminate()()))
        code, _, err = call(command, *COMMANDS[command], "--out", "run")
        assert code == 143
        (place,) = re.findall(rf"Continue with: fallline {command} --resume (\S+)", err)
        assert call(command, "--resume", place)[0] == 0
        assert call(command, *COMMANDS[command], "--out", f"whole-{command}")[0] == 0
        name = "model.safetensors" if command == "train" else "policy.safetensors"
        assert Path(place, name).read_bytes() == Path(f"whole-{command}", name).read_bytes()


@pytest.mark.parametrize("command", ["train", "ars"])
def test_out_on_resume_continues_in_another_folder(call, at, command):
    at(command, 3, terminate())
    assert call(command, *COMMANDS[command], "--out", "run")[0] == 143
    before = {each.name: each.read_bytes() for each in Path("run").iterdir()}
    assert call(command, "--resume", "run", "--out", "second")[0] == 0
    assert {each.name: each.read_bytes() for each in Path("run").iterdir()} == before
    assert call(command, *COMMANDS[command], "--out", "whole")[0] == 0
    name = "model.safetensors" if command == "train" else "policy.safetensors"
    assert Path("second", name).read_bytes() == Path("whole", name).read_bytes()
    assert not list(Path("second").glob("checkpoint*"))
    code, _, err = call(command, "--resume", "run", "--out", "second")
    assert code == 2
    assert "not empty" in err


@pytest.mark.parametrize("command", COMMANDS)
def test_a_place_that_cannot_be_written_is_a_sentence_before_training(call, monkeypatch, command):
    Path("file").write_text("")
    code, _, err = call(command, *COMMANDS[command], "--out", "file/run")
    lines = [line for line in err.splitlines() if not line.startswith("warning")]
    assert code == 2
    assert len(lines) == 1
    assert "cannot make" in lines[0]
    with monkeypatch.context() as patch:
        usage = shutil.disk_usage(".")
        patch.setattr(shutil, "disk_usage", lambda folder: usage._replace(free=1000))
        code, _, err = call(command, *COMMANDS[command], "--out", "run")
    assert code == 2
    assert "free space" in err
    assert not Path("run").exists()


@pytest.mark.parametrize("command", COMMANDS)
def test_a_second_writer_is_refused(call, command):
    os.mkdir("run")
    entered, over = threading.Event(), threading.Event()

    def hold():
        with Hold(Path("run")):
            entered.set()
            over.wait()

    thread = threading.Thread(target=hold)
    thread.start()
    entered.wait()
    code, _, err = call(command, *COMMANDS[command], "--out", "run")
    over.set()
    thread.join()
    assert code == 2
    assert "in use by" in err
    assert os.listdir("run") == []


def test_a_study_whose_database_fails_goes_on_in_another(call, monkeypatch):
    finish, calls = Store.finish, []

    def full(self, results):
        calls.append(1)
        if len(calls) == 2:
            raise FalllineError("study cannot be used: database or disk is full")
        finish(self, results)

    monkeypatch.setattr(Store, "finish", full)
    code, _, err = call("tune", *TUNE, "--out", "run")
    assert code == 1
    assert "database or disk is full: the study continues in" in err
    assert load_predictor("run").task == "classification"  # the folder itself is as good as before
    (where,) = set(re.findall(r"(\S*elsewhere/fallline-study-[^\s/]+/study\.db)", err))
    undisturbed = call("tune", *TUNE, "--out", "whole")[0]
    assert undisturbed == 0
    found = []
    for each in (where, "whole/study.db"):
        store = Store(each)
        store.begin(0, {})
        found.append([(row.number, row.point, row.outcome, row.score) for row in store.rows()])
    assert found[0] == found[1]


def test_a_closed_terminal_does_not_end_a_training(call, monkeypatch):
    class Closed:
        def write(self, text):
            raise OSError(5, "Input/output error")

        def flush(self):
            raise OSError(5, "Input/output error")

        def isatty(self):
            return False

    monkeypatch.setattr(sys, "stderr", Closed())
    assert call("train", *TRAIN, "--out", "run")[0] == 0
    assert read_finished(Path("run")).summary["outcome"] == "finished"
