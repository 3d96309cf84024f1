"""How is a folder of MNIST's idx files read? Four files, gzipped or not, found by their official names."""

from __future__ import annotations

import gzip
import math
import re
import zlib
from pathlib import Path

import numpy as np

from fallline.core.errors import FalllineError
from fallline.data.arrays import Arrays

_PATTERN = re.compile(r"(train|t10k)-(images|labels)[-.]idx[13]-ubyte(\.gz)?", re.IGNORECASE)
_DEFLATE_RATIO = 1032  # deflate never expands a byte to more than this


def read_mnist(folder: Path) -> Arrays:
    """Reads `train-images-idx3-ubyte` and its three companions; the `t10k` pair becomes the test part.

    An idx file is four bytes (two zeros, the type code 8 for bytes, the number of dimensions), one big-endian 32-bit
    size per dimension, and the bytes.

    Raises:
        FalllineError: no idx files in the folder, a pair is incomplete, or a file is not as long as it declares.
    """
    found: dict[tuple[str, str], Path] = {}
    for path in sorted(folder.iterdir(), reverse=True):  # a plain file wins over its gzipped twin
        match = _PATTERN.fullmatch(path.name)
        if match and path.is_file():
            found[match[1].lower(), match[2].lower()] = path
    if not found:
        raise FalllineError(
            f"the folder {folder} holds none of MNIST's idx files (train-images-idx3-ubyte and so on, gzipped or not): "
            "give a file, or a folder with those"
        )
    parts = [_pair(folder, found, part) for part in ("train", "t10k") if any(key[0] == part for key in found)]
    if len(parts) == 2 and parts[0][0].shape[1] != parts[1][0].shape[1]:
        sizes = " and ".join(str(x.shape[1]) for x, _ in parts)
        raise FalllineError(f"the train and t10k images in {folder} have {sizes} pixels: give files of one data set")
    x, y = parts[0]
    names = tuple(f"pixel_{position}" for position in range(x.shape[1]))
    return Arrays(x, y, names, parts[1] if len(parts) == 2 else None, target="label")


def read_idx(path: Path) -> np.ndarray:
    """Reads one idx file of bytes, gzipped or not.

    Raises:
        FalllineError: it is no idx file of bytes, or its length is not the declared one.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "labels"
    ...     _ = path.write_bytes(bytes([0, 0, 8, 1, 0, 0, 0, 3]) + bytes([7, 2, 1]))
    ...     read_idx(path).tolist()
    [7, 2, 1]
    """
    zipped = path.suffix.lower() == ".gz"
    room = path.stat().st_size * (_DEFLATE_RATIO if zipped else 1)
    try:
        with gzip.open(path) if zipped else path.open("rb") as file:
            magic = file.read(4)
            if len(magic) < 4 or magic[:3] != b"\0\0\x08" or not 1 <= magic[3] <= 4:
                raise FalllineError(f"{path} is not an idx file of bytes: give MNIST's files as published")
            shape = tuple(int.from_bytes(file.read(4), "big") for _ in range(magic[3]))
            size = math.prod(shape)
            if size > room:
                raise FalllineError(f"{path} declares {size} bytes but is shorter: fetch the file again")
            data = file.read(size + 1)
    except (OSError, EOFError, zlib.error):
        raise FalllineError(f"{path} is damaged or truncated: fetch the file again") from None
    if len(data) != size:
        length = "longer" if len(data) > size else f"{len(data)} bytes long"
        raise FalllineError(f"{path} declares {size} bytes but is {length}: fetch the file again")
    return np.frombuffer(data, np.uint8).reshape(shape)


def _pair(folder: Path, found: dict[tuple[str, str], Path], part: str) -> tuple[np.ndarray, np.ndarray]:
    for what in ("images", "labels"):
        if (part, what) not in found:
            raise FalllineError(f"the folder {folder} lacks the file of {part}-{what}: add it")
    images, labels = read_idx(found[part, "images"]), read_idx(found[part, "labels"])
    if images.ndim < 2 or labels.ndim != 1:
        raise FalllineError(f"the {part} files in {folder} are not images (idx3) and labels (idx1): check their names")
    if len(images) != len(labels):
        raise FalllineError(f"{folder} has {len(images)} {part} images but {len(labels)} labels: fetch the files again")
    if not len(images):
        raise FalllineError(f"{found[part, 'images']} holds no images: give a file with at least one")
    return images.reshape(len(images), -1), labels
