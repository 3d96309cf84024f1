"""`benchmarks/gpu.py --small` runs on the CPU, and a section that fails does not end the others."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parents[1] / "benchmarks" / "gpu.py"


@pytest.fixture
def gpu(monkeypatch, tmp_path):
    """The script as a module, writing its results into a file."""
    spec = importlib.util.spec_from_file_location("fallline_gpu", HERE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.arguments.out = str(tmp_path / "out.jsonl")
    return module


@pytest.fixture
def noted(gpu):
    """Reads the results of a section so far."""
    from gpu_process import noted  # lies beside the script, which puts its folder on the path

    return noted


def script(*words: str) -> subprocess.CompletedProcess:
    quick = os.environ.get("FALLLINE_TESTS_FLAGS", "")  # as conftest.py compiles: nothing is timed here
    environment = {**os.environ, "PYTHONPATH": str(HERE.parents[1] / "src"), "XLA_FLAGS": quick}
    return subprocess.run(
        [sys.executable, str(HERE), *words], capture_output=True, text=True, env=environment, timeout=240
    )


def test_small_sections_give_results_as_lines_and_as_json(tmp_path):
    file = tmp_path / "out.jsonl"
    out = script("--small", "--sections", "device,population", "--out", str(file))
    assert out.returncode == 0, out.stdout + out.stderr
    found = [json.loads(line) for line in file.read_text().splitlines()]
    assert [each["lanes"] for each in found if each["section"] == "population"] == [2]
    assert {each["peak"] for each in found if "peak" in each} == {"default", "float32", "bfloat16", "copy"}
    assert all(each["us_per_lane_and_step"] > 0 for each in found if "lanes" in each)
    assert "[population] lanes=2" in out.stdout


def test_sections_that_do_not_exist_are_named():
    out = script("--sections", "device,abacus")
    assert out.returncode == 2
    assert "no section abacus: expected some of device, equal, one" in out.stderr


def test_a_failure_is_printed_and_noted(noted, capsys):
    from gpu_process import attempt

    assert attempt("one", "a case", lambda: 1 / 0) is None
    assert attempt("one", "a case", lambda: 3) == 3
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert noted("one") == [{"section": "one", "failed": "a case", "error": "ZeroDivisionError: division by zero"}]


def test_a_section_that_fails_or_hangs_does_not_end_the_others(gpu, monkeypatch, tmp_path, capsys):
    other = tmp_path / "other.py"
    other.write_text(
        "import sys, time\nname = sys.argv[sys.argv.index('--part') + 1]\n"
        "print(name, flush=True)\ntime.sleep(60 * (name == 'equal'))\nsys.exit(name == 'device')\n"
    )
    monkeypatch.setattr(gpu, "HERE", other)
    monkeypatch.setattr(gpu, "SECONDS", {"device": 1, "equal": 1, "one": 2})
    assert gpu.supervise(["device", "equal", "one"], 4.0) == ["device", "equal"]
    said = capsys.readouterr().out
    assert "[device] failed with exit code 1" in said
    assert "[equal] was stopped: out of time" in said
    assert "[one] ended" in said


def test_differences_within_and_beyond_the_bounds(noted):
    import numpy as np
    from gpu_equal import compare

    there = {"losses": np.array([[1.0, 0.5], [1.0, 0.4]]), "answer": np.array([[0.9, 0.1]]), "score": 1.0}
    for change, within in ((1e-6, True), (1e-4, False)):
        here = there | {"losses": there["losses"] * (1 + change)}
        compare("float32", "plain", here, there)
        assert noted("equal")[-1]["within"] is within
        assert noted("equal")[-1]["first_epoch"] == pytest.approx(change, rel=1e-3)
    compare("float32", "plain", there | {"answer": np.array([[0.1, 0.9]])}, there)
    assert (noted("equal")[-1]["within"], noted("equal")[-1]["same_labels"]) == (False, 0.0)
