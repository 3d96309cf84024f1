"""Blanks and marks: only text is touched, and only where it holds them."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallline.data.marks import MISSING, Blanks, clean, spellings

blanks = st.text(st.sampled_from(" \t\r\n\v\f\u00a0\u3000"), max_size=2)
words = st.one_of(st.text(max_size=6), st.sampled_from(MISSING), st.sampled_from([m.swapcase() for m in MISSING]))


@given(cells=st.lists(st.none() | st.tuples(blanks, words, blanks).map("".join), max_size=6))
def test_as_python_does_it(cells: list[str | None]) -> None:
    marks = {mark.lower() for mark in MISSING}
    space = "".join(map(chr, (*range(9, 14), 32, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000)))  # fmt: skip # noqa: E501
    meant = [None if cell is None or cell.strip(space).lower() in marks else cell.strip(space) for cell in cells]
    frame = pl.DataFrame({"a": cells, "b": ["kept as it is"] * len(cells)}, schema={"a": pl.String, "b": pl.String})
    assert clean(frame)["a"].to_list() == meant
    assert clean(frame)["b"].to_list() == frame["b"].to_list()


@pytest.mark.parametrize("end", [" ", "\t", "\r", "\n"])
def test_only_the_blanks_that_may_be_there_are_looked_for(end: str) -> None:
    frame = pl.DataFrame({"a": [f"x{end}", "y"], "n": [1, 2]})
    assert clean(frame, Blanks(True, end)).rows() == [("x", 1), ("y", 2)]
    assert clean(frame, Blanks(False, "")).rows() == frame.rows()


def test_spellings_of_long_marks() -> None:
    assert spellings(("not known",)) == ["NOT KNOWN", "Not Known", "Not known", "not known"]
