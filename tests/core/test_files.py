import os
import stat

import pytest

from fallline.core.errors import FalllineError
from fallline.core.files import write_atomically


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
