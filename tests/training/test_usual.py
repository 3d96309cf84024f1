"""Many images get a network of their own by default; everything else gets the default recipe."""

import gzip
import struct

import pytest

import fallline as fl
from fallline.cli.shared_flags import DataFlags, RecipeFlags
from fallline.cli.train_plan import new_plan
from fallline.data.image_count import count_images
from fallline.training import usual


def header(count):
    return b"\0\0\x08\x03" + struct.pack(">III", count, 28, 28)


@pytest.fixture(params=["plain", "gz"])
def folder(request, tmp_path):
    if request.param == "gz":
        (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(header(60_000)))
    else:
        (tmp_path / "train-images-idx3-ubyte").write_bytes(header(60_000))
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(header(7))
    return tmp_path


def test_images_are_counted_by_their_header(folder):
    assert count_images(folder, 10**6) == 60_000
    assert count_images(str(folder), 20) == 20


def test_files_of_a_folder_of_images_are_counted(tmp_path):
    for index in range(5):
        place = tmp_path / "ab"[index % 2] / f"{index}.png"
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(b"")
    assert count_images(tmp_path, 100) == 5
    assert count_images(tmp_path, 3) == 3


@pytest.mark.parametrize("source", ["sklearn:digits", "nowhere", "rows.csv", None, ["a.parquet"], "a\0b"])
def test_other_sources_have_none(source):
    assert count_images(source, 10) == 0


def test_damaged_headers_count_as_none(tmp_path):
    (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(b"no gzip")
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(header(9))
    assert count_images(tmp_path, 10) == 0


def test_train_begins_with_a_wide_network_for_many_images_and_flags_change_it(folder, monkeypatch):
    wide = new_plan(None, DataFlags(source=str(folder)), RecipeFlags(), None).recipe
    assert (wide.model.hidden, float(wide.model.dropout), wide.epochs) == ((1024, 512), 0.5, 40)
    changed = new_plan(None, DataFlags(source=str(folder)), RecipeFlags(hidden="32", epochs="3"), None).recipe
    assert (changed.model.hidden, float(changed.model.dropout), changed.epochs) == ((32,), 0.5, 3)
    monkeypatch.setattr(usual, "MANY_IMAGES", 70_000)
    assert usual.usual_recipe(folder) == fl.Recipe()
    assert new_plan(None, DataFlags(source="sklearn:digits"), RecipeFlags(), None).recipe == fl.Recipe()
