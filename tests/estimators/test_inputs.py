"""Tables in the estimators: recognised as `fl.load` recognises them, alike in every container, and never in silence."""

import datetime as dt
import warnings
import zoneinfo
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given as example
from hypothesis import settings
from hypothesis import strategies as st

import fallline as fl
from fallline.core.errors import DataWarning
from fallline.estimators import MLPClassifier, MLPRegressor
from fallline.estimators.inputs import Frame, check_rows, given, is_plain, to_float32

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
SHORT = {"hidden_layer_sizes": (4,), "max_iter": 2, "random_state": 0}
ROWS = 40
RANDOM = np.random.default_rng(0)
NUMBERS = (RANDOM.permutation(ROWS) / 4 + 1.5).tolist()
WHOLE = RANDOM.integers(-9, 9, ROWS).tolist()
DATES = [dt.date(2024, 1, 1) + dt.timedelta(int(days)) for days in RANDOM.integers(0, 400, ROWS)]
INSTANTS = [dt.datetime(2024, 1, 1) + dt.timedelta(hours=int(hours)) for hours in RANDOM.integers(0, 9000, ROWS)]
ZONED = [each.replace(tzinfo=dt.UTC) for each in INSTANTS]
SIZES = RANDOM.choice(["S", "M", "L"], ROWS).tolist()
GAPS = [None if place % 7 == 0 else each for place, each in enumerate(NUMBERS)]
Y = RANDOM.normal(size=ROWS)


def learnt(X):
    """An estimator that has seen a table, and the features that it would train on."""
    model = MLPRegressor(**SHORT)
    return model, model._prepare(X, Y[: given(X).shape[0]], None, True, False)[0]


def later(model, X):
    """The features that it predicts from."""
    return to_float32(check_rows(model, given(X), reset=False), model._schema)


def objects(cells):
    return pd.DataFrame({"c": pd.Series(list(cells), dtype=object), "other": WHOLE})


def other(column):
    return pd.DataFrame({"c": column, "other": WHOLE})


def zone(name):
    return [each.astimezone(zoneinfo.ZoneInfo(name)) for each in ZONED]


