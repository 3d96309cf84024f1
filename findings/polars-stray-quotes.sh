#!/usr/bin/env bash
# Polars 2.1.0, pl.read_csv: a quoted cell that goes on after its closing quote is an error when it holds one pair of quotes,
# and is rewritten without a word when it holds two: the quotes are gone, backslashes before them stay.
# One expects either an error for both or the text as it stands. Files with backslash-escaped quotes (MySQL's INTO OUTFILE, many
# loggers) lose every quote so, and the number of rows and columns is right all the same.
# Seen: "x"y is refused; "x" y "z" is read as x y z; "say \"hi\", you" is read as say \hi\, you.
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
