"""A name from a file never imports anything; the same name from whoever calls does."""

import dataclasses
import sys

import gymnasium
import numpy as np
import pytest

from fallline.cli.main import run as program
from fallline.control.environments import EnvironmentFacts, registered
from fallline.control.folder import PolicyPlan, write_plan
from fallline.control.network import PolicyNetwork
from fallline.control.policy import TrainedPolicy, load_policy
from fallline.control.presets import preset
from fallline.control.replay import film, replay_policy
from fallline.core.errors import FalllineError

FACTS = EnvironmentFacts("CartPole-v1", 4, 2, True, False, 500, 475.0, {"gymnasium": gymnasium.__version__})


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A name whose module says that it was imported."""
    (tmp_path / "marked_module.py").write_text(
        "import gymnasium\n"
        "gymnasium.register('Marked-v0', entry_point='gymnasium.envs.classic_control:CartPoleEnv', max_episode_steps=20)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield "marked_module:Marked-v0"
    sys.modules.pop("marked_module", None)
    gymnasium.registry.pop("Marked-v0", None)


def test_a_policy_file_cannot_import_and_the_caller_can(own, tmp_path):
    named = TrainedPolicy(PolicyNetwork((4, 2)), np.ones(8), None, dataclasses.replace(FACTS, name=own), "clip", 20, {})
    named.save(tmp_path / "p.safetensors")
    policy = load_policy(tmp_path / "p.safetensors")
    for use in (lambda: replay_policy(policy, workers=1), lambda: film(policy, tmp_path / "a.gif")):
        with pytest.raises(FalllineError, match="marked_module:Marked-v0', whose module would be imported"):
            use()
    with pytest.raises(SystemExit) as stop:
        program(["ars", "--replay", str(tmp_path / "p.safetensors"), "--workers", "1"])
    assert stop.value.code == 2
    assert "marked_module" not in sys.modules
    assert len(replay_policy(policy, own, episodes=2, workers=1).returns) == 2


@pytest.mark.parametrize("flag", ["--recipe", "--resume"])
def test_a_recipe_cannot_import(own, tmp_path, flag, capsys):
    write_plan(tmp_path / "run", PolicyPlan(own, preset("CartPole-v1"), 0))
    where = tmp_path / "run" / "recipe.toml" if flag == "--recipe" else tmp_path / "run"
    with pytest.raises(SystemExit) as stop:
        program(["ars", flag, str(where), *(["--out", str(tmp_path / "out")] if flag == "--recipe" else [])])
    assert stop.value.code == 2
    assert "whose module would be imported: if you trust it, give this name" in capsys.readouterr().err
    assert "marked_module" not in sys.modules
    assert not (tmp_path / "out").exists()


def test_only_registered_names_are_opened():
    assert [registered(name, "f") for name in ("CartPole-v1", "CartPole", "jax:lqr")] == [
        "CartPole-v1",
        "CartPole",
        "jax:lqr",
    ]
    for name in ("os:CartPole-v1", ":CartPole-v1", "CartPole-v1:", "a.b:c", "Nowhere-v0", "", "x" * 10_000):
        with pytest.raises(FalllineError, match=r"^f names the environment"):
            registered(name, "f")
