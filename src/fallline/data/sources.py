"""Opens a source: a path, `sklearn:NAME` or a frame. Each file format is read in exactly one place."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fallline.core.addresses import refuse_address
from fallline.core.errors import FalllineError, nearest
from fallline.core.reading import check_regular
from fallline.data.arrays import RawArrays
from fallline.data.columnar import read_columnar
from fallline.data.frames import advice, is_frame, is_records, to_polars
from fallline.data.image_file import is_image
from fallline.data.image_folder import has_images, read_images
from fallline.data.image_form import ImageForm
from fallline.data.marks import clean
from fallline.data.mnist import has_idx, read_mnist
from fallline.data.names import check_names
from fallline.data.npz import read_npz
from fallline.data.sheet import Sheet
from fallline.data.text import read_text

if TYPE_CHECKING:
    import polars as pl

SKLEARN = ("digits", "breast_cancer", "wine", "iris", "diabetes")
TEXT = (".csv", ".tsv", ".txt", ".data")
PARQUET = (".parquet", ".pq")
ARROW = (".arrow", ".feather", ".ipc")


def read(
    source: object,
    names: list[str] | None = None,
    kept: Collection[str] | None = None,
    *,
    image: ImageForm | None = None,
    size: tuple[int, int] | None = None,
) -> Sheet | RawArrays:
    """Opens a source: a table with typed columns, or arrays.

    Args:
        source: a path (CSV or TSV, also gzipped, Parquet, Arrow or Feather, `.npz`, a folder of images or of MNIST's
            idx files, an image),
            `sklearn:NAME`, or a pandas, Polars or PyArrow frame.
        names: column names for a text file without a header line.
        kept: the columns of a large text file that stay text, while plain numbers are kept as numbers; by default, all
            columns stay text.
        image: the form that images are brought to; by default that of most of them.
        size: (width, height) of images, instead of the most frequent one.

    Returns:
        A `Sheet` (for a text file, every column is text and missing cells are null), or `RawArrays`.

    Raises:
        FalllineError: there is no such source, its kind is unknown, or the file cannot be read.

    >>> read("sklearn:iris").x.shape
    (150, 4)
    """
    if names is not None and not accepts_names(source):
        raise FalllineError(f"column names were given for {describe(source)}, which has its own: leave --names out")
    if is_frame(source):
        return _checked(clean(to_polars(source, "the frame")), "the frame")
    if not isinstance(source, (str, Path)):
        if is_records(source):
            raise FalllineError(f"the source is {advice(source)}")
        kind = type(source).__name__
        raise FalllineError(f"a source is a path, sklearn:NAME or a frame, not a {kind}: for arrays use from_arrays")
    text = str(source)
    if not text.strip():
        raise FalllineError("the source is empty: give a path or sklearn:NAME")
    refuse_address(text, "the source")
    if text.startswith("sklearn:"):
        return _read_sklearn(text.removeprefix("sklearn:"))
    try:
        return _read_path(Path(text), names, kept, image, size)
    except OSError as problem:
        raise FalllineError(
            f"{text} cannot be read ({problem.strerror or problem}): check the path and its permissions"
        ) from None


def accepts_names(source: object) -> bool:
    """Whether the source is a text file, which may lack a header line and then needs names.

    >>> accepts_names("t.csv"), accepts_names("t.tsv.gz"), accepts_names("t.parquet")
    (True, True, False)
    """
    return isinstance(source, (str, Path)) and _suffix(Path(source)) in TEXT


def _suffix(path: Path) -> str:
    """The suffix that says what kind of file it is: `.csv` also for `t.csv.gz`."""
    suffix = path.suffix.lower()
    inner = Path(path.stem).suffix.lower()
    return inner if suffix == ".gz" and inner in TEXT else suffix


def _read_path(
    path: Path,
    names: list[str] | None,
    kept: Collection[str] | None,
    image: ImageForm | None,
    size: tuple[int, int] | None,
) -> Sheet | RawArrays:
    if "\0" in str(path):
        raise FalllineError(f"the path {str(path)!r} holds a zero byte: check it")
    suffix = _suffix(path)
    if path.is_dir():
        return _read_folder(path, image, size)
    _check_file(path)
    if suffix in TEXT:
        return read_text(path, names, kept)
    if suffix == ".npz":
        return read_npz(path)
    if suffix in PARQUET + ARROW:
        return _read_columns(path, suffix)
    if is_image(path):
        return read_images(path, image, size)
    known = ", ".join((*TEXT, *PARQUET, *ARROW, ".npz", ".png"))
    raise FalllineError(f"{path} has the unknown suffix {suffix!r}: expected one of {known}, or a folder")


def is_run(folder: Path) -> bool:
    """Whether a folder is one that a training or a search has left, whose history is no table of rows."""
    return any((folder / name).is_file() for name in ("recipe.toml", "study.db"))


def refuse_run(folder: Path) -> None:
    """Raises: FalllineError for the folder of a run."""
    if is_run(folder):
        raise FalllineError(f"{folder} is the folder of a run and holds no rows: give the file or folder with the rows")


def is_image_source(source: object) -> bool:
    """Whether a source is a folder of images, or an image, whose size may be chosen."""
    path = Path(source) if isinstance(source, (str, Path)) else None
    try:
        return path is not None and (has_images(path) and not has_idx(path) if path.is_dir() else is_image(path))
    except (OSError, ValueError):
        return False


def _read_folder(folder: Path, image: ImageForm | None, size: tuple[int, int] | None) -> RawArrays:
    """Reads images or MNIST's idx files; the error for a folder without any says what it holds instead."""
    refuse_run(folder)
    if has_idx(folder):
        return read_mnist(folder)
    if has_images(folder):
        return read_images(folder, image, size)
    entries = sorted(each for each in folder.iterdir() if not each.name.startswith("."))
    lacks = (
        f"the folder {folder} holds no images (CLASS/*.png) and none of MNIST's idx files (train-images-idx3-ubyte ...)"
    )
    if not entries:
        raise FalllineError(f"{lacks}, nor anything else: give a file, or a folder with those")
    inner = next((each for each in entries if each.is_dir() and has_idx(each)), None)
    if inner is not None:
        raise FalllineError(f"{lacks}, but its folder {inner.name} does: give {inner}")
    tables = [each for each in entries if _suffix(each) in (*TEXT, *PARQUET, *ARROW, ".npz") and each.is_file()]
    if tables:
        kinds = sorted({_suffix(each) for each in tables})
        count = f"{len(tables)} files" if len(tables) > 1 else "a file"
        raise FalllineError(f"{lacks}, but {count} of {', '.join(kinds)}: give one file, as in {tables[0]}")
    shown = ", ".join(each.name for each in entries[:3]) + (" and more" if len(entries) > 3 else "")
    raise FalllineError(f"{lacks}, nor a table (it holds {shown}): give a file, or a folder with those")


def describe(source: object) -> str:
    """The name of a source in messages.

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
    return _checked(clean(read_columnar(path, str(path), "write it again", kind)), str(path))


def _checked(frame: pl.DataFrame, where: str) -> Sheet:
    check_names(frame.columns, where)
    if frame.height == 0 or frame.width == 0:
        raise FalllineError(f"{where} has {frame.height} rows and {frame.width} columns: give at least one of each")
    return Sheet(frame)


def _read_sklearn(name: str) -> RawArrays:
    if name not in SKLEARN:
        raise FalllineError(f"scikit-learn has no data set {name!r}: {nearest(name, SKLEARN)}")
    from sklearn import datasets

    bunch = getattr(datasets, f"load_{name}")()
    y = bunch.target
    classes = getattr(bunch, "target_names", None)
    if classes is not None and np.asarray(classes).dtype.kind == "U":
        y = np.asarray(classes)[y]  # so that predictions are "setosa", not 0
    return RawArrays(bunch.data, y, tuple(str(each) for each in bunch.feature_names), target="target")
