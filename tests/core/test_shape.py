import math

import pytest

from fallline.core.errors import FalllineError
from fallline.core.shape import Either, Entries, Flag, Listed, Mapping, Plain, Real, Text, Whole, check, maybe

SHAPE = Entries(
    {"rows": Whole(1, 9), "share": Real(0.0, 1.0), "names": Listed(Text(visible=True), least=1)},
    {"kind": Text(choices=("a", "b")), "more": maybe(Mapping(Flag())), "either": Either(Whole(), Text())},
)
GOOD = {"rows": 3, "share": 0.5, "names": ["x"]}


@pytest.mark.parametrize(
    "more", [{}, {"kind": "b"}, {"more": None}, {"more": {"x": True}}, {"either": "x"}, {"share": 1}]
)
def test_what_fits_passes(more):
    check(SHAPE, GOOD | more, "file 'f'", "write it again")


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"rows": True}, "its rows is True, expected a whole number from 1 to 9"),
        ({"rows": 10**5000}, "its rows is a number of more than 64 bits, expected a whole number from 1 to 9"),
        ({"rows": 0}, "its rows is 0"),
        ({"share": math.nan}, "its share is nan, expected a finite number"),
        ({"share": 10**400}, "its share is a number of more than 64 bits, expected a number from 0 to 1"),
        ({"share": -0.1}, "its share is -0.1, expected a number from 0 to 1"),
        ({"names": []}, "its names is a list of 0 entries, expected a list of 1 or more entries"),
        ({"names": ["x", "\x1b[2J"]}, r"its names.1 is '\\x1b\[2J', expected text without control characters"),
        ({"names": "x"}, "its names is 'x', expected a list"),
        ({"kind": "c"}, "its kind is 'c', expected one of 'a', 'b'"),
        ({"kind": ["a"]}, "its kind is a list of 1 entries"),
        ({"more": {"x": 1}}, "its more.x is 1, expected true or false"),
        ({"either": []}, "expected a whole number of 64 bits or text"),
        ({"other": 1}, "its other is 1, expected no such entry, but rows, share"),
    ],
)
def test_what_does_not_fit_is_named_by_its_entry(more, sentence):
    with pytest.raises(FalllineError, match=f"^file 'f' is damaged: .*{sentence}.*; write it again$"):
        check(SHAPE, GOOD | more, "file 'f'", "write it again")


def test_a_missing_entry_and_other_content_are_named():
    for value, sentence in (
        ({}, "expected a table with an entry 'rows'"),
        ([], "content is a list of 0 entries"),
        (None, "is None"),
    ):
        with pytest.raises(FalllineError, match=sentence):
            check(SHAPE, value, "file", "write it again")


def test_plain_values_are_neither_huge_nor_deep():
    deep: list = []
    for _ in range(10_000):
        deep = [deep]
    for value in (deep, {"a": [2**63]}, [-(2**63) - 1]):
        with pytest.raises(FalllineError, match="damaged"):
            check(Plain(), value, "file", "write it again")
    check(Plain(), {"a": [2**63 - 1, None, "x", [1.0]]}, "file", "write it again")
