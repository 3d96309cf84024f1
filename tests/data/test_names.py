"""Column names: text, none empty, none twice."""

import pytest

from fallline.core.errors import FalllineError
from fallline.data.names import check_names, free_name


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (["a", 0], "column 2 of t.csv is named 0, a int"),
        (["a", " "], "column 2 of t.csv has no name"),
        (["a", "b", "c", "b"], r"'b' occurs twice in t.csv \(columns 2 and 4\)"),
    ],
)
def test_the_first_fault_is_named(names: list[object], sentence: str) -> None:
    with pytest.raises(FalllineError, match=sentence):
        check_names(names, "t.csv")


def test_a_free_name() -> None:
    assert free_name("index", ["index", "index_2", "a"]) == "index_3"
