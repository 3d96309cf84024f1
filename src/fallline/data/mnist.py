"""Reads a folder of idx files, as for MNIST and its relatives: up to four files, found by their usual names."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from fallline.core.errors import FalllineError
from fallline.data.arrays import RawArrays
from fallline.data.idx import read_idx
from fallline.data.image_form import MOST, ImageForm

_PATTERN = re.compile(
    r"(?:(?P<set>.+)[-_.])?(?P<part>train|t10k|test)[-_.](?P<what>images|labels)[-_.]idx\d?(?:[-_.][a-z]+\d*)?(?:\.gz)?",
    re.IGNORECASE,
)

Files = dict[tuple[str, str], list[Path]]


def has_idx(folder: Path) -> bool:
    """Whether the folder holds an idx file with a name such as `train-images-idx3-ubyte`."""
    return any(_PATTERN.fullmatch(path.name) and path.is_file() for path in folder.iterdir())


def training_images(folder: Path) -> Path | None:
    """The file of the training images, if the folder holds one."""
    for path in sorted(folder.iterdir()):
        match = _PATTERN.fullmatch(path.name)
        if match and match["part"].lower() == "train" and match["what"].lower() == "images" and path.is_file():
            return path
    return None


def read_mnist(folder: Path) -> RawArrays:
    """Reads `train-images-idx3-ubyte` and its three companions; the `t10k` or `test` pair becomes the test part.

    Images become rows of numbers. Labels that are whole numbers become integers, whatever type they are stored as; other
    labels are targets of a regression.

    Raises:
        FalllineError: a pair is incomplete, the folder holds several data sets, or a file is damaged.
    """
    found = _single(folder, _files(folder))
    pairs = [_pair(folder, found, part) for part in ("train", "test") if any(key[0] == part for key in found)]
    size = pairs[0][0].shape[1:]
    form = ImageForm(size[0], size[1], 1) if len(size) == 2 and max(size) <= MOST else None
    parts = [(images.reshape(len(images), -1), labels) for images, labels in pairs]
    if len(parts) == 2 and parts[0][0].shape[1] != parts[1][0].shape[1]:
        sizes = " and ".join(str(x.shape[1]) for x, _ in parts)
        raise FalllineError(f"the train and test images in {folder} have {sizes} pixels: give files of one data set")
    x, y = parts[0]
    names = tuple(f"pixel_{position}" for position in range(x.shape[1]))
    return RawArrays(x, y, names, parts[1] if len(parts) == 2 else None, target="label", image=form)


def _files(folder: Path) -> Files:
    """The files of each part and kind. Raises: FalllineError if they belong to several data sets."""
    sets: dict[str, Files] = {}
    for path in sorted(folder.iterdir()):
        match = _PATTERN.fullmatch(path.name)
        if match and path.is_file():
            part = "train" if match["part"].lower() == "train" else "test"
            of = sets.setdefault((match["set"] or "").lower(), {})
            of.setdefault((part, match["what"].lower()), []).append(path)
    if len(sets) > 1:
        example = [next(iter(files.values()))[0].name for files in sets.values()]
        raise FalllineError(
            f"the folder {folder} holds the idx files of {len(sets)} data sets ({', '.join(example[:3])}): "
            "give a folder with those of one"
        )
    return next(iter(sets.values()))


def _single(folder: Path, files: Files) -> dict[tuple[str, str], Path]:
    """One file per part and kind; a plain file is preferred to its gzipped twin."""
    found = {}
    for key, paths in files.items():
        twins = {path.name.lower().removesuffix(".gz").replace(".", "-") for path in paths}
        if len(twins) > 1:
            names = ", ".join(path.name for path in paths)
            raise FalllineError(
                f"the folder {folder} holds several files of {'-'.join(key)} ({names}): leave one there"
            )
        found[key] = min(paths, key=lambda path: path.suffix.lower() == ".gz")
    return found


def _pair(folder: Path, found: dict[tuple[str, str], Path], part: str) -> tuple[np.ndarray, np.ndarray]:
    for what in ("images", "labels"):
        if (part, what) not in found:
            raise FalllineError(f"the folder {folder} lacks the file of {part}-{what}: add it")
    images, labels = read_idx(found[part, "images"]), read_idx(found[part, "labels"])
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if images.ndim < 2 or labels.ndim != 1:
        raise FalllineError(
            f"the {part} files in {folder} have {images.ndim} and {labels.ndim} dimensions, where images (idx3) and "
            "labels (idx1) were expected: check their names"
        )
    if len(images) != len(labels):
        raise FalllineError(f"{folder} has {len(images)} {part} images but {len(labels)} labels: fetch the files again")
    if not len(images):
        raise FalllineError(f"{found[part, 'images']} holds no images: give a file with at least one")
    return images, _labels(labels)


def _labels(labels: np.ndarray) -> np.ndarray:
    """Converts whole numbers stored as floats to integers."""
    if labels.dtype.kind == "f" and bool(np.isfinite(labels).all()) and bool((np.abs(labels) < 2**53).all()):
        whole = labels.astype(np.int64)
        if (whole == labels).all():
            return whole
    return labels
