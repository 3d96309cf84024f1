"""Tables of named columns: the same cells in any container are the same Polars frame, and anything else is named."""

import datetime as dt
import subprocess
import sys
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

import fallline as fl
from fallline.core.errors import FalllineError
from fallline.data.frames import advice, is_frame, is_records, to_polars
from fallline.data.sources import read

DAY, NOON = dt.date(2024, 2, 29), dt.datetime(2024, 2, 29, 12)
MIDNIGHT, UTC_NOON = dt.datetime(2024, 2, 29), NOON.replace(tzinfo=dt.UTC)
US, UTC = pl.Datetime("us"), pl.Datetime("us", "UTC")
HOUR = dt.timedelta(hours=1)


def arrow(cells: list[object], kind: pa.DataType) -> pd.Series:
    return pd.Series(cells, dtype=pd.ArrowDtype(kind))


def category(cells: object, **how: object) -> pd.Series:
    return pd.Series(pd.Categorical(cells, **how))


PANDAS = {
    # NumPy's types
    "int8": (pd.Series([1, 2], dtype="int8"), pl.Int8, [1, 2]),
    "uint64": (pd.Series([1, 2**64 - 1], dtype="uint64"), pl.UInt64, [1, 2**64 - 1]),
    "big-endian": (pd.Series(np.array([1.5, np.nan], ">f8")), pl.Float64, [1.5, None]),
    "float16": (pd.Series(np.array([1.5, np.nan], "f2")), pl.Float32, [1.5, None]),
    "float32": (pd.Series(np.array([1.5, np.nan], "f4")), pl.Float32, [1.5, None]),
    "long double": (pd.Series(np.array([1.5, np.nan], np.longdouble)), pl.Float64, [1.5, None]),
    "bool": (pd.Series([True, False]), pl.Boolean, [True, False]),
    "days": (pd.Series(np.array([DAY, None], "M8[D]")), US, [MIDNIGHT, None]),
    "seconds": (pd.Series(np.array([NOON, None], "M8[s]")), US, [NOON, None]),
    "milliseconds": (pd.Series(np.array([NOON, None], "M8[ms]")), pl.Datetime("ms"), [NOON, None]),
    "nanoseconds": (pd.Series(np.array([NOON, None], "M8[ns]")), pl.Datetime("ns"), [NOON, None]),
    "durations in s": (pd.Series(np.array([3600, "NaT"], "m8[s]")), pl.Duration("us"), [HOUR, None]),
    "durations in ns": (pd.Series(np.array([3600 * 10**9, "NaT"], "m8[ns]")), pl.Duration("ns"), [HOUR, None]),
    # objects (all of their kinds are in test_objects.py)
    "decimals": (pd.Series([Decimal("1.5"), None]), pl.Float64, [1.5, None]),
    "dates": (pd.Series([DAY, None]), pl.Date, [DAY, None]),
    "mixed": (pd.Series([1, "two", None, 3.0]), pl.String, ["1", "two", None, "3"]),
    # extension types
    "Int64": (pd.Series([2**62 + 1, None], dtype="Int64"), pl.Int64, [2**62 + 1, None]),
    "UInt8": (pd.Series([1, None], dtype="UInt8"), pl.UInt8, [1, None]),
    "Float32": (pd.Series([1.5, None], dtype="Float32"), pl.Float32, [1.5, None]),
    "Int64 complete": (pd.Series([1, 2], dtype="Int64"), pl.Int64, [1, 2]),
    "boolean": (pd.Series([True, None, False], dtype="boolean"), pl.Boolean, [True, None, False]),
    "string": (pd.Series(["a", None], dtype="string"), pl.String, ["a", None]),
    "string of Python": (pd.Series(["a", None], dtype=pd.StringDtype("python")), pl.String, ["a", None]),
    "string of PyArrow": (pd.Series(["a", None], dtype=pd.StringDtype("pyarrow")), pl.String, ["a", None]),
    "text by default": (pd.Series(["a", None]), pl.String, ["a", None]),
    "category of text": (category(["a", None, "b", "a"]), pl.String, ["a", None, "b", "a"]),
    "category of ints": (category([5, 7, 5]), pl.Int64, [5, 7, 5]),
    "category of floats": (category([5.5, None, 7]), pl.Float64, [5.5, None, 7.0]),
    "category of dates": (category([DAY, None]), pl.Date, [DAY, None]),
    "category of instants": (category(pd.to_datetime([NOON, None])).astype("category"), None, [NOON, None]),
    "category of booleans": (category([True, False]), pl.Boolean, [True, False]),
    "ordered category": (category(["hi", "lo"], categories=["lo", "hi"], ordered=True), pl.String, ["hi", "lo"]),
    "unused category": (category(["a", None], categories=["z", "a"]), pl.String, ["a", None]),
    "category of intervals": (pd.cut(pd.Series([1, 9]), [0, 5, 10]), pl.String, ["(0, 5]", "(5, 10]"]),
    "empty category": (category([None, None]), None, [None, None]),
    "months": (pd.Series(pd.period_range("2024-02", periods=1, freq="M")), US, [dt.datetime(2024, 2, 1)]),
    "intervals": (pd.Series(pd.interval_range(0, 2)), pl.String, ["(0, 1]", "(1, 2]"]),
    "sparse": (pd.Series(pd.arrays.SparseArray([0.0, 1.5, np.nan])), pl.Float64, [0.0, 1.5, None]),
    "sparse ints": (pd.Series(pd.arrays.SparseArray([0, 0, 3])), pl.Int64, [0, 0, 3]),
    "zoned": (pd.Series(pd.to_datetime([UTC_NOON, None])).dt.tz_convert("Asia/Tokyo"), None, [UTC_NOON, None]),
    # Arrow's types
    "arrow int": (arrow([1, None], pa.int16()), pl.Int16, [1, None]),
    "arrow float": (arrow([1.5, None], pa.float64()), pl.Float64, [1.5, None]),
    "arrow decimal": (arrow([Decimal("1.50"), None], pa.decimal128(9, 2)), pl.Decimal(9, 2), [Decimal("1.50"), None]),
    "arrow wide decimal": (arrow([Decimal("1.5"), None], pa.decimal256(50, 2)), pl.Float64, [1.5, None]),
    "arrow date": (arrow([DAY, None], pa.date32()), pl.Date, [DAY, None]),
    "arrow seconds": (arrow([NOON, None], pa.timestamp("s")), pl.Datetime("ms"), [NOON, None]),
    "arrow zoned": (arrow([UTC_NOON, None], pa.timestamp("us", "Europe/Berlin")), UTC, [UTC_NOON, None]),
    "arrow text": (arrow(["a", None], pa.string()), pl.String, ["a", None]),
    "arrow large text": (arrow(["a", None], pa.large_string()), pl.String, ["a", None]),
    "arrow bool": (arrow([True, None], pa.bool_()), pl.Boolean, [True, None]),
    "arrow duration": (arrow([HOUR, None], pa.duration("s")), pl.Duration("ms"), [HOUR, None]),
    "arrow time": (arrow([dt.time(9), None], pa.time64("us")), pl.Time, [dt.time(9), None]),
    "arrow null": (arrow([None, None], pa.null()), pl.Null, [None, None]),
    "arrow dictionary": (arrow(["a", None], pa.dictionary(pa.int8(), pa.string())), pl.Categorical, ["a", None]),
    # no features, for whoever asks next to name
    "arrow list": (arrow([[1], None], pa.list_(pa.int64())), pl.List(pl.Int64), [[1], None]),
    "arrow struct": (arrow([{"a": 1}], pa.struct([("a", pa.int64())])), pl.Struct({"a": pl.Int64}), [{"a": 1}]),
    "arrow bytes": (arrow([b"a", None], pa.binary()), pl.Binary, [b"a", None]),
    "lists": (pd.Series([[1], None]), pl.Object, [[1], None]),
}


