"""Decides whether two texts name the same category, ignoring differences in spelling that a person would ignore."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
PAIRS = (
    ("false", "true"), ("no", "yes"), ("f", "t"), ("n", "y"), ("0", "1"), ("off", "on"), ("nein", "ja"), ("non", "oui"),
    ("no", "sí"), ("no", "si"), ("não", "sim"), ("falso", "verdadero"), ("falso", "vero"), ("faux", "vrai"),
    ("falsch", "wahr"), ("нет", "да"), ("disabled", "enabled"), (".f.", ".t."), ("✗", "✓"),
)  # fmt: skip
FALSE, TRUE = ({pair[place] for pair in PAIRS} for place in (0, 1))


def key(text: str) -> str:
    """One text for all spellings of a value: composed letters, single spaces, numbers by value, case ignored.

    Words of one or two letters keep their case, since m and M may be two codes.

    >>> key("1.0"), key("01"), key("True"), key("  New   York "), key("M")
    ('1', '1', 'true', 'new york', 'M')
    """
    text = " ".join(unicodedata.normalize("NFC", text).split())
    if _NUMBER.fullmatch(text):
        sign, digits = ("-" if text[0] == "-" else ""), text.lstrip("+-")
        whole, _, rest = digits.partition(".")
        rest = rest.rstrip("0")
        value = (whole.lstrip("0") or "0") + (f".{rest}" if rest else "")
        return value if value == "0" else sign + value
    return text.casefold() if len(text) > 2 else text


def matching(values: Iterable[str], unknown: Iterable[str]) -> dict[str, int]:
    """Maps each unknown text that names a known value to that value's position.

    >>> matching(["1", "True", "m"], ["1.0", "TRUE", "M", "2"])
    {'1.0': 0, 'TRUE': 1, 'M': 2}
    """
    indices: dict[str, int] = {}
    loose: dict[str, set[int]] = {}
    for index, value in enumerate(values):
        indices.setdefault(key(value), index)
        loose.setdefault(key(value).casefold(), set()).add(index)
    found: dict[str, int] = {}
    for text in unknown:
        own = key(text)
        alike = loose.get(own.casefold(), set())
        if own in indices:
            found[text] = indices[own]
        elif len(alike) == 1:
            found[text] = next(iter(alike))
    return found


def variants(value: str) -> set[str]:
    """Common spellings of a value, for readers that can only compare texts.

    >>> sorted(variants("1")), sorted(variants("Été") - {"Été"})[:2]
    (['01', '1', '1.0'], ['E\u0301TE\u0301', 'E\u0301te\u0301'])
    """
    found = {value, *((f"{value}.0", f"0{value}") if value.isdigit() else ())}
    if key(value) == key(value.upper()):
        found |= {value.lower(), value.upper(), value.capitalize(), value.title()}
    return {unicodedata.normalize(form, each) for each in found for form in ("NFC", "NFD")} | {value}


def truth(pair: tuple[str, str]) -> tuple[set[str], set[str]]:
    """The lower-case texts that mean the first and the second value of a pair; all usual pairs are equivalent.

    >>> no, yes = truth(("no", "yes"))
    >>> "off" in no, "true" in yes
    (True, True)
    """
    first, second = (key(each).casefold() for each in pair)
    usual = first in FALSE and second in TRUE
    no, yes = (FALSE, TRUE) if usual else ({"false", "0"}, {"true", "1"})
    return ({first} | no) - {second}, ({second} | yes) - {first}
