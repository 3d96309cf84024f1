"""What the cache folder holds is counted, bounded by use, and removed without touching anything else."""

import os

import pytest

from fallline.core import cached

DIGEST = "0123456789abcdef" * 4


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("FALLLINE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def put(path, size, used=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    os.utime(path, (used, used))
    return path


def filled(folder):
    return [
        put(folder / "programs" / "jit_f-12ab-cache", 100, used=1),
        put(folder / "programs" / "jit_f-12ab-atime", 8, used=1),
        put(folder / "executables" / f"{DIGEST}.program", 50, used=3),
        put(folder / "streams" / DIGEST / "0000001.block", 1000),
        put(folder / "agreed" / DIGEST, 0),
    ]


def test_entries_are_counted_by_kind(folder):
    filled(folder)
    assert [(each.entries, each.bytes) for each in cached.held()] == [(1, 108), (1, 50), (1, 1000), (1, 0)]


def test_a_folder_that_is_not_there_holds_nothing(folder):
    assert {(each.entries, each.bytes) for each in cached.held()} == {(0, 0)}
    assert cached.clear() == 0
    assert not folder.exists()


def test_clearing_leaves_what_is_not_of_the_cache(folder):
    entries = filled(folder)
    notes = [put(folder / "notes.txt", 5), put(folder / "programs" / "mine.txt", 5), put(folder / "streams" / "x", 5)]
    assert cached.clear() == 1158
    assert not any(each.exists() for each in entries)
    assert all(each.exists() for each in notes)


def test_a_link_is_not_followed(folder, tmp_path):
    own = put(tmp_path / "own" / "data.block", 5)
    (folder / "streams").mkdir(parents=True)
    (folder / "streams" / DIGEST).symlink_to(own.parent)
    assert cached.clear() == 0
    assert own.exists()


def test_programs_beyond_the_limit_are_removed_by_when_they_were_last_used(folder):
    old, new = (put(folder / "programs" / f"jit_{name}-1-cache", 400, used=when) for name, when in (("a", 9), ("b", 5)))
    newest = put(folder / "executables" / f"{DIGEST}.program", 400, used=7)
    stream = put(folder / "streams" / DIGEST / "0000001.block", 10_000, used=1)
    assert cached.set_limit(1000) == 400
    assert [each.exists() for each in (old, new, newest, stream)] == [True, False, True, True]
    assert cached.limit() == 1000
    assert cached.trim() == 0


@pytest.mark.parametrize("content", [b"", b"many\n", b"\xff\xfe", b"-3"])
def test_a_damaged_limit_is_the_usual_one(folder, content):
    folder.mkdir()
    (folder / "limit").write_bytes(content)
    assert cached.limit() == cached.USUAL
