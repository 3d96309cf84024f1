"""Cells in the spellings that people and programs use: read when training, and when predicting by what training learnt."""

import datetime as dt
import math
from decimal import Decimal
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import fallline as fl
from fallline.core.errors import FalllineError
from fallline.data.cells import instants, numbers
from fallline.data.dates import find_order, local
from fallline.data.durations import seconds
from fallline.data.fitting import fit_column
from fallline.data.form import Form
from fallline.data.numerals import Numerals, find, read
from fallline.data.prediction import read_features
from fallline.data.understanding import understand, understand_features
from fallline.testing.spellings import DATES, NUMBERS, TEXTS

# One column of texts, and the numbers that a person reads. The decimal sign is decided over the whole column.
NUMBER_COLUMNS = [
    (["28,7", "3,5", "10"], [28.7, 3.5, 10]),
    (["12,000", "1,500", "300"], [12000, 1500, 300]),
    (["12 000", "1 234 567", "8"], [12000, 1234567, 8]),
    (["12'000", "1\u2019234,5", "0"], [12000, 1234.5, 0]),
    (["4,00,000", "12,000", "7"], [400000, 12000, 7]),
    (["1,00,00,000", "55", "9,999"], [10000000, 55, 9999]),
    (["1.234.567", "89", "1.000"], [1234567, 89, 1000]),
    (["1.234,5", "12", "0,25"], [1234.5, 12, 0.25]),
    (["1,234.5", "12", ".25"], [1234.5, 12, 0.25]),
    (["1\u00a0234,5", "2\u202f000", "3"], [1234.5, 2000, 3]),
    (["1_000_000", "2_500", "3"], [1000000, 2500, 3]),
    (["$5", "$1,200.50", "$0.99"], [5, 1200.5, 0.99]),
    (["-$5", "$-3", "($4)"], [-5, -3, -4]),
    (["5 €", "3,20 €", "1.000 €"], [5, 3.2, 1000]),
    (["€ 5,50", "€7", "€ 0,05"], [5.5, 7, 0.05]),
    (["£3.50", "£4", "£ 5"], [3.5, 4, 5]),
    (["USD 5", "7 USD", "USD8.5"], [5, 7, 8.5]),
    (["Rs. 4,00,000", "Rs 5", "Rs.7"], [400000, 5, 7]),
    (["R$ 10,50", "R$ 3", "R$ 1.000,00"], [10.5, 3, 1000]),
    (["¥1,200", "¥300", "¥4,500"], [1200, 300, 4500]),
    (["100 kr", "75,50 kr", "3 kr."], [100, 75.5, 3]),
    (["45%", "3.5 %", "100%"], [0.45, 0.035, 1]),
    (["12,5%", "3%", "-1%"], [0.125, 0.03, -0.01]),
    (["5 ‰", "12‰", "0.5‰"], [0.005, 0.012, 0.0005]),
    (["5 percent", "10 per cent", "7%"], [0.05, 0.1, 0.07]),
    (["45%", "40", "3.5%"], [0.45, 0.4, 0.035]),
    (["45%", "0.4", "3.5%"], [0.45, 0.4, 0.035]),
    (["32 km", "7 km", "0.5 km"], [32, 7, 0.5]),
    (["32 km", "7 km", "500 m"], [32, 7, 0.5]),
    (["3 kg", "2.5 kg", "300 g"], [3, 2.5, 0.3]),
    (["20 °C", "-3,5 °C", "0 °C"], [20, -3.5, 0]),
    (["12 m²", "3 m2", "4 m^2"], [12, 3, 4]),
    (["5 GB", "7 GB", "700 MB"], [5, 7, 0.7]),
    (["7 days", "1 day", "12 hours"], [7, 1, 0.5]),
    (["5 stars", "1 star", "3 stars"], [5, 1, 3]),
    (["80 km/h", "90 km/h", "100 km/h"], [80, 90, 100]),
    (["7 €/m²", "8,5 €/m²", "9 €/m²"], [7, 8.5, 9]),
    (["12K", "3.4M", "700"], [12000, 3400000, 700]),
    (["500k", "1.2m", "2bn"], [500000, 1200000, 2e9]),
    (["$1.2bn", "$700M", "$5"], [1.2e9, 7e8, 5]),
    (["1,2 Mio. €", "700 Tsd. €", "5 €"], [1.2e6, 7e5, 5]),
    (["5k€", "7k€", "900 €"], [5000, 7000, 900]),
    (["3 lakh", "2 crore", "5,000"], [3e5, 2e7, 5000]),
    (["4 million", "300 thousand", "1 billion"], [4e6, 3e5, 1e9]),
    (["(5)", "7", "(1,234.50)"], [-5, 7, -1234.5]),
    (["5-", "3", "1,234.5-"], [-5, 3, -1234.5]),
    (["\u22125", "3", "\u22120.5"], [-5, 3, -0.5]),
    (["\u20135", "+3", "- 7"], [-5, 3, -7]),
    (["1.5e3", "2E-2", "3"], [1500, 0.02, 3]),
    (["1.5×10³", "2x10^-2", "3·10^2"], [1500, 0.02, 300]),
    (["10.000,-", "5.000,--", "7,-"], [10000, 5000, 7]),
    (["5.-", "7.50", "9.-"], [5, 7.5, 9]),
    (["１２３", "４.５", "6"], [123, 4.5, 6]),
    (["١٢٣", "٤٫٥", "٦"], [123, 4.5, 6]),
    (["१२", "३", "४५"], [12, 3, 45]),
    (["5'", "6'", "7'"], [5, 6, 7]),
    (['5"', '6.5"', '7"'], [5, 6.5, 7]),
]  # fmt: skip


