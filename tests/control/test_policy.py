import dataclasses
import warnings

import gymnasium
import numpy as np
import pytest

from fallline.control.environments import Facts
from fallline.control.network import Network
from fallline.control.policy import TrainedPolicy, load_policy
from fallline.control.replay import film, replay_policy
from fallline.control.statistics import Scaling
from fallline.core.errors import FalllineError
from fallline.core.tensors import save_tensors

FACTS = Facts("CartPole-v1", 4, 2, True, False, 500, 475.0, {"gymnasium": gymnasium.__version__})
BALANCE = np.array([0, 0, 0, 0, 0.1, 0.5, 1, 1.0])


def policy(**changes) -> TrainedPolicy:
    own = TrainedPolicy(Network((4, 2)), BALANCE, None, FACTS, "clip", 500, {"seed": 1})
    return dataclasses.replace(own, **changes)


def test_a_saved_policy_acts_as_it_did(tmp_path):
    network = Network((4, 6, 5, 2), "relu")
    random = np.random.default_rng(0)
    scaling = Scaling(random.normal(size=4), np.array([1.0, 2.0, 0.0, 0.5]))
    kept = policy(network=network, point=random.normal(size=network.size), scaling=scaling, horizon=None)
    kept.save(tmp_path / "a.safetensors")
    read = load_policy(tmp_path / "a.safetensors")
    assert (read.network, read.facts, read.outside, read.horizon, read.notes) == (
        network,
        FACTS,
        "clip",
        None,
        {"seed": 1},
    )
    np.testing.assert_array_equal(read.point, kept.point)
    x = random.normal(size=4)
    assert read.act(x) == kept.act(x)
    moved = x + np.array([0, 0, 1e6, 0])  # a dimension that was dead in training has no effect, whatever it does now
    np.testing.assert_array_equal(network.at(read.point, read.scaling)(moved), network.at(kept.point, scaling)(x))
    kept.save(tmp_path / "b.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_files_that_are_no_policies_are_refused(tmp_path):
    path = tmp_path / "a.safetensors"
    with pytest.raises(FalllineError, match="not there"):
        load_policy(path)
    save_tensors(path, {"a": np.zeros(2)}, {"kind": "model"})
    with pytest.raises(FalllineError, match="holds a model, not a policy"):
        load_policy(path)
    policy().save(path)
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(FalllineError, match="damaged"):
        load_policy(path)


def test_other_versions_are_said():
    assert policy().differing_versions() == []
    old = policy(facts=dataclasses.replace(FACTS, versions={"gymnasium": "0.1", "numpy": "1.0"}))
    assert [sentence for sentence in old.differing_versions() if "trained with gymnasium 0.1" in sentence]
    assert len(old.differing_versions()) == 1


def test_a_policy_is_replayed_and_filmed(tmp_path):
    found = replay_policy(policy(), episodes=3, workers=1)
    assert found.returns == (500.0,) * 3
    short = policy(horizon=5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pygame's own start
        assert film(short, tmp_path / "film.gif") == 5.0
    import imageio.v3 as imageio

    assert imageio.imread(tmp_path / "film.gif").shape[1:] == (400, 600, 3)
    with pytest.raises(FalllineError, match="mp4"):
        film(short, tmp_path / "film.avi")
    with pytest.raises(FalllineError, match="without pictures"):
        film(policy(facts=dataclasses.replace(FACTS, name="jax:cartpole")), tmp_path / "film.gif")
    with pytest.raises(FalllineError, match="has 3 observations"):
        replay_policy(policy(), "jax:lqr")
