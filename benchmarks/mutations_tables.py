"""Tables: NumPy archives, Parquet, Arrow and text."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from mutations_changes import VALUES, Kind, Rng, altered_arrays, as_npz, damaged

import fallline as fl


def table_of(path: Path, target: str | None = None) -> Callable[[], Any]:
    """Load a table and return its contents for comparison."""

    def read() -> Any:
        found = fl.load(path, target)
        x = found.dataset.x
        assert x.ndim == 2
        assert not np.isinf(x).any()
        assert len(found.dataset.y) == len(x)
        assert sum(len(part) for part in (found.dataset.train, found.dataset.valid, found.dataset.test)) == len(x)
        return found.fingerprint

    return read


def npz(folder: Path) -> Kind:
    """A NumPy archive; its checksums are the digests."""
    rng = np.random.default_rng(0)
    arrays = {"X": rng.normal(size=(30, 3)), "y": rng.integers(0, 2, 30), "X_test": rng.normal(size=(9, 3))}
    arrays |= {"y_test": np.array([0, 1, 0] * 3), "feature_names": np.array(["a", "b", "c"])}
    path = folder / "rows.npz"
    path.write_bytes(as_npz(arrays))

    def sealed(rng: Rng) -> bytes:
        if rng.random() < 0.5:
            return as_npz(altered_arrays(rng, arrays))
        buffer = io.BytesIO()  # the header of one array is changed and its checksum recomputed
        with zipfile.ZipFile(io.BytesIO(as_npz(arrays))) as old, zipfile.ZipFile(buffer, "w") as new:
            chosen = rng.choice(old.namelist())
            for name in old.namelist():
                content = old.read(name)
                new.writestr(name, damaged(rng, content[:128]) + content[128:] if name == chosen else content)
        return buffer.getvalue()

    return Kind(path, table_of(path), sealed, True)


def _frame() -> Any:
    import polars as pl

    rng = np.random.default_rng(0)
    return pl.DataFrame(
        {
            "a": rng.normal(size=40),
            "b": rng.integers(0, 99, 40),
            "c": rng.choice(["x", "y"], 40),
            "t": rng.choice(["p", "q"], 40),
        }
    )


def _columns_sealed(write: Callable[[Any, io.BytesIO], Any]) -> Callable[[Rng], bytes]:
    """Another table: other types, missing cells, other names."""
    import polars as pl

    def sealed(rng: Rng) -> bytes:
        frame = _frame()
        name = rng.choice(frame.columns)
        odd = rng.choice(
            [
                pl.Series(name, [None] * 40), pl.Series(name, [[1, 2]] * 40), pl.Series(name, [{"a": 1}] * 40),
                pl.Series(name, [b"\xff"] * 40), pl.Series(name, [float("nan")] * 40), pl.Series(name, [float("inf")] * 40),
                pl.Series(name, [1e308] * 40), pl.Series(name, ["\x00"] * 40), pl.Series(name, [True, None] * 20),
                pl.Series(name, ["2024-01-01", "x"] * 20).cast(pl.Categorical), pl.Series(name, [2**63 - 1, 0] * 20),
                pl.Series(name, range(40)).cast(pl.Decimal(20, 2)), pl.Series(name, range(40)).cast(pl.Duration("us")),
                pl.Series(name, range(40)).cast(pl.Time), pl.Series(name, range(40)).cast(pl.Date),
            ]
        )  # fmt: skip
        frame = frame.with_columns(odd)
        if rng.random() < 0.2:
            frame = frame.rename({rng.choice(frame.columns): rng.choice(("", "\x00", "é" * 300, "t2"))})
        if rng.random() < 0.2:
            frame = frame.head(rng.choice((0, 1, 2, 3)))
        buffer = io.BytesIO()
        write(frame, buffer)
        return buffer.getvalue()

    return sealed


def parquet(folder: Path) -> Kind:
    """A Parquet table."""
    path = folder / "rows.parquet"
    _frame().write_parquet(path)
    return Kind(path, table_of(path, "t"), _columns_sealed(lambda frame, file: frame.write_parquet(file)), False)


def arrow(folder: Path) -> Kind:
    """An Arrow table."""
    path = folder / "rows.arrow"
    _frame().write_ipc(path)
    return Kind(path, table_of(path, "t"), _columns_sealed(lambda frame, file: frame.write_ipc(file)), False)


def csv(folder: Path) -> Kind:
    """A table as text."""
    path = folder / "rows.csv"
    _frame().write_csv(path)

    def sealed(rng: Rng) -> bytes:
        lines = [line.split(",") for line in path_text.splitlines()]
        row = rng.choice(lines)
        row[rng.randrange(len(row))] = rng.choice(
            [str(each) for each in VALUES if not isinstance(each, list | dict)] + ['"', ",,", "=1+1"]
        )
        return "\n".join(",".join(each) for each in lines).encode("utf-8", "replace")

    path_text = path.read_text()
    return Kind(path, table_of(path, "t"), sealed, False)
