import errno
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from fallline.core import files
from fallline.core.errors import FalllineError
from fallline.core.files import _host, make_folder, try_folder, write_atomically, write_elsewhere
from fallline.core.holding import Hold


def test_writes_and_replaces(tmp_path):
    path = tmp_path / "a.bin"
    write_atomically(path, b"one")
    write_atomically(path, b"three")
    assert path.read_bytes() == b"three"
    assert [each.name for each in tmp_path.iterdir()] == ["a.bin"]


def test_the_file_has_the_permissions_of_an_ordinary_one(tmp_path):
    ordinary = tmp_path / "ordinary"
    ordinary.write_bytes(b"")
    write_atomically(tmp_path / "ours", b"")
    assert stat.S_IMODE((tmp_path / "ours").stat().st_mode) == stat.S_IMODE(ordinary.stat().st_mode)


@pytest.mark.parametrize("fails", ["fsync", "replace"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, fails, error):
    path = tmp_path / "a.bin"
    write_atomically(path, b"old")

    def fail(*arguments):
        raise error

    monkeypatch.setattr(os, fails, fail)
    with pytest.raises(FalllineError if isinstance(error, OSError) else KeyboardInterrupt):
        write_atomically(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert [each.name for each in tmp_path.iterdir()] == ["a.bin"]


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FalllineError, match=r"cannot write .*missing/a\.bin: No such file"):
        write_atomically(tmp_path / "missing" / "a.bin", b"")


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EROFS, errno.EIO, errno.EDQUOT])
def test_whatever_step_fails_the_file_is_the_old_or_the_new_one_whole(tmp_path, failing, error):
    path, refused = tmp_path / "a.bin", 0
    for good in range(100):
        path.write_bytes(b"old" * 1000)
        disk = failing(good, error)
        try:
            write_atomically(path, b"new" * 1000)
        except FalllineError as sentence:
            refused += str(path) in str(sentence)
        else:
            assert not disk.refused
            break
        assert path.read_bytes() in (b"old" * 1000, b"new" * 1000)
        assert [each.name for each in tmp_path.iterdir()] == ["a.bin"]
    assert refused == good >= 6  # every call of the writer was met, and every refusal named the file
    assert path.read_bytes() == b"new" * 1000


def test_what_dead_writers_left_is_removed_and_what_others_write_is_not(tmp_path):
    dead = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    host, alive = _host(), os.getppid()
    gone = tmp_path / f".fallline-{host}-{int(dead.stdout)}-abc.part"
    kept = [
        tmp_path / f".fallline-{host}-{alive}-abc.part",
        tmp_path / f".fallline-00000000-{int(dead.stdout)}-abc.part",
        tmp_path / ".fallline-notes.part",
        tmp_path / "a.part",
    ]
    for each in (gone, *kept):
        each.write_bytes(b"half")
    write_atomically(tmp_path / "new", b"1")
    assert sorted(tmp_path.iterdir()) == sorted([*kept, tmp_path / "new"])


def test_a_folder_is_tried_before_it_is_needed(tmp_path, failing):
    try_folder(tmp_path)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(FalllineError, match=r"has [\d.]+ MB of free space, and about 1000000000000\.0 MB are needed"):
        try_folder(tmp_path, 10**18)
    with pytest.raises(FalllineError, match="cannot be written to: No such file"):
        try_folder(tmp_path / "missing")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FalllineError, match="cannot make folder"):
        make_folder(tmp_path / "file" / "below")
    for good in range(2):
        failing(good, errno.EROFS)
        with pytest.raises(FalllineError, match="cannot be written to: Read-only file system"):
            try_folder(tmp_path)


def test_elsewhere_is_the_first_place_that_takes_it(tmp_path, monkeypatch):
    places = [tmp_path / "missing", tmp_path / "full", tmp_path / "good", tmp_path / "never"]
    for each in places[1:]:
        each.mkdir()
    monkeypatch.setattr(files, "_places", lambda: iter(places))

    def write(folder):
        if folder.parent.name == "full":
            raise FalllineError("no space")
        write_atomically(folder / "a", b"1")
        return 7

    folder, value = write_elsewhere("fallline-x", write)
    assert (folder.parent, value) == (places[2], 7)
    assert folder.name.startswith("fallline-x-")
    assert [list(each.iterdir()) for each in places[1::2]] == [[], []]
    monkeypatch.setattr(files, "_places", lambda: iter(places[:2]))
    with pytest.raises(FalllineError, match="no other place takes it either"):
        write_elsewhere("fallline-x", write)


def test_work_whose_folder_is_replaced_while_it_is_written_is_written_elsewhere(tmp_path, monkeypatch):
    folder, aside = tmp_path / "run", tmp_path / "aside"
    folder.mkdir()
    monkeypatch.setattr(files, "_places", lambda: iter([tmp_path]))

    def write(home: Path) -> str:
        (home / "first").write_text("1")
        if home == folder:
            folder.rename(aside)
            folder.mkdir()
        (home / "second").write_text("2")
        return "written"

    with Hold(folder) as hold:
        home, written, refused = files.write_or_elsewhere(
            folder, write, check=hold.check, elsewhere=write, name="kept", what="the model"
        )
    assert home.parent == tmp_path
    assert home.name.startswith("kept-")
    assert sorted(each.name for each in home.iterdir()) == ["first", "second"]
    assert written == "written"
    assert "was deleted or replaced while it was in use" in refused
