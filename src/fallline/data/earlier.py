"""The date patterns by which versions before 0.2 described a column of dates."""

from __future__ import annotations

_DAYS = {
    "%Y-%m-%d": "", "%Y/%m/%d": "", "%Y.%m.%d": "", "%m/%d/%Y": "month_first", "%d/%m/%Y": "day_first",
    "%d.%m.%Y": "day_first", "%d-%m-%Y": "day_first", "%d %b %Y": "day_first", "%d-%b-%Y": "day_first",
}  # fmt: skip
_TIMES = (
    "", " %H:%M", " %H:%M:%S", " %H:%M:%S%.f", "T%H:%M", "T%H:%M:%S", "T%H:%M:%S%.f", "T%H:%M:%S%.f%z",
    " %H:%M:%S%.f%z",
)  # fmt: skip
# The order of day, month and year that each pattern stands for.
PATTERNS = {day + time: order for day, order in _DAYS.items() for time in _TIMES}
