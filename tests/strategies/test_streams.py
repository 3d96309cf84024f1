import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallline.core.errors import FalllineError
from fallline.distributions import Uniform
from fallline.optimizers import Momentum
from fallline.strategies import TPE, CoarseToFine, Random, Space, TrialHistory
from fallline.strategies.streams import ESTABLISHED, WORDS, StreamWords, draws


@pytest.mark.parametrize(("name", "word"), ESTABLISHED.items())
def test_established_streams_are_those_of_earlier_studies(name, word):
    key = np.array([7, word], np.uint64)
    theirs = np.random.Generator(np.random.Philox(key=key, counter=[0, 0, 0, 5]))
    np.testing.assert_array_equal(draws(7, 5, name).random(4), theirs.random(4))


def test_no_two_streams_share_a_word():
    assert len(set(ESTABLISHED.values())) == len(ESTABLISHED)
    with pytest.raises(FalllineError, match="'a' and 'b' have the same key word: rename one"):
        StreamWords({"a": 1, "b": 1})


@given(st.text(max_size=20), st.text(max_size=20))
def test_streams_of_other_names_are_others(one, other):
    assert (WORDS[one] == WORDS[other]) == (one == other)
    assert (draws(0, 0, one).random() == draws(0, 0, other).random()) == (one == other)
    assert WORDS[one] < 2**64


def test_a_name_whose_hash_is_taken_is_refused(monkeypatch):
    words = StreamWords({})
    monkeypatch.setattr(
        "fallline.strategies.streams.hashlib.blake2b", lambda *a, **b: type("", (), {"digest": lambda s: b"\1" * 8})()
    )
    assert words["one"] == words["one"]
    with pytest.raises(FalllineError, match="'one' and 'other' have the same key word"):
        words["other"]


BOWL = Space(Momentum(Uniform(0, 1), momentum=Uniform(0, 0.99)))
OF_0_1_0 = [  # trials 24 and 25 of seed 5, as version 0.1.0 proposed them
    (Random(), [[0.16125, 0.67853], [0.40628, 0.09213]]),
    (CoarseToFine(stage=12, outside=0.5), [[0.4731, 0.62134], [0.36381, 0.20278]]),
    (TPE(joint=1.0, explore=0.0), [[0.35068, 0.28796], [0.17765, 0.19769]]),
    (TPE(joint=0.0, explore=0.0), [[0.32861, 0.18784], [0.29469, 0.40409]]),
]


@pytest.mark.parametrize(("strategy", "expected"), OF_0_1_0, ids=repr)
def test_points_are_those_of_version_0_1_0(strategy, expected):
    points = BOWL.snap((np.arange(24)[:, None] * np.array([[0.618034, 0.754878]])) % 1)
    known = TrialHistory.of(points, ((points - 0.3) ** 2).sum(axis=1))
    found = strategy.propose(BOWL, known, range(24, 27), seed=5)
    np.testing.assert_allclose(found[:2], expected, atol=2e-5)
