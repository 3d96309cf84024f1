"""Targets: the task, the classes, and labels that come back as they were."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallline.core.errors import FalllineError
from fallline.data.cells import target_cells
from fallline.data.target import Target, recognise_target


def task(values: object, **given_task: str) -> str:
    return recognise_target(np.asarray(values), ("y",), "t.csv", **given_task).task


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["a", "b"] * 3, "classification"),
        ([True, False] * 3, "classification"),
        ([0, 1] * 3, "classification"),
        ([1.0, 2.0] * 3, "classification"),
        ([0.5, 1.0] * 3, "regression"),
        (list(range(20)) * 3, "classification"),
        (list(range(21)) * 3, "regression"),
        ([float(each) for each in range(11)] * 3, "regression"),
        (list(range(10)), "regression"),
        ([-1, 1] * 3, "classification"),
    ],
)
def test_the_task_is_recognised(values: object, expected: str) -> None:
    assert task(values) == expected


def test_the_task_is_overruled() -> None:
    assert task([0, 1, 2] * 3, task="regression") == "regression"
    assert task([0.5, 1.5] * 3, task="classification") == "classification"
    with pytest.raises(FalllineError, match="no task 'clasification': did you mean 'classification'"):
        task([0, 1], task="clasification")
    with pytest.raises(FalllineError, match="not numbers: a regression needs numbers"):
        task(["a", "b"] * 2, task="regression")


kinds = st.sampled_from(
    [
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
        st.integers(-(2**40), 2**40),
        st.booleans(),
        st.floats(allow_nan=False, allow_infinity=False).map(lambda each: each + 0.0),
    ]
)


@given(labels=kinds.flatmap(lambda kind: st.lists(kind, min_size=2, max_size=8, unique=True)), data=st.data())
def test_labels_come_back_exactly(labels: list[object], data: st.DataObject) -> None:
    rows = data.draw(st.permutations(labels * 2))
    values = np.array(rows, dtype=object)
    target = recognise_target(values, ("y",), "t.csv", "classification")
    codes = target.encode(values, "t.csv")
    assert codes.dtype == np.int32
    back = target.decode(codes).tolist()
    assert back == rows
    assert [type(each) for each in back] == [type(each) for each in rows]


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.int64, np.float32, "U3", bool, object])
def test_every_array_type_of_labels(dtype: object) -> None:
    values = np.array([1, 0, 1, 0]).astype(dtype)
    target = recognise_target(values, ("y",), "t.csv")
    assert target.n_classes == 2
    assert target.encode(values, "t.csv").tolist() == [1, 0, 1, 0]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ([1.0, np.nan, np.nan], "the target 'y' of t.csv has 2 missing values: remove those rows"),
        ([1.0, np.inf], "1 infinite value"),
        (np.array(["a", None, "b"], object), "1 missing value"),
        (np.array([1, None, float("nan")], object), "2 missing values"),
        (["a"] * 4, "the single class 'a'"),
        ([3] * 4, "the single class 3"),
        (["a", "a", "b"], "class 'b' of the target 'y' of t.csv has one row only: remove it or merge it"),
        (np.array(["a", 1, "a", 1], object), "mixes text and numbers"),
        (np.array([1j, 2j]), "complex128"),
        (np.fromiter([(1,), (2,)], object), "holds tuple: give labels or numbers"),
    ],
)
def test_unfit_targets(values: object, sentence: str) -> None:
    with pytest.raises(FalllineError, match=sentence):
        task(values)


@pytest.mark.parametrize("name", ["regression", "multilabel"])
def test_unfit_numbers(name: str) -> None:
    target = Target(("a", "b"), name)
    with pytest.raises(FalllineError, match="1 missing value"):
        target.encode(np.array([[1, np.nan]]), "t.csv")
    with pytest.raises(FalllineError, match="2 infinite values"):
        target.encode(np.array([[np.inf, np.inf]]), "t.csv")
    with pytest.raises(FalllineError, match="only 0 and 1" if name == "multilabel" else "beyond 1e38"):
        target.encode(np.array([[1e300, 0.0]]), "t.csv")
    with pytest.raises(FalllineError, match="1 columns where 2 were expected"):
        target.encode(np.array([0, 1]), "t.csv")


def test_several_targets() -> None:
    y = np.array([[0, 1], [1, 1], [1, 0]])
    assert recognise_target(y, ("a", "b"), "t.csv").task == "regression"
    labels = recognise_target(y, ("a", "b"), "t.csv", "multilabel")
    assert labels.n_classes == 2
    assert labels.encode(y, "t.csv").dtype == np.float32
    for values, name, sentence in (
        (y * 2, "multilabel", "must hold only 0 and 1"),
        (y, "classification", "takes one column"),
        (y[:, 0], "multilabel", "a multilabel task several"),
    ):
        with pytest.raises(FalllineError, match=sentence):
            recognise_target(values, ("a", "b")[: values.ndim], "t.csv", name)


def test_unseen_labels_are_named() -> None:
    target = Target(("y",), "classification", ("cat", "dog"))
    with pytest.raises(FalllineError, match="holds 'dgo', not a class seen in training: did you mean 'dog'"):
        target.encode(np.array(["dog", "dgo"]), "t.csv")


@pytest.mark.parametrize(
    ("classes", "values"),
    [
        ((0, 1), ["1", "0"]),
        ((0, 1), [1.0, 0.0]),
        ((0, 1), [True, False]),
        ((0.0, 1.0), [1, 0]),
        ((False, True), ["True", "false"]),
        ((False, True), [1, 0]),
        (("0", "1"), [1, 0]),
    ],
)
def test_the_same_labels_written_otherwise(classes: tuple[object, ...], values: list[object]) -> None:
    target = Target(("y",), "classification", classes)  # type: ignore[arg-type]
    assert target.encode(np.array(values), "t.csv").tolist() == [1, 0]


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["1", "-2"], [1, -2]),
        (["1.5", "2"], [1.5, 2.0]),
        (["01", "02"], ["01", "02"]),
        (["1", "two"], ["1", "two"]),
        (["true", "false"], ["true", "false"]),
    ],
)
def test_text_targets_are_typed_only_where_nothing_is_lost(texts: list[str], expected: list[object]) -> None:
    assert target_cells(pl.Series(texts)).tolist() == expected


def test_dates_and_lists_are_no_targets() -> None:
    with pytest.raises(FalllineError, match="the target 'y' holds List"):
        target_cells(pl.Series("y", [[1], [2]]))
