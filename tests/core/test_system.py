"""What is said of this machine is what the machine says itself."""

import os
import platform

import jax
import pytest

from fallline.core import system as home
from fallline.core.system import system

FREE = "MemTotal:       2000 kB\nMemFree:        100 kB\nMemAvailable:   1500 kB\n"


def test_the_facts_are_those_of_this_process():
    found = system()
    assert found["python"] == platform.python_version()
    assert found["packages"]["jax"] == jax.__version__
    assert sum(each["count"] for each in found["devices"]) == len(jax.devices())
    assert found["cores"] == len(os.sched_getaffinity(0))
    assert 0 < found["memory"]["free"] <= found["memory"]["total"]


@pytest.mark.parametrize(
    ("limit", "total", "free"),
    [("max\n", 2_048_000, 1_536_000), ("1024000\n", 1_024_000, 1_024_000), ("9000000000\n", 2_048_000, 1_536_000)],
)
def test_a_containers_limit_counts(monkeypatch, tmp_path, limit, total, free):
    for name, text in (("MEMORY", FREE), ("LIMIT", limit)):
        (tmp_path / name).write_text(text)
        monkeypatch.setattr(home, name, tmp_path / name)
    assert home._memory() == {"total": total, "free": free}


def test_a_system_that_does_not_say_its_memory(monkeypatch, tmp_path):
    monkeypatch.setattr(home, "MEMORY", tmp_path / "none")
    assert home._memory() == {"total": None, "free": None}


def test_the_cache_is_counted(monkeypatch, tmp_path):
    monkeypatch.setenv("FALLLINE_CACHE", str(tmp_path))
    assert home._cache() == {"folder": str(tmp_path / "programs"), "programs": 0, "bytes": 0}
    (tmp_path / "programs").mkdir()
    (tmp_path / "programs/one-cache").write_bytes(b"123")
    (tmp_path / "programs/one-atime").write_bytes(b"4567")
    assert home._cache() == {"folder": str(tmp_path / "programs"), "programs": 1, "bytes": 7}


CPU, GPU = {"platform": "cpu"}, {"platform": "gpu"}


@pytest.mark.parametrize(
    ("card", "devices", "chosen", "said"),
    [
        (True, [CPU], "", "pip install 'jax[cuda13]'"),
        (True, [CPU], "cpu", "JAX_PLATFORMS=cpu leaves it out"),
        (True, [GPU], "", None),
        (False, [CPU], "", None),
    ],
)
def test_a_card_that_is_not_used_is_noted(monkeypatch, tmp_path, card, devices, chosen, said):
    monkeypatch.setattr(home, "CARD", tmp_path / "version")
    monkeypatch.setenv("JAX_PLATFORMS", chosen)
    if card:
        (tmp_path / "version").write_text("NVRM version")
    notes = home._notes(devices)
    assert bool(notes) == bool(said)
    assert all(said in each for each in notes)


def test_a_jax_that_does_not_start_is_a_note(monkeypatch):
    def devices():
        raise RuntimeError("Unable to initialize\n  backend 'cuda'")

    monkeypatch.setattr(jax, "devices", devices)
    assert home._devices() == ([], ["JAX does not start: Unable to initialize backend 'cuda'"])
