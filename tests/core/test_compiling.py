import os
import subprocess
import sys
import time
from pathlib import Path

import jax
import pytest

from fallline.core import compiling
from fallline.core.compiling import known_flags, known_options

KNOWN = "--xla_backend_optimization_level=0"


def test_options_that_this_jax_does_not_know_are_left_out():
    options = known_options({"xla_backend_optimization_level": 0, "xla_of_tomorrow": True})
    assert options == {"xla_backend_optimization_level": 0}
    assert jax.jit(lambda x: x + 1, compiler_options=options)(1) == 2
    assert known_options({"xla_backend_optimization_level": "much"}) == {}  # a value that the option does not take


def test_options_are_asked_for_within_a_trace_too():
    found = []
    jax.jit(lambda x: found.append(known_options({"xla_cpu_parallel_codegen_split_count": 1})) or x)(1)
    assert found == [{"xla_cpu_parallel_codegen_split_count": 1}]


def test_flags_that_this_jax_does_not_know_are_left_out():
    asked = ["--xla_of_tomorrow=1", KNOWN, "--xla_of_yesterday=false"]
    assert known_flags(asked) == [KNOWN]
    assert known_flags(["--xla_of_tomorrow=1"]) == []
    assert "xla_of" not in os.environ.get("XLA_FLAGS", "")


@pytest.mark.parametrize("said", ["Segmentation fault", "", "Unknown flag in XLA_FLAGS: --xla_backend"])
def test_where_the_abort_names_no_flag_none_is_known(monkeypatch, said):
    monkeypatch.setattr(compiling, "_aborted", lambda flags, seconds: said)
    assert known_flags([KNOWN, "--xla_of_tomorrow=1"]) == []


def test_a_process_that_does_not_end_knows_nothing():
    begin = time.monotonic()
    assert known_flags([KNOWN], seconds=0.01) == []
    assert time.monotonic() - begin < 5


def test_the_suite_starts_with_flags_of_another_version(tmp_path):
    """The first process asks, sets what is known while JAX starts, and tells its workers."""
    conftest = Path(__file__).parents[1] / "conftest.py"
    text = conftest.read_text().replace("--xla_cpu_use_fusion_emitters=false", "--xla_of_yesterday=false")
    (tmp_path / "conftest.py").write_text(text)
    (tmp_path / "test_it.py").write_text(
        "import os, jax\n"
        "def test_it():\n"
        "    assert jax.jit(lambda: 1)() == 1 and 'XLA_FLAGS' not in os.environ\n"
        "    assert os.environ['FALLLINE_TESTS_FLAGS'].split() == [\n"
        f"        '{KNOWN}', '--xla_cpu_parallel_codegen_split_count=1'\n"
        "    ]\n"
    )
    environment = {
        name: value for name, value in os.environ.items() if name not in ("XLA_FLAGS", "FALLLINE_TESTS_FLAGS")
    }
    root = str(Path(__file__).parents[2])  # conftest.py imports another file of the tests
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (root, environment.get("PYTHONPATH"))))
    words = [sys.executable, "-m", "pytest", "-q", "-n", "1", "-p", "no:cacheprovider", str(tmp_path)]
    done = subprocess.run(words, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
