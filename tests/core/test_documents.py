import ast
import json
import tomllib
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fallline.core.documents import copy_file, finite, to_json, to_toml, write_json, write_parquet, write_toml
from fallline.core.errors import FalllineError

SOURCE = Path(__file__).parents[2] / "src" / "fallline"
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
PLAIN = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)


@given(PLAIN)
def test_any_plain_data_become_json_that_a_strict_reader_accepts(document):
    def refuse(word):
        raise AssertionError(word)

    assert json.loads(to_json(document), parse_constant=refuse) == finite(document)
    assert json.loads(to_json(document, indent=2, sort_keys=True)) == finite(document)


def test_numbers_of_numpy_and_tuples_are_plain_too():
    assert (
        to_json({"a": (np.float64("nan"), np.float64(0.5)), "b": [(float("-inf"),)]})
        == '{"a": [null, 0.5], "b": [[null]]}'
    )
    assert to_json([1, {"a": 2}], compact=True) == '[1,{"a":2}]'


def test_files_hold_what_was_written(tmp_path):
    write_json(tmp_path / "a.json", {"loss": float("nan"), "name": "é"})
    assert json.loads((tmp_path / "a.json").read_text()) == {"loss": None, "name": "é"}
    write_toml(tmp_path / "a.toml", {"seed": 3, "data": {"names": ["a", "b"]}}, "What it is.")
    text = (tmp_path / "a.toml").read_text()
    assert text.startswith("# What it is.\n")
    assert tomllib.loads(text) == {"seed": 3, "data": {"names": ["a", "b"]}}
    assert not to_toml({"seed": 3}).startswith("#")
    frame = pl.DataFrame({"epoch": [1, 2], "loss": [0.5, None]})
    write_parquet(tmp_path / "a.parquet", frame)
    assert pl.read_parquet(tmp_path / "a.parquet").equals(frame)


def test_copies_only_a_file_that_is_there(tmp_path):
    (tmp_path / "old").write_bytes(b"\x00content")
    copy_file(tmp_path / "old", tmp_path / "new", "checkpoint")
    assert (tmp_path / "new").read_bytes() == b"\x00content"
    copy_file(tmp_path / "none", tmp_path / "other", "checkpoint")
    assert not (tmp_path / "other").exists()
    with pytest.raises(FalllineError, match=r"checkpoint '.*' is a folder"):
        copy_file(tmp_path, tmp_path / "other", "checkpoint")


@pytest.mark.parametrize("write", [write_json, write_toml], ids=lambda write: write.__name__)
def test_a_refused_write_names_the_file_and_leaves_the_old_one(tmp_path, write):
    with pytest.raises(FalllineError, match=r"cannot write .*a\.txt"):
        write(tmp_path / "missing" / "a.txt", {"a": 1})


def test_documents_are_written_in_one_place():
    """Renaming a temporary file, TOML, Parquet and JSON without NaN each stand in one file of the product."""
    allowed = {
        # os.replace: the checkpoint before the newest is kept; a block of the cache need not be on the disk when it is renamed
        "replace": {
            "core/files.py", "training/checkpoint.py", "training/stream_checkpoint.py", "streams/blocks.py",
            "training/stream_predictions.py",
        },
        "write_parquet": {"core/documents.py", "training/stream_predictions.py"},  # the latter: a piece of the whole file
        "mkstemp": {"core/files.py"},
    }  # fmt: skip
    found = {name: set() for name in allowed}
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute) and node.attr in found:
                owner = node.value.id if isinstance(node.value, ast.Name) else ""
                if node.attr != "replace" or owner == "os":
                    found[node.attr].add(path.relative_to(SOURCE).as_posix())
            if isinstance(node, ast.Import) and any(each.name == "tomli_w" for each in node.names):
                assert path.name == "documents.py"
            if isinstance(node, ast.keyword) and node.arg == "allow_nan":
                assert path.name == "documents.py", path
    assert found == allowed
