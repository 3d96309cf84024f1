"""Targets: the task, the classes, and labels that come back as they were."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallline.core.errors import FalllineError
from fallline.data.cells import target_cells
from fallline.data.prediction import read_labelled
from fallline.data.schema import Schema
from fallline.data.table import load
from fallline.data.target import Target
from fallline.data.task import recognise_target


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


@pytest.mark.parametrize("name", ["class_code", "label", "zip", "icd10", "diagnosisCode", "category"])
def test_many_whole_numbers_called_codes_are_asked_about(name: str) -> None:
    codes = np.random.default_rng(0).permutation(np.repeat(np.arange(1000, 4000), 4))
    with pytest.raises(FalllineError, match=r"different whole numbers, which may be codes or quantities: set the task"):
        recognise_target(codes, (name,), "t.csv")
    assert recognise_target(codes, (name,), "t.csv", "regression").task == "regression"
    assert recognise_target(codes, (name,), "t.csv", "classification").n_classes == np.unique(codes).size
    assert recognise_target(codes, ("price",), "t.csv").task == "regression"
    assert recognise_target(codes + 0.5, (name,), "t.csv").task == "regression"


def grouped(values: list[int], sign: str) -> list[str]:
    return [f"{value:,}".replace(",", sign) for value in values]


PRICES = [67_000 + 1_237 * i for i in range(60)]


def price_table(folder: Path, texts: list[str], name: str = "t.csv", separator: str = ";") -> Path:
    path = folder / name
    frame = pl.DataFrame({"size": [float(i % 13) for i in range(len(texts))], "price": texts})
    frame.write_csv(path, separator=separator)
    return path


def test_a_target_that_can_be_read_in_two_ways_is_named_and_can_be_overruled(tmp_path: Path) -> None:
    path = price_table(tmp_path, grouped(PRICES, "."))
    table = load(path, "price")
    assert any("'price' holds numbers such as '67.000', read as" in each for each in table.warnings)
    for kind, unit in (("decimal_comma", 1), ("decimal_point", 1000)):
        said = load(path, "price", kinds={"price": kind})
        assert said.warnings == ()
        np.testing.assert_allclose(said.dataset.given.ravel() * unit, PRICES)
    twice = price_table(tmp_path, 2 * grouped(PRICES, "."), "twice.csv")
    classes = load(twice, "price", kinds={"price": "category"}).classes
    assert classes is not None
    assert len(classes) == len(PRICES)


@pytest.mark.parametrize(
    ("kinds", "task", "sentence"),
    [
        ({"price": "date"}, None, "kind of the target 'price' is given as 'date': expected number"),
        ({"price": "drop"}, None, "kind of the target 'price' is given as 'drop': expected number"),
        ({"price": "category"}, "regression", "given as 'category', and the task as 'regression'"),
        ({"price": "numbr"}, None, "'numbr': did you mean 'number'"),
        ({"prize": "number"}, None, "names the column 'prize', which is not a feature"),
    ],
)
def test_a_kind_that_is_none_for_a_target_is_refused(
    tmp_path: Path, kinds: dict[str, str], task: str | None, sentence: str
) -> None:
    with pytest.raises(FalllineError, match=sentence):
        load(price_table(tmp_path, grouped(PRICES, ".")), "price", kinds=kinds, task=task)


def test_a_target_that_is_not_as_said_is_refused(tmp_path: Path) -> None:
    path = price_table(tmp_path, [*grouped(PRICES, "."), "on request"])
    with pytest.raises(FalllineError, match=r"target 'price' .* 1 of 61 cells .* such as 'on request'"):
        load(path, "price", kinds={"price": "decimal_comma"})


@pytest.mark.filterwarnings("ignore:the target 'price' of .* read as 67000")
@pytest.mark.parametrize(
    ("trained", "later", "unit"),
    [
        ([f"{p / 10_000:.4f} km".replace(".", ",") for p in PRICES], [f"{p / 10:.1f} m" for p in PRICES], "km"),
        ([f"{p} €" for p in PRICES], grouped(PRICES, "."), "€"),
        ([f"{p / 2000:.4f}%" for p in PRICES], [f"{p / 200_000!r}" for p in PRICES], "%"),
        (grouped(PRICES, "'"), [str(p) for p in PRICES], ""),
    ],
)
def test_a_targets_form_holds_where_it_is_evaluated(
    tmp_path: Path, trained: list[str], later: list[str], unit: str
) -> None:
    table = load(price_table(tmp_path, trained), "price")
    schema = Schema.from_dict(json.loads(json.dumps(table.schema.to_dict())))
    assert schema == table.schema
    assert schema.target.forms[0].unit == unit
    _, again = read_labelled(price_table(tmp_path, later, "later.csv"), schema)
    np.testing.assert_allclose(again, table.dataset.given, rtol=1e-12)
