"""What a stream learns and holds is what `load` learns and holds, however its rows are cut into files and pieces."""

import errno
import os
import shutil

import numpy as np
import polars as pl
import pytest
from tests.streams.conftest import made

import fallline as fl
from fallline.core.files import unfinished
from fallline.streams.blocks import StreamBlock, read_part, write_block
from fallline.streams.encoding import EncodedRows, joined
from fallline.streams.sampling import RowSample


def same_rows(stream, table):
    data, other = stream.table().dataset, table.dataset
    assert stream.schema == table.schema
    assert np.array_equal(data.x, other.x, equal_nan=True)
    assert np.array_equal(data.given, other.given)


@pytest.mark.parametrize("target", ["y", "a", ["a", "b_"]])
def test_a_stream_without_test_rows_is_the_table_that_load_makes(tmp_path, folder, target):
    whole = pl.read_parquet(folder / "*.parquet").with_columns(b_=pl.col("a") * 2)
    whole.slice(0, 700).write_parquet(tmp_path / "one.parquet")
    whole.slice(700).write_parquet(tmp_path / "two.parquet")
    stream = fl.scan(f"{tmp_path}/*.parquet", target, test=0, valid=0)
    table = fl.load(whole, target, test=0, valid=0)
    same_rows(stream, table)
    assert sorted(stream.warnings) == sorted(table.warnings)


@pytest.mark.parametrize("kind", ["csv", "tsv", "arrow"])
def test_text_and_arrow_files_are_streams_too(tmp_path, kind):
    frame = made(500)
    path = tmp_path / f"rows.{kind}"
    if kind == "arrow":
        frame.write_ipc(path)
    else:
        frame.write_csv(path, separator="\t" if kind == "tsv" else ";")
    same_rows(fl.scan(path, "y", test=0, valid=0), fl.load(path, "y", test=0, valid=0))


def test_a_sample_and_its_witnesses_know_what_all_rows_know(folder, short):
    """A missing cell, a fraction, a far value, a rare class and a category of the last rows: the sample holds none of them."""
    last = pl.read_parquet(folder / "2.parquet")
    rows = pl.Series(range(400)) >= 395
    changed = last.with_columns(
        a=pl.when(rows).then(1e6).otherwise("a"),
        b=pl.when(rows).then(None).otherwise("b"),
        count=pl.when(rows).then(0.5).otherwise("count"),
        kind=pl.when(pl.Series(range(400)) >= 390).then(pl.lit("violet")).otherwise("kind"),
        y=pl.when(rows).then(pl.lit("maybe")).otherwise("y"),
    )
    changed.write_parquet(folder / "2.parquet")
    stream = fl.scan(folder, "y", test=0, valid=0, kinds={"count": "number"})
    table = fl.load(pl.concat([pl.read_parquet(folder / f"{i}.parquet").cast({"count": pl.Float64}) for i in range(3)]), "y",
                    test=0, valid=0, kinds={"count": "number"})  # fmt: skip
    for own, whole in zip(stream.schema.columns, table.schema.columns, strict=True):
        assert (own.name, own.kind, own.values, own.indicator, own.whole, own.others) == (
            whole.name, whole.kind, whole.values, whole.indicator, whole.whole, whole.others,
        )  # fmt: skip
    assert stream.schema.target.classes == ("maybe", "no", "yes")
    assert "violet" in stream.schema.columns[2].values


def test_moments_are_those_of_all_training_rows(folder, short):
    stream = fl.scan(folder, "y")
    data = stream.table().dataset
    x = data.x[data.train].astype(np.float64)
    moments = stream.collected.moments
    assert len(stream.collected.samples[0]) == 200 < len(data.train)
    np.testing.assert_allclose(moments.mean, np.nanmean(x, axis=0), rtol=1e-12)
    np.testing.assert_allclose(moments.sd, np.nanstd(x, axis=0), rtol=1e-9)
    np.testing.assert_array_equal(moments.low, np.nanmin(x, axis=0))
    np.testing.assert_array_equal(moments.high, np.nanmax(x, axis=0))
    assert stream.collected.classes.tolist() == np.bincount(data.y[data.train]).tolist()


def test_rows_stay_in_their_part_when_files_are_added_and_pieces_are_cut_otherwise(folder, monkeypatch):
    def parts(**more):
        stream = fl.scan(folder, "y", cache=0, **more)
        data = stream.table().dataset
        return [np.sort(data.x[rows, 0]) for rows in (data.train, data.valid, data.test)]

    before = parts()
    monkeypatch.setattr("fallline.streams.reading._MOST", 177)
    monkeypatch.setattr("fallline.streams.reading._LEAST", 177)
    assert all(np.array_equal(a, b) for a, b in zip(before, parts(), strict=True))
    made(100, seed=9).write_parquet(folder / "9.parquet")
    assert all(np.isin(a, b).all() for a, b in zip(before, parts(), strict=True))
    other = parts(seed=1)
    assert not np.isin(before[2], other[2]).all()


