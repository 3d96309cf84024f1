"""Text tables: what is read, and every defect named with its line."""

import csv
import re
from contextlib import suppress
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fallline.core.errors import FalllineError
from fallline.data.text import MISSING, read_text


def table(folder: Path, content: str | bytes, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize("cell", MISSING)
def test_spellings_of_missing_become_null(tmp_path: Path, cell: str) -> None:
    assert read_text(table(tmp_path, f"a,b\n1,{cell}\n")).frame.rows() == [("1", None)]


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        ("\ufeffa,b\n1,2\n", [("1", "2")]),
        ("a,b\r\n1,2\r\n\r\n", [("1", "2")]),
        ("a,b\r1,2\r3,4", [("1", "2"), ("3", "4")]),
        ("a,b\r\n1,2\r3,4\n", [("1", "2"), ("3", "4")]),
        ("a, b\n1, x y \n", [("1", "x y")]),
        ('a, b\n1, "x, y"\n', [("1", "x, y")]),
        ('a,b\n1,"x\ny"\n', [("1", "x\ny")]),
        ('a,b\n1,"say ""hi"""\n', [("1", 'say "hi"')]),
        ('a,b\n1,5" pipe\n', [("1", '5" pipe')]),
        ("a,b\n1,2\n\n  \n3,4\n", [("1", "2"), ("3", "4")]),
        ("a;b\n1,5;2\n", [("1,5", "2")]),
        ("a\tb\n1\tx,y\n", None),
        ("a\n1\n\n3\n", [("1",), (None,), ("3",)]),
        ("größe,b\n1,ü\n", [("1", "ü")]),
    ],
)
def test_reads_what_people_write(tmp_path: Path, content: str, rows: list[tuple[str | None, ...]] | None) -> None:
    name = "t.tsv" if rows is None else "t.csv"
    expected = [("1", "x,y")] if rows is None else rows
    assert read_text(table(tmp_path, content, name)).frame.rows() == expected


def test_names_for_a_file_without_header(tmp_path: Path) -> None:
    path = table(tmp_path, "1, x\n2, y\n", "t.data")
    assert read_text(path, ["a", "b"]).frame.to_dict(as_series=False) == {"a": ["1", "2"], "b": ["x", "y"]}
    with_header = table(tmp_path, "a,b\n1,x\n")
    assert read_text(with_header, ["a", "b"]).frame.rows() == [("1", "x")]
    assert read_text(with_header, ["b", "a"]).frame.to_dict(as_series=False) == {"a": ["1"], "b": ["x"]}
    with pytest.raises(FalllineError, match="has 2 columns but 3 names were given"):
        read_text(path, ["a", "b", "c"])


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "is empty"),
        ("\n \n", "is empty"),
        ("a,b\n", "a header and no rows"),
        ("a,b\n1,2\n3\n", "line 3 has 1 fields where 2 were expected"),
        ("a,b\n1,2\n\n3,4,5\n", "line 4 has 3 fields where 2 were expected"),
        ('a,b\n1,"x\n2,y\n3,z\n', "line 2 cannot be read .*check that its quotes are closed"),
        (b"a,b\n1,\x00\x01\n", "line 2 holds a zero byte"),
        ("a,b\n1,2\n".encode("utf-16-le"), "looks like UTF-16 text without a byte order mark"),
        ("a,b\n1,2\n".encode("utf-16")[:-1], "begins as UTF-16 text but is damaged"),
        ("a,b\n1,2\n3,caf\xe9\n".encode("latin-1"), r"line 3: byte 0xe9 is not UTF-8: save it as UTF-8"),
        (b"a,caf\xe9\n1,2\n", "line 1: byte 0xe9 is not UTF-8"),
        ("a,b\n1,2\n3,4,", "line 3 has 3 fields where 2"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(1, 256)), "byte 0x89 is not UTF-8"),
        ("a,b,a\n1,2,3\n", r"'a' occurs twice in .* \(columns 1 and 3\)"),
        ("x,a,b\n1,2,3\n4,5\n6,7,\n", "line 3 has 2 fields where 3"),
        ("a,b\n1\n2\n3\n", "line 2 has 1 fields where 2"),
        ("a\n1,x\n2,y\n", "line 2 has 2 fields where 1"),
        ("a,b,c\n1,2\n3,4\n", "line 2 has 2 fields where 3"),
        ("a,b,c,d\n1,2\n3,4\n", "line 2 has 2 fields where 4"),
        ("a::b\n1::2\n", "seem to be separated by '::'"),
        (",,a\n0,0,1\n", "column 2 of .* has no name"),
        ("a,,c\n1,2,3\n", "column 2 of .* has no name"),
        ("0,0\n1,2\n", "if the file has no header line, give the column names"),
    ],
)
def test_defects_are_named(tmp_path: Path, content: str | bytes, sentence: str) -> None:
    path = table(tmp_path, content)
    with pytest.raises(FalllineError, match=sentence) as caught:
        read_text(path)
    assert "t.csv" in str(caught.value)


