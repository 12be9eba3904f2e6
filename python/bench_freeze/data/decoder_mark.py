"""A mark for images whose pixels depend on the decoder, so that results of different decoders are not confused.

Artifact keys contain the bytes of the images. For most files the bytes determine the pixels: 8-bit RGB or gray without
transparency, in a common format, with no EXIF block or a sound one. Libraries differ on other files (16 bits, alpha,
palettes, CMYK, XMP), and earlier versions of this package read some of them differently.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeGuard

from .exif import is_sound

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile
    from PIL.JpegImagePlugin import JpegImageFile

# Increased whenever `image_decode.decode` gives different pixels for any file. 1 was Pillow's reading in scoring and
# OpenCV's in training; sets without a marked file still have their keys from then.
DECODER = 2

_COMMON = frozenset({"JPEG", "PNG", "BMP", "WEBP"})


def decoder_mark(content: bytes, image: ImageFile, frames: int) -> str:
    """ "" if all decoders agree on the pixels of a file, else the mark of this decoder. `image` is the opened
    header."""
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


def stored_mode(image: ImageFile) -> str | None:
    """Pillow's name for the pixel layout in the file; None if Pillow does not state it."""
    arguments = image.tile[0][3] if image.tile else None
    return arguments[0] if arguments else None


def _is_jpeg(image: ImageFile) -> TypeGuard[JpegImageFile]:
    return image.format == "JPEG"


def _is_short_bitmap(image: ImageFile) -> bool:
    """Whether it is a BMP with 5 or 6 bits per channel, which decoders scale differently."""
    return image.format == "BMP" and stored_mode(image) not in ("BGR", "L")


def _has_packet(content: bytes, image: ImageFile) -> bool:
    """Whether there is an XMP packet, which may turn an image for some readers, or EXIF data behind a PNG's pixels."""
    if _is_jpeg(image):
        return any(name == "APP1" and b"tiff:Orientation" in data for name, data in image.applist)
    if image.format == "PNG":
        return b"XML:com.adobe.xmp" in content or b"eXIf" in content
    return "xmp" in image.info
