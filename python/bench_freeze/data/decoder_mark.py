"""The mark of images whose pixels depend on the decoder, so that results of another decoder are not taken for theirs.

The key of everything that is kept has the bytes of the images. For most files they decide the pixels: 8-bit RGB or gray
without transparency, in a common format, turned by nothing or by a sound EXIF block. Other files are read in several
ways by the libraries of this field (16 bits, alpha, palettes, ink, XMP), and this package has changed its way before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeGuard

from .exif import is_sound

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile
    from PIL.JpegImagePlugin import JpegImageFile

# Raised whenever `image_decode.decode` gives other pixels for any file. 1 stood for Pillow's own reading in scoring and
# OpenCV's in training; sets without a marked file have the keys that they had then.
DECODER = 2

_COMMON = frozenset({"JPEG", "PNG", "BMP", "WEBP"})


def decoder_mark(content: bytes, image: ImageFile, frames: int) -> str:
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


def stored_mode(image: ImageFile) -> str | None:
    """How the pixels of an opened image lie in its file, by Pillow's name; None where it says nothing."""
    arguments = image.tile[0][3] if image.tile else None
    return arguments[0] if arguments else None


def _is_jpeg(image: ImageFile) -> TypeGuard[JpegImageFile]:
    return image.format == "JPEG"


def _is_short_bitmap(image: ImageFile) -> bool:
    """Whether it is a BMP of 5 or 6 bits a channel, which are stretched in several ways."""
    return image.format == "BMP" and stored_mode(image) not in ("BGR", "L")


def _has_packet(content: bytes, image: ImageFile) -> bool:
    """Whether there is an XMP packet, which may turn an image for some readers, or EXIF data behind a PNG's pixels."""
    if _is_jpeg(image):
        return any(name == "APP1" and b"tiff:Orientation" in data for name, data in image.applist)
    if image.format == "PNG":
        return b"XML:com.adobe.xmp" in content or b"eXIf" in content
    return "xmp" in image.info
