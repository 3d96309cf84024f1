"""How are the cells of a column written? What training learnt of it, and what a user may say beforehand."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from fallline.core.errors import FalllineError, nearest
from fallline.data.dates import ORDERS
from fallline.data.numerals import Numerals

COUNTS = {"epoch_seconds": 1e6, "epoch_milliseconds": 1e3, "epoch_microseconds": 1.0, "excel_date": 86_400e6}
KINDS = ("number", "category", "boolean", "date", "drop")
SPELLINGS = ("decimal_comma", "decimal_point", "duration", *ORDERS, *COUNTS)


@dataclass(frozen=True)
class Form:
    """How a column's cells are written; the defaults are plain numbers and typed or self-explaining dates.

    Attributes:
        decimal: the decimal sign of its numbers, "." or ",".
        group: what separates groups of their digits: "", ",", ".", " ", "'" or "_".
        unit: the unit that they are in, "" for none; "duration" for clock times and the like, in seconds.
        order: of a date's numbers: "day_first", "month_first", "year_first", or "" where nothing asks for one.
        zone: the time zone of dates without one of their own, where dates have zones; "" where they have none.
        counts: what numbers count that are dates: a key of `COUNTS`, or "".
        settled: whether the user said it, so that it is not looked for.

    >>> Form(decimal=",").to_dict()
    {'decimal': ','}
    """

    decimal: str = "."
    group: str = ""
    unit: str = ""
    order: str = ""
    zone: str = ""
    counts: str = ""
    settled: bool = False

    @property
    def numerals(self) -> Numerals:
        """How its numbers are written."""
        return Numerals(self.decimal, self.group, self.unit)

    @property
    def plain(self) -> bool:
        """Numbers as every program writes them."""
        return (self.decimal, self.group, self.unit) == (".", "", "")

    def to_dict(self) -> dict[str, Any]:
        """What differs from the defaults."""
        return {
            each.name: getattr(self, each.name) for each in fields(self) if getattr(self, each.name) != each.default
        }


def kind_of(name: str, said: str) -> tuple[str, Form]:
    """The kind and form that a user's word for a column stands for.

    Raises:
        FalllineError: the word is none of them.

    >>> kind_of("price", "decimal_comma")
    ('number', Form(decimal=',', group='', unit='', order='', zone='', counts='', settled=True))
    """
    if said in KINDS:
        return said, Form()
    if said in ("decimal_comma", "decimal_point"):
        return "number", Form(decimal="," if said == "decimal_comma" else ".", settled=True)
    if said == "duration":
        return "number", Form(unit="duration", settled=True)
    if said in ORDERS:
        return "date", Form(order=said, settled=True)
    if said in COUNTS:
        return "date", Form(counts=said, settled=True)
    raise FalllineError(f"the kind of column {name!r} is given as {said!r}: {nearest(str(said), KINDS + SPELLINGS)}")