cells = st.text(st.characters(codec="utf-8", exclude_characters="\r\0", exclude_categories=["Cs"]), min_size=1)
words = cells.map(str.strip).filter(lambda cell: cell not in MISSING)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(words, words), min_size=1, max_size=5))
def test_quoted_cells_come_back(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]]) -> None:
    def quoted(row: tuple[str, str]) -> str:
        return ",".join('"' + cell.replace('"', '""') + '"' for cell in row)

    path = table(tmp_path_factory.mktemp("t"), "\n".join(["a,b", *map(quoted, rows)]) + "\n")
    assert read_text(path).frame.rows() == rows


@pytest.mark.parametrize(
    ("content", "columns", "rows", "separator"),
    [
        ('x;"a, b";c\n1;2;3\n', ["x", "a, b", "c"], [("1", "2", "3")], ";"),
        ("a;b\n1,5;2,5\n3,5;4,5\n", ["a", "b"], [("1,5", "2,5"), ("3,5", "4,5")], ";"),
        ("a;b,c\n1;2,5\n3;4,5\n", ["a", "b,c"], [("1", "2,5"), ("3", "4,5")], ";"),
        ("id,lat;lon,x\n1,5;6,2\n2,7;8,3\n", ["id", "lat;lon", "x"], [("1", "5;6", "2"), ("2", "7;8", "3")], ","),
        ("a, b\tc, d\n1\t2\n", ["a, b", "c, d"], [("1", "2")], "\t"),
        ("a|b\n1|2,5\n3|4,5\n", ["a", "b"], [("1", "2,5"), ("3", "4,5")], "|"),
        ("sep=;\na;b\n1;2\n", ["a", "b"], [("1", "2")], ";"),
        ('"sep=,"\r\na,b;c\r\n1,2\r\n', ["a", "b;c"], [("1", "2")], ","),
        (" a   b  c\n 1   2  3\n 4 5 6\n", ["a", "b", "c"], [("1", "2", "3"), ("4", "5", "6")], " "),
        ('a b\n1 "x  y"\n2 "z"\n', None, None, ""),
        ('"a" "b"\n"1" 5 "x y"\n"2" 6 "z"\n', ["index", "a", "b"], [("1", "5", "x y"), ("2", "6", "z")], " "),
        ("price\n1,5\n2,75\n3\n", ["price"], [("1,5",), ("2,75",), ("3",)], ""),
        ("price\n1,5\n2,5\n", ["price"], [("1,5",), ("2,5",)], ""),
        ("text\nHello, world\nBye\n", ["text"], [("Hello, world",), ("Bye",)], ""),
        ("full name\nJohn Smith\nMary Jones\n", ["full name"], [("John Smith",), ("Mary Jones",)], ""),
        ("start\n2024-01-01 10:00\n2024-01-02 11:00\n", ["start"], [("2024-01-01 10:00",), ("2024-01-02 11:00",)], ""),
        ("people 2020\n12 000\n13 000\n", ["people 2020"], [("12 000",), ("13 000",)], ""),
        ("a\tb\n1\t\n2\t\n", ["a", "b"], [("1", None), ("2", None)], "\t"),
    ],
)
def test_the_separator_is_that_of_the_whole_beginning(
    tmp_path: Path, content: str, columns: list[str] | None, rows: list[tuple[str | None, ...]], separator: str
) -> None:
    sheet = read_text(table(tmp_path, content, "t.txt" if columns is None else "t.csv"))
    if columns is None:
        columns, rows, separator = ["a", "b"], [("1", "x  y"), ("2", "z")], " "
    assert (sheet.frame.columns, sheet.frame.rows(), sheet.separator) == (columns, rows, separator)


