"""Text tables: what is read, and every defect named with its line."""

from pathlib import Path

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
        ("a,b\n1,2\n".encode("utf-16"), "UTF-16"),
        ("a,b\n1,2\n3,caf\xe9\n".encode("latin-1"), r"line 3: byte 0xe9 is not UTF-8: save it as UTF-8"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(1, 256)), "byte 0x89 is not UTF-8"),
        ("a,a\n1,2\n", "'a' stands twice"),
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
