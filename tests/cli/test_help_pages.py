"""Help pages on a screen: headings, every flag named, and shell completion."""

import re
import subprocess
import sys

import pytest
from typer.main import get_command

from fallline.cli.app import app
from fallline.cli.help_pages import HEADINGS, MANY
from fallline.cli.main import run as program

COMMANDS = get_command(app).commands
LARGE = [name for name, each in COMMANDS.items() if len(each.params) > MANY and name != "terrain"]


def page(capsys, monkeypatch, *words):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as stop:
        program(list(words))
    assert stop.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("command", LARGE)
def test_a_page_of_many_flags_fits_a_screen_and_names_them_all(command, capsys, monkeypatch):
    short, whole = (page(capsys, monkeypatch, command, each) for each in ("--help", "--help-all"))
    assert len(short.splitlines()) <= 40
    assert max(map(len, short.splitlines())) <= 80
    flags = {each.opts[0] for each in COMMANDS[command].params if each.param_type_name == "option"} - {"-h"}
    assert flags - {"--help"} <= set(re.findall(r"--[a-z0-9-]+", short))
    assert f"fallline {command} --help-all explains" in short
    assert "also --" not in whole
    for each in COMMANDS[command].params:
        if each.help and "{" not in each.help and each.name != "help":
            assert " ".join(each.help.split()) in " ".join(whole.split()), each.name


def test_every_heading_has_flags_that_exist():
    known = {param.name for each in COMMANDS.values() for param in each.params}
    assert {name for names in HEADINGS.values() for name in names} <= known


def test_commands_and_flags_are_completed(tmp_path):
    def completed(*words):
        places = {
            "_FALLLINE_COMPLETE": "complete_bash",
            "COMP_WORDS": " ".join(words),
            "COMP_CWORD": str(len(words) - 1),
        }
        import os

        environment = {**os.environ, **places}
        out = subprocess.run([sys.executable, "-m", "fallline"], env=environment, capture_output=True, text=True)
        return out.stdout.split()

    assert completed("fallline", "tra") == ["train", "trainability"]
    assert completed("fallline", "tune", "--neste") == ["--nested"]
