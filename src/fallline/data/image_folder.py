"""Reads a folder of images: one folder for each class, perhaps in folders for training, validation and testing."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fallline.core.budget import VARIABLE, allowed, bytes_of
from fallline.core.errors import FalllineError
from fallline.data.arrays import RawArrays
from fallline.data.image_file import SUFFIXES, ImageHeader, UnreadableError, is_image, look, pillow, pixels
from fallline.data.image_form import ImageForm

SPLITS = {
    "train": "train", "training": "train", "val": "valid", "valid": "valid", "validation": "valid", "test": "test",
    "testing": "test",
}  # fmt: skip
_TABLES = (".csv", ".tsv", ".data", ".parquet", ".pq", ".arrow", ".feather", ".ipc", ".npz", ".gz")
_NAMED = 3  # unreadable files that a message names
_MOST = 0.5  # share of a folder's images that may be unreadable


@dataclass(frozen=True)
class ImageSplit:
    """The images of a split, and the class of each by the name of its folder; None where they lie in no such folder."""

    files: list[Path]
    labels: list[str] | None


def has_images(folder: Path) -> bool:
    """Whether a folder is one of images: it holds some, and no tables, or fewer tables than images in folders of classes."""
    if next(_inside(folder, SUFFIXES), None) is None:
        return False
    tables = sum(1 for _ in _inside(folder, _TABLES))
    if not tables:
        return True
    parts = _parts(folder)
    labelled = [each for each in parts.values() if each.labels is not None and len(set(each.labels)) > 1]
    return sum(len(each.files) for each in labelled) > tables


def images_in(folder: Path) -> Iterator[Path]:
    """The files of images in a folder and below it."""
    return _inside(folder, SUFFIXES)


def read_images(folder: Path, form: ImageForm | None = None, size: tuple[int, int] | None = None) -> RawArrays:
    """Reads every image of a folder as a row of pixels from 0 to 255.

    `folder/CLASS/a.png` gives the class of an image. Folders `train`, `val` and `test` above those of the classes are the
    splits. Damaged files, and those with more pixels than Pillow takes for safe, are left out with a note.

    Args:
        folder: the folder, or one image file.
        form: the form that a trained model has learnt; by default that of most training images.
        size: (width, height) instead of the most frequent one.

    Raises:
        FalllineError: most images cannot be read, or all of them need more memory than is allowed.
    """
    pillow()
    parts = {"train": ImageSplit([folder], None)} if folder.is_file() else _parts(folder, strict=form is None)
    seen = {path: _looked(path) for part in parts.values() for path in part.files}
    bad = {path: each for path, each in seen.items() if isinstance(each, str)}
    _refuse(folder, bad, len(seen))
    good = {path: each for path, each in seen.items() if isinstance(each, ImageHeader)}
    first = parts.get("train") or next(iter(parts.values()))
    wanted = form or _usual([good[path] for path in first.files if path in good] or list(good.values()), size)
    _check_room(folder, wanted, list(good.values()))
    arrays = {key: _decoded(part, wanted, good, bad) for key, part in parts.items()}
    _refuse(folder, bad, len(seen))
    read = [each for path, each in good.items() if path not in bad]
    notes = [*_left_out(folder, bad, len(seen)), *_changed(folder, wanted, read, form, size)]
    kept = {key: _without(part, bad) for key, part in parts.items()}
    main, test, valid = _main(arrays, kept, folder)
    names = tuple(f"pixel_{position}" for position in range(wanted.pixels))
    return RawArrays(
        *_labelled(arrays[main], kept[main]),
        names,
        _labelled(arrays[test], kept[test]) if test else None,
        target="label",
        valid=_labelled(arrays[valid], kept[valid]) if valid else None,
        image=wanted,
        row_names={
            split: tuple(_name(path, folder) for path in kept[key].files)
            for split, key in (("train", main), ("test", test), ("valid", valid))
            if key
        },
        notes=tuple(notes),
    )


def _parts(folder: Path, strict: bool = False) -> dict[str, ImageSplit]:
    """The splits of a folder, "train" alone if it has none; with `strict`, images beside folders of classes are refused."""
    inner, loose = _folders(folder), _loose(folder)
    if not inner or loose or not all(each.name.lower() in SPLITS for each in inner):
        return {"train": _classes(folder, inner, loose, strict)}
    found: dict[str, ImageSplit] = {}
    for each in inner:
        key = SPLITS[each.name.lower()]
        if key in found:
            raise FalllineError(f"{folder} holds two folders for one split, such as {each.name}: leave one there")
        found[key] = _classes(each, _folders(each), _loose(each), strict)
    return found


def _classes(folder: Path, inner: list[Path], loose: list[Path], strict: bool) -> ImageSplit:
    if inner and loose and strict:
        raise FalllineError(
            f"{len(loose)} images such as {loose[0].name} lie in {folder} beside the folders of its classes "
            f"({', '.join(each.name for each in inner[:3])}): move each into the folder of its class"
        )
    pairs = [(path, each.name) for each in inner for path in sorted(_inside(each, SUFFIXES))]
    files = sorted([*(path for path, _ in pairs), *loose])
    of = dict(pairs)
    return ImageSplit(files, None if loose or not inner else [_text(of[path]) for path in files])


def _folders(folder: Path) -> list[Path]:
    """The folders in a folder that hold an image, at any depth."""
    inner = (each for each in folder.iterdir() if each.is_dir() and not each.name.startswith((".", "_")))
    return sorted(each for each in inner if next(_inside(each, SUFFIXES), None) is not None)


def _loose(folder: Path) -> list[Path]:
    files = (each for each in folder.iterdir() if is_image(each) and not each.name.startswith((".", "_")))
    return sorted(each for each in files if each.is_file())


def _inside(folder: Path, suffixes: tuple[str, ...]) -> Iterator[Path]:
    """The files with these endings in a folder and below it; names that begin with a point or a low line are left out."""
    for here, folders, files in os.walk(folder):
        folders[:] = sorted(each for each in folders if not each.startswith((".", "_")))
        for name in files:
            path = Path(here, name)
            if not name.startswith((".", "_")) and path.suffix.lower() in suffixes and path.is_file():
                yield path


def _looked(path: Path) -> ImageHeader | str:
    try:
        return look(path)
    except UnreadableError as problem:
        return str(problem)


def _usual(seen: list[ImageHeader], size: tuple[int, int] | None) -> ImageForm:
    """The form of most images: of equally frequent sizes the larger one, and colours if half of the images have them."""
    counts = Counter((each.width, each.height) for each in seen)
    width, height = size or max(counts, key=lambda each: (counts[each], each[0] * each[1], each))
    return ImageForm(height, width, 3 if 2 * sum(each.colour for each in seen) >= len(seen) else 1)


def _check_room(folder: Path, form: ImageForm, seen: list[ImageHeader]) -> None:
    """Raises: FalllineError, before anything is allocated, if the rows need more memory than is allowed."""
    needed, held = 4 * form.pixels * len(seen), sum(each.size for each in seen)
    if needed > allowed(held):
        raise FalllineError(
            f"{folder} holds {len(seen):,} images that need {bytes_of(needed)} at {form}, more than the "
            f"{bytes_of(allowed(held))} allowed: give a smaller --image-size, or raise the limit with "
            f"fallline --max-bytes {-(-needed // 10**9)}GB COMMAND, or the environment variable {VARIABLE}"
        )


def _decoded(part: ImageSplit, form: ImageForm, good: dict[Path, ImageHeader], bad: dict[Path, str]) -> np.ndarray:
    """The rows of a split; files that turn out to be damaged are added to `bad`."""
    files = [path for path in part.files if path in good]
    deep = any(good[path].deep for path in files)
    found = np.empty((len(files), form.pixels), np.float32 if deep else np.uint8)
    fine = np.ones(len(files), bool)
    for row, path in enumerate(files):
        try:
            found[row] = pixels(path, form).reshape(-1)
        except UnreadableError as problem:
            bad[path] = str(problem)
            fine[row] = False
    return found if fine.all() else found[fine]


def _without(part: ImageSplit, bad: dict[Path, str]) -> ImageSplit:
    if not any(path in bad for path in part.files):
        return part
    kept = [position for position, path in enumerate(part.files) if path not in bad]
    labels = None if part.labels is None else [part.labels[position] for position in kept]
    return ImageSplit([part.files[position] for position in kept], labels)


def _main(arrays: dict[str, np.ndarray], parts: dict[str, ImageSplit], folder: Path) -> tuple[str, str, str]:
    """The names of the split that trains, that tests and that validates, "" for none."""
    empty = next((key for key, each in arrays.items() if not len(each)), None)
    if empty is not None:
        raise FalllineError(f"{folder} has no image that can be read for its split {empty}: add some")
    if "train" not in parts and len(parts) > 1:
        raise FalllineError(f"{folder} has folders for validation and testing, but none called train: add it")
    main = "train" if "train" in parts else next(iter(parts))
    return main, *("" if key == main or key not in parts else key for key in ("test", "valid"))  # type: ignore[return-value]


def _labelled(x: np.ndarray, part: ImageSplit) -> tuple[np.ndarray, np.ndarray | None]:
    return x, None if part.labels is None else np.array(part.labels)


def _refuse(folder: Path, bad: dict[Path, str], count: int) -> None:
    """Raises: FalllineError if most images cannot be read."""
    if len(bad) > _MOST * count:
        raise FalllineError(f"{_said(folder, bad, count)}: give images as PNG, JPEG, BMP, GIF or WebP")


def _said(folder: Path, bad: dict[Path, str], count: int) -> str:
    if folder in bad:
        return f"{folder} {bad[folder]}"
    listed = ", ".join(f"{_name(path, folder)} {why}" for path, why in list(bad.items())[:_NAMED])
    more = f" and {len(bad) - _NAMED:,} more" if len(bad) > _NAMED else ""
    return f"{len(bad):,} of {count:,} images of {folder} cannot be read ({listed}{more})"


def _left_out(folder: Path, bad: dict[Path, str], count: int) -> list[str]:
    return [f"{_said(folder, bad, count)}: they were left out"] if bad else []


def _changed(
    folder: Path, form: ImageForm, seen: list[ImageHeader], learnt: ImageForm | None, size: tuple[int, int] | None
) -> Iterator[str]:
    """One sentence about the images that were resized, and one about those that lost or got colours."""
    why = (
        "as in training" if learnt else "as --image-size says" if size else "the size of most (--image-size overrules)"
    )
    other = sum((each.width, each.height) != (form.width, form.height) for each in seen)
    if other:
        yield f"{_count(other, seen, folder)} resized to {form.width}x{form.height} pixels, {why}"
    odd = sum(each.colour != (form.channels == 3) for each in seen)
    if odd:
        change = "in grey" if form.channels == 1 else "in colour, though grey"
        yield f"{_count(odd, seen, folder)} read {change}, as {'in training' if learnt else 'the others are'}"


def _count(some: int, seen: list[ImageHeader], folder: Path) -> str:
    return f"{some:,} of {len(seen):,} images of {folder} {'was' if some == 1 else 'were'}"


def _name(path: Path, folder: Path) -> str:
    """The path of an image below its folder, which names its row."""
    return _text(path.name if path == folder else path.relative_to(folder).as_posix())


def _text(name: str) -> str:
    """A name that can be written in UTF-8, which the file system does not promise."""
    return os.fsencode(name).decode("utf-8", "replace")
