"""`fallline doctor --system`: lines for a person, a document for a program; and `--device` in the commands."""

import json

import jax
import pytest

from fallline.cli.main import run as program
from fallline.cli.system import page
from fallline.core import device


def call(capsys, *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        program(list(arguments))
    out = capsys.readouterr()
    return stop.value.code, out.out, out.err


def test_the_machine_as_lines_and_as_a_document(capsys):
    code, lines, _ = call(capsys, "doctor", "--system")
    assert code == 0
    code, document, _ = call(capsys, "doctor", "--system", "--json")
    assert code == 0
    found = json.loads(document)
    assert f"{len(jax.devices())} x " in lines
    assert f"jax {found['packages']['jax']}" in lines
    assert found["cache"]["folder"] in lines


def test_a_machine_of_which_little_is_known():
    found = {
        "fallline": "1", "python": "3.12", "machine": "m", "cores": 2, "devices": [], "matmul_precision": "default",
        "memory": {"total": None, "free": None}, "cache": {"folder": "f", "programs": 0, "bytes": 0},
        "packages": {"jax": None}, "plugins": {}, "extras": {}, "notes": [],
    }  # fmt: skip
    lines = dict(line.split(maxsplit=1) for line in page(found))
    assert (lines["devices"], lines["memory"], lines["plugins"]) == ("none", "unknown, unknown free", "none")
    assert lines["packages"] == "jax not installed"
    card = {"platform": "gpu", "kind": "H100", "count": 2, "memory": 80_000_000_000}
    assert "devices   2 x H100 (gpu, 80 GB)" in page(found | {"devices": [card]})


@pytest.mark.parametrize("words", [["RUN", "--system"], ["--system", "--try"], ["--system", "--fix"]])
def test_the_machine_and_a_run_are_not_asked_at_once(capsys, words):
    code, _, said = call(capsys, "doctor", *words)
    assert (code, "leave RUN, --try and --fix out" in said) == (2, True)


def test_a_doctor_without_a_run_says_what_is_missing(capsys):
    code, _, said = call(capsys, "doctor")
    assert (code, "no RUN to diagnose: expected a run folder" in said) == (2, True)


@pytest.mark.parametrize("command", ["train", "tune"])
def test_a_device_of_another_name_leaves_nothing_behind(capsys, tmp_path, command):
    code, _, said = call(capsys, command, "sklearn:iris", "--device", "abacus", "--out", str(tmp_path / "run"))
    assert (code, "device 'abacus' is unknown: expected cpu or gpu" in said) == (2, True)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("command", [("train", "--epochs", "1"), ("tune", "--trials", "2")], ids=lambda words: words[0])
def test_a_device_that_is_there_is_used(capsys, monkeypatch, tmp_path, command):
    monkeypatch.setenv(device.VARIABLE, "")
    found, before = jax.devices()[0].platform, jax.config.jax_platforms
    name, *rest = command
    try:
        code, _, said = call(
            capsys, name, "sklearn:iris", "--device", found, *rest, "--out", str(tmp_path / "run"), "--json"
        )
    finally:
        jax.config.update("jax_platforms", before)
    assert code == 0, said
    assert (tmp_path / "run/model.safetensors").is_file()
