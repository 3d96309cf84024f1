"""What is a source, and how is it opened? A path or `sklearn:NAME`; each file format is read in exactly one place."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fallline.core.errors import FalllineError, nearest
from fallline.core.reading import check_regular
from fallline.data.arrays import Arrays
from fallline.data.columnar import read_columnar
from fallline.data.mnist import read_mnist
from fallline.data.npz import read_npz
from fallline.data.sheet import Sheet
from fallline.data.text import check_names, read_text

if TYPE_CHECKING:
    import polars as pl

SKLEARN = ("digits", "breast_cancer", "wine", "iris", "diabetes")
TEXT = (".csv", ".tsv", ".txt", ".data")
PARQUET = (".parquet", ".pq")
ARROW = (".arrow", ".feather", ".ipc")


def read(source: object, names: list[str] | None = None) -> Sheet | Arrays:
    """Opens a source: a table with typed columns, or arrays.

    Args:
        source: a path (CSV, TSV, Parquet, Arrow or Feather, `.npz`, a folder of MNIST's idx files), `sklearn:NAME`,
            or a Polars or pandas frame.
        names: column names for a text file without a header line.

    Returns:
        A `Sheet` (of a text file: every column text, missing cells null), or `Arrays`.

    Raises:
        FalllineError: nothing there, an unknown kind of source, or a file that cannot be read as what it is.

    >>> read("sklearn:iris").x.shape
    (150, 4)
    """
    if names is not None and not accepts_names(source):
        raise FalllineError(f"column names were given for {describe(source)}, which has its own: leave --names out")
    if _is_polars(source):
        return _checked(source.lazy().collect(), "the frame")  # type: ignore[attr-defined]
    if _is_pandas(source):
        return _from_pandas(source)
    if not isinstance(source, (str, Path)):
        kind = type(source).__name__
        raise FalllineError(f"a source is a path, sklearn:NAME or a frame, not a {kind}: for arrays use from_arrays")
    text = str(source)
    if not text.strip():
        raise FalllineError("the source is empty: give a path or sklearn:NAME")
    if text.startswith("sklearn:"):
        return _read_sklearn(text.removeprefix("sklearn:"))
    try:
        return _read_path(Path(text), names)
    except OSError as problem:
        raise FalllineError(
            f"{text} cannot be read ({problem.strerror or problem}): check the path and its permissions"
        ) from None


def accepts_names(source: object) -> bool:
    """Is the source a text file, which may have no header line and then needs names?

    >>> accepts_names("t.csv"), accepts_names("t.parquet")
    (True, False)
    """
    return isinstance(source, (str, Path)) and Path(source).suffix.lower() in TEXT


def _read_path(path: Path, names: list[str] | None) -> Sheet | Arrays:
    if "\0" in str(path):
        raise FalllineError(f"the path {str(path)!r} holds a zero byte: check it")
    suffix = path.suffix.lower()
    if path.is_dir():
        return read_mnist(path)
    _check_file(path)
    if suffix in TEXT:
        return read_text(path, names)
    if suffix == ".npz":
        return read_npz(path)
    if suffix in PARQUET + ARROW:
        return _read_columns(path, suffix)
    known = ", ".join((*TEXT, *PARQUET, *ARROW, ".npz"))
    raise FalllineError(f"{path} has an unknown kind of name {suffix!r}: expected one of {known}, or a folder")


def describe(source: object) -> str:
    """What to call a source in a sentence.

    >>> describe("folder/train.csv"), describe(np.zeros(3))
    ('folder/train.csv', 'the ndarray')
    """
    return str(source) if isinstance(source, (str, Path)) else f"the {type(source).__name__}"


def _check_file(path: Path) -> None:
    if not path.exists():
        siblings: list[str] = []
        if path.parent.is_dir():
            siblings = [each.name for each in path.parent.iterdir() if not each.name.startswith(".")]
        hint = nearest(path.name, siblings) if siblings else ""
        advice = hint if hint.startswith("did") else "check the path, or name a data set as sklearn:NAME"
        raise FalllineError(f"there is no file {path}: {advice}")
    if check_regular(path, str(path), "a file of rows") == 0:
        raise FalllineError(f"{path} is empty: give a file with at least one row")


def _read_columns(path: Path, suffix: str) -> Sheet:
    kind = "Parquet" if suffix in PARQUET else "Arrow"
    return _checked(read_columnar(path, str(path), "write it again", kind), str(path))


def _checked(frame: pl.DataFrame, where: str) -> Sheet:
    check_names(frame.columns, where)
    if frame.height == 0 or frame.width == 0:
        raise FalllineError(f"{where} has {frame.height} rows and {frame.width} columns: give at least one of each")
    return Sheet(frame)


def _read_sklearn(name: str) -> Arrays:
    if name not in SKLEARN:
        raise FalllineError(f"scikit-learn carries no data set {name!r}: {nearest(name, SKLEARN)}")
    from sklearn import datasets

    bunch = getattr(datasets, f"load_{name}")()
    y = bunch.target
    classes = getattr(bunch, "target_names", None)
    if classes is not None and np.asarray(classes).dtype.kind == "U":
        y = np.asarray(classes)[y]  # predictions then read "setosa", not 0
    return Arrays(bunch.data, y, tuple(str(each) for each in bunch.feature_names), target="target")


def _is_polars(source: object) -> bool:
    return type(source).__module__.startswith("polars.") and type(source).__name__ in ("DataFrame", "LazyFrame")


def _is_pandas(source: object) -> bool:
    return type(source).__module__.split(".")[0] == "pandas" and type(source).__name__ == "DataFrame"


def _from_pandas(source: object) -> Sheet:
    """Column by column, so that neither pandas nor PyArrow is needed here."""
    import polars as pl

    labels = list(source.columns)  # type: ignore[attr-defined]
    check_names(labels, "the frame")
    columns = []
    for position, name in enumerate(labels):
        column = source.iloc[:, position]  # type: ignore[attr-defined]
        kind = getattr(column.dtype, "kind", "O")
        if isinstance(column.dtype, np.dtype) and kind in "biufM":
            values = column.to_numpy()
            columns.append(pl.Series(name, values.astype("datetime64[us]") if kind == "M" else values))
            continue
        missing = column.isna().to_numpy()
        cells = [None if gone else cell for cell, gone in zip(column.tolist(), missing, strict=True)]
        types = {type(cell) for cell in cells if cell is not None}
        if types <= {bool} or types <= {int} or types <= {int, float}:
            columns.append(pl.Series(name, cells, strict=False))
        else:
            temporal = bool(types) and all(hasattr(each, "year") for each in types)
            columns.append(pl.Series(name, cells if temporal else [c if c is None else str(c) for c in cells]))
    return _checked(pl.DataFrame(columns), "the frame")
