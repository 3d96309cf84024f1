import os
import socket
import tomllib

import pytest

from fallline.core.errors import FalllineError
from fallline.core.reading import read_bytes, read_json, read_text, read_toml
from fallline.core.shape import Mapping, Plain
from fallline.data.sources import read
from fallline.searching.description import begun
from fallline.training.folder import read_plan
from fallline.training.model_file import load_predictor


@pytest.fixture
def others(tmp_path):
    """What is no regular file."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    found = {"pipe": "is a pipe", "folder": "is a folder", "link": "is a pipe"}
    with socket.socket(socket.AF_UNIX) as listening:
        try:
            listening.bind(str(tmp_path / "socket"))
            found["socket"] = "is a socket"
        except OSError:  # the path is too long for this system
            pass
        yield {tmp_path / name: sentence for name, sentence in found.items()} | {"/dev/zero": "is a device"}


def test_only_regular_files_are_read_and_none_is_waited_for(others):
    for path, sentence in others.items():
        for reader in (lambda p: read_bytes(p, "file"), lambda p: read_toml(p, "file", "TOML"), read_plan, begun):
            with pytest.raises(FalllineError, match=sentence):
                reader(type(next(iter(others)))(path))


def test_a_source_or_a_model_that_is_a_pipe_is_refused(tmp_path):
    for name in ("t.csv", "t.parquet", "t.npz", "t.arrow", "m.safetensors"):
        os.mkfifo(tmp_path / name)
        with pytest.raises(FalllineError, match="is a pipe"):
            (load_predictor if name.startswith("m") else read)(tmp_path / name)


def test_a_file_is_read_up_to_a_size(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"12345")
    assert read_bytes(path, "file", most=5) == b"12345"
    with pytest.raises(FalllineError, match="longer than 4 bytes"):
        read_bytes(path, "file", most=4)
    path.write_bytes(b"\xff")
    with pytest.raises(FalllineError, match="no text in UTF-8"):
        read_text(path, "file")
    with pytest.raises(FalllineError, match="is not there"):
        read_text(tmp_path / "none", "file 'none'")
    with pytest.raises(FalllineError, match="cannot be read"):
        read_text("a\0b", "file")


@pytest.mark.parametrize(
    "text", ["[" * 99_999, "9" * 9_999, "{", '{"a": 9223372036854775808}', "[1]", '{"a": ' * 40 + "1" + "}" * 40]
)
def test_json_that_is_none_is_named(tmp_path, text):
    (tmp_path / "f").write_text(text)
    with pytest.raises(FalllineError, match=r"^file 'f' is damaged: .*; write it again$"):
        read_json(tmp_path / "f", Mapping(Plain()), "file 'f'", "write it again")


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * 9_999,
        "a = " + "9" * 9_999,
        "a = 0x" + "f" * 9_999,
        "a = ",
        ".".join("a" * 200_000) + " = 1",
        "a = 1\na = 2",
    ],
)
def test_toml_that_is_none_is_named(tmp_path, text):
    (tmp_path / "f").write_text(text)
    with pytest.raises(FalllineError, match=r"^file 'f' "):
        read_toml(tmp_path / "f", "file 'f'", "TOML")


def test_toml_of_the_usual_kind_is_read(tmp_path):
    text = 'seed = 1\n[data]\nsource = "a.b.c"\n[model.activation]\nname = "relu"\nlist = [1.5, 2.5]\n'
    (tmp_path / "f").write_text(text)
    assert read_toml(tmp_path / "f", "file", "TOML") == (tomllib.loads(text), text)