@pytest.mark.parametrize("case", PANDAS)
def test_columns_of_pandas(case: str) -> None:
    column, dtype, expected = PANDAS[case]
    frame = pd.DataFrame({"c": column})
    frame.index = pd.Index(range(10, 10 + len(frame)))  # of no meaning here
    result = to_polars(frame, "X")["c"]
    assert dtype is None or result.dtype == dtype
    assert result.to_list() == expected


TABLES = {
    "ints": (pa.array([1, None]), pl.Int64, [1, None]),
    "floats": (pa.array([1.5, np.nan, None]), pl.Float64, [1.5, None, None]),
    "dictionary of ints": (pa.array([7, None, 7]).dictionary_encode(), pl.Int64, [7, None, 7]),
    "dictionary of dates": (pa.array([DAY, None]).dictionary_encode(), pl.Date, [DAY, None]),
    "decimal of 256 bits": (pa.array([Decimal("1.5"), None], pa.decimal256(50, 1)), pl.Float64, [1.5, None]),
    "runs": (pa.RunEndEncodedArray.from_arrays([2, 3], ["a", "b"]), pl.String, ["a", "a", "b"]),
    "date64": (pa.array([DAY, None], pa.date64()), pl.Datetime("ms"), [MIDNIGHT, None]),
    "string view": (pa.array(["a", None], pa.string_view()), pl.String, ["a", None]),
    "offset": (pa.array([UTC_NOON, None], pa.timestamp("us", "+02:00")), UTC, [UTC_NOON, None]),
    "binary": (pa.array([b"a", None]), pl.Binary, [b"a", None]),
}