def test_a_split_by_file_or_by_a_column_keeps_rows_together(folder):
    by_file = fl.scan(folder, "y", split="file", test=0.4, valid=0.3, seed=1)
    assert {int(each) for each in by_file.collected.counts.ravel()} <= {0, 400}
    by_count = fl.scan(folder, "y", split="count")
    data = by_count.table().dataset
    column = by_count.schema.feature_names.index("count")
    held = [set(data.x[rows, column]) for rows in (data.train, data.valid, data.test)]
    assert all(not a & b for a, b in ((held[0], held[1]), (held[0], held[2]), (held[1], held[2])))
    assert min(map(len, held)) > 0


def test_a_sample_does_not_depend_on_the_pieces():
    rng = np.random.default_rng(0)
    hashes = rng.integers(0, 2**63, 1000).astype(np.uint64)
    frame = pl.DataFrame({"a": range(1000)})
    chosen = []
    for size in (1000, 170, 3):
        sample = RowSample(50)
        for start in range(0, 1000, size):
            sample.offer(frame.slice(start, size), hashes[start : start + size])
        chosen.append(sample.rows()[0]["a"].to_list())
    assert chosen[0] == chosen[1] == chosen[2] == sorted(np.argsort(hashes)[:50].tolist())


# -- the cache ----------------------------------------------------------------------------------------------------------


def test_a_second_scan_reads_the_cache_alone(folder, monkeypatch, short):
    first = fl.scan(folder, "y")
    x = first.table().dataset.x
    second = fl.scan(folder, "y")
    monkeypatch.setattr("fallline.streams.reading.Opened.piece", None)
    assert np.array_equal(second.table().dataset.x, x, equal_nan=True)
    assert (second.fingerprint, second.warnings, second.counts) == (first.fingerprint, first.warnings, first.counts)
    assert second.collected.seen.train.tolist() == first.collected.seen.train.tolist()


@pytest.mark.parametrize("harm", ["cut", "flipped", "gone", "swapped", "rewritten"])
def test_a_damaged_block_is_encoded_anew(folder, tmp_path, short, harm):
    x = fl.scan(folder, "y").table().dataset.x
    blocks = sorted((tmp_path / "cache" / "streams").glob("*/*.block"))
    assert len(blocks) == 12
    content = bytearray(blocks[5].read_bytes())
    if harm == "cut":
        blocks[5].write_bytes(content[:-7])
    elif harm == "flipped":
        content[-40] ^= 1
        blocks[5].write_bytes(content)
    elif harm == "gone":
        blocks[5].unlink()
    elif harm == "rewritten":  # with valid checksums, but a slot that the encoding does not have
        key = f"{blocks[5].parent.name} 5"
        found = [read_part(blocks[5], key, index) for index in range(3)]
        whole, counts = joined([rows for rows, _ in found]), found[0][1]
        write_block(
            blocks[5], StreamBlock(EncodedRows(whole.numbers, np.full_like(whole.codes, 200), whole.y), counts), key
        )
    else:
        shutil.copy(blocks[2], blocks[5])
    assert np.array_equal(fl.scan(folder, "y").table().dataset.x, x, equal_nan=True)


def test_a_full_disk_and_a_small_cache_cost_time_only(folder, short, monkeypatch):
    x = fl.scan(folder, "y", cache=0).table().dataset.x
    small = fl.scan(folder, "y", cache="10kB")
    assert np.array_equal(small.table().dataset.x, x, equal_nan=True)
    assert "holds no more than 10 kB: blocks that it lacks are encoded anew" in small.notes[0]

    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("fallline.streams.cache.write_block", full)
    stream = fl.scan(folder, "y", cache="1GB")
    assert np.array_equal(stream.table().dataset.x, x, equal_nan=True)
    assert "the disk is full" in stream.notes[0]


def test_what_a_killed_process_has_left_half_written_goes(folder, tmp_path, short):
    assert fl.scan(folder, "y").counts
    home = next((tmp_path / "cache" / "streams").iterdir())
    (home / "0000003.block").unlink()
    own = unfinished(home / "0000004.block").name
    left = [home / own.replace(f"-{os.getpid()}-", f"-{2**22 + 1}-"), home / own]  # no process has that number
    for each in left:
        each.write_bytes(b"half")
    again = fl.scan(folder, "y")
    assert len(again.table().dataset.x) == 1200
    assert [each.exists() for each in left] == [False, True]


def test_the_oldest_stream_leaves_the_cache_first(folder, tmp_path, short):
    home = tmp_path / "cache" / "streams"
    assert fl.scan(folder, "y", seed=1).counts
    old = next(home.iterdir())
    os.utime(old, (1, 1))
    size = sum(each.stat().st_size for each in old.rglob("*"))
    newer = fl.scan(folder, "y", seed=2, cache=size + 10_000)
    assert newer.counts
    assert not old.exists()
    assert not newer.notes


# -- sentences ----------------------------------------------------------------------------------------------------------


def refused(call, *words):
    with pytest.raises(fl.FalllineError) as caught:
        call()
    sentence = str(caught.value)
    assert all(each in sentence for each in words), sentence
    assert "\n" not in sentence