@pytest.mark.parametrize(
    ("content", "columns", "rows", "note"),
    [
        (",a,b\n0,1,2\n1,3,4\n", ["index", "a", "b"], 2, "first column .* called 'index'"),
        ('"","a"\n"x",1\n"y",3\n', ["index", "a"], 2, "called 'index'"),
        (",index,index_2\n1,2,3\n", ["index_3", "index", "index_2"], 1, "called 'index_3'"),
        ('"a","b"\n"1",1,2\n"2",3,4\n', ["index", "a", "b"], 2, "row labels"),
        ('"a"\n"r1",1\n"r2",2\n', ["index", "a"], 2, "row labels"),
        ("a\tb\nr1\t1\t2\nr2\t3\t4\n", ["index", "a", "b"], 2, "row labels"),
        ("a,b,\n1,2,\n3,4,\n", ["a", "b"], 2, "column 3 .* trailing separators"),
        ("a;b\n1;2;\n3;4;\n", ["a", "b"], 2, "column 3 .* trailing separators"),
        ("a,b,\n1,2\n3,4\n", ["a", "b"], 2, None),
        ("a,b,,,\n1,2,,,\n", ["a", "b"], 1, "columns 3, 4, 5"),
        (",a,b,\n1,2,3,\n", ["index", "a", "b"], 1, "column 4"),
        ("a,,b\n1,,2\n", ["a", "b"], 1, "column 2"),
        ("# by x\n# on 2024\na,b\n1,2\n", ["a", "b"], 1, r"comments at the top .*\(2 with '#'\)"),
        ("% by x\n%\n\na,b\n1,2\n", ["a", "b"], 1, "comments"),
        ("// by x\na,b\n1,2\n", ["a", "b"], 1, "comments"),
        ("# a b c\n1.0 2.0 3.0\n4.0 5.0 6.0\n", ["a", "b", "c"], 2, "blanks"),
        ("# made today\n#a b c\n1 2 3\n4 5 6\n", ["a", "b", "c"], 2, r"1 with '#'"),
        ("# a,b\n1,2\n3,4\n", ["a", "b"], 2, None),
        ("#,b\nx,2\n", ["#", "b"], 1, None),
        ("#id\tb\nx\t2\ny\t3\n", ["#id", "b"], 2, None),
        ("#\n1\n2\n", ["#"], 2, None),
        ("tag,x\n#a,1\n#b,2\n", ["tag", "x"], 2, None),
        ("#a\n#b\n#c\n", ["#a"], 2, None),
        ("%,x\n5,1\n", ["%", "x"], 1, None),
        ("a,b\n1,2\n# end\n", ["a", "b"], 1, "comments among the rows .*line 3"),
        ("# top\na,b,c\n1,2,3\n# mid, x\n4,5,6\n", ["a", "b", "c"], 2, "comments among the rows .*line 4"),
        ("\n\n  \na,b\n1,2\n\n\n", ["a", "b"], 1, None),
        ("| a | b |\n|---|:-:|\n| 1 | x |\n| 2 | y |\n", ["a", "b"], 2, "the rule under the header"),
        ("a|b\n---|---:\n1|x\n2|y\n", ["a", "b"], 2, "the rule under the header"),
        ("a;b\n====;====\n1;x\n", ["a", "b"], 1, "the rule under the header"),
        ("a,b\n-,-\n1,x\n", ["a", "b"], 2, None),
        ("a,b\n--,--\n1,x\n", ["a", "b"], 2, None),
        ("a,b\n1,2\n,\n,\n", ["a", "b"], 1, "2 rows without any cell at the end"),
        ("Sales, 2024\na,b,c\n1,2,3\n4,5,6\n", ["a", "b", "c"], 2, "title .*'Sales, 2024'"),
        ("Sales of 2024\n\na,b,c\n1,2,3\n4,5,6\n", ["a", "b", "c"], 2, "title .*'Sales of 2024'"),
        ("Sales;;\n;;\na;b;2024\n1;2;3\n4;5;6\n", ["a", "b", "2024"], 2, "title .*'Sales'"),
        ('"\ufeffa",b\n1,2\n', ["a", "b"], 1, None),
        ('\ufeff"a"," b "\n1,2\n', ["a", "b"], 1, None),
        ('"a\nb",c\n1,2\n', ["a\nb", "c"], 1, None),
        ("5.1,3.5,x\n4.9,3.0,y\n", ["5.1", "3.5", "x"], 1, "holds numbers .*--names"),
        ("7;1,5\n3;2,5\n", ["7", "1,5"], 1, "holds numbers"),
        ("0,1,2\n5,6,7\n", ["0", "1", "2"], 1, None),
        ("country,2019,2020\nx,1,2\n", ["country", "2019", "2020"], 1, None),
    ],
)
def test_odd_beginnings_and_ends_are_understood_and_said(
    tmp_path: Path, content: str, columns: list[str], rows: int, note: str | None
) -> None:
    sheet = read_text(table(tmp_path, content))
    assert sheet.frame.columns == columns
    assert sheet.frame.height == rows
    assert re.search(note, " ".join(sheet.notes)) if note else not sheet.notes


