"""What is no table says what it is, whatever its name."""

import gzip
import io
import zipfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fallline.core.errors import FalllineError
from fallline.data.contents import foreign
from fallline.data.text import read_text


def zipped(*names: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return file.getvalue()


def parquet() -> bytes:
    file = io.BytesIO()
    pl.DataFrame({"a": [1]}).write_parquet(file)
    return file.getvalue()


def array() -> bytes:
    file = io.BytesIO()
    np.save(file, np.ones(3))
    return file.getvalue()


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (gzip.compress(b"a,b\n1,2\n", mtime=0), "compressed with gzip: add .gz"),
        (zipped("[Content_Types].xml", "xl/workbook.xml"), "an Excel workbook: save the sheet as CSV"),
        (zipped("t.csv"), "a zip archive: unpack it"),
        (zipped("X.npy"), "a zip archive: unpack it, or name it .npz"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Excel workbook"),
        (parquet(), "a Parquet file: name it .parquet"),
        (array(), "a NumPy array"),
        (b"SQLite format 3\0", "an SQLite database"),
        (b"%PDF-1.7\n", "a PDF"),
        (b"\n <!-- x -->\n<!DOCTYPE html>\n<html>", "an HTML page"),
        (b"\xef\xbb\xbf<HTML><body>", "an HTML page"),
        (b"<?xml version='1.0'?><a/>", "XML"),
        (b"<rows>\n<row a='1'/></rows>", "XML"),
        (b'{"a": 1, "b": 2}\n{"a": 3, "b": 4}\n', "JSON"),
        (b'[\n  {"a": 1}]', "JSON"),
        (b"[[1, 2], [3, 4]]", "JSON"),
        (b"% of 1988\n\n@RELATION iris\n@ATTRIBUTE a NUMERIC\n@DATA\n1\n", "an ARFF file"),
        (b"+1 3:0.5 7:1 9:2\n-1 2:1 3:1\n", "LIBSVM"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS"),
    ],
)
def test_what_is_no_table(tmp_path: Path, content: bytes, sentence: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(FalllineError, match=sentence):
        read_text(path)


@pytest.mark.parametrize(
    "start",
    [b"[a],[b]\n1,2\n", b"<5,>=5\n1,2\n", b"PK,name\n1,a\n", b"1 2:30 3\n", b"{a},b\n", b"BZ,b\n", b"%,b\n1,2\n"],
)
def test_tables_with_odd_headers_are_tables(start: bytes) -> None:
    assert foreign(start) is None
