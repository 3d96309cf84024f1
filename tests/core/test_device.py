"""The device is chosen before JAX starts, or a sentence says why it cannot be."""

import os
import subprocess
import sys
from pathlib import Path

import jax
import pytest

from fallline.core import device
from fallline.core.device import use_device
from fallline.core.errors import FalllineError

SOURCE = str(Path(device.__file__).parents[2])


def process(code: str, **variables: str) -> subprocess.CompletedProcess:
    environment = {name: value for name, value in os.environ.items() if name != device.VARIABLE}
    words = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(
        words, capture_output=True, text=True, env=environment | {"PYTHONPATH": SOURCE} | variables, timeout=120
    )


@pytest.fixture
def restored(monkeypatch):
    """JAX's own setting and the environment as they were."""
    monkeypatch.setenv(device.VARIABLE, "")
    before = jax.config.jax_platforms
    yield
    assert jax.config.jax_platforms == before
    jax.config.update("jax_platforms", before)


@pytest.mark.parametrize("name", ["tpu", "", "GPU", "cuda"])
def test_unknown_names_are_refused_before_anything_is_set(restored, name):
    with pytest.raises(FalllineError, match="expected cpu or gpu"):
        use_device(name)
    assert os.environ[device.VARIABLE] == ""


def test_none_leaves_everything_alone(restored):
    use_device(None)
    assert os.environ[device.VARIABLE] == ""


def test_the_choice_holds_here_and_in_processes_that_are_started():
    code = (
        "import os, subprocess, sys; from fallline.core.device import use_device; use_device('cpu'); import jax; "
        "code = 'import jax; print(jax.config.jax_platforms)'; "
        "there = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True).stdout.strip(); "
        "print(jax.config.jax_platforms, jax.devices()[0].platform, len(jax.devices()), there)"
    )
    out = process(code, JAX_NUM_CPU_DEVICES="3")
    assert out.stdout.split() == ["cpu", "cpu", "3", "cpu"], out.stderr


def test_a_started_jax_is_accepted_on_the_same_device_and_refused_on_another(monkeypatch, restored):
    jax.devices()
    found = jax.devices()[0].platform
    monkeypatch.setattr(device, "PLATFORMS", {found: found, "abacus": found})
    before = jax.config.jax_platforms
    with pytest.raises(FalllineError, match=f"JAX already computes on a {found} in this process: choose the abacus"):
        use_device("abacus")
    assert (jax.config.jax_platforms, os.environ[device.VARIABLE]) == (before, "")
    use_device(found)
    assert os.environ[device.VARIABLE] == found
    jax.config.update("jax_platforms", before)


def test_a_gpu_that_is_not_there_is_said_in_a_sentence():
    code = "from fallline.cli.main import run; run(['train', 'sklearn:iris', '--device', 'gpu'])"
    out = process(code, CUDA_VISIBLE_DEVICES="", HIP_VISIBLE_DEVICES="", JAX_PLATFORMS="cpu")
    assert out.returncode == 2, out.stderr
    assert "JAX finds no gpu here: `fallline doctor --system` says what it finds" in out.stderr
    assert "Traceback" not in out.stderr
