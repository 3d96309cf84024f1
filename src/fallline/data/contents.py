"""Recognises files named like text tables that are something else, by their first bytes."""

from __future__ import annotations

import re

_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x1f\x8b", "is compressed with gzip: add .gz to its name, or unpack it"),
    (b"\xd0\xcf\x11\xe0", "is an Excel workbook: save the sheet as CSV"),
    (b"PAR1", "is a Parquet file: name it .parquet"),
    (b"ARROW1", "is an Arrow file: name it .arrow"),
    (b"\x93NUMPY", "is a NumPy array: save it with numpy.savez as X (and y), and name it .npz"),
    (b"SQLite format 3", "is an SQLite database: export the table as CSV"),
    (b"%PDF", "is a PDF: export the table as CSV"),
    (b"\x28\xb5\x2f\xfd", "is compressed with zstd: unpack it"),
    (b"BZh", "is compressed with bzip2: unpack it"),
    (b"\xfd7zXZ", "is compressed with xz: unpack it"),
    (b"7z\xbc\xaf\x27\x1c", "is a 7-Zip archive: unpack it"),
    (b"\x89HDF", "is an HDF5 file: export the table as CSV or Parquet"),
    (b"\x80\x04\x95", "is a Python pickle: export the table as CSV or Parquet"),
    (b"\x80\x05\x95", "is a Python pickle: export the table as CSV or Parquet"),
    (b"{\\rtf", "is a Rich Text document: save it as plain CSV text"),
)
_TEXT: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (
        re.compile(rb"\s*(<!--.*?-->\s*)?(<!doctype\s+html|<html|<head|<body)", re.I | re.S),
        "is an HTML page: download the table itself, or export it as CSV",
    ),
    (re.compile(rb"\s*<(\?xml|[A-Za-z_][\w:.-]*(\s[^<>]*)?>\s*<)"), "is XML: export the table as CSV"),
    (re.compile(rb'\s*(\{\s*("[^"]*"\s*:|\}\s*$)|\[\s*(\{\s*["}]|\[))'), "is JSON: export the table as CSV or Parquet"),
    (re.compile(rb"(\s*%[^\n]*\n|\s*\n)*\s*@relation\b", re.I), "is an ARFF file: export the table as CSV"),
    (
        re.compile(rb"[-+]?\d+(\.\d+)?([ \t]+\d+:[-+.\deE]+){2,}[ \t]*\r?\n"),
        "is in LIBSVM's sparse format: export the table as CSV, one column per feature",
    ),
    (re.compile(rb"version https://git-lfs"), "is a pointer of Git LFS, not the data: fetch it with git lfs pull"),
)


def foreign(start: bytes) -> str | None:
    """What a file is according to its first bytes, and what to do about it; None if it may be a text table.

    >>> foreign(b"PAR1..."), foreign(b"a,b\\n1,2\\n")
    ('is a Parquet file: name it .parquet', None)
    """
    if start[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        office = {b"xl/": "an Excel workbook", b"opendocument.spreadsheet": "an OpenDocument spreadsheet"}
        for mark, kind in office.items():
            if mark in start or (mark == b"xl/" and b"[Content_Types].xml" in start):
                return f"is {kind}: save the sheet as CSV"
        return "is a zip archive: unpack it" + (", or name it .npz" if b".npy" in start else "")
    for magic, sentence in _MAGIC:
        if start.startswith(magic):
            return sentence
    text = start.removeprefix(b"\xef\xbb\xbf")
    return next((sentence for pattern, sentence in _TEXT if pattern.match(text)), None)
