"""Alternative spellings of cells by people and programs, all of which a reader must read as the same table."""

import datetime
import unicodedata
from collections.abc import Callable
from decimal import Decimal

Writer = Callable[[Decimal], str]


def plain(value: Decimal) -> str:
    """A number without an exponent.

    >>> plain(Decimal("1E+3")), plain(Decimal("-0.50"))
    ('1000', '-0.5')
    """
    text = format(value, "f")
    return (text.rstrip("0").rstrip(".") if "." in text else text) or "0"


def grouped(value: Decimal, group: str, decimal: str, indian: bool = False) -> str:
    """A number with its digits in groups of three, or in the Indian way, of three and then of two.

    >>> grouped(Decimal("-1234567.5"), ".", ","), grouped(Decimal("1234567"), ",", ".", indian=True)
    ('-1.234.567,5', '12,34,567')
    """
    sign, text = ("-", plain(value)[1:]) if value < 0 else ("", plain(value))
    whole, point, rest = text.partition(".")
    parts = [whole[-3:]]
    whole, size = whole[:-3], 2 if indian else 3
    while whole:
        parts.insert(0, whole[-size:])
        whole = whole[:-size]
    return sign + group.join(parts) + (decimal + rest if point else "")


def _negative(value: Decimal, form: str) -> str:
    return form.format(plain(-value)) if value < 0 else plain(value)


NUMBERS: dict[str, Writer] = {
    "decimal comma": lambda v: plain(v).replace(".", ","),
    "comma between thousands": lambda v: grouped(v, ",", "."),
    "point between thousands": lambda v: grouped(v, ".", ","),
    "blank between thousands": lambda v: grouped(v, " ", ","),
    "narrow blank between thousands": lambda v: grouped(v, "\u202f", "."),
    "apostrophe between thousands": lambda v: grouped(v, "'", "."),
    "curly apostrophe between thousands": lambda v: grouped(v, "\u2019", "."),
    "underscore between thousands": lambda v: grouped(v, "_", "."),
    "lakh and crore": lambda v: grouped(v, ",", ".", indian=True),
    "dollars": lambda v: _negative(v, "-${}") if v < 0 else f"${plain(v)}",
    "euros behind": lambda v: plain(v).replace(".", ",") + " €",
    "a currency's code": lambda v: f"CHF {plain(v)}",
    "kilometres": lambda v: f"{plain(v)} km",
    "a unit without a blank": lambda v: f"{plain(v)}kg",
    "a unit with a power": lambda v: f"{plain(v)} m²",
    "percent": lambda v: f"{plain(v * 100)}%",
    "percent after a blank": lambda v: f"{plain(v * 100)} %",
    "thousands as K": lambda v: f"{plain(v / 1000)}K",
    "millions as M": lambda v: f"{plain(v / 1_000_000)}M",
    "negatives in parentheses": lambda v: _negative(v, "({})"),
    "minus behind": lambda v: _negative(v, "{}-"),
    "a true minus": lambda v: _negative(v, "\u2212{}"),
    "an en dash": lambda v: _negative(v, "\u2013{}"),
    "a plus": lambda v: f"+{plain(v)}" if v > 0 else plain(v),
    "an exponent": lambda v: f"{v:.17E}",
    "ten to the": lambda v: f"{plain(v / 100)}×10^2",
    "wide digits": lambda v: "".join(chr(ord(c) + 0xFEE0) if c.isdigit() else c for c in plain(v)),
    "Arabic digits": lambda v: "".join(chr(0x660 + int(c)) if c.isdigit() else c for c in plain(v)).replace(".", "٫"),
    "blanks around": lambda v: f"  {plain(v)} ",
    "no zero before the point": lambda v: plain(v).replace("0.", ".", 1) if abs(v) < 1 else plain(v),
}  # fmt: skip

MONTHS = "January February March April May June July August September October November December".split()  # noqa: SIM905
DATES: dict[str, Callable[[datetime.datetime], str]] = {
    "ISO": lambda t: t.isoformat(),
    "ISO with Z": lambda t: t.strftime("%Y-%m-%dT%H:%M:%SZ"),
    "ISO without seconds": lambda t: t.strftime("%Y-%m-%dT%H:%M"),
    "ISO with a blank": lambda t: t.strftime("%Y-%m-%d %H:%M:%S"),
    "ISO with fractions": lambda t: t.strftime("%Y-%m-%dT%H:%M:%S.000"),
    "ISO, basic": lambda t: t.strftime("%Y%m%dT%H%M%SZ"),
    "slashes, year first": lambda t: t.strftime("%Y/%m/%d %H:%M"),
    "points, day first": lambda t: t.strftime("%d.%m.%Y %H:%M"),
    "points and blanks": lambda t: f"{t.day}. {t.month}. {t.year} {t:%H:%M}",
    "slashes, day first": lambda t: t.strftime("%d/%m/%Y %H:%M"),
    "slashes, month first, half days": lambda t: t.strftime("%m/%d/%Y %I:%M %p"),
    "dashes, two digits for the year": lambda t: t.strftime("%d-%m-%y %H:%M"),
    "the month by name": lambda t: f"{t.day} {MONTHS[t.month - 1]} {t.year} {t:%H:%M}",
    "the month by a short name first": lambda t: f"{MONTHS[t.month - 1][:3]} {t.day}, {t.year} {t:%H:%M}",
    "a log's": lambda t: t.strftime("%d/%b/%Y:%H:%M:%S +0000"),
    "a letter's": lambda t: t.strftime("%a, %d %b %Y %H:%M:%S +0000"),
    "an offset": lambda t: (t + datetime.timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M:%S+02:00"),
    "another offset": lambda t: (t - datetime.timedelta(hours=5)).strftime("%Y-%m-%d %H:%M:%S-0500"),
}

TEXTS: dict[str, Callable[[str], str]] = {
    "blanks around": lambda s: f" {s}  ",
    "decomposed letters": lambda s: unicodedata.normalize("NFD", s),
    "capitals": str.upper,
    "small letters": str.lower,
}
