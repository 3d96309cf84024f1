"""`.ci/run` with Pythons that only write down what they are asked: which ones it takes, and what makes it fail."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PYTHON = """#!/bin/bash
here=$(dirname "$0"); version=@VERSION@; log=@LOG@
case "$1 $2" in
    "- "*) [ "$version" = old ] || echo "$version $2" ;;
    "-m venv") mkdir -p "$3/bin"; cp "$0" "$3/bin/python"
        for tool in ruff mypy lint-imports mkdocs; do printf '#!/bin/bash\\necho "%s" >>%s\\n' "$version $tool" "$log"; done |
            tee "$3/bin/ruff" "$3/bin/mypy" "$3/bin/mkdocs" >"$3/bin/lint-imports"
        chmod +x "$3"/bin/* ;;
    "-m pip") echo "WARNING: Location is noise"; echo "told by pip"; [ "$version" != "$FAILS" ] ;;
    "-m pytest") echo "$version pytest" >>"$log"; [ "$version" != "$RED" ] ;;
    *) ;;
esac
"""


def ci(tmp_path, versions, **environment):
    """Exit status, what was said, and what ran, with some Pythons on the PATH."""
    log, bin_ = tmp_path / "log", tmp_path / "bin"
    bin_.mkdir()
    for name in (
        "bash",
        "dirname",
        "mktemp",
        "rm",
        "mkdir",
        "cp",
        "tee",
        "chmod",
        "sed",
        "sort",
        "head",
        "tail",
        "cat",
    ):
        (bin_ / name).symlink_to(shutil.which(name))
    for name, version in versions.items():
        text = PYTHON.replace("@VERSION@", version).replace("@LOG@", str(log))
        (bin_ / name).write_text(text)
        (bin_ / name).chmod(0o755)
    log.touch()
    done = subprocess.run(
        ["bash", str(ROOT / ".ci" / "run")],
        env={"PATH": str(bin_), "TMPDIR": str(tmp_path), "FAILS": "", "RED": "", **environment},
        capture_output=True,
        text=True,
    )
    assert {each.name for each in tmp_path.iterdir()} == {"log", "bin"}  # nothing is left behind
    return done.returncode, done.stdout + done.stderr, log.read_text().split("\n")[:-1]


VERSIONS = {"python3": "old", "python3.12": "3.12.1", "python3.20": "3.20.0", "python3.11": "3.11.7"}


def test_the_oldest_and_the_newest_are_found_named_and_used(tmp_path):
    status, said, ran = ci(tmp_path, VERSIONS)
    assert status == 0, said
    assert f"Python 3.11.7 (the oldest supported here): {tmp_path}/bin/python3.11" in said
    assert f"Python 3.20.0 (the newest): {tmp_path}/bin/python3.20" in said
    assert ran[-2:] == ["3.11.7 pytest", "3.20.0 pytest"]
    assert {each.split()[0] for each in ran[:-1]} == {"3.11.7"}
    assert "told by pip" in said
    assert "noise" not in said


@pytest.mark.parametrize("version", ["3.11.7", "3.20.0"])
def test_an_install_that_fails_fails_loudly(tmp_path, version):
    status, said, ran = ci(tmp_path, VERSIONS, FAILS=version)
    assert status == 1
    assert "told by pip" in said
    assert ".ci/run: pip cannot install .[dev]" in said
    assert f"{version} pytest" not in ran


@pytest.mark.parametrize("version", ["3.11.7", "3.20.0"])
def test_a_failing_suite_on_either_fails(tmp_path, version):
    status, _, ran = ci(tmp_path, VERSIONS, RED=version)
    assert status == 1
    assert ran[-1] == f"{version} pytest"


def test_one_python_is_enough_and_none_is_an_error(tmp_path):
    (tmp_path / "one").mkdir()
    status, said, ran = ci(tmp_path / "one", {"python3.12": "3.12.1"})
    assert (status, ran.count("3.12.1 pytest")) == (0, 1)
    assert "on this one alone" in said
    (tmp_path / "none").mkdir()
    status, said, _ = ci(tmp_path / "none", {"python3": "old"})
    assert status == 1
    assert "no Python on this machine is as new as" in said


def test_this_python_is_one_that_it_would_take():
    text = (ROOT / ".ci" / "run").read_text()
    asked = text.partition("<<'PYTHON'\n")[2].partition("\nPYTHON")[0]
    done = subprocess.run([sys.executable, "-", sys.executable], input=asked, capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.split() == [".".join(map(str, sys.version_info[:3])), sys.executable]
