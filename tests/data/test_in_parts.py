"""A large text table that is read in parts is the table that is read as a whole."""

import numpy as np
import polars as pl
import pytest

import fallline as fl
from fallline.data import in_parts
from fallline.data.sources import read
from fallline.data.text import by_parts

ROWS = 3_000
RNG = np.random.default_rng(0)
Z = RNG.normal(size=ROWS)
GAPS = pl.Series([None if gap else f"{each:.3f}" for each, gap in zip(Z, RNG.random(ROWS) < 0.1, strict=True)])
LATE = [*map(str, Z[:-1].round(2)), "soon"]
TABLES = {
    "numbers": {"a": Z, "b": RNG.integers(0, 9, ROWS), "c": GAPS},
    "exponents": {"a": [f"{each:.2e}" for each in Z], "b": Z * 1e12 + 1e15},
    "constant, counting": {"a": np.ones(ROWS), "b": np.arange(ROWS), "c": Z},
    "thousands": {"a": ["1.250", "37.500"] * (ROWS // 2), "b": Z},
    "thousands beside commas": {"a": ["1.250", "37.500"] * (ROWS // 2), "b": ["0,5", "2,75"] * (ROWS // 2)},
    "days and months": {"a": ["20240131", "20240201"] * (ROWS // 2), "b": ["01.2024", "02.2024"] * (ROWS // 2)},
    "a word in the last row": {"a": LATE, "b": Z},
    "words": {"a": ["yes", "no"] * (ROWS // 2), "b": ["1", "n/a"] * (ROWS // 2), "c": Z},
    "few cells at the beginning": {"a": [None] * (ROWS // 2) + Z[ROWS // 2 :].tolist(), "b": Z},
    "zeros before numbers": {"a": ["007", "012"] * (ROWS // 2), "b": Z},
    "padded": {"a": [f" {each:.3f}" for each in Z], "b": Z},
}


@pytest.fixture
def found(monkeypatch):
    """What `by_parts` returned, with files of any size read in parts of 64 kB, which hold a thousand rows."""
    returned = []

    def noted(*given):
        returned.append(by_parts(*given))
        return returned[-1]

    monkeypatch.setattr("fallline.data.text.by_parts", noted)
    monkeypatch.setattr(in_parts, "LARGE", 1)
    monkeypatch.setattr(in_parts, "_PART", 1 << 16)
    return returned


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("target", ["labels", "prices"])
def test_a_table_in_parts_is_the_whole_table(name, target, tmp_path, monkeypatch, found):
    y = RNG.integers(0, 2, ROWS) if target == "labels" else Z.round(2)
    path = tmp_path / "t.csv"
    pl.DataFrame({**TABLES[name], "y": y}, strict=False).write_csv(path, separator=";")
    parts = fl.load(path, "y")
    assert (found[-1] is None) == (name == "a word in the last row")
    monkeypatch.setattr(in_parts, "LARGE", 1 << 40)
    whole = fl.load(path, "y")
    assert found[-1] is None
    assert parts.fingerprint == whole.fingerprint
    assert (parts.schema, parts.warnings) == (whole.schema, whole.warnings)


def test_only_plain_numbers_are_settled_and_kept_columns_stay_text(tmp_path, found):
    path = tmp_path / "t.csv"
    z = Z.round(3)
    pl.DataFrame({"a": z, "b": z, "c": ["x"] * ROWS, "d": np.full(ROWS, 20240131), "y": z}).write_csv(path)
    sheet = read(path, kept=["b", "y"])
    assert sheet.frame.dtypes == [pl.Float64, pl.String, pl.String, pl.String, pl.String]
    assert sheet.point
    assert read(path).frame.dtypes == [pl.String] * 5  # a prediction writes the cells as they were


def test_columns_with_a_role_stay_text(tmp_path, monkeypatch, found):
    path, z = tmp_path / "t.csv", Z.round(3)
    pl.DataFrame({"a": z, "w": np.abs(z), "g": [f"{each % 7}.0" for each in range(ROWS)], "y": z}).write_csv(path)
    parts = fl.load(path, "y", weights="w", groups="g")
    assert found[-1].frame.dtypes == [pl.Float64, *3 * [pl.String]]
    monkeypatch.setattr(in_parts, "LARGE", 1 << 40)
    assert fl.load(path, "y", weights="w", groups="g").fingerprint == parts.fingerprint


def test_kinds_see_the_texts(tmp_path, found):
    path = tmp_path / "t.csv"
    pl.DataFrame({"a": ["1.50", "2.00"] * (ROWS // 2), "b": Z, "y": Z}).write_csv(path)
    assert {"a=1.50", "a=2.00"} < set(fl.load(path, "y", kinds={"a": "category"}).feature_names)
    assert found[-1].frame.dtypes == [pl.String, pl.Float64, pl.String]


@pytest.mark.parametrize("lines", ["1,2\n", '"1",2,3\n', "\n", "1,2,\n", ",,\n"])
def test_doubtful_files_are_read_as_a_whole(lines, tmp_path, monkeypatch, found):
    path = tmp_path / "t.csv"
    path.write_text("a,b,y\n" + "".join(f"{each:.3f},{each:.2f},1\n" for each in Z) + lines * 3)

    def loaded():
        try:
            return fl.load(path, "y", task="regression").fingerprint
        except fl.FalllineError as error:
            return str(error)

    parts = loaded()
    monkeypatch.setattr(in_parts, "LARGE", 1 << 40)
    assert loaded() == parts