@pytest.mark.parametrize(("texts", "expected"), NUMBER_COLUMNS, ids=lambda each: str(each[0]))
def test_numbers_as_people_write_them(texts: list[str], expected: list[float]) -> None:
    frame = pl.DataFrame({"x": texts * 10})
    understood = understand(frame)
    assert understood.frame["x"].to_list()[:3] == pytest.approx(expected, rel=1e-12)
    form = understood.forms.get("x", Form())
    # What training learnt reads the same cells one by one, and typed and plainly written numbers as well.
    for text, number in zip(texts, expected, strict=True):
        if form.unit != "%":  # a single 40 among percents is 40 % by its neighbours
            assert numbers(pl.Series([text]), form)[0] == pytest.approx(number, rel=1e-12)
            assert numbers(pl.Series([number]), form)[0] == pytest.approx(number, rel=1e-12)
    if not form.group:
        plain = [format(Decimal(repr(float(number))), "f") for number in expected]
        assert numbers(pl.Series(plain), form).tolist() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        (["3rd", "2nd", "1st", "4th"], None),
        (["12a", "14b", "15c", "12a"], None),
        (["10-20", "20-30", "30-40", "10-20"], None),
        (["£3", "€4", "$5", "£6"], "do not convert"),
        (["3 kg", "5 m", "2 kg", "4 m"], "do not convert"),
        (["v1.2.3", "v1.3.0", "v2.0.0", "v1.2.3"], None),
        (["B12", "C7", "A3", "B12"], None),
    ],
)
def test_codes_that_hold_digits_are_no_numbers(texts: list[str], said: str | None) -> None:
    understood = understand(pl.DataFrame({"x": texts * 10}))
    assert understood.frame["x"].dtype == pl.String
    assert (said is None) == (understood.remarks == [])
    assert said is None or said in understood.remarks[0]


def test_a_comma_before_three_digits_is_decided_by_its_file_and_said() -> None:
    texts = ["1,234", "2,500", "12,750"] * 10
    alone = understand(pl.DataFrame({"x": texts}))
    assert alone.frame["x"][0] == 1234
    assert "read as 1234" in alone.remarks[0]
    assert "and not as 1.234; give it the kind decimal_comma" in alone.remarks[0]
    assert understand(pl.DataFrame({"x": texts}), ";").frame["x"][0] == 1.234
    beside = pl.DataFrame({"x": texts, "y": ["0,5", "1,25", "3,0"] * 10})
    assert understand(beside).frame["x"][0] == 1.234
    points = pl.DataFrame({"x": texts, "y": ["0.5", "1.25", "3.0"] * 10})
    assert understand(points, ";").frame["x"][0] == 1234
    said = understand_features(pl.DataFrame({"x": texts}), kinds={"x": "decimal_comma"})
    assert said.frame["x"][0] == 1.234
    assert said.remarks == []


