"""Hashed texts: the definition word by word, the similarities of scikit-learn's exact counts, recognition, the schema."""

import itertools
import re

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

import fallline as fl
from fallline.core.errors import FalllineError
from fallline.data.hashing import SIZE, hashed, is_prose
from fallline.data.schema import Schema
from fallline.interpretation.columns import columns_of
from fallline.onnx.inputs import inputs_of

BASE, LAST = 0x9E3779B97F4A7C15, 2**64 - 1
WORDS = re.findall(r"\w+", "the soup and bread were served by a waiter in this place on sunday evening with friends")


def mixed(h: int) -> int:
    h = ((h ^ (h >> 30)) * 0xBF58476D1CE4E5B9) & LAST
    h = ((h ^ (h >> 27)) * 0x94D049BB133111EB) & LAST
    return h ^ (h >> 31)


def by_hand(text: str, size: int) -> np.ndarray:
    """The definition in Python's own integers."""
    words = [mixed(sum(ord(c) * BASE**k for k, c in enumerate(word)) & LAST) for word in text.lower().split()]
    pairs = [mixed((BASE * first + second) & LAST) for first, second in itertools.pairwise(words)]
    x = np.zeros(size)
    for h in words + pairs:
        x[h % size] += -1 if h >> 63 else 1
    return x / max(np.sqrt((x**2).mean()), 1e-300)


@given(st.lists(st.text("ab z0éß漢", max_size=12), max_size=6))
def test_every_feature_is_as_defined(texts):
    found = hashed(pl.Series(texts, dtype=pl.String), 16)
    assert np.allclose(found, [by_hand(each, 16) for each in texts] if texts else found, atol=1e-6)


def test_texts_are_as_similar_as_their_words_and_pairs_say():
    draw = np.random.default_rng(0)
    texts = [" ".join(draw.choice(WORDS, draw.integers(2, 12))) + "!" for _ in range(40)]
    exact = CountVectorizer(ngram_range=(1, 2), token_pattern=r"\w+").fit_transform(texts).toarray().astype(float)
    exact /= np.linalg.norm(exact, axis=1, keepdims=True)
    x = hashed(pl.Series(texts), 1 << 14) / (1 << 7)  # hardly two of them share a feature
    assert np.allclose(x @ x.T, exact @ exact.T, atol=0.06)
    assert np.median(abs(x @ x.T - exact @ exact.T)) < 1e-6


def test_the_parts_of_a_long_column_do_not_show(monkeypatch):
    texts = pl.Series([f"row {each} of some" for each in range(50)] + [None, "", "..."])
    whole = hashed(texts)
    monkeypatch.setattr("fallline.data.hashing._ROWS", 7)
    assert (hashed(texts) == whole).all()
    assert not whole[-3:].any()
    assert np.allclose((whole[:-3] ** 2).mean(axis=1), 1.0)


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["the soup was cold and so was I"], True),
        (["Braund, Mr. Owen Harris", "Heikkinen, Miss. Laina"], False),
        (["PC 17599", "A/5 21171"], False),
        (["one two three four five"], False),
        (["12 Long Street, 4000 Basel"], False),
        (["one two three four five six", "a"], False),
    ],
)
def test_prose_is_told_from_names(texts, expected):
    assert is_prose(pl.Series(texts)) is expected


@pytest.fixture(scope="module")
def reviews() -> pl.DataFrame:
    draw = np.random.default_rng(1)
    good = draw.random(120) < 0.5
    said = [" ".join([*draw.choice(WORDS, 8), "lovely" if each else "awful"]) for each in good]
    prices = draw.integers(5, 40, 120)
    return pl.DataFrame({"review": said, "price": prices, "stars": np.where(good, "good", "bad")})


def test_sentences_become_features_and_are_said(reviews):
    table = fl.load(reviews, "stars")
    (remark,) = table.warnings
    assert re.fullmatch(r"column 'review' is taken as text: its words are counted in 256 hashed features .*", remark)
    assert (table.schema.columns[0].kind, table.dataset.x.shape) == ("text", (120, 257))
    assert Schema.from_dict(table.schema.to_dict()) == table.schema
    assert table.describe().row(1, named=True)["features"] == SIZE
    described, _ = columns_of(table, fl.Recipe())
    assert described[1]["treatment"] == "256 numbers: its words and pairs of words, hashed"
    damaged = table.schema.to_dict()
    del damaged["columns"][0]["size"]
    with pytest.raises(FalllineError, match="a size that is not of its kind"):
        Schema.from_dict(damaged)


def test_a_text_that_is_mostly_missing_is_still_text(reviews):
    thin = reviews.with_columns(pl.when(pl.int_range(120) % 3 == 0).then("review").alias("review"))
    assert fl.load(thin, "stars").schema.columns[0].kind == "text"


def test_a_kind_overrules_both_ways(reviews):
    dropped = fl.load(reviews, "stars", kinds={"review": "drop"})
    assert [each.name for each in dropped.schema.columns] == ["price"]
    named = reviews.with_columns(pl.col("review").str.split(" ").list.get(-1).alias("last") + " ")
    assert fl.load(named, "stars", kinds={"last": "text"}).schema.columns[-1].size == SIZE


def test_a_linear_model_learns_the_words_and_onnx_is_refused(reviews):
    table = fl.load(reviews, "stars")
    x, y = table.dataset.x[:, :SIZE], table.dataset.y
    model = LogisticRegression(C=0.01).fit(x[:60], y[:60])
    assert model.score(x[60:], y[60:]) > 0.8
    with pytest.raises(FalllineError, match="words are hashed, which ONNX cannot compute"):
        inputs_of(table.schema)