@pytest.mark.parametrize("case", TABLES)
def test_columns_of_pyarrow(case: str) -> None:
    column, dtype, expected = TABLES[case]
    table = pa.table({"c": column})
    for source in (table, table.to_batches()[0], table.to_reader()):
        result = to_polars(source, "X")["c"]
        assert (result.dtype, result.to_list()) == (dtype, expected)


POLARS = {
    "NaN": (pl.Series([1.5, float("nan")]), pl.Float64, [1.5, None]),
    "objects that are numbers": (pl.Series([Decimal("1.5"), 2, None], dtype=pl.Object), pl.Float64, [1.5, 2.0, None]),
    "objects that are text": (pl.Series(["a", 1.0], dtype=pl.Object), pl.String, ["a", "1"]),
    "objects that are lists": (pl.Series([[1], None], dtype=pl.Object), pl.Object, [[1], None]),
    "zoned": (pl.Series([UTC_NOON]).dt.convert_time_zone("America/Lima"), UTC, [UTC_NOON]),
    "Int128": (pl.Series([2**70], dtype=pl.Int128), pl.Int128, [2**70]),
    "Enum": (pl.Series(["a", None], dtype=pl.Enum(["a", "b"])), pl.Enum(["a", "b"]), ["a", None]),
    "nothing": (pl.Series([None, None]), pl.Null, [None, None]),
}


@pytest.mark.parametrize("case", POLARS)
def test_columns_of_polars(case: str) -> None:
    column, dtype, expected = POLARS[case]
    for source in (frame := pl.DataFrame({"c": column})), frame.lazy():
        result = to_polars(source, "X")["c"]
        assert (result.dtype, result.to_list()) == (dtype, expected)


def test_a_frame_with_nothing_to_change_is_itself() -> None:
    frame = pl.DataFrame({"a": [1, None], "b": ["x", "y"]})
    assert to_polars(frame, "X") is frame


class Stream:
    """A table of a library that speaks Arrow."""

    def __init__(self, table: object) -> None:
        self.table = table

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.table.__arrow_c_stream__(requested_schema)


class Interchange:
    """A table of a library that knows no more than the DataFrame protocol, which today's Polars has left."""

    def __dataframe__(self, **options: object) -> object:
        raise NotImplementedError


def test_other_libraries_tables() -> None:
    assert to_polars(Stream(pa.table({"a": [1, None]})), "X")["a"].to_list() == [1, None]
    assert read(Stream(pa.table({"a": [1, None]}))).frame.columns == ["a"]
    subclass = type("Geo", (pd.DataFrame,), {})({"a": [1]})
    assert to_polars(subclass, "X")["a"].to_list() == [1]
    for source, sentence in (
        (Stream(pa.chunked_array([[1]])), "Polars cannot read X"),
        (Interchange(), "Polars cannot read X .*: give a frame of pandas, Polars or PyArrow"),
        (pl.LazyFrame({"a": [1]}).select("b"), "the query of X cannot be run"),
    ):
        assert is_frame(source)
        with pytest.raises(FalllineError, match=sentence):
            to_polars(source, "X")