def test_a_point_before_three_digits_is_decided_by_its_file_and_said() -> None:
    texts = ["1.234", "2.500", "12.750"] * 10
    alone = understand(pl.DataFrame({"x": texts}))
    assert alone.frame["x"][0] == 1.234
    assert "and not as 1234; give it the kind decimal_comma" in alone.remarks[0]
    beside = understand(pl.DataFrame({"x": texts, "y": ["0,5", "1,25", "3,0"] * 10}))
    assert beside.frame["x"][0] == 1234
    assert "read as 1234" in beside.remarks[0]
    whole = fit_column(pl.Series("x", [1234.0, 2500.0]), "number")
    out, remarks = np.empty((3, 1), np.float32), []
    whole.encode(pl.Series("x", texts[:3]), out, "t.csv", remarks)
    assert out[:, 0].tolist() == [1234, 2500, 12750]
    assert "between thousands" in remarks[0]
    whole.encode(pl.Series("x", ["1,234", "2,500", "12,750"]), out, "t.csv", remarks, decimal=",")
    assert out[:, 0].tolist() == [1234, 2500, 12750]


DATE_CELLS = [
    ("2024-07-27T09:30:00Z", "2024-07-27 09:30"),
    ("2024-07-27T09:30:00.123+02:00", "2024-07-27 07:30:00.123"),
    ("2024-07-27T09:30", "2024-07-27 09:30"),
    ("2024-07-27 09:30:00-0530", "2024-07-27 15:00"),
    ("2024-07-27T09:30:00+02:00[Europe/Berlin]", "2024-07-27 07:30"),
    ("2024-07-27 09:30 EST", "2024-07-27 14:30"),
    ("2024-07-27 09:30:00 UTC", "2024-07-27 09:30"),
    ("2024-07-27 09:30:00 GMT+2", "2024-07-27 07:30"),
    ("20240727T093000Z", "2024-07-27 09:30"),
    ("07/27/2024 09:30 AM", "2024-07-27 09:30"),
    ("07/27/2024 12:05 am", "2024-07-27 00:05"),
    ("7/27/24 9:30 p.m.", "2024-07-27 21:30"),
    ("27/07/2024", "2024-07-27"),
    ("27-07-2024 09:30", "2024-07-27 09:30"),
    ("27.07.24", "2024-07-27"),
    ("27. 7. 2024", "2024-07-27"),
    ("27.7.1969 9:30", "1969-07-27 09:30"),
    ("27.07.2024 09:30 Uhr", "2024-07-27 09:30"),
    ("2024/7/27", "2024-07-27"),
    ("2024.07.27", "2024-07-27"),
    ("2024年7月27日", "2024-07-27"),
    ("27 July 2024", "2024-07-27"),
    ("27th of July 2024", "2024-07-27"),
    ("27-Jul-24", "2024-07-27"),
    ("27 Jul 2024 09:30:15", "2024-07-27 09:30:15"),
    ("27. Juli 2024", "2024-07-27"),
    ("1er juillet 2024", "2024-07-01"),
    ("27 de julio de 2024", "2024-07-27"),
    ("Jul 27, 2024", "2024-07-27"),
    ("July 27th, 2024 at 3:15 PM", "2024-07-27 15:15"),
    ("März 5, 2024", "2024-03-05"),
    ("2024-Jul-27", "2024-07-27"),
    ("Sat, 27 Jul 2024 09:30:00 +0200", "2024-07-27 07:30"),
    ("Saturday, July 27, 2024", "2024-07-27"),
    ("Sat Jul 27 09:30:00 2024", "2024-07-27 09:30"),
    ("27/Jul/2024:09:30:00 +0000", "2024-07-27 09:30"),
    ("09:30 27.07.2024", "2024-07-27 09:30"),
    ("2024-07", "2024-07-01"),
    ("07/2024", "2024-07-01"),
    ("Jul 2024", "2024-07-01"),
    ("July '24", "2024-07-01"),
    ("2024Q3", "2024-07-01"),
    ("Q3 2024", "2024-07-01"),
    ("2024-W30-6", "2024-07-27"),
    ("2024-02-30", None),
    ("31/02/2024", None),
    ("2024-07-27 25:00", None),
    ("13 PM 2024", None),
    ("soon", None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), DATE_CELLS)
