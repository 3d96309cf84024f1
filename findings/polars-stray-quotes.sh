#!/usr/bin/env bash
# Polars 2.1.0, pl.read_csv: a quoted cell that continues after its closing quote is an error if it contains one pair of quotes,
# but is changed silently if it contains two: the quotes are removed, and the backslashes before them stay.
# Expected: an error in both cases, or the text unchanged. Files with backslash-escaped quotes (MySQL's INTO OUTFILE, many
# loggers) thereby lose every quote, while the numbers of rows and columns are still right.
# Observed: "x"y is refused; "x" y "z" is read as x y z; "say \"hi\", you" is read as say \hi\, you.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"${PYTHON:-python3}" -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check "polars==2.1.0"
"$folder/venv/bin/python" - <<'PYTHON'
import csv
import io

import polars as pl


def polars_reads(cell):
    try:
        return pl.read_csv(io.StringIO(f"a,b\n1,{cell}\n2,w\n"), infer_schema=False)["b"][0]
    except pl.exceptions.ComputeError:
        return "refused"


def python_reads(cell):
    return next(csv.reader(io.StringIO(f"1,{cell}\n"), escapechar="\\"))[1]


print("polars", pl.__version__)
expected = {'"x"y': "refused", '"x" y "z"': "x y z", r'"say \"hi\", you"': r"say \hi\, you"}
for cell, before in expected.items():
    now = polars_reads(cell)
    print(f"{cell:20} polars: {now!r:20} csv with escapechar: {python_reads(cell)!r}")
    assert now == before, f"{cell} was read as {before!r} and is now read as {now!r}"
PYTHON
