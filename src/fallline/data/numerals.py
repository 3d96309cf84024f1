"""Reads numbers as people write them: with a decimal sign, grouped digits, a currency, a unit or a percent sign."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fallline.data.measures import MAGNITUDE, MAGNITUDES, SHARES, canonical, ratio, together
from fallline.data.numeral_parts import begins_as_number, split

if TYPE_CHECKING:
    import polars as pl

MOSTLY = 0.95  # share of cells that must be numbers for a text column to be read as numbers


@dataclass(frozen=True)
class Numerals:
    """How the numbers of a column are written.

    Attributes:
        decimal: the decimal sign, "." or ",".
        group: the separator of groups of digits: "", ",", ".", " ", "'" or "_".
        unit: the unit after (for a currency, before) the numbers; numbers in other units are converted to it.

    >>> import polars as pl
    >>> read(pl.Series(["1.234,5 km", "700 m"]), Numerals(",", ".", "km")).to_list()
    [1234.5, 0.7]
    """

    decimal: str = "."
    group: str = ""
    unit: str = ""

    def describe(self) -> str:
        """The notation in words, for a sentence.

        >>> Numerals(",", ".").describe()
        "a decimal comma, '.' between thousands"
        """
        parts = ["a decimal comma" if self.decimal == "," else "a decimal point"]
        if self.group:
            parts.append(f"{self.group!r} between thousands" if self.group != " " else "a blank between thousands")
        if self.unit:
            parts.append(f"in {self.unit!r}")
        return ", ".join(parts)


@dataclass(frozen=True)
class Found:
    """How the numbers of a column appear to be written.

    Attributes:
        numerals: the best reading, None if the column holds no numbers.
        read: the number of cells that it can read.
        other: another reading that explains the cells equally well, or None.
        clear: whether the cells are numbers, and some show the decimal sign beyond doubt.
        example: a cell with a second reading, or one that could not be read.
        mixed: units that occur in the column and cannot be converted to its main unit.
    """

    numerals: Numerals | None
    read: int = 0
    other: Numerals | None = None
    clear: bool = False
    example: str = ""
    mixed: tuple[str, ...] = ()


def looks_numeric(sample: pl.Series) -> bool:
    """Whether at least 30 % of the cells begin like a number.

    >>> import polars as pl
    >>> looks_numeric(pl.Series(["$ 12", "3,5"])), looks_numeric(pl.Series(["red", "blue"]))
    (True, False)
    """
    return bool(len(sample)) and int(begins_as_number(sample).sum()) >= 0.3 * len(sample)


def find(cells: pl.Series, hint: str = "") -> Found:
    """Finds how the numbers among these cells are written.

    The decimal sign and the group separator are those that make the most cells numbers. If two readings do equally
    well ("1,234"), `hint` decides, the decimal sign suggested by other columns or by the file's separator. Without a
    hint, a single comma before three digits separates thousands, and a point is a decimal point.

    Args:
        cells: text without missing cells; a column's distinct cells are enough.
        hint: ",", "." or "".

    >>> import polars as pl
    >>> find(pl.Series(["1.234,50", "12,1"])).numerals
    Numerals(decimal=',', group='.', unit='')
    >>> found = find(pl.Series(["1,234", "2,500"]))
    >>> found.numerals, found.other
    (Numerals(decimal='.', group=',', unit=''), Numerals(decimal=',', group='', unit=''))
    """
    parts = split(cells)
    bodies = parts["body"].drop_nulls()
    if not len(bodies):
        return Found(None)
    counts = {form: _valid(bodies, *form) for form in _candidates(bodies)}
    top = max(int(mask.sum()) for mask in counts.values())
    best = [form for form, mask in counts.items() if int(mask.sum()) == top]
    chosen = _prefer(best, "," if (parts["even"] == ",").any() else hint)
    units, mixed = _unit(parts)
    numerals = Numerals(*chosen, units)
    example, other = "", None
    for rival in best:
        differs = bodies.filter(counts[chosen] & counts[rival])
        if rival != chosen and len(differs):
            unequal = differs.filter(_values(differs, *chosen) != _values(differs, *rival))
            if len(unequal):
                other, example = Numerals(*rival, units), unequal[0]
                break
    values = _values_of(parts, numerals)
    clear = (
        other is None
        and values.count() >= MOSTLY * len(cells)
        and bool(bodies.str.contains(r"[.,]").any())
        and _decisive(bodies, chosen[0])
    )
    if other is None and values.null_count():
        example = cells.filter(values.is_null())[0]
    return Found(numerals, len(cells) - values.null_count(), other, clear, example, mixed)


def read(cells: pl.Series, numerals: Numerals) -> pl.Series:
    """The numbers, Float64; null where a cell is not a number in this notation, or its unit cannot be converted.

    >>> import polars as pl
    >>> read(pl.Series(["(5)", "12K", "−3", "45%", "x"]), Numerals()).to_list()
    [-5.0, 12000.0, -3.0, 0.45, None]
    """
    return _values_of(split(cells), numerals).alias(cells.name)


def _values_of(parts: dict[str, pl.Series], numerals: Numerals) -> pl.Series:
    """The numbers of cells that are split into their parts."""
    import polars as pl

    values = _values(parts["body"], numerals.decimal, numerals.group)
    negative = (parts["open"] == "(") & (parts["close"] == ")")
    bad = (parts["open"] == "(") != (parts["close"] == ")")
    for name in ("sign", "sign2", "trailing"):
        negative = negative | (parts[name] == "-")
    sizes = {pair: _factor(*pair, numerals.unit) for pair in _pairs(parts)}
    power = parts["exponent"].fill_null("").replace("", None).cast(pl.Float64, strict=False).fill_null(0.0)
    power = power + parts["power"].fill_null("").replace("", None).cast(pl.Float64, strict=False).fill_null(0.0)
    scale = parts["pair"].replace_strict(
        ["\n".join(pair) for pair in sizes], list(sizes.values()), default=None, return_dtype=pl.Float64
    )
    if numerals.unit == "%":
        bare = parts["pair"] == "\n"  # 40 among percents is 40 %, 0.4 is 40 % as well
        if (values.filter(bare).abs() > 1.5).any():
            scale = pl.select(pl.when(bare).then(0.01).otherwise(scale)).to_series()
    exact = pl.Series([10.0]).pow(power) if (power != 0).any() else 1.0
    signed = pl.select(pl.when(negative).then(-values).otherwise(values)).to_series()
    scaled = signed * scale * exact
    # 7 % is 0.07, which 7 * 0.01 misses by a rounding error: keep the fifteen digits that float64 can represent.
    rounded = pl.when((scale != 1) | (power != 0)).then(scaled.round_sig_figs(15)).otherwise(scaled)
    return pl.select(pl.when(bad).then(None).otherwise(rounded)).to_series()


def _pairs(parts: dict[str, pl.Series]) -> list[tuple[str, str]]:
    known = parts["pair"].filter(parts["body"].is_not_null()).unique()
    return [(money, unit) for money, unit in (each.split("\n", 1) for each in known)]


def _candidates(bodies: pl.Series) -> list[tuple[str, str]]:
    """The (decimal, group) pairs whose characters occur, the plain one first."""
    held = {sign for sign in ".,' _" if bodies.str.contains(sign, literal=True).any()}
    forms = [(".", "")]
    if "," in held:
        forms += [(".", ","), (",", "")]
    if "." in held:
        forms += [(",", ".")]
    for sign in held & {" ", "'", "_"}:
        forms += [(".", sign), (",", sign)] if "," in held else [(".", sign)]
    return forms


def _valid(bodies: pl.Series, decimal: str, group: str) -> pl.Series:
    d = f"\\{decimal}"
    digits = r"\d+"
    if group:
        g = "\\" + group if group in ".'" else group
        digits = rf"(?:\d+|[1-9]\d{{0,2}}(?:{g}\d{{3}})+|[1-9]\d?(?:{g}\d{{2}})*{g}\d{{3}}|[1-9]\d{{0,3}}(?:{g}\d{{4}}){{2,}})"
    return bodies.str.contains(rf"^(?:{digits}(?:{d}\d*)?|{d}\d+)$")


def _values(bodies: pl.Series, decimal: str, group: str) -> pl.Series:
    """The digits as Float64, null where they are not grouped in this way."""
    import polars as pl

    valid = _valid(bodies, decimal, group)
    text = bodies.str.replace_all(group, "", literal=True) if group else bodies
    text = text.str.replace(decimal, ".", literal=True) if decimal != "." else text
    return pl.select(pl.when(valid).then(text).otherwise(None).cast(pl.Float64, strict=False)).to_series()


def _prefer(forms: list[tuple[str, str]], hint: str) -> tuple[str, str]:
    """Chooses among equally good readings: the plain one unless a comma is hinted, else the hinted one or the first."""
    if (".", "") in forms and hint != ",":
        return (".", "")
    by_hint = [form for form in forms if form[0] == hint]
    return (by_hint or forms)[0]


def _decisive(bodies: pl.Series, decimal: str) -> bool:
    """Whether some cell shows the decimal sign beyond doubt: not before exactly three digits, or after 0 or a group."""
    d = f"\\{decimal}"
    return bool(bodies.str.contains(rf"{d}(?:\d{{0,2}}|\d{{4,}})$|^0{d}|[.,' _]\d{{3}}{d}\d").any())


def _unit(parts: dict[str, pl.Series]) -> tuple[str, tuple[str, ...]]:
    """The unit in which the column is read, and the units that cannot be converted to it."""
    counts: Counter[str] = Counter()
    for pair, count in parts["pair"].filter(parts["body"].is_not_null()).value_counts().iter_rows():
        _, unit = _meaning(*pair.split("\n", 1))
        counts["%" if unit.casefold() in SHARES else unit] += count
    units = sorted((unit for unit in counts if unit), key=lambda unit: (-counts[unit], unit))
    if all(unit.casefold() in MAGNITUDES for unit in units):  # 12K, 3M; but a lone m, g, t or mm is a metric unit
        metric = len(units) == 1 and units[0] in ("m", "g", "t", "mm")
        return (units[0] if metric or (len(units) > 1 and together(units)) else MAGNITUDE if units else ""), ()
    return units[0], tuple(unit for unit in units[1:] if ratio(unit, units[0]) is None)


def _meaning(money: str, unit: str) -> tuple[str, str]:
    """(magnitude, unit) of one cell: ("M", "$") of `$ 3M`, `3 M$` and `M$ 3`; a magnitude alone counts as a unit.

    >>> _meaning("$", "bn"), _meaning("", "Mio. €"), _meaning("", "k€"), _meaning("", "km"), _meaning("", "K")
    (('bn', '$'), ('Mio', '€'), ('k', '€'), ('', 'km'), ('', 'K'))
    """
    money, unit = canonical(money), canonical(unit)
    words = unit.split()
    if len(words) == 1 and unit[-1:] in "$€£¥₹₩₽₺" and canonical(unit[:-1]).casefold() in MAGNITUDES:
        words = [unit[:-1], unit[-1]]
    magnitude = next((canonical(each) for each in words if canonical(each).casefold() in MAGNITUDES), "")
    rest = " ".join(each for each in words if canonical(each) != magnitude)
    if magnitude and (money or rest) and (not money or rest in ("", money)):
        return magnitude, money or rest
    return "", unit if not money or unit == money else f"{money} {unit}".strip()


def _factor(money: str, unit: str, base: str) -> float | None:
    """The factor that converts a cell's number to `base`; None if there is none."""
    magnitude, found = _meaning(money, unit)
    size = MAGNITUDES[magnitude.casefold()] if magnitude else 1.0
    if base == MAGNITUDE:
        return size if not found else MAGNITUDES.get(found.casefold(), SHARES.get(found.casefold()))
    if found == base:
        return size * (SHARES["%"] if base == "%" else 1.0)
    share = ratio(found, base) if base not in ("", "%") else None
    if found == "" or share is not None:
        return size * (share or 1.0)
    for table, fits in ((SHARES, ("", "%")), (MAGNITUDES, ("",))):
        if found.casefold() in table and base in fits:
            return table[found.casefold()]
    return None
