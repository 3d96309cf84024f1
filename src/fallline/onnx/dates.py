"""Year, month, day, weekday and hour of an instant, with integer operators, since ONNX has none for dates."""

import numpy as np

from fallline.onnx.graph import Graph
from fallline.onnx.inputs import NO_DATE

DAY = 86_400_000_000  # microseconds


def date_features(graph: Graph, x: str, origin: float) -> tuple[dict[str, str], str]:
    """A date column's features by name, float32 (N, 1), and whether each cell is missing, bool (N, 1).

        days = floor(x / DAY),  z = days + 719468 = 146097 era + d            (eras of 400 years that begin in March)
        year of era e = (d - d / 1460 + d / 36524 - d / 146096) / 365,  day of year k = d - (365 e + e / 4 - e / 100)
        m = (5 k + 2) / 153,  day = k - (153 m + 2) / 5 + 1,  month = m + 3 or m - 9,  year = 400 era + e (+ 1 from January)

    Divisions are integer divisions, rounded down.

    Arguments:
        graph: graph to which the operators are added.
        x: microseconds since 1970-01-01, int64 (N, 1); the smallest int64 where missing.
        origin: the day since 1970-01-01 from which "days" are counted.

    Source: Hinnant, "chrono-compatible low-level date algorithms", 2013, civil_from_days and weekday_from_days.
    """

    def add(a: str, b: str | int) -> str:
        return graph.op("Add", a, _whole(b))

    def sub(a: str, b: str | int) -> str:
        return graph.op("Sub", a, _whole(b))

    def mul(a: str, b: str | int) -> str:
        return graph.op("Mul", a, _whole(b))

    def div(a: str, b: str | int) -> str:  # for dividends that are not negative
        return graph.op("Div", a, _whole(b))

    def mod(a: str, b: str | int) -> str:  # with the divisor's sign
        return graph.op("Mod", a, _whole(b))

    missing = graph.op("Equal", x, np.int64(NO_DATE))
    x = graph.op("Where", missing, np.int64(0), x)
    time = mod(x, DAY)
    days = div(sub(x, time), DAY)
    z = add(days, 719_468)
    d = mod(z, 146_097)
    era = div(sub(z, d), 146_097)
    e = div(sub(add(sub(d, div(d, 1460)), div(d, 36_524)), div(d, 146_096)), 365)
    k = sub(d, sub(add(mul(e, 365), div(e, 4)), div(e, 100)))
    m = div(add(mul(k, 5), 2), 153)
    january = graph.op("Greater", m, np.int64(9))
    month = graph.op("Where", january, sub(m, 9), add(m, 3))
    parts = {
        "year": add(add(mul(era, 400), e), graph.cast(january, np.int64)),
        "month": month,
        "day": add(sub(k, div(add(mul(m, 153), 2), 5)), 1),
        "weekday": add(mod(add(days, 3), 7), 1),
        "hour": div(time, 3_600_000_000),
    }
    found = {name: graph.cast(part, np.float32) for name, part in parts.items()}
    exact = graph.op("Div", graph.cast(x, np.float64), np.float64(DAY))
    return found | {"days": graph.cast(graph.op("Sub", exact, np.float64(origin)), np.float32)}, missing


def _whole(value: str | int) -> str | np.int64:
    return value if isinstance(value, str) else np.int64(value)
