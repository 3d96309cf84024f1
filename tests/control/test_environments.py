import gymnasium
import numpy as np
import pytest

from fallline.control.environments import action_rule, facts_of, open_environment
from fallline.core.errors import FalllineError


def made(observations: gymnasium.Space, actions: gymnasium.Space):
    """A function that makes an environment of these spaces."""

    class Made(gymnasium.Env):
        observation_space, action_space = observations, actions

    return Made


BOX = gymnasium.spaces.Box(-1.0, 1.0, (2,))


def test_facts_of_environments_of_gymnasium():
    found = facts_of(open_environment("CartPole-v1"), "CartPole-v1")
    assert (found.observations, found.outputs, found.discrete, found.horizon) == (4, 2, True, 500)
    assert found.versions["gymnasium"] == gymnasium.__version__
    found = facts_of(open_environment("InvertedPendulum-v5"), "InvertedPendulum-v5")
    assert (found.observations, found.outputs, found.discrete, found.threshold) == (4, 1, False, 950)
    assert "mujoco" in found.versions


def test_observations_of_any_fixed_length_are_flat():
    nested = gymnasium.spaces.Dict({"a": BOX, "b": gymnasium.spaces.Discrete(3)})
    for space, length in ((nested, 5), (gymnasium.spaces.Box(0, 1, (2, 3)), 6), (gymnasium.spaces.Discrete(4), 4)):
        assert facts_of(open_environment(made(space, BOX)), "made").observations == length
    with pytest.raises(FalllineError, match="no fixed length"):
        open_environment(made(gymnasium.spaces.Sequence(BOX), BOX))


def test_actions_are_members_of_their_space():
    low, high = np.array([[-1.0], [0.0]], np.float32), np.array([[1.0], [np.inf]], np.float32)
    space = gymnasium.spaces.Box(low, high)
    for u in ([5.0, 7.0], [-5.0, -7.0], [0.5, 0.5]):
        assert space.contains(action_rule(space, "clip")(np.array(u)))
    raw = action_rule(space, "raw")(np.array([5.0, -7.0]))
    np.testing.assert_array_equal(raw, [[5.0], [-7.0]])
    assert raw.dtype == np.float32
    assert action_rule(gymnasium.spaces.Discrete(2, start=-1), "clip")(np.array([0.0, 1.0])) == 0


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("CartPol-v1", "did you mean 'CartPole-v1'"),
        ("CartPole-v99", "did you mean 'CartPole-v1'"),
        ("nowhere:Thing-v0", "cannot be made"),
        (made(BOX, gymnasium.spaces.MultiBinary(3)), "MultiBinary"),
        (lambda: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_what_cannot_be_used_is_named_in_one_sentence(source, says):
    with pytest.raises(FalllineError, match=says) as caught:
        facts_of(open_environment(source), source)
    assert "\n" not in str(caught.value)
