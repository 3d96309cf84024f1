"""Rows that are images, as small PNG files within a text."""

from __future__ import annotations

import base64
import math
import re
import struct
import zlib

import numpy as np

from fallline.data.schema import Schema

SMALLEST = 6  # pixels along a side
LARGEST = 96
FINEST = 48  # pixels along a side of a picture in a page
_PIXEL = re.compile(r"(?i)^(pixel|px|p|x|v)_?\d+(_\d+)?(x\d+)?$")


def sides(schema: Schema, x: np.ndarray) -> tuple[int, int, int] | None:
    """(height, width, channels) of images: as read, or if names, number and values of the columns are those of pixels."""
    if schema.image is not None:
        return schema.image.height, schema.image.width, schema.image.channels
    columns = schema.columns
    if any(each.kind != "number" for each in columns) or not all(_PIXEL.match(each.name) for each in columns):
        return None
    for channels in (1, 3):
        side = math.isqrt(len(columns) // channels)
        if side * side * channels == len(columns) and SMALLEST <= side <= LARGEST:
            known = x[np.isfinite(x)]
            is_grey = len(known) and known.min() >= 0 and known.max() <= 255 and known.max() > known.min()
            return (side, side, channels) if is_grey else None
    return None


def data_uri(pixels: np.ndarray, height: int, width: int, channels: int, highest: float) -> str:
    """A row of pixels, dark for 0, as the address of a PNG within a page.

    >>> data_uri(np.array([0.0, 1.0, 1.0, 0.0]), 2, 2, 1, 1.0)[:22]
    'data:image/png;base64,'
    """
    image = np.clip(255.0 * np.nan_to_num(pixels) / max(highest, 1e-30), 0, 255).round().astype(np.uint8)
    image = image.reshape(height, width, channels)
    step = -(-max(height, width) // FINEST)
    return "data:image/png;base64," + base64.b64encode(png(image[::step, ::step])).decode()


def png(image: np.ndarray) -> bytes:
    """An image (rows, columns, 1 or 3) of bytes as a PNG.

    Source: W3C, "Portable network graphics specification", third edition.
    """
    height, width, channels = image.shape
    lines = b"".join(b"\0" + line.tobytes() for line in np.ascontiguousarray(image))
    head = struct.pack(">IIBBBBB", width, height, 8, 0 if channels == 1 else 2, 0, 0, 0)
    parts = (b"IHDR", head), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*each) for each in parts)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
