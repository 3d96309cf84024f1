"""Folders of images: classes and splits from folders, one size and mode, damaged and huge files, the schema."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import fallline as fl
from fallline.core.budget import VARIABLE
from fallline.core.errors import FalllineError
from fallline.data.image_file import pixels
from fallline.data.image_folder import has_images, read_images
from fallline.data.image_form import ImageForm, parse_size
from fallline.data.prediction import read_features, read_labelled
from fallline.data.schema import Schema
from fallline.streams.files import is_stream


def save(path: Path, array: np.ndarray, **options: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, **options)
    return path


def grey(value: int, size: tuple[int, int] = (4, 3)) -> np.ndarray:
    """An image of one shade; `size` is (width, height)."""
    return np.full((size[1], size[0]), value, np.uint8)


def fill(folder: Path, count: int = 10, size: tuple[int, int] = (4, 3), suffix: str = ".png") -> Path:
    for label, shade in (("cat", 40), ("dog", 200)):
        for position in range(count):
            save(folder / label / f"{position:02}{suffix}", grey(shade + position, size))
    return folder


def test_folders_name_the_classes_and_files_name_the_rows(tmp_path):
    save(fill(tmp_path) / "dog" / "deeper" / "x.png", grey(7))
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    (tmp_path / ".hidden").mkdir()
    save(tmp_path / ".hidden" / "x.png", grey(1))
    assert not is_stream(tmp_path)
    table = fl.load(tmp_path)
    assert (table.classes, table.schema.image, table.dataset.x.shape) == (("cat", "dog"), ImageForm(3, 4, 1), (21, 12))
    raw = read_images(tmp_path)
    assert (raw.rows[0], raw.rows[-1]) == ("cat/00.png", "dog/deeper/x.png")
    assert raw.x[:, 0].tolist() == [*range(40, 50), *range(200, 210), 7]
    assert table.dataset.row_names == raw.rows
    assert table.warnings == ()


@pytest.mark.parametrize("words", [("train", "val", "test"), ("Training", "validation", "testing")])
def test_folders_of_splits_are_the_splits(tmp_path, words):
    for word, count in zip(words, (8, 3, 2), strict=True):
        fill(tmp_path / word, count)
    table = fl.load(tmp_path)
    assert [len(getattr(table.dataset, each)) for each in ("train", "valid", "test")] == [16, 6, 4]
    names = [[table.dataset.row_names[k] for k in getattr(table.dataset, each)] for each in ("train", "valid", "test")]
    folders = [[f"{word}/{label}/" for label in ("cat", "dog")] for word in (words[0], words[1], words[2])]
    for listed, (cats, dogs) in zip(names, folders, strict=True):
        assert sum(each.startswith(cats) for each in listed) == sum(each.startswith(dogs) for each in listed)
        assert all(each.startswith((cats, dogs)) for each in listed)
    x, y = read_labelled(tmp_path, table.schema)
    assert (len(x), y.tolist()) == (4, [0, 0, 1, 1])
    assert read_features(tmp_path, table.schema)[1].to_series()[0] == f"{words[2]}/cat/00.png"


def test_a_class_may_be_called_train(tmp_path):
    for name in ("train", "car"):
        save(tmp_path / name / "a.png", grey(9))
    assert sorted(set(read_images(tmp_path).y.tolist())) == ["car", "train"]


def test_an_odd_size_is_brought_to_the_size_of_most_and_said(tmp_path):
    save(fill(tmp_path) / "cat" / "wide.png", grey(90, (8, 3)))
    save(tmp_path / "dog" / "red.png", np.full((3, 4, 3), (255, 0, 0), np.uint8))
    table = fl.load(tmp_path)
    assert table.warnings == (
        f"1 of 22 images of {tmp_path} was resized to 4x3 pixels, the size of most (--image-size overrules)",
        f"1 of 22 images of {tmp_path} was read in grey, as the others are",
    )
    raw = read_images(tmp_path)
    assert raw.x[raw.rows.index("cat/wide.png")].tolist() == [90] * 12
    small = fl.load(tmp_path, image_size="2x1")
    assert (small.schema.image, small.source["image_size"]) == (ImageForm(1, 2, 1), "2x1")
    # New images take the model's form, whatever their own is.
    remarks = []
    x, read = read_features(save(tmp_path / "new.bmp", grey(33, (9, 9))), small.schema, remarks=remarks)
    assert (x.tolist(), read["file"].to_list(), len(remarks)) == ([[33.0, 33.0]], ["new.bmp"], 1)


def test_the_schema_keeps_the_form_through_its_file(tmp_path):
    schema = fl.load(fill(tmp_path)).schema
    assert Schema.from_dict(schema.to_dict()) == schema
    damaged = schema.to_dict() | {"image": {"height": 3, "width": 5, "channels": 1}}
    with pytest.raises(FalllineError, match="its images have other pixels"):
        Schema.from_dict(damaged)


def test_damaged_and_huge_files_are_left_out_and_named(tmp_path, monkeypatch):
    whole = (fill(tmp_path) / "cat" / "00.png").read_bytes()
    (tmp_path / "cat" / "cut.png").write_bytes(whole[:-24])
    (tmp_path / "dog" / "text.jpg").write_text("no image")
    save(tmp_path / "dog" / "huge.png", np.zeros((40, 40), np.uint8))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    raw = read_images(tmp_path)
    assert len(raw.x) == len(raw.y) == len(raw.rows) == 20
    (note,) = raw.notes
    assert note.startswith(f"3 of 23 images of {tmp_path} cannot be read (")
    assert all(
        each in note for each in ("huge.png has more than 0 million", "text.jpg is damaged", "cut.png is damaged")
    )
    with pytest.raises(FalllineError, match=r"text\.jpg is damaged or no image"):
        read_images(tmp_path / "dog" / "text.jpg")


def test_the_limit_on_memory_is_stated_before_anything_is_decoded(tmp_path, monkeypatch):
    fill(tmp_path, 20, (64, 64))
    monkeypatch.setenv(VARIABLE, "100kB")
    monkeypatch.setattr("fallline.data.image_folder.pixels", None)
    with pytest.raises(FalllineError, match=r"40 images that need 655 kB at 64x64 pixels in grey.*--image-size"):
        read_images(tmp_path)


@pytest.mark.parametrize(
    ("folders", "said"),
    [
        ("a.png b.png", "without classes"),
        ("cat/a.png dog/b.png loose.png", "beside the folders of its classes"),
        ("test/cat/a.png val/dog/b.png", "none called train"),
        ("val/cat/a.png valid/dog/b.png train/cat/a.png", "two folders for one split"),
        ("train/cat/a.png train/cat/b.png train/dog/a.png train/dog/b.png test/cow/b.png", "not a class seen"),
        ("train/a.png test/b.png", "without classes"),
    ],
)
def test_a_folder_that_is_arranged_in_another_way_gets_its_sentence(tmp_path, folders, said):
    for name in folders.split():
        save(tmp_path / name, grey(5))
    with pytest.raises(FalllineError, match=said):
        fl.load(tmp_path)


def test_tables_with_a_picture_beside_them_stay_a_stream(tmp_path):
    for position in range(3):
        (tmp_path / f"part{position}.csv").write_text("a,y\n1,2\n")
    save(tmp_path / "plot.png", grey(5))
    assert (has_images(tmp_path), is_stream(tmp_path)) == (False, True)


@pytest.mark.parametrize("said", ["0", "5000", "3x", "wide", "-3", True, 2.5])
def test_a_size_that_is_none_is_refused(said):
    with pytest.raises(FalllineError, match="is not a number of pixels"):
        parse_size(said)


def test_only_images_have_a_size():
    with pytest.raises(FalllineError, match="no folder of images"):
        fl.load("sklearn:iris", image_size=8)


def test_transparency_is_on_white_and_palettes_are_colours(tmp_path):
    clear = np.zeros((1, 2, 4), np.uint8)
    clear[0, 1] = (255, 0, 0, 255)
    path = save(tmp_path / "a.png", clear)
    assert pixels(path, ImageForm(1, 2, 3)).tolist() == [[[255, 255, 255], [255, 0, 0]]]
    assert pixels(path, ImageForm(1, 2, 1)).tolist() == [[[255], [76]]]  # 0.299 of 255
    Image.fromarray(clear).convert("P").save(tmp_path / "b.gif")
    assert read_images(tmp_path / "b.gif").image.channels == 3


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_image_is_turned_upright_as_pillow_does(tmp_path, orientation):
    from PIL import ImageOps

    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path / "a.png", np.arange(6, dtype=np.uint8).reshape(2, 3), exif=exif)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(path)))
    raw = read_images(path)
    assert (raw.image.height, raw.image.width) == upright.shape
    assert raw.x.reshape(upright.shape).tolist() == upright.tolist()


def test_sixteen_bits_keep_their_range_and_steps(tmp_path):
    deep = np.array([[0, 128, 257, 65535]], np.uint16)
    path = save(tmp_path / "a.png", deep)
    found = pixels(path, ImageForm(1, 4, 1)).ravel()
    assert np.allclose(found, deep.ravel() / 257, rtol=1e-6)
    assert pixels(path, ImageForm(1, 4, 3)).shape == (1, 4, 3)
    assert np.allclose(pixels(path, ImageForm(1, 1, 1)), deep.mean() / 257, rtol=0.2)


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".PNG"])
def test_every_format_is_read(tmp_path, suffix):
    raw = read_images(fill(tmp_path, 1, (8, 8), suffix))
    assert np.allclose(raw.x.mean(axis=1), [40, 200], atol=3)


def test_an_animation_gives_its_first_frame(tmp_path):
    first, *others = (Image.fromarray(grey(each)) for each in (10, 90, 250))
    first.save(tmp_path / "a.gif", save_all=True, append_images=others)
    assert set(read_images(tmp_path / "a.gif").x.ravel().tolist()) == {10}
