"""The mark of images whose pixels depend on the decoder, so that results of another decoder are not taken for theirs.

The key of everything that is kept has the bytes of the images. For most files they decide the pixels: 8-bit RGB or gray
without transparency, in a common format, turned by nothing or by a sound EXIF block. Other files are read in several
ways by the libraries of this field (16 bits, alpha, palettes, ink, XMP), and this package has changed its way before.
"""

from __future__ import annotations

from typing import Any

from .exif import is_sound

# Raised whenever `image_decode.decode` gives other pixels for any file. 1 stood for Pillow's own reading in scoring and
# OpenCV's in training; sets without a marked file have the keys that they had then.
DECODER = 2

_COMMON = frozenset({"JPEG", "PNG", "BMP", "WEBP"})


def decoder_mark(content: bytes, image: Any, frames: int) -> str:
    """ "" where every decoder finds the same pixels in a file, else the mark of ours. `image` is its opened header."""
    is_plain = (
        image.format in _COMMON
        and image.mode in ("L", "RGB")
        and frames == 1
        and "transparency" not in image.info
        and not _is_short_bitmap(image)
        and is_sound(image.info.get("exif"))
        and not _has_packet(content, image)
    )
    return "" if is_plain else f"decoder-{DECODER}"


def _is_short_bitmap(image: Any) -> bool:
    """Whether it is a BMP of 5 or 6 bits a channel, which are stretched in several ways."""
    return image.format == "BMP" and not (image.tile and image.tile[0][3][0] in ("BGR", "L"))


def _has_packet(content: bytes, image: Any) -> bool:
    """Whether there is an XMP packet, which may turn an image for some readers, or EXIF data behind a PNG's pixels."""
    if image.format == "JPEG":
        return any(name == "APP1" and b"tiff:Orientation" in data for name, data in image.applist)
    if image.format == "PNG":
        return b"XML:com.adobe.xmp" in content or b"eXIf" in content
    return "xmp" in image.info