def test_dates_as_people_write_them(text: str, expected: str | None) -> None:
    cells = pl.Series([text])
    found = instants(cells, Form(order=find_order(cells).name))[0]
    assert found == (None if expected is None else dt.datetime.fromisoformat(expected))


@pytest.mark.parametrize("spelling", DATES)
def test_a_column_of_dates_has_the_same_features_in_any_spelling(spelling: str) -> None:
    start = dt.datetime(2021, 3, 28, 0, 30)
    times = [start + dt.timedelta(hours=29 * each) for each in range(120)]
    frame = pl.DataFrame({"t": [DATES[spelling](each) for each in times], "x": [0.5, 1.5] * 60})
    understood = understand(frame)
    assert understood.frame["t"].to_list() == times
    column = fit_column(pl.Series("t", times), "date")
    out, again = np.empty((2, 120, 6), np.float32)
    column.encode(pl.Series("t", times), out, "t")
    column.encode(frame["t"], again, "t")
    np.testing.assert_array_equal(out, again)


def test_the_order_of_day_and_month_is_decided_over_the_column_or_said() -> None:
    doubtful = understand(pl.DataFrame({"t": ["03/04/2024", "05/06/2024", "11/12/2023"] * 10}))
    assert doubtful.forms["t"].order == "month_first"
    assert "can be read in two ways" in doubtful.remarks[0]
    assert "give it the kind day_first" in doubtful.remarks[0]
    decided = understand(pl.DataFrame({"t": ["03/04/2024", "27/06/2024", "11/12/2023"] * 10}))
    assert (decided.forms["t"].order, decided.remarks) == ("day_first", [])
    said = understand_features(pl.DataFrame({"t": ["03/04/2024", "05/06/2024"] * 10}), kinds={"t": "day_first"})
    assert said.frame["t"][0] == dt.datetime(2024, 4, 3)
    assert said.remarks == []
    # A file that puts the day first is read so by a model whose training had the month first, where only that can be.
    column = fit_column(pl.Series("t", ["07/27/2024", "07/28/2024"]), "date", Form(order="month_first"))
    assert instants(pl.Series(["27/07/2024", "28/07/2024"]), column.form)[0] == dt.datetime(2024, 7, 27)


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("epoch_seconds", [1722072600, 1722159000]),
        ("epoch_milliseconds", [1722072600000, 1722159000000]),
        ("epoch_microseconds", [1722072600000000, 1722159000000000]),
        ("excel_date", [45500.3958333333, 45501.3958333333]),
        ("date", [1722072600, 1722159000]),
        ("date", [1722072600000, 1722159000000]),
    ],
)
def test_numbers_that_count_time(kind: str, values: list[float]) -> None:
    for cells in (pl.Series("t", values * 10), pl.Series("t", [str(each) for each in values * 10])):
        understood = understand_features(pl.DataFrame([cells]), kinds={"t": kind})
        found = understood.frame["t"][0]
        assert abs(found - dt.datetime(2024, 7, 27, 9, 30)) < dt.timedelta(seconds=1)
        assert instants(cells, understood.forms["t"])[0] == found
        assert instants(pl.Series(["2024-07-27T09:30"]), understood.forms["t"])[0] == dt.datetime(2024, 7, 27, 9, 30)


