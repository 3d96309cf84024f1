import numpy as np
import polars as pl
import pytest


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """Every test begins with an empty cache."""
    monkeypatch.setenv("FALLLINE_CACHE", str(tmp_path / "cache"))


def made(rows: int, seed: int = 0) -> pl.DataFrame:
    """Rows of numbers, a category, a date, texts of numbers and gaps, with a target of two classes."""
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, rows))
    kind = rng.choice(["red", "green", "blue"], rows, p=[0.6, 0.3, 0.1])
    days = np.datetime64("2024-01-01") + rng.integers(0, 400, rows).astype("timedelta64[D]")
    return pl.DataFrame(
        {
            "a": a,
            "b": pl.Series(b).set(pl.Series(rng.random(rows) < 0.1), None),
            "kind": kind,
            "day": days,
            "price": [f"{each:.2f}".replace(".", ",") + " €" for each in rng.uniform(1, 90, rows)],
            "count": rng.integers(0, 50, rows),
            "y": np.where(a + (kind == "blue") + 0.3 * rng.normal(size=rows) > 0, "yes", "no"),
        }
    )


@pytest.fixture
def folder(tmp_path):
    """A folder of three Parquet files of 400 rows each."""
    home = tmp_path / "rows"
    home.mkdir()
    frame = made(1200)
    for index in range(3):
        frame.slice(400 * index, 400).write_parquet(home / f"{index}.parquet")
    return home


@pytest.fixture
def little(monkeypatch):
    """Streams do not fit into their memory."""
    monkeypatch.setattr("fallline.streams.stream.RUNNING", 10**9 - 1)
    monkeypatch.setattr("fallline.streams.windows.RUNNING", 10**9 - 150_000)


@pytest.fixture
def short(monkeypatch):
    """Pieces and samples are short."""
    monkeypatch.setattr("fallline.streams.reading._MOST", 100)
    monkeypatch.setattr("fallline.streams.reading._LEAST", 100)
    for name, value in (("MOST", 200), ("FEWEST", 200)):
        monkeypatch.setattr(f"fallline.streams.learning.{name}", value)
    for name, value in (("_MOST", 200), ("_FEWEST", 200)):
        monkeypatch.setattr(f"fallline.streams.collecting.{name}", value)
