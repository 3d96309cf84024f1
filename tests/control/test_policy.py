import contextlib
import dataclasses
import warnings

import gymnasium
import numpy as np
import pytest

from fallline.control.environments import EnvironmentFacts
from fallline.control.network import PolicyNetwork
from fallline.control.policy import TrainedPolicy, load_policy
from fallline.control.presets import preset_of
from fallline.control.replay import film, replay_policy
from fallline.control.search import train_policy
from fallline.control.statistics import Scaling
from fallline.core.errors import FalllineError
from fallline.core.tensor_files import save_tensors

FACTS = EnvironmentFacts("CartPole-v1", 4, 2, True, False, 500, 475.0, {"gymnasium": gymnasium.__version__})
BALANCE = np.array([0, 0, 0, 0, 0.1, 0.5, 1, 1.0])


def policy(**changes) -> TrainedPolicy:
    own = TrainedPolicy(PolicyNetwork((4, 2)), BALANCE, None, FACTS, "clip", 500, {"seed": 1})
    return dataclasses.replace(own, **changes)


def test_a_saved_policy_acts_as_it_did(tmp_path):
    network = PolicyNetwork((4, 6, 5, 2), "relu")
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


def test_a_policy_found_elsewhere_is_taken_in(tmp_path):
    rng = np.random.default_rng(0)
    M, mean, std = rng.normal(size=(1, 3)), rng.normal(size=3), np.array([0.5, 2.0, np.inf])
    taken = TrainedPolicy.from_arrays(M, mean, std, "Pendulum-v1", outside="raw")
    x = rng.normal(size=3)
    np.testing.assert_allclose(taken.act(x), M @ ((x - mean) / std), rtol=1e-12)
    np.testing.assert_array_equal(
        taken.act(x), taken.act(x + np.array([0, 0, 9.0]))
    )  # infinitely spread: without effect
    assert (taken.facts.name, taken.facts.observations, taken.horizon, taken.outside) == ("Pendulum-v1", 3, 200, "raw")
    taken.save(tmp_path / "p.safetensors")
    read = load_policy(tmp_path / "p.safetensors")
    np.testing.assert_array_equal(read.act(x), taken.act(x))
    found = [replay_policy(each, episodes=2, workers=1).returns for each in (taken, read)]
    assert found[0] == found[1]


def test_a_policy_without_statistics_and_of_a_choice_is_taken_in():
    balance = BALANCE.reshape(2, 4)
    taken = TrainedPolicy.from_arrays(balance, None, None, lambda: gymnasium.make("CartPole-v1"))
    assert taken.scaling is None
    assert taken.act(np.array([0, 0, 0.1, 0])) == 1
    with_ones = TrainedPolicy.from_arrays(balance.tolist(), np.zeros(4), np.ones(4), "CartPole-v1", horizon=99)
    assert replay_policy(with_ones, episodes=2, workers=1).mean == 99
    simulated = TrainedPolicy.from_arrays(balance, None, None, "jax:cartpole")
    assert replay_policy(simulated, episodes=2).mean > 400


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"M": np.ones((4, 2))}, r"M has shape \(4, 2\): CartPole-v1 needs \(actions, observations\) = \(2, 4\)"),
        ({"M": np.full((2, 4), np.nan)}, "M holds NaN or infinity"),
        ({"M": [["a"] * 4] * 2}, "M is no array of numbers"),
        ({"M": [[1.0], [1.0, 2.0]]}, "M is no array of numbers"),
        ({"mean": np.zeros(3)}, r"mean has shape \(3,\)"),
        ({"mean": [np.inf, 0, 0, 0]}, "mean holds NaN or infinity"),
        ({"std": [1, 1, 0, 1]}, r"std\[2\] = 0 is not above 0: give inf"),
        ({"std": [1, -1, 1, 1]}, "not above 0"),
        ({"std": [1, np.nan, 1, 1]}, "std holds NaN"),
        ({"std": None}, "belong together"),
        ({"environment": "CartPol-v1"}, "did you mean 'CartPole-v1'"),
        ({"environment": "jax:pong"}, "unknown"),
        ({"environment": 7}, "environment of type int"),
        ({"outside": "wrap"}, "outside = 'wrap' is unknown"),
        ({"horizon": 0}, "horizon = 0 is no number of steps"),
    ],
)
def test_arrays_that_are_no_policy_are_refused(changes, words):
    given = {"M": np.ones((2, 4)), "mean": np.zeros(4), "std": np.ones(4), "environment": "CartPole-v1"} | changes
    with pytest.raises(FalllineError, match=words):
        TrainedPolicy.from_arrays(given.pop("M"), **given)


@pytest.mark.parametrize("normalise", [False, True])
def test_arrays_of_a_trained_policy_are_that_policy_again(normalise, tmp_path):
    pytest.importorskip("mujoco")
    recipe = dataclasses.replace(
        preset_of("Swimmer-v5").recipe, steps=1200, horizon=60, evaluations=1, normalise=normalise
    )
    own = train_policy("Swimmer-v5", recipe, seed=3, workers=1).policy
    assert np.abs(own.point).max() > 0
    (weight, _), *more = own.network.layers(own.point)
    assert (weight.shape, more) == ((2, 8), [])
    # As the authors' files hold it: the matrix, the mean, the standard deviation.
    mean, std = (own.scaling.mean, 1 / own.scaling.factor) if normalise else (np.zeros(8), np.ones(8))
    taken = TrainedPolicy.from_arrays(weight, mean, std, "Swimmer-v5", horizon=60)
    taken.save(tmp_path / "p.safetensors")
    plain = TrainedPolicy.from_arrays(weight, None, None, "Swimmer-v5", horizon=60)
    expected = path_of(own)
    assert np.isfinite(expected).all()
    for each in (taken, load_policy(tmp_path / "p.safetensors"), *([] if normalise else [plain])):
        if normalise:  # 1 / (1 / s) may be s but for the last bit
            np.testing.assert_allclose(path_of(each), expected, rtol=1e-6, atol=1e-9)
        else:
            np.testing.assert_array_equal(path_of(each), expected)
        assert (each.network, each.facts, each.horizon, each.outside) == (own.network, own.facts, 60, own.outside)
    assert np.array_equal(path_of(plain), expected) != normalise


def path_of(policy):
    """Rewards of an episode."""
    with contextlib.closing(gymnasium.make("Swimmer-v5")) as environment:
        x, _ = environment.reset(seed=1)
        rewards = []
        for _ in range(policy.horizon):
            x, reward, *_ = environment.step(policy.act(x, environment.action_space))
            rewards.append(reward)
    return np.array(rewards)