class Dask:
    """A table somewhere else."""

    columns = ("a",)

    def compute(self) -> None:
        """Not called."""


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        ({"a": [1]}, "a dict: put it into a frame first"),
        ([{"a": 1}], "a list: put it into a frame first"),
        (({"a": 1},), "a tuple: put it into a frame first"),
        (np.zeros(2, [("a", float)]), "numpy.ndarray: put it into a frame first"),
        (iter([(1, 2)]), "list_iterator: put it into a frame first"),
        (Dask(), r"Dask: give a frame of pandas, Polars or PyArrow that is in memory \(its .compute\(\) may make one"),
        (np.zeros((2, 2)), "numpy.ndarray: give a frame"),
        ({1, 2}, "a set: give a frame"),
        (None, "a NoneType: give a frame"),
        (pd.Series([1]), "pandas.Series: give a frame"),
        (pd.Index([1]), "a pandas.*Index: give a frame"),
        (pl.Series([1]), "a polars.Series: give a frame"),
        (pa.array([1]), "a pyarrow.Int64Array: give a frame"),
        (pa.chunked_array([[1]]), "a pyarrow.ChunkedArray: give a frame"),
        (pd.DataFrame, "a type: give a frame"),
    ],
)
def test_other_containers_are_named(source: object, sentence: str) -> None:
    assert not is_frame(source)
    with pytest.raises(FalllineError, match=f"X is .*{sentence}") as caught:
        to_polars(source, "X")
    assert str(caught.value) == f"X is {advice(source)}"


def test_sparse_matrices_are_no_records() -> None:
    assert not is_records(sparse.dok_array((2, 2)))
    assert not is_records(sparse.csr_array((2, 2)))


@pytest.mark.parametrize("source", [{"a": [1]}, [{"a": 1}], np.zeros(2, [("a", float)])], ids=type)
def test_records_are_no_source(source: object) -> None:
    with pytest.raises(FalllineError, match=r"the source is an? .*: put it into a frame first"):
        fl.load(source, "a")


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (["a", "b", "a"], "the column name 'a' occurs twice in X, as columns 1 and 3"),
        ([0, 1, 0], "the column name 0 occurs twice in X, as columns 1 and 3"),
        (["1", 1, 2], "the column name '1' occurs twice in X, as columns 1 and 2"),
        ([("a", "x"), ("a", "y"), ("b", "x")], "names of several levels, such as"),
        ([np.nan, np.nan, "a"], "occurs twice in X, as columns 1 and 2"),
    ],
)
def test_names_that_are_none(names: list[object], sentence: str) -> None:
    frame = pd.DataFrame([[1, 2, 3]], columns=pd.Index(names, dtype=object, tupleize_cols=False))
    with pytest.raises(FalllineError, match=sentence):
        to_polars(frame, "X", text_names=False)


def test_names_that_stand_twice_in_arrow() -> None:
    table = pa.table([pa.array([1]), pa.array([2])], names=["a", "a"])
    with pytest.raises(FalllineError, match="'a' occurs twice in X, as columns 1 and 2"):
        to_polars(table, "X")
    with pytest.raises(FalllineError, match="more than o"):  # Polars' own words
        to_polars(Stream(table), "X")


def test_names_that_are_not_text() -> None:
    frame = pd.DataFrame([[1, 2]], columns=[0, 7])
    assert to_polars(frame, "X", text_names=False).columns == ["0", "7"]
    with pytest.raises(FalllineError, match="column 1 of X is named 0, a int: column names must be text"):
        to_polars(frame, "X")
    with pytest.raises(FalllineError, match="several levels"):
        read(pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_product([["a"], ["x", "y"]])))


