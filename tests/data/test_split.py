"""Splits and folds: partitions, stratified, the same for the same seed."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallline.core.errors import FalllineError
from fallline.data.split import folds, split

shares = st.sampled_from([0.0, 0.1, 0.2, 0.4])


@given(rows=st.integers(3, 300), test=shares, valid=shares, seed=st.integers(0, 2**32))
def test_a_split_is_a_partition(rows: int, test: float, valid: float, seed: int) -> None:
    parts = split(rows, test=test, valid=valid, seed=seed)
    assert sorted(np.concatenate(parts).tolist()) == list(range(rows))
    assert all(part.dtype == np.int32 for part in parts)
    train, validation, testing = map(len, parts)
    assert train >= 1
    assert (validation > 0) == (valid > 0)
    assert (testing > 0) == (test > 0)
    assert abs(testing - max(1, test * rows) * (test > 0)) <= 1.5


@given(sizes=st.lists(st.integers(2, 60), min_size=2, max_size=6), seed=st.integers(0, 1000))
def test_every_class_gives_its_share(sizes: list[int], seed: int) -> None:
    classes = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(sizes)), sizes))
    train, valid, test = split(len(classes), classes, seed=seed)
    assert sorted(np.concatenate([train, valid, test]).tolist()) == list(range(len(classes)))
    for label, size in enumerate(sizes):
        counts = [int((classes[part] == label).sum()) for part in (train, valid, test)]
        assert counts[0] >= 1
        if len(classes) >= 10:
            assert abs(counts[2] - 0.2 * size) <= 2
            assert abs(counts[1] - 0.1 * size) <= 2


def test_the_seed_decides() -> None:
    first, again, other = (split(100, seed=seed)[0] for seed in (1, 1, 2))
    assert first.tolist() == again.tolist() != other.tolist()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"rows": 2}, "2 rows cannot be split into 3 sets"),
        ({"rows": 9, "test": 1.0}, "the share of test rows is 1.0"),
        ({"rows": 9, "valid": -0.1}, "the share of valid rows is -0.1"),
        ({"rows": 9, "test": 0.6, "valid": 0.4}, "leave no rows to train on"),
    ],
)
def test_impossible_splits(arguments: dict[str, float], sentence: str) -> None:
    with pytest.raises(FalllineError, match=sentence):
        split(**arguments)  # type: ignore[arg-type]


@given(sizes=st.lists(st.integers(5, 40), min_size=1, max_size=5), k=st.integers(2, 5), stratify=st.booleans())
def test_folds_are_a_partition(sizes: list[int], k: int, stratify: bool) -> None:
    classes = np.repeat(np.arange(len(sizes)), sizes)
    parts = folds(len(classes), k, classes=classes if stratify else None)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(classes)))
    assert np.ptp([len(part) for part in parts]) <= 1
    if stratify:
        counts = np.array([np.bincount(classes[part], minlength=len(sizes)) for part in parts])
        assert np.ptp(counts, axis=0).max() <= 1


def test_impossible_folds() -> None:
    with pytest.raises(FalllineError, match="3 rows are fewer than 5 folds"):
        folds(3, 5)
    with pytest.raises(FalllineError, match="1 folds are too few"):
        folds(3, 1)
    with pytest.raises(FalllineError, match="a class has 2 rows, fewer than 3 folds"):
        folds(8, 3, classes=np.array([0] * 6 + [1] * 2))