def test_the_same_instant_has_the_same_features_whatever_its_zone() -> None:
    utc = pl.Series(
        "t", [dt.datetime(2024, 7, 26, 22, 30, tzinfo=dt.UTC) + dt.timedelta(days=each) for each in range(40)]
    )
    berlin = utc.dt.convert_time_zone("Europe/Berlin")
    texts = berlin.dt.strftime("%Y-%m-%dT%H:%M:%S%:z")
    features = []
    for cells in (utc, berlin, texts):
        understood = understand(pl.DataFrame([cells]))
        column = fit_column(understood.frame["t"], "date", understood.forms["t"])
        out = np.empty((3, 40, 6), np.float32)
        for place, others in enumerate((utc, berlin, texts)):
            column.encode(others, out[place], "t", remarks := [])
            assert remarks == []
        features.extend(out)
    for each in features[1:]:
        np.testing.assert_array_equal(each, features[0])
    remarks: list[str] = []
    column.encode(pl.Series("t", ["2024-07-27T00:30"]), np.empty((1, 6), np.float32), "new.csv", remarks)
    assert instants(pl.Series(["2024-07-27T00:30"]), column.form)[0] == dt.datetime(2024, 7, 26, 22, 30)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1:30:00", 5400), ("01:30", 5400), ("0:00:01.5", 1.5), ("2 days 00:00:01", 172801), ("1 day, 2:03:04", 93784),
        ("PT1H30M", 5400), ("P1DT2H", 93600), ("-PT5S", -5), ("P2W", 1209600), ("2h 30m", 9000), ("1 h 5 min", 3900),
        ("3d 4h", 273600), ("90 min", 5400), ("09:30 PM", 77400), ("12:00 AM", 0), ("x", None), ("1:75", None),
    ],
)  # fmt: skip
def test_durations(text: str, expected: float | None) -> None:
    assert seconds(pl.Series([text]))[0] == expected


def test_durations_are_numbers_in_text_and_typed() -> None:
    texts = ["1:30:00", "0:45:10", "12:00:00"] * 10
    understood = understand(pl.DataFrame({"t": texts}))
    assert understood.frame["t"].to_list()[:3] == [5400, 2710, 43200]
    column = fit_column(understood.frame["t"], "number", understood.forms["t"])
    out = np.empty((2, 1), np.float32)
    column.encode(pl.Series("t", [dt.timedelta(minutes=90), dt.timedelta(seconds=1)]), out, "t")
    assert out[:, 0].tolist() == [5400, 1]


MARKS = [
    "NA", "n/a", "N/A", "NaN", "nan", "null", "NULL", "None", "none", "?", "-", "--", "unknown", "Unknown", "MISSING",
    "n.a.", "N.D.", "k.A.", "s/d", "#N/A", "<NA>", "(null)", "not available", "Not Recorded", "tbd", "…", "*", "nil",
]  # fmt: skip


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("share", [0.02, 0.6])
def test_marks_of_missing_numbers_whatever_their_share(mark: str, share: float, tmp_path: Path) -> None:
    count = round(100 * share)
    cells = [mark] * count + [f"{each}.5" for each in range(100 - count)]
    path = tmp_path / "t.csv"
    path.write_text(
        "x,z,y\n" + "".join(f'"{cell}",{i % 7},{i % 2}\n' for i, cell in enumerate(cells)), encoding="utf-8"
    )
    table = fl.load(path, "y", test=0.0, valid=0.0)
    assert table.schema.columns[0].kind == "number"
    assert np.isnan(table.dataset.x[:, 0]).sum() == count
    encoded, _ = read_features(path, table.schema)  # no warning: a known mark is nothing odd
    np.testing.assert_array_equal(encoded, table.dataset.x)


def test_texts_that_keep_coming_back_among_numbers_are_a_mark_and_said() -> None:
    cells = [str(each / 2) for each in range(70)] + ["refused"] * 20 + ["sealed"] * 10
    understood = understand(pl.DataFrame({"x": cells}))
    assert understood.frame["x"].null_count() == 30
    assert understood.remarks == [
        "column 'x' holds numbers, and 'refused', 'sealed' in 30 of 100 cells (30 %): read as missing"
    ]
    few = understand(pl.DataFrame({"x": ["1", "2", "3", "A", "B"] * 20}))
    assert few.frame["x"].dtype == pl.String


def test_a_few_odd_cells_are_counted_and_named() -> None:
    cells = [str(each % 50) for each in range(99)] + ["n.k.x"]
    understood = understand(pl.DataFrame({"a": cells}))
    assert understood.frame["a"].null_count() == 1
    assert understood.remarks == [
        "column 'a' holds 1 of 100 cells (1 %) that are not numbers, such as 'n.k.x': they count as missing"
    ]
    assert understand(pl.DataFrame({"a": ["1", "x", "2", "y"] * 10})).frame["a"].dtype == pl.String


