import numpy as np
import polars as pl
import pytest

import fallline as fl
from fallline.core import budget
from fallline.core.budget import VARIABLE, check_memory, check_unpacked, limit, parse_size


def test_the_limit_is_the_usual_one_or_sixteen_times_the_file(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    check_unpacked(limit(), 1, "t")
    check_unpacked(2**34, 2**30, "t")
    with pytest.raises(
        fl.FalllineError,
        match=r"^t is 3 MB and unpacks to 3 GB, .* fallline --max-bytes 3GB COMMAND, or .*FALLLINE_MAX",
    ):
        check_unpacked(3 * 10**9, 3 * 10**6, "t")
    with pytest.raises(fl.FalllineError, match="unpacks to more than"):
        check_unpacked(10**40, 1, "t")
    monkeypatch.setenv(VARIABLE, "4GB")
    check_unpacked(3 * 10**9, 3 * 10**6, "t")


@pytest.mark.parametrize("text", ["", "x", "-1", "GB", "nan", "inf", "1e300", "0"])
def test_what_is_no_size_is_named(text):
    with pytest.raises(fl.FalllineError, match="no number of bytes"):
        parse_size(text, "--max-bytes")


def test_tables_that_unpack_beyond_the_limit_are_refused_and_a_higher_limit_reads_them(tmp_path, monkeypatch):
    n = 60_000
    np.savez_compressed(tmp_path / "t.npz", X=np.zeros((n, 4)), y=np.arange(n) % 2)
    frame = pl.DataFrame({"a": np.arange(n) % 7, "b": np.arange(n) % 3, "y": np.arange(n) % 2})
    frame.write_parquet(tmp_path / "t.parquet")
    frame.write_ipc(tmp_path / "t.arrow", compression="zstd")
    for name in ("t.npz", "t.parquet", "t.arrow"):
        with monkeypatch.context() as patch:
            patch.setattr(budget, "USUAL", 100_000)
            patch.setattr(budget, "RATIO", 1)
            with pytest.raises(fl.FalllineError, match="unpacks to"):
                fl.load(tmp_path / name, None if name == "t.npz" else "y")
            patch.setenv(VARIABLE, "10MB")
            assert len(fl.load(tmp_path / name, None if name == "t.npz" else "y").dataset.y) == n


def test_a_network_without_room_is_refused_before_it_is_made():
    table = fl.load("sklearn:iris")
    for hidden, sentence in (((10**9, 10**9), "a network of 1,000,000,0"), ((8,) * 100_000, "has 100,000 layers")):
        with pytest.raises(fl.FalllineError, match=sentence):
            fl.train(fl.Recipe(encoding=None, model=fl.MLP(hidden=hidden)), table)


def test_memory_is_compared_with_what_is_free(monkeypatch):
    monkeypatch.setattr(budget, "available", lambda: 1000)
    check_memory(1000, "it", "less")
    with pytest.raises(fl.FalllineError, match=r"^it needs 1 kB, and 1 kB of memory are free: less$"):
        check_memory(1001, "it", "less")
