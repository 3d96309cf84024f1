"""Reads one image file with Pillow: its size from its header, and its pixels in the form of a data set."""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fallline.core.extras import optional
from fallline.data.image_form import ImageForm

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from PIL import Image

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp")
_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP")
_GREY = ("1", "L", "LA", "La", "I", "F")
_DEEP = ("I", "F")  # also I;16 and its relatives: more than 8 bits
_DEEPEST = 65535.0
_ORIENTATION = 0x0112  # the tag of Exif
_TURNED = {  # what brings an image with this orientation upright
    2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE", 6: "ROTATE_270", 7: "TRANSVERSE",
    8: "ROTATE_90",
}  # fmt: skip


class UnreadableError(Exception):
    """An image that cannot be read; the message completes "a.png ..."."""


@dataclass(frozen=True)
class ImageHeader:
    """What the header of an image says.

    Attributes:
        width: pixels of a line, once the image stands upright.
        height: pixels of a column.
        colour: whether it has colours.
        deep: whether it is grey with more than 8 bits.
        size: bytes of the file.
    """

    width: int
    height: int
    colour: bool
    deep: bool
    size: int


def is_image(path: Path) -> bool:
    """Whether a file has the ending of an image."""
    return path.suffix.lower() in SUFFIXES


def pillow() -> Any:
    """Pillow's module of images.

    Raises:
        FalllineError: Pillow is not installed.
    """
    return optional("PIL.Image", "images", "Reading images")


def look(path: Path) -> ImageHeader:
    """The size and the colours of an image, without decoding it.

    Raises:
        UnreadableError: it is damaged, or has more pixels than Pillow takes for safe.
    """
    with _opened(path) as (image, held):
        width, height = image.size
        if _orientation(image) >= 5:
            width, height = height, width
        return ImageHeader(width, height, _is_colour(image), _is_deep(image), held)


def pixels(path: Path, form: ImageForm) -> np.ndarray:
    """The pixels of an image's first frame, upright, on white where it is transparent, resized to the form.

    Returns:
        (height, width, channels), from 0 to 255: bytes, or float32 for a grey image of 16 bits, which keeps its steps.

    Raises:
        UnreadableError: it is damaged, or has more pixels than Pillow takes for safe.
    """
    library = pillow()
    with _opened(path) as (image, _):
        turn = _TURNED.get(_orientation(image))
        image.load()
        whole = _in_mode(image, form.channels, library)
        whole = whole if turn is None else whole.transpose(getattr(library.Transpose, turn))
        if whole.size != (form.width, form.height):
            whole = whole.resize((form.width, form.height), library.Resampling.BILINEAR)
        found = np.asarray(whole)
    return np.ascontiguousarray(found.reshape(form.height, form.width, -1).repeat(_copies(whole, form), axis=2))


def _copies(image: Image.Image, form: ImageForm) -> int:
    """How often the one channel of a deep image is repeated in a data set of colours."""
    return form.channels if image.mode == "F" else 1


def _in_mode(image: Image.Image, channels: int, library: ModuleType) -> Any:
    """The image as bytes of grey or of colours, or as float numbers from 0 to 255 if it is deep."""
    if _is_deep(image):
        # Pillow's own conversion to bytes would clip everything above 255.
        numbers = np.asarray(image).astype(np.float32) * np.float32(255.0 / _DEEPEST)
        return library.fromarray(np.clip(numbers, 0.0, 255.0))
    if "A" in image.getbands() or "a" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        image = library.alpha_composite(library.new("RGBA", image.size, (255, 255, 255, 255)), image)
    return image.convert("L" if channels == 1 else "RGB")


def _is_deep(image: Image.Image) -> bool:
    return image.mode in _DEEP or image.mode.startswith("I;16")


def _is_colour(image: Image.Image) -> bool:
    if image.mode == "P":  # the palette may hold greys alone
        colours = np.asarray(image.convert("RGB"))
        return bool((colours != colours[..., :1]).any())
    return image.mode not in _GREY and not _is_deep(image)


def _orientation(image: Image.Image) -> int:
    """Exif's orientation, from 1 for upright to 8; what cannot be understood counts as upright."""
    stored = image.info.get("exif")
    if not stored:
        return 1
    exif = pillow().Exif()
    try:
        exif.load(stored)
        found = exif.get(_ORIENTATION)
    except Exception:  # damaged tags do not spoil the pixels
        return 1
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, int]]:
    """The image, and the size of its file; whatever Pillow raises for it becomes `UnreadableError`."""
    library = pillow()
    try:
        held = path.stat().st_size
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.simplefilter("error", library.DecompressionBombWarning)
            with library.open(path, formats=_FORMATS) as image:
                yield image, held
    except (library.DecompressionBombWarning, library.DecompressionBombError):
        raise UnreadableError(f"has more than {library.MAX_IMAGE_PIXELS / 1e6:.0f} million pixels") from None
    except PermissionError:
        raise UnreadableError("may not be read") from None
    except Exception:  # a decoder given a damaged file raises nearly any kind
        raise UnreadableError("is damaged or no image") from None
