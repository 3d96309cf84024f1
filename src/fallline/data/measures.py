"""The units and magnitudes that can follow a number, and the ratios between them."""

from __future__ import annotations

import re
from collections.abc import Iterable

CURRENCIES = (
    "USD|EUR|GBP|CHF|JPY|CNY|INR|RUB|TRY|KRW|BRL|ZAR|SEK|NOK|DKK|PLN|CZK|HUF|RON|BGN|UAH|ILS|AED|SAR|EGP|NGN|KES|"
    "AUD|CAD|NZD|HKD|SGD|TWD|THB|MYR|IDR|PHP|VND|PKR|MXN|ARS|CLP|COP|PEN|BTC|ETH|RMB|zł|Kč|Ft|lei|лв"
)
SHARES = {"%": 1e-2, "‰": 1e-3, "percent": 1e-2, "per cent": 1e-2, "pct": 1e-2, "prozent": 1e-2, "bps": 1e-4}
MAGNITUDE = "K, M"  # the unit of a column whose numbers have magnitudes and no unit
MAGNITUDES = {
    "k": 1e3, "tsd": 1e3, "thousand": 1e3, "lakh": 1e5, "lac": 1e5, "m": 1e6, "mm": 1e6, "mn": 1e6, "mio": 1e6,
    "mil": 1e6, "mill": 1e6, "million": 1e6, "millions": 1e6, "cr": 1e7, "crore": 1e7, "g": 1e9, "b": 1e9, "bn": 1e9,
    "mrd": 1e9, "billion": 1e9, "billions": 1e9, "t": 1e12, "tn": 1e12, "bio": 1e12, "trillion": 1e12,
}  # fmt: skip

# Dimension -> unit -> its size in the dimension's first unit. Source: BIPM, SI brochure, 2019; NIST handbook 44.
_DIMENSIONS: dict[str, dict[str, float]] = {
    "length": {
        "m": 1.0, "nm": 1e-9, "μm": 1e-6, "um": 1e-6, "mm": 1e-3, "cm": 1e-2, "dm": 1e-1, "km": 1e3, "in": 0.0254,
        "inch": 0.0254, "inche": 0.0254, '"': 0.0254, "ft": 0.3048, "feet": 0.3048, "foot": 0.3048, "'": 0.3048,
        "yd": 0.9144, "yard": 0.9144, "mi": 1609.344, "mile": 1609.344, "nmi": 1852.0, "meter": 1.0, "metre": 1.0,
        "kilometer": 1e3, "kilometre": 1e3, "centimeter": 1e-2, "centimetre": 1e-2, "millimeter": 1e-3,
        "millimetre": 1e-3,
    },
    "mass": {
        "kg": 1.0, "g": 1e-3, "mg": 1e-6, "μg": 1e-9, "ug": 1e-9, "t": 1e3, "lb": 0.45359237, "oz": 0.028349523125,
        "pound": 0.45359237, "ounce": 0.028349523125, "gram": 1e-3, "kilogram": 1.0, "tonne": 1e3, "st": 6.35029318,
    },
    "volume": {"l": 1.0, "ml": 1e-3, "cl": 1e-2, "dl": 1e-1, "hl": 1e2, "μl": 1e-6, "ul": 1e-6, "m^3": 1e3, "m3": 1e3,
               "cm^3": 1e-3, "cm3": 1e-3, "cc": 1e-3, "litre": 1.0, "liter": 1.0, "gal": 3.785411784},
    "area": {"m^2": 1.0, "m2": 1.0, "qm": 1.0, "sqm": 1.0, "cm^2": 1e-4, "cm2": 1e-4, "km^2": 1e6, "km2": 1e6,
             "ha": 1e4, "ft^2": 0.09290304, "ft2": 0.09290304, "sqft": 0.09290304, "sq ft": 0.09290304,
             "acre": 4046.8564224},
    "time": {"s": 1.0, "sec": 1.0, "second": 1.0, "ms": 1e-3, "μs": 1e-6, "us": 1e-6, "ns": 1e-9, "min": 60.0,
             "minute": 60.0, "h": 3600.0, "hr": 3600.0, "hour": 3600.0, "d": 86400.0, "day": 86400.0,
             "week": 604800.0, "wk": 604800.0},
    "speed": {"m/s": 1.0, "km/h": 1 / 3.6, "kmh": 1 / 3.6, "kph": 1 / 3.6, "mph": 0.44704, "kn": 1852 / 3600},
    "data": {"b": 1.0, "kb": 1e3, "mb": 1e6, "gb": 1e9, "tb": 1e12, "kib": 2.0**10, "mib": 2.0**20, "gib": 2.0**30,
             "byte": 1.0},
    "power": {"w": 1.0, "mw": 1e-3, "kw": 1e3, "hp": 745.6998715822702, "ps": 735.49875},
    "energy": {"j": 1.0, "kj": 1e3, "wh": 3600.0, "kwh": 3.6e6, "cal": 4.184, "kcal": 4184.0},
    "pressure": {"pa": 1.0, "hpa": 1e2, "kpa": 1e3, "mbar": 1e2, "bar": 1e5, "psi": 6894.757293168361},
    "frequency": {"hz": 1.0, "khz": 1e3, "mhz": 1e6, "ghz": 1e9},
    "concentration": {"mg/l": 1.0, "g/l": 1e3, "mg/dl": 10.0, "μg/l": 1e-3, "ug/l": 1e-3},
}  # fmt: skip


def canonical(unit: str) -> str:
    """One spelling of a unit: stripped, without a final point, singular.

    >>> canonical(" km. "), canonical("stars"), canonical("km"), canonical("KM")
    ('km', 'star', 'km', 'KM')
    """
    unit = " ".join(unit.split()).rstrip(".")
    return (
        unit[:-1] if len(unit) > 3 and unit.endswith("s") and unit[-2].islower() and not unit.endswith("ss") else unit
    )


def ratio(unit: str, base: str) -> float | None:
    """How many of `base` one `unit` is, or None if the two do not convert.

    >>> ratio("km", "m"), ratio("mi", "km"), ratio("km", "kg"), ratio("kg", "lb")
    (1000.0, 1.609344, None, 2.2046226218487757)
    """
    if unit == base or unit.casefold() == base.casefold():
        return 1.0
    for sizes in _DIMENSIONS.values():
        known = {each: _size(each, sizes) for each in (unit, base)}
        if all(size is not None for size in known.values()):
            return known[unit] / known[base]  # type: ignore[operator]
    return None


def _size(unit: str, sizes: dict[str, float]) -> float | None:
    return sizes.get(unit, sizes.get(unit.lower()))


def known(unit: str) -> bool:
    """Whether it is a unit or a currency in these tables.

    >>> known("km"), known("€"), known("CHF"), known("b12")
    (True, True, True, False)
    """
    return re.fullmatch(rf"[A-Z]{{0,3}}[$€£¥₹₩₽₺₫₪฿₴₦₱]|{CURRENCIES}", unit) is not None or any(
        _size(unit, sizes) is not None for sizes in _DIMENSIONS.values()
    )


def together(units: Iterable[str]) -> bool:
    """Whether all the units can be converted to the first.

    >>> together(["km", "m"]), together(["k", "M"])
    (True, False)
    """
    first, *others = units
    return all(ratio(each, first) is not None for each in others)