@pytest.mark.parametrize(
    ("trained", "later"),
    [
        (["1", "2"], ["1.0", "2.0"]),
        (["1.0", "2.0"], ["1", "2"]),
        (["true", "false", "maybe"], ["True", "FALSE", "Maybe"]),
        (["01", "1", "02"], ["1", "01", "2"]),
        (["007", "008"], ["7", "8"]),
        (["São Paulo", "Zürich"], ["Sa\u0303o Paulo", "Zu\u0308rich"]),
        (["red", "blue"], [" red", "blue  "]),
        (["New York", "Boston"], ["New  York", "new york"]),
        (["m", "f"], ["M", "F"]),
        (["1.50", "2.25"], ["1.5", "2.250"]),
    ],
)
def test_categories_are_values_not_spellings(trained: list[str], later: list[str]) -> None:
    column = fit_column(pl.Series("c", trained * 10), "category")
    out, again = np.empty((2, len(trained), len(column.feature_names())), np.float32)
    column.encode(pl.Series("c", trained), out, "t", remarks := [])
    expected = out if len(trained) == len(later) else out[: len(later)]
    if trained[0] == "01":
        later_of = {"1": 0, "01": 0, "2": 2}
        expected = out[[later_of[each] for each in later]]
    elif later == ["New  York", "new york"]:
        expected = out[[0, 0]]
    column.encode(pl.Series("c", later), again[: len(later)], "t", remarks)
    np.testing.assert_array_equal(again[: len(later)], expected)
    assert remarks == []


def test_typed_values_match_text_codes() -> None:
    column = fit_column(pl.Series("c", ["1", "2", "true"] * 10), "category")
    out = np.empty((2, 4), np.float32)
    column.encode(pl.Series("c", [1, 2]), out, "t", remarks := [])
    assert out[:, :2].sum() == 2
    column.encode(pl.Series("c", [1.0, 2.0]), out, "t", remarks)
    assert out[:, :2].sum() == 2
    column.encode(pl.Series("c", [True, True]), out, "t", remarks)
    assert out[:, 3].sum() == 0
    assert remarks == []


def test_two_codes_of_one_letter_stay_two() -> None:
    assert fit_column(pl.Series("c", ["m", "M"] * 20), "category").values == ("M", "m")


@pytest.mark.parametrize(
    "pair", [("no", "yes"), ("False", "True"), ("0", "1"), ("N", "Y"), ("off", "on"), ("nein", "ja"), ("F", "T")]
)
@pytest.mark.parametrize("later", [("false", "true"), ("No", "YES"), ("0", "1"), ("n", "y"), ("Off", "On")])
def test_a_boolean_keeps_its_meaning_under_another_pair(pair: tuple[str, str], later: tuple[str, str]) -> None:
    column = fit_column(pl.Series("c", list(pair) * 10), "boolean")
    out = np.empty((2, 1), np.float32)
    column.encode(pl.Series("c", later), out, "t", remarks := [])
    assert out[:, 0].tolist() == [0, 1]
    assert remarks == []


def test_what_does_not_fit_is_a_warning_or_an_error_by_its_share() -> None:
    kinds = {
        "number": (["1.5", "2.5", "3.5", "4.5"], "apples"),
        "date": (["2024-01-01", "2024-02-01", "2024-03-01", "2024-04-01"], "soon"),
        "boolean": (["yes", "no", "yes", "no"], "perhaps"),
        "category": (["a", "b", "a", "b"], "zebra"),
    }
    for kind, (cells, odd) in kinds.items():
        column = fit_column(pl.Series("c", cells * 10), kind)
        out = np.empty((4, len(column.feature_names())), np.float32)
        column.encode(pl.Series("c", [*cells[:3], odd]), out, "new.csv", remarks := [])
        assert len(remarks) == 1
        for word in ("'c'", "new.csv", "1 of 4 cells (25 %)", repr(odd)):
            assert word in remarks[0]
        with pytest.raises(FalllineError, match=r"'c' of new.csv .*3 of 4 cells"):
            column.encode(pl.Series("c", [cells[0], odd, odd, odd]), out, "new.csv")