def test_files_that_differ_are_named(folder):
    frame = pl.read_parquet(folder / "2.parquet")
    frame.select(reversed(frame.columns)).write_parquet(folder / "2.parquet")
    frame.with_columns(more=1).write_parquet(folder / "3.parquet")
    stream = fl.scan(folder, "y", test=0, valid=0)
    assert "2.parquet: the columns stand in another order than in 0.parquet, and were found by name" in stream.warnings
    assert "the column 'more' of 3.parquet is not in 0.parquet and was left out" in stream.warnings
    frame.drop("kind", "day").write_parquet(folder / "4.parquet")
    refused(lambda: fl.scan(folder, "y"), "4.parquet lacks the columns 'kind', 'day', which 0.parquet has")
    frame.with_columns(a=pl.col("a").cast(pl.String)).write_parquet(folder / "4.parquet")
    refused(lambda: fl.scan(folder, "y"), "column 'a' holds String in 4.parquet and Float64 in 0.parquet")
    frame.with_columns(a=pl.col("a").cast(pl.Float32), count=pl.col("count").cast(pl.Int8)).write_parquet(
        folder / "4.parquet"
    )
    assert fl.scan(folder, "y").counts["train"] > 1000


@pytest.mark.parametrize("harm", ["vanished", "grown", "rewritten"])
def test_files_that_vanish_or_change_are_named(folder, short, harm):
    stream = fl.scan(folder, "y", cache=0)
    assert stream.counts
    path = folder / "1.parquet"
    if harm == "vanished":
        path.unlink()
    elif harm == "grown":
        made(500, seed=4).write_parquet(path)
    else:
        os.utime(path, ns=(1, 1))
    words = {"vanished": "has vanished", "grown": "bytes)", "rewritten": "in place"}
    refused(lambda: stream.part(5, 0), "1.parquet", words[harm])


def test_files_that_cannot_be_read_are_named(folder, tmp_path):
    (folder / "1.parquet").write_bytes(b"PAR1" + bytes(200) + b"PAR1")
    refused(lambda: fl.scan(folder, "y").counts, "1.parquet is damaged or not a Parquet file")
    whole = (folder / "2.parquet").read_bytes()
    (folder / "1.parquet").write_bytes(whole[:3000] + bytes(500) + whole[3500:])
    refused(lambda: fl.scan(folder, "y").counts, "1.parquet is damaged or not a Parquet file")
    (folder / "1.parquet").write_bytes(b"")
    refused(lambda: fl.scan(folder, "y"), "1.parquet is empty")
    made(5).write_csv(folder / "1.csv")
    (folder / "1.parquet").unlink()
    refused(lambda: fl.scan(folder, "y"), "holds Parquet and text files, such as 0.parquet and 1.csv")
    refused(lambda: fl.scan(f"{tmp_path}/none/*.parquet", "y"), "names no file of a table")
    refused(lambda: fl.scan([tmp_path / "x.parquet"], "y"), "there is no file")
    refused(lambda: fl.scan([tmp_path / "x.xlsx"], "y"), "there is no file")


def test_cells_that_cannot_be_learnt_from_are_named_with_their_file(folder):
    frame = pl.read_parquet(folder / "1.parquet")
    gap = pl.Series(range(400)) == 7
    frame.with_columns(y=pl.when(gap).then(None).otherwise("y")).write_parquet(folder / "1.parquet")
    refused(lambda: fl.scan(folder, "y").counts, "the target 'y' is missing in row 8 of 1.parquet")
    frame.with_columns(a=pl.when(gap).then(float("inf")).otherwise("a")).write_parquet(folder / "1.parquet")
    refused(lambda: fl.scan(folder, "y").counts, "column 'a' of 1.parquet has 1 infinite value")
    frame.write_parquet(folder / "1.parquet")
    refused(lambda: fl.scan(folder, "y", missing="error").counts, "'b' of 0.parquet has missing values")
    refused(lambda: fl.scan(folder, "z"), "has no column 'z' to predict")
    refused(lambda: fl.scan(folder).counts, "no target was named")
    refused(lambda: fl.scan(folder, "y", split="town").counts, "split by 'town', which is no column of 0.parquet")
    refused(lambda: fl.scan(folder, "y", memory="100MB"), "memory = '100MB' is too little")
    refused(lambda: fl.scan(folder, "y", test=0.6, valid=0.4), "leave no rows to train on")


def test_partitioned_folders_give_their_columns(tmp_path):
    for year in (2023, 2024):
        home = tmp_path / "rows" / f"year={year}" / "part=a%20b"
        home.mkdir(parents=True)
        made(200, seed=year).write_parquet(home / "0.parquet")
    (tmp_path / "rows" / "_SUCCESS").write_text("")
    stream = fl.scan(tmp_path / "rows", "y", test=0, valid=0)
    assert {column.name for column in stream.schema.columns} >= {"year"}
    column = stream.schema.feature_names.index("year")
    assert np.unique(stream.table().dataset.x[:, column]).tolist() == [2023.0, 2024.0]
    assert any("'part'" in each and "every row has the same value" in each for each in stream.warnings)