def test_load_takes_every_container_alike() -> None:
    size, price = ["S", "M", None, "M"] * 10, [1.5, 2.0, 3.25, None] * 10
    frame = pl.DataFrame({"size": size, "price": price, "y": list(range(4)) * 10})
    sources = (frame, frame.lazy(), frame.to_arrow(), frame.to_pandas(), Stream(frame.to_arrow()))
    tables = [fl.load(source, "y") for source in sources]
    assert len({table.fingerprint for table in tables}) == 1
    assert tables[0].feature_names == (
        "size=M",
        "size=S",
        "size=(other)",
        "size=(missing)",
        "price",
        "price is missing",
    )


def test_load_names_what_is_no_feature() -> None:
    frame = pd.DataFrame(
        {"x": [1.5, 2.5] * 10, "tags": [["a"], ["b"]] * 10, "raw": [b"a", b"b"] * 10, "y": [0, 1] * 10}
    )
    table = fl.load(frame, "y")
    assert table.warnings == ("columns 'tags', 'raw' were dropped: lists, bytes or objects are not features",)
    with pytest.raises(FalllineError, match="Complex data not supported: column 'z' of the frame"):
        fl.load(frame.assign(z=1j), "y")


CELLS = st.one_of(st.none(), st.integers(-(2**53), 2**53))


@given(st.lists(CELLS, min_size=1, max_size=8), st.sampled_from(["Int64", "object", "arrow", "category"]))
def test_whole_numbers_agree_in_every_container(cells: list[int | None], way: str) -> None:
    kinds = {"arrow": pd.ArrowDtype(pa.int64()), "category": pd.CategoricalDtype()}
    column = pd.Series(pd.array(cells, dtype="Int64")).astype(kinds.get(way, way))
    expected = pl.Series("c", cells, dtype=pl.Int64)
    for source in (pd.DataFrame({"c": column}), pa.table({"c": cells}), pl.LazyFrame({"c": cells})):
        assert to_polars(source, "X")["c"].cast(pl.Int64).equals(expected)


@given(st.lists(st.one_of(st.none(), st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2250, 1, 1))), min_size=1))
def test_instants_agree_in_every_container(cells: list[dt.datetime | None]) -> None:
    zoned = [cell if cell is None else cell.replace(tzinfo=dt.UTC) for cell in cells]
    expected = pl.Series("c", cells, dtype=US)
    typed = pd.Series(np.array(cells, "M8[us]"))
    for column in (typed, typed.astype("M8[ns]"), typed.astype(object), typed.astype("category")):
        assert to_polars(pd.DataFrame({"c": column}), "X")["c"].cast(US).equals(expected)
    table = pa.table({"c": pa.array(zoned, pa.timestamp("us", "Asia/Kolkata"))})
    pandas = pd.DataFrame({"c": typed.dt.tz_localize("UTC").dt.tz_convert("America/St_Johns")})
    for source in (table, pandas, pl.from_arrow(table).lazy(), pd.DataFrame({"c": pd.Series(zoned, dtype=object)})):
        found = to_polars(source, "X")["c"]
        assert found.cast(UTC).dt.replace_time_zone(None).equals(expected)


ALONE = """
import sys
for name in sys.argv[1].split(","):
    sys.modules[name] = None  # not installed
import numpy as np, polars as pl, fallline as fl
from fallline.data.frames import to_polars
try:
    import pandas as pd
except ImportError:
    frame = pl.LazyFrame({"a": [1, None], "b": ["x", "y"], "o": pl.Series([1, 2.5], dtype=pl.Object)})
else:
    frame = pd.DataFrame({"a": pd.array([1, None], dtype="Int64"), "b": ["x", "y"], "o": [1, 2.5]})
    frame["b"] = frame["b"].astype("category")
    frame["o"] = frame["o"].astype(object)
assert to_polars(frame, "X").rows() == [(1, "x", 1.0), (None, "y", 2.5)]
"""


@pytest.mark.parametrize("absent", ["pandas,pyarrow", "pyarrow"])
def test_no_other_library_is_needed(absent: str) -> None:
    done = subprocess.run([sys.executable, "-c", ALONE, absent], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