@pytest.mark.parametrize(
    ("cell", "meant"),
    [
        ('"say \\"hi\\", you"', 'say "hi", you'),
        ('"a \\\\ \\"b\\" c"', 'a \\ "b" c'),
        ('"C:\\"', "C:\\"),
        ('"' + "x" * 200_000 + '"', "x" * 200_000),
        (' "' + "x, " * 100_000 + '"', ("x, " * 100_000).strip()),
        ('"1,234.5"', "1,234.5"),
        ('" x "', "x"),
        ('"x\r\ny"', "x\r\ny"),
        ("\u00a0x\u3000", "x"),
        ('"x\n"', "x"),
        ('5" x 3" pipe', '5" x 3" pipe'),
        ("#N", "#N"),
        ("nUlL", None),
    ],
)
def test_cells_as_programs_write_them(tmp_path: Path, cell: str, meant: str | None) -> None:
    before = csv.field_size_limit()
    for content in (f"a,b\n1,{cell}\n2,z\n", f"b,a\n{cell.strip(' ')},1\nz,2\n"):
        frame = read_text(table(tmp_path, content)).frame
        assert frame["b"].to_list() == [meant, "z"]
        assert frame["a"].to_list() == ["1", "2"]
    assert csv.field_size_limit() == before


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
def test_byte_order_marks(tmp_path: Path, encoding: str) -> None:
    sheet = read_text(table(tmp_path, "größe;b\r\n1;é\r\n".encode(encoding)))
    assert sheet.frame.to_dict(as_series=False) == {"größe": ["1"], "b": ["é"]}
    assert ("was read as such" in " ".join(sheet.notes)) == (encoding != "utf-8-sig")


def test_a_name_that_promises_another_separator(tmp_path: Path) -> None:
    sheet = read_text(table(tmp_path, "a,b\n1,2\n", "t.tsv"))
    assert sheet.frame.rows() == [("1", "2")]
    assert "separated by commas, in spite of its name" in sheet.notes[0]


def test_trailing_separators_and_marks_under_given_names(tmp_path: Path) -> None:
    assert read_text(table(tmp_path, "1,2,\n3,4,\n"), ["a", "b"]).frame.rows() == [("1", "2"), ("3", "4")]
    assert read_text(table(tmp_path, "#x,2\n#y,4\nz,5\n"), ["a", "b"]).frame["a"].to_list() == ["#x", "#y", "z"]
    assert read_text(table(tmp_path, "# note\nx,2\ny,4\n"), ["a", "b"]).frame["a"].to_list() == ["x", "y"]


@pytest.mark.parametrize("separator", [",", "\t", " "])
def test_too_wide_is_said_at_once(tmp_path: Path, separator: str) -> None:
    line = separator.join(["12"] * 2_000_000)
    with pytest.raises(FalllineError, match="has 2,000,000 columns, where at most 100,000 are read"):
        read_text(table(tmp_path, f"{line}\n{line}\n"))


PARTS = ["a", "1", "2.5", "x y", '"q, r"', '"', ",", ";", "\t", "|", " ", "#", "\n", "\n\n", "\r\n", "é", "NA", ""]
VALID = [
    "a,b,c\n1,x,2\n3,y,4\n5,z,6\n",
    'k;"m, n"\n1,5;"u\nv"\n2,5;w\n',
    "# c\na\tb\n1\t\n2\t3\n",
    " a  b\n 1  2\n 3  4\n",
    "a\n1\n\n2\n",
]


@settings(max_examples=150, deadline=None)
@given(
    content=st.sampled_from(VALID),
    edits=st.lists(st.tuples(st.integers(0, 40), st.integers(0, 6), st.sampled_from(PARTS)), min_size=1, max_size=4),
)
def test_damaged_files_are_read_or_named(
    tmp_path_factory: pytest.TempPathFactory, content: str, edits: list[tuple[int, int, str]]
) -> None:
    for place, cut, part in edits:
        content = content[:place] + part + content[place + cut :]
    with suppress(FalllineError):
        check_shape(read_text(table(tmp_path_factory.mktemp("t"), content)).frame, content)


def check_shape(frame: pl.DataFrame, content: str) -> None:
    assert frame.width == len(set(frame.columns)) >= 1
    assert 1 <= frame.height <= content.count("\n") + content.count("\r") + 1
    assert all(cell is None or cell == cell.strip() for row in frame.rows() for cell in row)
