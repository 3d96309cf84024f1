"""Draws a picture as pixels, for PNG, GIF and MP4; Pillow draws the marks."""

import io
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float, UInt8

from fallline.core.extras import optional
from fallline.drawing.colours import colours
from fallline.drawing.marks import Area, Dot, Drawing, Mark, Points, Stroke, TextMark

if TYPE_CHECKING:
    from PIL import Image, ImageDraw

FINER = 2  # the marks are drawn this many times finer, so that edges are smooth


def to_png(picture: Drawing, theme: str = "light") -> bytes:
    """The picture as a PNG with two pixels for each of its own.

    Raises: FalllineError without Pillow.
    """
    image = _image(picture, theme, 2)
    held = io.BytesIO()
    image.save(held, "PNG", optimize=True)
    return held.getvalue()


def to_pixels(picture: Drawing, theme: str = "light", scale: float = 1.0) -> UInt8[np.ndarray, "height width 3"]:
    """The picture as rows of pixels; width and height are even, as films need them.

    Raises: FalllineError without Pillow.
    """
    pixels = np.asarray(_image(picture, theme, scale))
    return pixels[: len(pixels) // 2 * 2, : pixels.shape[1] // 2 * 2]


def _image(picture: Drawing, theme: str, scale: float) -> Any:
    pillow = optional("PIL.Image", "rl", "a picture of pixels")
    draws = optional("PIL.ImageDraw", "rl", "a picture of pixels")
    inks, fine = colours(theme), scale * FINER
    size = (round(picture.width * fine), round(picture.height * fine))
    image = pillow.new("RGB", size, inks["back"])
    draw = draws.Draw(image)
    for mark in picture.marks:
        _draw(image, draw, mark, inks, fine)
    return image.resize((round(picture.width * scale), round(picture.height * scale)), pillow.Resampling.LANCZOS)


def _draw(image: "Image.Image", draw: "ImageDraw.ImageDraw", mark: Mark, inks: dict[str, str], fine: float) -> None:
    match mark:
        case Stroke():
            width = max(1, round(mark.width * fine))
            for piece in dashed(mark.points, mark.dash):
                draw.line(
                    [tuple(each) for each in (piece * fine).tolist()], fill=inks[mark.role], width=width, joint="curve"
                )
        case Area():
            for each in mark.polygons:
                edge = inks[mark.edge] if mark.edge else None
                draw.polygon([tuple(p) for p in (each * fine).tolist()], fill=inks[mark.role], outline=edge)
        case TextMark():
            _write(image, draw, mark, inks, fine)
        case Points():
            for x, y in mark.places.tolist():
                _draw(image, draw, Dot(x, y, mark.role, mark.radius, mark.is_cross), inks, fine)
        case Dot():
            x, y, r = mark.x * fine, mark.y * fine, mark.radius * fine
            if mark.is_cross:
                for sign in (1, -1):
                    draw.line(
                        [(x - r, y - sign * r), (x + r, y + sign * r)], fill=inks[mark.role], width=round(2 * fine)
                    )
            else:
                draw.ellipse((x - r, y - r, x + r, y + r), inks[mark.role], inks["back"], round(1.5 * fine))


def _write(
    image: "Image.Image", draw: "ImageDraw.ImageDraw", mark: TextMark, inks: dict[str, str], fine: float
) -> None:
    text = mark.text.replace("−", "-")  # Pillow's own font has no minus sign
    fonts, pillow = optional("PIL.ImageFont", "rl", "a picture of pixels"), optional("PIL.Image", "rl", "a picture")
    font = fonts.load_default(mark.size * fine)
    anchor = {"start": "ls", "middle": "ms", "end": "rs"}[mark.anchor]
    edge = round(1.5 * fine) if mark.is_bold or mark.has_edge else 0
    if not mark.upright:
        draw.text(
            (mark.x * fine, mark.y * fine),
            text,
            inks[mark.role],
            font,
            anchor=anchor,
            stroke_width=edge,
            stroke_fill=inks["back"],
        )
        return
    left, top, right, bottom = font.getbbox(text, anchor="ls")
    beside = pillow.new("RGB", (int(right - left) + 4, int(bottom - top) + 4), inks["back"])
    writer = optional("PIL.ImageDraw", "rl", "a picture").Draw(beside)
    writer.text((2 - left, 2 - top), text, inks[mark.role], font, anchor="ls")
    turned = beside.rotate(90, expand=True)
    image.paste(turned, (round(mark.x * fine - turned.width * 0.8), round(mark.y * fine - turned.height / 2)))


def dashed(points: Float[np.ndarray, "count 2"], dash: tuple[int, ...]) -> Iterator[Float[np.ndarray, "count 2"]]:
    """The pieces of a line that a dash leaves.

    >>> [piece.tolist() for piece in dashed(np.array([[0.0, 0.0], [10.0, 0.0]]), (4, 2))]
    [[[0.0, 0.0], [4.0, 0.0]], [[6.0, 0.0], [10.0, 0.0]]]
    """
    if not dash or len(points) < 2:
        yield from [points] if len(points) > 1 else []
        return
    along = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    at, place = 0.0, 0
    while at < along[-1] and math.isfinite(along[-1]):
        end = min(at + dash[place % len(dash)], along[-1])
        if place % 2 == 0:
            inner = points[(along > at) & (along < end)]
            ends = [np.array([np.interp(s, along, points[:, i]) for i in (0, 1)]) for s in (at, end)]
            yield np.vstack([ends[0], inner, ends[1]])
        at, place = end, place + 1
