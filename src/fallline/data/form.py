"""How the cells of a column are written, as learnt in training or as declared by the user."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from fallline.core.errors import FalllineError, nearest
from fallline.data.dates import ORDERS
from fallline.data.numerals import Numerals

COUNTS = {"epoch_seconds": 1e6, "epoch_milliseconds": 1e3, "epoch_microseconds": 1.0, "excel_date": 86_400e6}
KINDS = ("number", "category", "boolean", "date", "text", "drop")
SPELLINGS = ("decimal_comma", "decimal_point", "duration", *ORDERS, *COUNTS)


@dataclass(frozen=True)
class Form:
    """How a column's cells are written; the defaults stand for plain numbers and typed or unambiguous dates.

    Attributes:
        decimal: the decimal sign of numbers, "." or ",".
        group: the separator of groups of digits: "", ",", ".", " ", "'" or "_".
        unit: the unit of numbers, "" for none; "duration" for clock times and the like, read in seconds.
        order: the order in a date: "day_first", "month_first", "year_first", or "" if none is needed.
        zone: the time zone assumed for dates that lack one in a column with zones; "" if the column has no zones.
        counts: the unit of numbers that are dates: a key of `COUNTS`, or "".
        settled: whether the user declared the form, so that it is not inferred.

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
        """How the numbers are written."""
        return Numerals(self.decimal, self.group, self.unit)

    @property
    def plain(self) -> bool:
        """Whether numbers are written with a decimal point and nothing else."""
        return (self.decimal, self.group, self.unit) == (".", "", "")

    def to_dict(self) -> dict[str, Any]:
        """The fields that differ from the defaults."""
        return {
            each.name: getattr(self, each.name) for each in fields(self) if getattr(self, each.name) != each.default
        }


def kind_of(name: str, said: str) -> tuple[str, Form]:
    """The kind and form that the user's word for a column stands for.

    Raises:
        FalllineError: the word is unknown.

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
