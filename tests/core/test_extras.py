"""A package that only one part needs: where it is missing, one sentence names the extra."""

import sys

import jax.numpy as jnp
import pytest

import fallline as fl
from fallline.core.extras import optional


def to_optax():
    fl.optimizers.to_optax(fl.Adam())


def cma_es():
    fl.minimize(lambda x: (x**2).sum(), [1.0, 1.0], method=fl.CMAES(), evaluations=20)


def on_ray():
    from fallline.workers.cluster import Ray

    Ray(len, None, 1)


def optuna_sampler():
    fl.OptunaSampler(dict)


def onnx_graph():
    from fallline.onnx.graph import Graph

    Graph(set())


def environment():
    from fallline.control.environments import open_environment

    open_environment("CartPole-v1")


def postgres():
    from fallline.searching.store import Store

    Store("postgresql+psycopg://nobody@nowhere/none")


@pytest.mark.parametrize(
    ("module", "extra", "used"),
    [
        ("optax", "optax", to_optax),
        ("cma", "cma", cma_es),
        ("ray", "ray", on_ray),
        ("optuna", "optuna", optuna_sampler),
        ("onnx", "onnx", onnx_graph),
        ("gymnasium", "rl", environment),
        ("psycopg", "postgres", postgres),
    ],
)
def test_what_is_missing_is_named_with_its_extra(monkeypatch, module, extra, used):
    monkeypatch.setitem(sys.modules, module, None)  # not installed
    with pytest.raises(fl.FalllineError, match=module if module != "optuna" else "Optuna") as caught:
        used()
    assert f'pip install "fallline[{extra}]"' in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_transformation_of_ones_own_trains_without_optax(monkeypatch):
    class Half:
        def init(self, params):
            return ()

        def update(self, gradient, state, params=None):
            return -0.5 * gradient, state

    monkeypatch.setitem(sys.modules, "optax", None)
    rule = fl.optimizers.FromOptax(Half())
    assert float(rule.update(jnp.array(4.0), rule.init(jnp.array(0.0)))[0]) == -2.0


def test_a_package_whose_own_import_fails_is_told_from_a_missing_one(monkeypatch, tmp_path):
    (tmp_path / "half_installed.py").write_text("import no_such_thing_at_all")
    (tmp_path / "broken.py").write_text("raise ImportError('libgone.so: cannot open')")
    monkeypatch.syspath_prepend(str(tmp_path))
    for module, reason in (("half_installed", "no_such_thing_at_all"), ("broken", "libgone.so")):
        with pytest.raises(fl.FalllineError, match=f"This needs the package {module}, and its import fails.*{reason}"):
            optional(module, "some", "This")
    with pytest.raises(fl.FalllineError, match="This needs the package no_such_one: pip install"):
        optional("no_such_one.inner", "some", "This")
