"""Splits a number as people write it into its sign, currency, digits, power of ten and unit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fallline.data.measures import CURRENCIES

if TYPE_CHECKING:
    import polars as pl

_SIGN = r"[-+]"
_MONEY = rf"(?:[A-Za-z]{{0,3}}\p{{Sc}}|(?:{CURRENCIES})|Rs\.?|kr\.?|руб\.?)"
_BODY = r"\d+(?:[.,'_ ]\d+)*|[.,]\d+"
_UNIT = r"[\p{L}\p{Sc}%‰°\x22'′″][\p{L}\p{N}\p{Sc}%‰°/*^. \x22'′″-]*?"
_POWER = rf"[eE]({_SIGN}?\d+)\b| ?[x×*·] ?10 ?\^? ?({_SIGN}?\d+)"
_CELL = (
    rf"^(\()? ?({_SIGN})? ?({_MONEY})? ?({_SIGN})?({_BODY})"
    rf"(?:([.,])-{{1,2}}|\.?(?:{_POWER})? ?({_UNIT})? ?(-)?) ?(\))?$"
)
_PARTS = ("open", "sign", "money", "sign2", "body", "even", "exponent", "power", "unit", "trailing", "close")
_PREFIX = rf"^\(?{_SIGN}? ?{_MONEY}? ?{_SIGN}?[.,]?\d"  # the beginning of a number
_RAISED = "[⁰¹²³⁴⁵⁶⁷⁸⁹⁻]"
_SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "0123456789-", strict=True))
_DIGITS = {
    chr(start + digit): str(digit) for start in (0x0660, 0x06F0, 0x0966, 0x09E6, 0x0E50) for digit in range(10)
} | {"٫": ".", "٬": ","}  # Arabic, Persian, Devanagari, Bengali, Thai
_ODD = dict.fromkeys("−–—﹣‐‑", "-") | dict.fromkeys("’‘ʼ`´′", "'") | {"″": '"'}


def begins_as_number(cells: pl.Series) -> pl.Series:
    """Which cells begin like a number."""
    return _normal(cells).str.contains(_PREFIX)


def split(cells: pl.Series) -> dict[str, pl.Series]:
    """The parts of each cell by name; `body`, the digits with their separators, is null where a cell is not a number.

    `pair` holds the currency and the unit, separated by a newline.

    >>> import polars as pl
    >>> parts = split(pl.Series(["-$ 1,200.5", "3e4 km"]))
    >>> [parts[name].to_list() for name in ("sign", "money", "body", "exponent", "unit")]
    [['-', ''], ['$', ''], ['1,200.5', '3'], ['', '4'], ['', 'km']]
    """
    import polars as pl

    text = _normal(cells)
    if not text.str.contains(r"[^0-9.,'_ +-]|'$").any():
        return _split_simple(text)
    groups = text.str.extract_groups(_CELL).struct.unnest()
    parts = {name: groups.to_series(position).fill_null("") for position, name in enumerate(_PARTS)}
    parts["body"] = groups.to_series(_PARTS.index("body"))
    parts["pair"] = pl.select(pl.concat_str(parts["money"], pl.lit("\n"), parts["unit"])).to_series()
    return parts


def _split_simple(text: pl.Series) -> dict[str, pl.Series]:
    """Splits cells of digits and signs only, without the full pattern, which costs ten times as much."""
    import polars as pl

    none = pl.Series([""], dtype=pl.String).new_from_index(0, len(text))
    parts = dict.fromkeys(_PARTS, none)
    parts["sign"] = text.str.extract(r"^([-+])").fill_null("")
    parts["even"] = text.str.extract(r"([.,])-{1,2}$").fill_null("")
    bare = text.str.replace(r"[.,]-{1,2}$", "").str.replace(r"^[-+] ?", "")
    parts["trailing"] = bare.str.extract(r"(-)$").fill_null("")
    bare = bare.str.replace(r"\.? ?-?$", "")
    parts["body"] = pl.select(pl.when(bare.str.contains(rf"^(?:{_BODY})$")).then(bare)).to_series()
    parts["pair"] = pl.Series(["\n"]).new_from_index(0, len(text))
    return parts


def _normal(cells: pl.Series) -> pl.Series:
    """Replaces all variants of minus signs, apostrophes, spaces and digits by one character each."""
    text = cells
    if text.str.contains(_RAISED).any():
        text = text.str.replace_all(f"({_RAISED}+)", "^$1").str.replace_many(_SUPERSCRIPTS)
    if text.str.contains(r"[^\x00-\x7f]").any():
        text = text.str.replace_many(_ODD).str.normalize("NFKC").str.replace_many(_ODD | _DIGITS)
    return text.str.replace_all(r"\s+", " ").str.strip_chars()
