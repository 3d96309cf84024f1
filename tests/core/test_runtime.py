"""JAX of other versions: what it lacks is left out, or said in a sentence."""

import subprocess
import sys
import types

import pytest

from fallline.core import runtime
from fallline.core.errors import FalllineError


def test_a_jax_that_lacks_what_is_needed_is_named_in_a_sentence():
    old = types.SimpleNamespace(__version__="0.4.35", **dict.fromkeys(runtime.NEEDED[1:]))
    with pytest.raises(FalllineError, match=r"JAX 0\.4\.35 has no jax\.enable_x64: expected JAX 0\.10\.2 or a later"):
        runtime._new_enough(old)


def test_the_command_says_it_too():
    code = "import jax; del jax.shard_map; from fallline.cli.main import run; run(['explain', 'adam'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2, done.stderr
    assert "has no jax.shard_map" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("known", [(), ("jax_num_cpu_devices",), ("jax_compilation_cache_dir",)])
def test_settings_that_a_version_does_not_have_are_left_alone(monkeypatch, known):
    class Config:
        jax_num_cpu_devices = -1
        jax_compilation_cache_dir = None

        def __init__(self):
            self.made = {}

        def update(self, name, value):
            self.made[name] = value

    for name in ("jax_num_cpu_devices", "jax_compilation_cache_dir"):
        if name not in known:
            monkeypatch.delattr(Config, name)
    config = Config()
    other = types.SimpleNamespace(__version__="1.0", config=config, **dict.fromkeys(runtime.NEEDED))
    monkeypatch.setitem(sys.modules, "jax", other)
    monkeypatch.delenv("JAX_NUM_CPU_DEVICES", raising=False)
    monkeypatch.setenv("XLA_FLAGS", "")
    assert runtime.configure.__wrapped__()
    assert tuple(config.made) == known


@pytest.mark.parametrize(
    ("plugin", "given", "expected"),
    [(False, None, None), (True, None, "highest"), (True, "default", "default"), (False, "bfloat16", "bfloat16")],
)
def test_products_are_whole_float32_beside_a_plugin_unless_another_precision_is_given(
    monkeypatch, plugin, given, expected
):
    class Config:
        jax_default_matmul_precision = given

        def update(self, name, value):
            setattr(self, name, value)

    found = types.SimpleNamespace(__version__="1.0", config=Config(), **dict.fromkeys(runtime.NEEDED))
    monkeypatch.setitem(sys.modules, "jax", found)
    spec = runtime.importlib.util.find_spec
    monkeypatch.setattr(
        runtime.importlib.util, "find_spec", lambda name: plugin or None if name == "jax_plugins" else spec(name)
    )
    runtime.configure.__wrapped__()
    assert found.config.jax_default_matmul_precision == expected
