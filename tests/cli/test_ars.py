"""`fallline ars` as a person or a script meets it."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from fallline.cli.main import run as program
from fallline.control.policy import load_policy

WORDS = [sys.executable, "-W", "error", "-m", "fallline", "ars"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2] / "src")}
ENVIRONMENT["XLA_FLAGS"] = os.environ.get("FALLLINE_TESTS_FLAGS", "")  # compiled as conftest.py compiles


def ars(capsys, *arguments: str) -> tuple[int, str, str]:
    """The command within this process."""
    with pytest.raises(SystemExit) as stop:
        program(["ars", *arguments])
    out = capsys.readouterr()
    return stop.value.code, out.out, out.err


def test_seeds_are_trained_told_and_replayed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code, out, _ = ars(capsys, "jax:cartpole", "--steps", "3e4", "--target", "300", "--seeds", "2", "--json")
    document = json.loads(out)
    assert code == 0
    assert [each["outcome"] for each in document["runs"]] == ["reached"] * 2
    assert set(document["scores"]) == {"0", "1"}
    low, high = document["quartiles"]
    assert low <= document["median"] <= high
    folder = Path(document["run"])
    assert {each.name for each in folder.iterdir()} == {"recipe.toml", "seeds.json", "seed-0", "seed-1"}
    files = {"policy.safetensors", "metrics.json", "history.parquet", "curve.svg"}
    assert {each.name for each in (folder / "seed-1").iterdir()} == files
    history = pl.read_parquet(folder / "seed-0/history.parquet")
    assert history["steps"][-1] == document["runs"][0]["steps"]
    notes = load_policy(folder / "seed-0/policy.safetensors").notes
    assert notes["score"] == document["scores"]["0"]

    code, out, err = ars(capsys, "--replay", str(folder / "seed-0"), "--episodes", "30")
    assert (code, out) == (0, "")
    assert "30 fresh episodes" in err
    again = folder / "again"
    code, out, _ = ars(capsys, "--recipe", str(folder / "recipe.toml"), "--seeds", "1", "--out", str(again), "--json")
    assert json.loads(out)["returns"] == document["runs"][0]["returns"]
    assert (again / "policy.safetensors").read_bytes() == (folder / "seed-0/policy.safetensors").read_bytes()


def test_flags_change_the_preset_and_a_target_that_is_not_reached_is_a_failure(tmp_path, capsys):
    flags = [
        "--hidden",
        "8",
        "--decay",
        "cosine",
        "--kept",
        "2",
        "--no-normalise",
        "--set",
        "episodes=5",
        "--seed",
        "3",
    ]
    code, out, _ = ars(
        capsys, "jax:cartpole", "--steps", "2000", "--target", "501", *flags, "--out", str(tmp_path / "a"), "--json"
    )
    document = json.loads(out)
    assert code == 1
    assert (document["outcome"], document["episodes"], document["seed"]) == ("completed", 5, 3)
    policy = load_policy(tmp_path / "a/policy.safetensors")
    assert policy.network.widths == (4, 8, 2)
    assert policy.scaling is None
    text = (tmp_path / "a/recipe.toml").read_text()
    assert "cosine" in text
    assert "kept = 2" in text


def test_a_killed_training_goes_on_with_the_bits_of_an_uninterrupted_one(tmp_path):
    flags = ["CartPole-v1", "--steps", "15000", "--checkpoint-seconds", "0", "--json"]
    whole = subprocess.run(
        [*WORDS, *flags, "--workers", "2", "--out", str(tmp_path / "whole")],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
    )
    assert whole.returncode == 0, whole.stderr
    cut = tmp_path / "cut"
    process = subprocess.Popen(
        [*WORDS, *flags, "--workers", "1", "--out", str(cut)], env=ENVIRONMENT, stdout=subprocess.PIPE
    )
    while not (cut / "checkpoint.safetensors").exists() and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (cut / "metrics.json").exists()
    resumed = subprocess.run([*WORDS, "--resume", str(cut), "--json"], env=ENVIRONMENT, capture_output=True, text=True)
    assert resumed.returncode == 0, resumed.stderr
    first, second = json.loads(whole.stdout), json.loads(resumed.stdout)
    assert second["evaluations"] == first["evaluations"]
    assert second["returns"] == first["returns"]
    for name in ("policy.safetensors", "history.parquet"):
        assert (cut / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert not (cut / "checkpoint.safetensors").exists()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "no ENVIRONMENT"),
        (("CartPol-v1",), "did you mean 'CartPole-v1'"),
        (("jax:pong",), "unknown"),
        (("jax:lqr", "--directions", "0"), "directions"),
        (("jax:lqr", "--kept", "99"), "kept"),
        (("jax:lqr", "--method", "arse"), "'ars'"),
        (("jax:lqr", "--decay", "cliff"), "cosine"),
        (("jax:lqr", "--seed", "-1"), "seed"),
        (("jax:lqr", "--seeds", "0"), "seeds"),
        (("jax:lqr", "--workers", "0"), "workers"),
        (("jax:lqr", "--set", "noise"), "="),
        (("jax:lqr", "--video", "a.mp4"), "--replay"),
        (("--replay", "nothing.safetensors"), "not there"),
        (("--replay", "nothing.safetensors", "--steps", "5"), "leave the flags"),
        (("--resume", "nowhere"), "not a run folder"),
        (("--resume", "nowhere", "--seed", "1"), "leave the other flags out"),
    ],
)
def test_bad_input_is_one_sentence_and_leaves_nothing_behind(arguments, says, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code, out, err = ars(capsys, *arguments)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert says in err
    assert not list(tmp_path.iterdir())