def test_a_target_of_numbers_is_never_a_class_because_it_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    for target, first in (
        ("3,5;4,25", 3.5),
        ("3,5 kg;4,25 kg", 3.5),
        ("1.234,50 €;7,00 €", 1234.5),
        ("7 %;8,5 %", 0.07),
    ):
        one, two = target.split(";")
        path.write_text("x;y\n" + "".join(f"{i},5;{one if i % 2 else two}\n" for i in range(40)))
        table = fl.load(path, "y", test=0.0, valid=0.0)
        assert table.task == "regression"
        assert table.dataset.y[1, 0] == np.float32(first)
    path.write_text("x,y\n" + "".join(f"{i}.5,{i} or {i + 1}\n" for i in range(40)))
    with pytest.raises(FalllineError, match=r"the target 'y' of .* look like numbers and cannot be read"):
        fl.load(path, "y")
    with pytest.raises(FalllineError, match=r"class '0 or 1' of the target 'y' .* has one row only"):
        fl.load(path, "y", task="classification")


@given(
    values=st.lists(st.decimals(-99_999, 99_999, places=2, allow_nan=False), min_size=8, max_size=30, unique=True),
    spelling=st.sampled_from(sorted(NUMBERS)),
)
def test_any_numbers_in_any_spelling(values: list[Decimal], spelling: str) -> None:
    """The column is read as meant, or the remark names it."""
    texts = [NUMBERS[spelling](each) for each in values]
    understood = understand(pl.DataFrame({"x": texts}))
    found = understood.frame["x"]
    right = found.dtype == pl.Float64 and found.to_list() == pytest.approx([float(each) for each in values], rel=1e-12)
    assert right or any("'x'" in each for each in understood.remarks)


@given(
    values=st.lists(st.integers(-(10**6), 10**6), min_size=5, max_size=30), spelling=st.sampled_from(sorted(NUMBERS))
)
def test_a_model_of_plain_numbers_reads_any_spelling(values: list[int], spelling: str) -> None:
    texts = [NUMBERS[spelling](Decimal(each)) for each in values]
    column = fit_column(pl.Series("x", [float(each) for each in range(-50, 50)]), "number")
    out, remarks = np.empty((len(values), 1), np.float32), []
    column.encode(pl.Series("x", texts), out, "t", remarks)
    assert out[:, 0].tolist() == pytest.approx([float(each) for each in values], rel=1e-6) or remarks


@given(
    stamps=st.lists(st.datetimes(dt.datetime(1970, 1, 1), dt.datetime(2068, 12, 31)), min_size=20, max_size=40),
    spelling=st.sampled_from(sorted(DATES)),
)
def test_any_times_in_any_spelling(stamps: list[dt.datetime], spelling: str) -> None:
    times = [each.replace(second=0, microsecond=0) for each in stamps]
    understood = understand(pl.DataFrame({"t": [DATES[spelling](each) for each in times]}))
    assert understood.frame["t"].to_list() == times or any("'t'" in each for each in understood.remarks)


@given(text=st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=12))
def test_any_text_at_all_is_read_or_left(text: str) -> None:
    cells = pl.Series([text])
    for reader in (lambda c: read(c, Numerals()), lambda c: local(c)[0], seconds):
        assert len(reader(cells)) == 1
    found = find(cells)
    assert found.numerals is None or isinstance(found.read, int)
    understand(pl.DataFrame({"x": [text, "1.5", None]}))


@pytest.mark.parametrize("spelling", TEXTS)
def test_categories_in_any_spelling(spelling: str) -> None:
    names = ["Zürich", "São Paulo", "New York", "Łódź"] * 10
    column = fit_column(pl.Series("c", names), "category")
    out, again = np.empty((2, 40, 5), np.float32)
    column.encode(pl.Series("c", names), out, "t")
    column.encode(pl.Series("c", [TEXTS[spelling](each) for each in names]), again, "t", remarks := [])
    np.testing.assert_array_equal(out, again)
    assert remarks == []


def test_kinds_overrule_and_misspelt_ones_are_named() -> None:
    frame = pl.DataFrame({"zip": ["01234", "99999"] * 20, "x": [0.5, 1.5] * 20})
    assert understand_features(frame).frame["zip"].dtype == pl.Float64
    assert understand_features(frame, kinds={"zip": "category"}).frame["zip"].dtype == pl.String
    with pytest.raises(FalllineError, match="given as 'decimal_coma': did you mean 'decimal_comma'"):
        understand_features(frame, kinds={"zip": "decimal_coma"})
    assert math.isnan(numbers(pl.Series([None], dtype=pl.String))[0])
