import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallline.core.errors import FalllineError
from fallline.strategies.streams import ESTABLISHED, WORDS, Words, draws


@pytest.mark.parametrize(("name", "word"), ESTABLISHED.items())
def test_established_streams_are_those_of_earlier_studies(name, word):
    key = np.array([7, word], np.uint64)
    theirs = np.random.Generator(np.random.Philox(key=key, counter=[0, 0, 0, 5]))
    np.testing.assert_array_equal(draws(7, 5, name).random(4), theirs.random(4))


def test_no_two_streams_share_a_word():
    assert len(set(ESTABLISHED.values())) == len(ESTABLISHED)
    with pytest.raises(FalllineError, match="'a' and 'b' have the same key word: rename one"):
        Words({"a": 1, "b": 1})


@given(st.text(max_size=20), st.text(max_size=20))
def test_streams_of_other_names_are_others(one, other):
    assert (WORDS[one] == WORDS[other]) == (one == other)
    assert (draws(0, 0, one).random() == draws(0, 0, other).random()) == (one == other)
    assert WORDS[one] < 2**64


def test_a_name_whose_hash_is_taken_is_refused(monkeypatch):
    words = Words({})
    monkeypatch.setattr(
        "fallline.strategies.streams.hashlib.blake2b", lambda *a, **b: type("", (), {"digest": lambda s: b"\1" * 8})()
    )
    assert words["one"] == words["one"]
    with pytest.raises(FalllineError, match="'one' and 'other' have the same key word"):
        words["other"]
