"""Reads files of typed columns (Parquet, Arrow, Feather), after checking their unpacked size."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from fallline.core.budget import check_unpacked
from fallline.core.errors import FalllineError
from fallline.core.reading import open_regular

if TYPE_CHECKING:
    import polars as pl

_WIDE = 16  # bytes of a cell of text or of another type without a fixed width, not counting the text itself


def read_columnar(path: Path, what: str, remedy: str, kind: str = "Parquet") -> pl.DataFrame:
    """Reads the table in a file; its unpacked size is checked against the limit before any column is unpacked.

    Args:
        path: the file.
        what: name of the file in error messages.
        remedy: advice for a damaged file.
        kind: "Parquet" or "Arrow".

    Raises:
        FalllineError: the file is not regular, is damaged, or unpacks to more than `fallline.core.budget` allows.
    """
    import polars as pl

    try:
        # Polars reads the descriptor, so no byte may wait in a buffer.
        with open_regular(path, what, f"a {kind} file", buffering=0) as file:
            return _parquet(file, what) if kind == "Parquet" else _arrow(file, what)
    except FalllineError:
        raise
    except (pl.exceptions.PolarsError, OSError, ValueError, OverflowError, pl.exceptions.PanicException) as error:
        said = " ".join(str(error).split())[:80]
        raise FalllineError(f"{what} is damaged or not a {kind} file ({said}): {remedy}") from None


def _parquet(file: BinaryIO, what: str) -> pl.DataFrame:
    import polars as pl

    held = file.seek(0, 2)
    file.seek(0)
    frame = pl.scan_parquet(file)
    _check(frame, held, what)
    return frame.collect()


def _arrow(file: BinaryIO, what: str) -> pl.DataFrame:
    import polars as pl

    held = file.seek(0, 2)
    file.seek(0)
    start = file.read(6)
    file.seek(0)
    if start != b"ARROW1":
        return pl.read_ipc_stream(file)
    frame = pl.scan_ipc(file)
    _check(frame, held, what)
    return frame.collect()


def _check(frame: pl.LazyFrame, held: int, what: str) -> None:
    """Checks rows times column widths, both taken from the file's metadata."""
    import polars as pl

    rows = int(frame.select(pl.len()).collect().item())
    check_unpacked(rows * sum(_width(each) for each in frame.collect_schema().dtypes()), held, what)


def _width(dtype: pl.DataType) -> int:
    import polars as pl

    if dtype == pl.Boolean:
        return 1
    if dtype.is_numeric() or dtype.is_temporal():
        name = str(dtype)
        return next(
            (int(bits) // 8 for bits in ("128", "64", "32", "16", "8") if name.endswith(bits)),
            16 if "Dec" in name else 8,
        )
    if isinstance(dtype, pl.Struct):
        return sum(_width(each.dtype) for each in dtype.fields)  # type: ignore[misc, arg-type]
    if isinstance(dtype, pl.Array):
        return int(dtype.size) * _width(dtype.inner)  # type: ignore[arg-type]
    return _WIDE
