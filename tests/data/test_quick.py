"""What is known of a file's bytes, however they are cut into blocks."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallline.data import quick
from fallline.data.opening import OpenedText

cells = st.text(st.sampled_from('ab,; "\r\n\té'), max_size=40)


@given(text=cells, block=st.sampled_from([1, 2, 3, 5, 64]), separator=st.sampled_from([",", ";"]))
def test_facts_about_bytes(text: str, block: int, separator: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quick, "_BLOCK", block)
        raw, seen = quick.looked(OpenedText("t.csv", text.encode(), False), separator, 0)  # type: ignore[arg-type]
    end = re.escape(separator) + r"\r\n"
    assert bytes(raw) == text.encode()
    assert seen.ascii == text.isascii()
    assert seen.quoted == ('"' in text)
    assert seen.odd_quotes == bool(re.search(rf'(?<![{end}"])(?<!^)"(?![{end}"])(?!$)', text.replace("^", "")))
    assert seen.leads == bool(re.search(rf'(?:^|[{end}]|(?:^|(?<=[{end}]))") ', text))
    assert seen.trails == bool(re.search(rf' (?:$|[{end}]|"(?:\Z|[{end}]))', text + "\n"[:0]) or text.endswith(" "))
    if seen.quoted:
        assert seen.lines == text.count("\n")
