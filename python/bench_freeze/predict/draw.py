"""Draw detections into an image: a colour for each head, name and score of each box, a legend."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from ..text.visible import shortened, visible
from .detections import ImageDetections

Color = tuple[int, int, int]
COLORS: dict[str, Color] = {"base": (0, 114, 178), "target": (213, 94, 0)}  # distinct for colour-blind readers too
_OTHER: Color = (0, 120, 90)
_TEXT: Color = (255, 255, 255)
_LONGEST_NAME = 40


def drawn(image: NDArray[np.uint8], found: Mapping[str, ImageDetections]) -> NDArray[np.uint8]:
    """A copy of an image [H, W, 3] with its detections drawn. The base head's labels go above its boxes, others
    below."""
    picture = Image.fromarray(image)
    pen = ImageDraw.Draw(picture)
    side = max(picture.size)
    width, font = max(1, round(side / 320)), _font(max(10, round(side / 45)))
    for head, detections in found.items():
        color = COLORS.get(head, _OTHER)
        for box in detections.boxes_xyxy[::-1]:  # draws the best last, on top
            left, top, right, bottom = (round(float(v)) for v in box)
            pen.rectangle((left, top, max(left, right), max(top, bottom)), outline=color, width=width)
    _legend(pen, tuple(found), font)  # before the labels, which matter more and are drawn over it
    for head, detections in found.items():
        rows = zip(detections.boxes_xyxy[::-1], detections.names[::-1], detections.scores[::-1], strict=True)
        for box, name, score in rows:
            text = f"{shortened(visible(name), _LONGEST_NAME)} {score:.2f}"
            above = head == "base"
            _label(
                pen, text, (float(box[0]), float(box[1] if above else box[3])), COLORS.get(head, _OTHER), font, above
            )
    return np.asarray(picture)


def _label(
    pen: ImageDraw.ImageDraw,
    text: str,
    corner: tuple[float, float],
    color: Color,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    above: bool,
) -> None:
    """Draw a label above or below the corner of a box, shifted so that it stays inside the image."""
    width, height = _size(pen, text, font)
    left = min(max(0.0, corner[0]), max(0.0, pen.im.size[0] - width))
    top = corner[1] - height if above else corner[1]
    top = min(max(0.0, top), max(0.0, pen.im.size[1] - height))
    pen.rectangle((left, top, left + width, top + height), fill=color)
    pen.text((left + 2, top + 1), text, fill=_TEXT, font=font)


def _legend(
    pen: ImageDraw.ImageDraw, heads: tuple[str, ...], font: ImageFont.FreeTypeFont | ImageFont.ImageFont
) -> None:
    """Draw the legend in the lower right corner, where labels are fewest."""
    bottom = float(pen.im.size[1])
    for head in reversed(heads):
        width, height = _size(pen, head, font)
        _label(pen, head, (pen.im.size[0] - width, bottom - height), COLORS.get(head, _OTHER), font, above=False)
        bottom -= height


def _size(
    pen: ImageDraw.ImageDraw, text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont
) -> tuple[float, float]:
    left, top, right, bottom = pen.textbbox((0, 0), text, font=font)
    return right - min(left, 0) + 4, bottom - min(top, 0) + 3


@lru_cache(maxsize=8)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own font, which needs no file; before Pillow 10.1 it has one size."""
    try:
        return ImageFont.load_default(size)
    except TypeError:
        return ImageFont.load_default()