SAME = {  # every spelling of one column, as the first of them
    "numbers": [
        other(NUMBERS),
        objects(NUMBERS),
        objects(map(Decimal, NUMBERS)),
        objects(map(Fraction, NUMBERS)),
        objects(map(np.float64, NUMBERS)),
        objects(map(str, NUMBERS)),
        other(pd.Series(NUMBERS, dtype="Float64")),
        other(pd.Series(NUMBERS, dtype=pd.ArrowDtype(pa.float64()))),
        other(pd.Series(NUMBERS).map(Decimal).astype(pd.ArrowDtype(pa.decimal128(9, 2)))),
        other(pd.Series(NUMBERS, dtype="category")),
        other(pd.Series(list(map(str, NUMBERS)), dtype="category")),
        other(pd.Series(pd.arrays.SparseArray(NUMBERS))),
        pl.DataFrame({"c": pl.Series(NUMBERS, dtype=pl.Decimal(9, 2)), "other": WHOLE}),
        pl.DataFrame({"c": pl.Series(NUMBERS, dtype=pl.Object), "other": WHOLE}),
        pa.table({"c": pa.array(NUMBERS).dictionary_encode(), "other": WHOLE}),
    ],
    "numbers with gaps": [
        other(pd.Series(GAPS, dtype=float)),
        objects(GAPS),
        objects(None if each is None else Decimal(each) for each in GAPS),
        objects(pd.NA if each is None else Fraction(each) for each in GAPS),
        objects(None if each is None else str(each) for each in GAPS),
        other(pd.Series(GAPS, dtype="Float64")),
        other(pd.Series(GAPS, dtype=pd.ArrowDtype(pa.float64()))),
        other(pd.Series(GAPS, dtype="category")),
        pl.DataFrame({"c": GAPS, "other": WHOLE}).fill_null(float("nan")),
        pl.LazyFrame({"c": pl.Series(GAPS, dtype=pl.Decimal(9, 2)), "other": WHOLE}),
        pa.table({"c": GAPS, "other": WHOLE}),
    ],
    "dates": [
        other(pd.to_datetime(pd.Series(DATES))),
        objects(DATES),
        objects(map(pd.Timestamp, DATES)),
        objects(map(np.datetime64, DATES)),
        objects(each.isoformat() for each in DATES),
        objects(pd.Period(each, "D") for each in DATES),
        other(pd.to_datetime(pd.Series(DATES)).dt.to_period("D")),
        other(pd.Series(DATES, dtype=pd.ArrowDtype(pa.date32()))),
        other(pd.Series(DATES, dtype="category")),
        other(pd.Series(np.array(DATES, "M8[s]"))),
        pl.DataFrame({"c": DATES, "other": WHOLE}),
        pa.table({"c": pa.array(DATES, pa.date64()), "other": WHOLE}),
    ],
    "instants": [
        other(pd.Series(ZONED)),
        objects(zone("Asia/Kolkata")),
        objects(map(pd.Timestamp, zone("America/Lima"))),
        objects([*zone("Europe/Berlin")[:20], *zone("Asia/Tokyo")[20:]]),
        other(pd.Series(ZONED).dt.tz_convert("Australia/Lord_Howe")),
        other(pd.Series(ZONED, dtype=pd.ArrowDtype(pa.timestamp("ns", "America/St_Johns")))),
        pl.DataFrame({"c": pl.Series(ZONED).dt.convert_time_zone("Europe/Paris"), "other": WHOLE}),
        pa.table({"c": pa.array(ZONED, pa.timestamp("ms", "-03:30")), "other": WHOLE}),
    ],
    "durations": [
        other(pd.to_timedelta(NUMBERS, unit="h")),
        objects(dt.timedelta(hours=each) for each in NUMBERS),
        objects(pd.Timedelta(hours=each) for each in NUMBERS),
        other(pd.Series(np.array(NUMBERS) * 3600).astype(int).astype("m8[s]")),
        other(pd.Series(pd.to_timedelta(NUMBERS, unit="h")).astype(pd.ArrowDtype(pa.duration("us")))),
        pl.DataFrame({"c": [dt.timedelta(hours=each) for each in NUMBERS], "other": WHOLE}),
    ],
    "booleans": [
        other(pd.Series([each > 0 for each in WHOLE])),
        objects(each > 0 for each in WHOLE),
        objects(np.bool_(each > 0) for each in WHOLE),
        other(pd.Series([each > 0 for each in WHOLE], dtype="boolean")),
        other(pd.Series([each > 0 for each in WHOLE], dtype="category")),
        pa.table({"c": [each > 0 for each in WHOLE], "other": WHOLE}),
    ],
    "text": [
        objects(SIZES),
        objects(map(np.str_, SIZES)),
        other(pd.Series(SIZES, dtype="string")),
        other(pd.Series(SIZES, dtype=pd.StringDtype("python"))),
        other(pd.Series(SIZES, dtype="category")),
        other(pd.Series(pd.Categorical(SIZES, ["S", "M", "L", "XL"], ordered=True))),
        other(pd.Series(SIZES, dtype=pd.ArrowDtype(pa.large_string()))),
        pl.DataFrame({"c": pl.Series(SIZES, dtype=pl.Enum(["L", "M", "S"])), "other": WHOLE}),
        pl.DataFrame({"c": pl.Series(SIZES, dtype=pl.Categorical), "other": WHOLE}),
        pa.table({"c": pa.array(SIZES).dictionary_encode(), "other": WHOLE}),
    ],
}


@pytest.mark.parametrize("what", SAME)
def test_a_column_is_the_same_in_every_type_and_container(what):
    first, *others = SAME[what]
    model, expected = learnt(first)
    for place, each in enumerate(others, 1):
        _, found = learnt(each)
        np.testing.assert_array_equal(found, expected, f"trained on spelling {place}")
        np.testing.assert_array_equal(later(model, each), expected, f"predicted from spelling {place}")


@pytest.mark.parametrize("what", SAME)
def test_the_features_are_those_of_load(what):
    for each in SAME[what]:
        frame = given(each).table.with_columns(y=pl.Series(Y))
        table = fl.load(frame, "y", test=0, valid=0)
        model, found = learnt(each)
        np.testing.assert_array_equal(found, table.dataset.x)
        if model._schema is not None:
            assert model._schema.feature_names == table.feature_names


@example(st.lists(st.one_of(st.none(), st.integers(-999, 999), st.sampled_from([0.5, -2.25])), min_size=3, max_size=9))
@settings(max_examples=30)
def test_any_numbers_agree_in_every_container(cells):
    cells = [1, 2, *cells]
    wide = [None if each is None else float(each) for each in cells]
    sources = [
        pd.DataFrame({"c": pd.Series(wide, dtype=float)}),
        pd.DataFrame({"c": pd.Series(cells, dtype=object)}),
        pd.DataFrame({"c": pd.Series(wide, dtype="Float64")}),
        pd.DataFrame({"c": pd.Series(wide, dtype=pd.ArrowDtype(pa.float64()))}),
        pl.DataFrame({"c": wide}),
        pa.table({"c": wide}),
    ]
    model, expected = learnt(sources[0])
    for each in sources:
        np.testing.assert_array_equal(learnt(each)[1], expected)
        np.testing.assert_array_equal(later(model, each), expected)


@pytest.mark.parametrize(
    "table",
    [
        objects(WHOLE),
        objects(map(Decimal, NUMBERS)),
        other(pd.Series(WHOLE, dtype="Int64")),
        other(pd.Series(NUMBERS, dtype=pd.ArrowDtype(pa.float32()))),
        pl.DataFrame({"c": pl.Series(WHOLE, dtype=pl.Int128), "other": [True, False] * (ROWS // 2)}),
        pl.LazyFrame({"c": pl.Series(NUMBERS, dtype=pl.Decimal(9, 2))}),
        pa.table({"c": pa.array(WHOLE, pa.int8())}),
    ],
)
def test_numbers_without_gaps_need_no_encoding(table):
    model, found = learnt(table)
    assert model._schema is None
    expected = given(table).table.cast(pl.Float64).to_numpy().astype(np.float32)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(later(model, table), expected)


def test_single_precision_stays():
    assert learnt(pd.DataFrame({"a": NUMBERS}, dtype="float32"))[0]._dtype == np.float32


NO_FEATURES = {
    "polars list": (pl.DataFrame({"tags": [["a"], ["b"]], "n": [1, 2]}), r"'tags' of X holds List\(String\)"),
    "polars array": (
        pl.DataFrame({"v": pl.Series([[1, 2], [3, 4]], dtype=pl.Array(pl.Int64, 2))}),
        r"'v' of X holds Array\(Int64",
    ),
    "polars struct": (pl.DataFrame({"s": [{"a": 1}, {"a": 2}]}), r"'s' of X holds Struct\("),
    "polars bytes": (pl.DataFrame({"b": [b"a", b"b"]}), "'b' of X holds Binary"),
    "polars objects": (pl.DataFrame({"o": pl.Series([None, {1}], dtype=pl.Object)}), "'o' of X holds a set in a cell"),
    "lists": (pd.DataFrame({"l": [[1], [2]]}), "'l' of X holds a list in a cell"),
    "tuples": (pd.DataFrame({"t": [(1,), (2,)]}), "'t' of X holds a tuple in a cell"),
    "dicts among numbers": (
        pd.DataFrame({"d": [1, {}]}),
        "'d' of X holds a int in a cell|'d' of X holds a dict in a cell",
    ),
    "bytes": (pd.DataFrame({"b": [b"a", None]}), "'b' of X holds a bytes in a cell"),
    "arrays": (pd.DataFrame({"a": [np.zeros(2), np.zeros(2)]}), "'a' of X holds a ndarray in a cell"),
    "arrow list": (pa.table({"l": [[1], [2]]}), r"'l' of X holds List\(Int64\)"),
    "arrow map": (pa.table({"m": pa.array([[("a", 1)], []], pa.map_(pa.string(), pa.int64()))}), "'m' of X holds"),
    "arrow struct of pandas": (
        pd.DataFrame({"s": pd.Series([{"a": 1}] * 2, dtype=pd.ArrowDtype(pa.struct([("a", pa.int64())])))}),
        r"'s' of X holds Struct\(",
    ),
    "complex": (pd.DataFrame({"z": [1j, 2j]}), "Complex data not supported: column 'z' of X"),
    "complex objects": (pd.DataFrame({"z": [1j, None]}, dtype=object), "Complex data not supported: column 'z' of X"),
}


@pytest.mark.parametrize("case", NO_FEATURES)
def test_what_is_no_feature_is_refused_by_name(case):
    table, sentence = NO_FEATURES[case]
    with pytest.raises(fl.FalllineError, match=sentence):
        learnt(table)


@pytest.mark.parametrize("fitted", [NUMBERS, SIZES], ids=["numbers", "text"])
@pytest.mark.parametrize("cell", [[1], {"a": 1}, b"x", 1j], ids=type)
def test_what_is_no_feature_is_refused_when_predicting(fitted, cell):
    model, _ = learnt(pd.DataFrame({"c": fitted}))
    with pytest.raises(fl.FalllineError, match="column 'c' of X"):
        later(model, pd.DataFrame({"c": pd.Series([cell, None], dtype=object)}))


@pytest.mark.parametrize(
    "X", [{"a": NUMBERS}, [{"a": each} for each in NUMBERS], np.array([(1,)] * ROWS, [("a", float)])], ids=type
)
def test_records_are_refused_by_name(X):
    for model in (MLPRegressor(**SHORT), MLPClassifier(**SHORT)):
        with pytest.raises(fl.FalllineError, match=r"X is a .*: put it into a frame first, with polars.DataFrame"):
            model.fit(X, Y > 0)


def test_names():
    twice = pd.DataFrame([[1.0, 2.0]] * 4, columns=["a", "a"])
    with pytest.raises(fl.FalllineError, match="'a' occurs twice in X, as columns 1 and 2"):
        MLPRegressor(**SHORT).fit(twice, Y[:4])
    levels = pd.DataFrame([[1.0, 2.0]] * 4, columns=pd.MultiIndex.from_product([["a"], [1, 2]]))
    with pytest.raises(fl.FalllineError, match="the columns of X have names of several levels"):
        MLPRegressor(**SHORT).fit(levels, Y[:4])
    for cells in (1.0, "x"):  # as scikit-learn says of its own
        mixed = pd.DataFrame([[1.0, cells]] * 4, columns=["a", 7])
        with pytest.raises(TypeError, match="Feature names are only supported if all input features have string names"):
            MLPRegressor(**SHORT).fit(mixed, Y[:4])
    for column in (NUMBERS, pd.array(WHOLE, dtype="Int64"), SIZES, GAPS):
        numbered = pd.DataFrame({0: column, 7: WHOLE})
        model, found = learnt(numbered)
        assert not hasattr(model, "feature_names_in_")
        assert model.n_features_in_ == 2
        np.testing.assert_array_equal(later(model, numbered), found)


def test_reordered_and_other_names_are_scikit_learns_errors():
    table = pl.DataFrame({"a": SIZES, "b": NUMBERS})
    for fitted, names in ((table, ["b", "a"]), (table.select(a="b", b="b"), ["b", "a"])):
        model, _ = learnt(fitted.to_pandas())
        for source in (fitted.select(names), fitted.select(names).to_arrow(), fitted.select(names).lazy()):
            with pytest.raises(ValueError, match="Feature names must be in the same order as they were in fit"):
                later(model, source)
        with pytest.raises(ValueError, match="Feature names unseen at fit time"):
            later(model, fitted.rename({"a": "z"}))


def test_a_model_of_numbers_reads_them_in_other_types():
    model, _ = learnt(pd.DataFrame({"c": NUMBERS}))
    for spelled in (list(map(str, NUMBERS)), list(map(Decimal, NUMBERS)), pd.Series(NUMBERS, dtype="category")):
        np.testing.assert_array_equal(later(model, pd.DataFrame({"c": spelled}))[:, 0], np.float32(NUMBERS))
    for cells, sentence in (
        (["1.5", "soon"], "column 'c' of X should hold numbers but holds values such as 'soon'"),
        (DATES[:2], "column 'c' of X should hold numbers but holds values such as '2024-"),
        ([1.5, None], "Input X contains NaN"),
        (["1.5", None], "Input X contains NaN"),
        ([None, None], "Input X contains NaN"),
    ):
        with pytest.raises(ValueError, match=sentence):
            later(model, pd.DataFrame({"c": cells}))


def test_columns_without_anything_to_learn_are_named():
    names = [f"person {place}" for place in range(ROWS)]
    table = pl.DataFrame({"size": SIZES, "gone": [None] * ROWS, "name": names, "row": range(ROWS), "unit": "cm"})
    with pytest.warns(UserWarning, match="of X was left out") as caught:
        model = MLPRegressor(**SHORT).fit(table, Y)
    assert sorted(str(each.message) for each in caught if each.category is DataWarning) == [
        "column 'gone' of X was left out: no cell has a value",
        "column 'name' of X was left out: its text hardly repeats",
    ]
    assert all(each.filename == __file__ for each in caught if each.category is DataWarning)
    assert model.n_features_in_ == 5
    assert [column.name for column in model._schema.columns] == ["size", "row", "unit"]
    assert model.feature_importances_.shape == (5,)
    assert model.feature_importances_[[1, 2]].tolist() == [0, 0]
    assert np.count_nonzero(model.feature_importances_) == 3
    assert np.isfinite(model.predict(table)).all()
    with pytest.raises(ValueError, match="Feature names seen at fit time, yet now missing"):
        model.predict(table.drop("gone"))


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (pl.DataFrame({"a": [None, None], "b": [None, float("nan")]}), "no cell of X has a value"),
        (
            pl.DataFrame({"a": [f"person {place}" for place in range(ROWS)]}),
            "the text of column 'a' of X hardly repeats",
        ),
        (pl.DataFrame({"a": ["x"], "b": [1]}).head(0), r"Found array with 0 sample\(s\)"),
    ],
)
def test_tables_that_say_nothing(table, sentence):
    with pytest.raises(fl.FalllineError, match=sentence):
        learnt(table)


def test_no_rows_to_predict():
    model, _ = learnt(CARS)
    for X in (CARS.head(0), pl.from_pandas(CARS).head(0).lazy()):
        with pytest.raises(fl.FalllineError, match=r"Found array with 0 sample\(s\)"):
            later(model, X)


def test_what_is_constant_or_counts_is_kept():
    table = pl.DataFrame(
        {
            "text": ["x"] * ROWS,
            "digits": ["5"] * ROWS,
            "date": [DATES[0]] * ROWS,
            "flag": [True] * ROWS,
            "number": [2.5] * ROWS,
            "id": range(ROWS),
            "some": GAPS,
        }
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model, _ = learnt(table)
    assert [(column.name, column.kind) for column in model._schema.columns] == [
        ("text", "category"),
        ("digits", "number"),
        ("date", "date"),
        ("flag", "boolean"),
        ("number", "number"),
        ("id", "number"),
        ("some", "number"),
    ]


def test_cells_that_are_not_read_are_counted():
    cells = [*map(str, NUMBERS[:-1]), "soon"]
    with pytest.warns(UserWarning, match=r"column 'c' holds 1 of \d+ cells .* that are not numbers, such as 'soon'"):
        learnt(pd.DataFrame({"c": cells, "other": WHOLE}))


CARS = pd.DataFrame({"size": SIZES, "price": GAPS, "day": DATES, "new": [each > 0 for each in WHOLE]})


def containers(frame):
    """The same table in every container."""
    table = pl.from_pandas(frame)
    return {
        "pandas": frame,
        "extension": frame.convert_dtypes(),
        "arrow-backed": frame.convert_dtypes(dtype_backend="pyarrow"),
        "polars": table,
        "lazy": table.lazy(),
        "pyarrow": table.to_arrow(),
        "batch": table.to_arrow().combine_chunks().to_batches()[0],
        "reader": table.to_arrow().to_reader(),
    }


def test_every_container_in_every_method():
    target = np.array(WHOLE) > 0
    model = MLPClassifier(**SHORT).fit(CARS, target)
    expected = model.predict_proba(CARS)
    for name, X in containers(CARS).items():
        np.testing.assert_array_equal(model.predict_proba(X), expected, name)
    score = model.score(CARS, target)
    for name, X in containers(CARS).items():
        assert model.score(X, target) == score, name
    for name, X in containers(CARS).items():
        again = MLPClassifier(**SHORT).fit(X, target)
        assert list(again.feature_names_in_) == list(CARS.columns), name
        np.testing.assert_array_equal(again.predict_proba(CARS), expected, name)
    rest = {name: X for name, X in containers(CARS).items() if name in ("lazy", "pyarrow", "extension")}
    for X in rest.values():  # their next epoch, from the weights of the last
        model.partial_fit(X, target)
        assert model.loss_curve_[-1] < model.loss_curve_[0]


def test_plain_numbers_in_every_container():
    plain = pd.DataFrame({"a": NUMBERS, "b": WHOLE})
    expected = MLPRegressor(**SHORT).fit(plain, Y).predict(plain)
    for name, X in containers(plain).items():
        model = MLPRegressor(**SHORT).fit(X, Y)
        assert model._schema is None, name
        np.testing.assert_array_equal(model.predict(plain), expected, name)


def test_a_later_part_of_the_rows_may_have_no_gaps():
    model = MLPClassifier(**SHORT)
    target = [int(each > 0) for each in WHOLE]
    whole = CARS[["price", "new"]]
    model.partial_fit(whole, target, classes=[0, 1])
    complete = whole.dropna()
    model.partial_fit(complete, target[: len(complete)])  # a list, as scikit-learn takes it
    assert np.isfinite(model.predict_proba(whole)).all()


def test_validation_rows_in_another_container():
    model = MLPRegressor(early_stopping=True, **SHORT)
    model.fit(CARS, Y, X_val=pl.from_pandas(CARS).lazy(), y_val=Y)
    assert np.isfinite(model.validation_scores_).all()


@pytest.mark.parametrize("kind", ["lazy", "pyarrow", "extension"])
def test_a_search_takes_every_container(kind):
    target = np.array(WHOLE) > 0

    def search(X):
        settings = {"n_iter": 2, "cv": 2, "random_state": 0}
        return fl.estimators.PopulationSearchCV(MLPClassifier(**SHORT), {"alpha": [1e-4, 1.0]}, **settings).fit(
            X, target
        )

    expected, found = search(CARS), search(containers(CARS)[kind])
    np.testing.assert_array_equal(found.cv_results_["mean_test_score"], expected.cv_results_["mean_test_score"])
    np.testing.assert_array_equal(found.predict(containers(CARS)[kind]), expected.predict(CARS))
    assert list(found.feature_names_in_) == list(CARS.columns)


def test_a_table_is_converted_once():
    frame = given(CARS)
    assert isinstance(frame, Frame)
    assert given(frame) is frame
    assert given(NUMBERS) is NUMBERS


def _unfitted():
    model = fl.MLPClassifier()
    model.n_features_in_, model._schema = 2, None
    return model


PLAIN = np.arange(6.0).reshape(3, 2)


@pytest.mark.parametrize("X", [PLAIN, PLAIN.astype(np.float32), np.asfortranarray(PLAIN), PLAIN[::-1], PLAIN[:1]])
def test_rows_without_a_need_for_checks_are_what_the_checks_return(X):
    assert is_plain(_unfitted(), X)
    assert check_rows(_unfitted(), X, reset=False) is X


@pytest.mark.parametrize(
    "X",
    [
        PLAIN.tolist(),
        PLAIN.astype(int),
        PLAIN.astype(object),
        PLAIN.astype(">f8"),
        PLAIN.astype(np.float16),
        PLAIN + 1j,
        np.where(PLAIN > 4, np.nan, PLAIN),
        np.where(PLAIN > 4, -np.inf, PLAIN),
        np.ma.masked_array(PLAIN),
        PLAIN[0],
        PLAIN[None],
        PLAIN[:0],
        PLAIN[:, :1],
        np.column_stack([PLAIN, PLAIN]),
    ],
    ids=str,
)
def test_all_other_rows_are_checked(X):
    assert not is_plain(_unfitted(), X)


def test_a_model_of_named_columns_checks_the_names_of_an_array():
    model = _unfitted()
    model.feature_names_in_ = np.array(["a", "b"], object)
    assert not is_plain(model, PLAIN)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        check_rows(model, PLAIN, reset=False)
