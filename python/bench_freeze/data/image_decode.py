"""The one decoder: the bytes of an image file to upright RGB pixels with 8 bits per channel.

Pillow decodes, since the light installation has no OpenCV. Ultralytics trains on OpenCV's pixels, so this module
converts Pillow's result wherever the two differ. tests/unit/data/test_image_decode.py compares them and lists intended
differences. Pillow's classes are called directly because Ultralytics replaces `Image.open` with a function that may
install packages.
"""

from __future__ import annotations

import importlib
import io
import struct
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeGuard, TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image, features

from .decoder_mark import decoder_mark, stored_mode
from .exif import ORIENTATION, SWAPS_SIDES, exif_orientation, turned
from .image_format import Fault, image_format
from .image_structure import cut_off

# Pillow warns about damage, which decoding detects itself, and about transparency, which is dropped.
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")

MAX_PIXELS = 200_000_000  # of one image; a decoded image takes three bytes per pixel, and more during decoding
if Image.MAX_IMAGE_PIXELS is not None:  # Pillow warns from its own limit on, and refuses twice that
    Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS, MAX_PIXELS)
if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile
    from PIL.TiffImagePlugin import TiffImageFile

_Found = TypeVar("_Found")
Order = Literal["RGB", "BGR"]

_CLASSES = {
    "JPEG": ("JpegImagePlugin", "JpegImageFile"),
    "PNG": ("PngImagePlugin", "PngImageFile"),
    "BMP": ("BmpImagePlugin", "BmpImageFile"),
    "TIFF": ("TiffImagePlugin", "TiffImageFile"),
    "WEBP": ("WebPImagePlugin", "WebPImageFile"),
    "AVIF": ("AvifImagePlugin", "AvifImageFile"),
    "JPEG2000": ("Jpeg2KImagePlugin", "Jpeg2KImageFile"),
}
_FEATURES = {"WEBP": ("webp", "WebP"), "AVIF": ("avif", "AVIF"), "JPEG2000": ("jpg_2000", "JPEG 2000")}
_BITS, _PHOTOMETRIC, _PLANAR, _PALETTE, _SAMPLE_FORMAT, _DNG, _SUBFILE = 258, 262, 284, 320, 339, 50706, 254


def decode(content: bytes, order: Order = "RGB") -> NDArray[np.uint8]:
    """The pixels of an image file as [H, W, 3], contiguous and writable. Raises Fault if it is not an image.

    The image is turned upright by the EXIF block (a TIFF by its own tag). Of 16-bit values the high byte is kept, of
    several frames or pages the first. Alpha is dropped, not blended.
    """
    with _guarded(content, _header) as image:
        pixels: NDArray[np.uint8] = _guarded(content, lambda _: _pixels(image, order))
    return pixels


@dataclass(frozen=True)
class Header:
    """What the header of an image file states. The pixels are not read."""

    width: int  # upright, as the height
    height: int
    frames: int  # or pages, of which `decode` takes the first; a JPEG counts as one, since cameras add previews
    mark: str  # of `decoder_mark`


def read_header(content: bytes) -> Header:
    """The header of an image file. Raises Fault if it is not an image."""
    with _guarded(content, _header) as image:
        width, height = _stored_size(image)
        if _orientation(image) in SWAPS_SIDES:
            width, height = height, width
        frames = _frame_count(content, image)
        return Header(width, height, frames, decoder_mark(content, image, frames))


def _frame_count(content: bytes, image: ImageFile) -> int:
    name = image.format
    if name not in ("PNG", "TIFF", "WEBP", "AVIF") or (name == "PNG" and b"acTL" not in content[:4096]):
        return 1
    try:
        count: int = _guarded(content, lambda _: getattr(image, "n_frames", 1))
    except Fault:  # after the first page, which may still decode
        return 1
    return count


def _guarded(content: bytes, step: Callable[[bytes], _Found]) -> _Found:
    """Convert anything that Pillow raises to a Fault: damaged files can raise any type."""
    try:
        return step(content)
    except Fault:
        raise
    except MemoryError:
        raise Fault("too_large", "too large for this machine's memory") from None
    except Exception as error:
        missing = cut_off(content, str(error))
        if missing is not None:
            raise Fault("damaged", missing) from None
        raise Fault("damaged", f"damaged: {' '.join(str(error).split()) or type(error).__name__}") from None


def _header(content: bytes) -> ImageFile:
    """The opened image, pixels not read yet. Raises Fault if they could not be read correctly."""
    name = image_format(content)
    image = _opener(name)(io.BytesIO(content))
    width, height = _stored_size(image)
    if width * height > MAX_PIXELS:
        raise Fault(
            "too_large", f"{width}x{height} pixels, more than the limit of {MAX_PIXELS // 1_000_000} megapixels"
        )
    if _is_tiff(image):
        _refuse_tiff(image)
    elif name == "JPEG2000" and image.mode not in ("L", "I;16", "P") and _jpeg2000_bits(content) > 8:
        raise Fault("unsupported", "a JPEG 2000 in colour with more than 8 bits a channel; convert it to PNG or TIFF")
    return image


def _opener(name: str) -> Callable[[io.BytesIO], ImageFile]:
    if name == "HEIF":
        return _heif_opener()
    feature, title = _FEATURES.get(name, ("", ""))
    try:
        usable = not feature or features.check(feature)
    except ValueError:  # this Pillow does not know the format
        usable = False
    if not usable:
        raise Fault("no_decoder", f"a {title} image, which this Pillow cannot decode; install a newer one")
    module, kind = _CLASSES[name]
    opener: Callable[[io.BytesIO], ImageFile] = getattr(importlib.import_module(f"PIL.{module}"), kind)
    if name == "TIFF":
        return lambda file: _open_tiff(opener, file)
    return opener


def _heif_opener() -> Callable[[io.BytesIO], ImageFile]:
    try:
        pi_heif = importlib.import_module("pi_heif")
    except ImportError:
        raise Fault("no_decoder", "a HEIC image, which needs the package pi-heif") from None
    pi_heif.register_heif_opener()
    return lambda file: Image.OPEN["HEIF"][0](file, "")


def _open_tiff(opener: Callable[[io.BytesIO], ImageFile], file: io.BytesIO) -> ImageFile:
    try:
        return opener(file)
    except SyntaxError as error:  # Pillow raises it for an unknown combination of bits and channels
        if "unknown" not in str(error):
            raise
        raise Fault(
            "no_decoder", "a TIFF of a kind that Pillow cannot decode; convert it to PNG or 8-bit TIFF"
        ) from None


def _refuse_tiff(image: TiffImageFile) -> None:
    """Raise Fault for TIFFs that Pillow reads wrongly, and for those whose value range is not stated."""
    tags = image.tag_v2
    if _DNG in tags:
        raise Fault("no_decoder", "a DNG raw photo, which has to be developed to JPEG or TIFF first")
    if tags.get(_SUBFILE, 0) & 1:
        raise Fault("unsupported", "a TIFF that begins with a preview; save the full image as the first page")
    bits = max(tags.get(_BITS, (1,)))
    kind = max(tags.get(_SAMPLE_FORMAT, (1,)))
    if kind == 3 or bits == 32 or image.mode in ("F", "I"):
        what = "floating point" if kind == 3 else "signed" if kind == 2 else f"{bits}-bit"
        raise Fault("unsupported", f"a TIFF of {what} values, whose range is not stated; convert it to 8 or 16 bits")
    if bits not in (1, 2, 4, 8, 16):
        raise Fault("unsupported", f"a TIFF of {bits}-bit values; convert it to 8 or 16 bits")
    if bits == 16 and tags.get(_PLANAR, 1) == 2 and len(tags.get(_BITS, (1,))) > 1:
        raise Fault("unsupported", "a 16-bit TIFF with one plane per channel; save it with interleaved channels")


def _is_tiff(image: ImageFile) -> TypeGuard[TiffImageFile]:
    return image.format == "TIFF"


def _jpeg2000_bits(content: bytes) -> int:
    """Bits of the deepest channel, from the SIZ segment of the code stream."""
    start = content.find(b"\xff\x4f\xff\x51")
    if start < 0:
        return 0
    (channels,) = struct.unpack_from(">H", content, start + 40)
    depths = content[start + 42 : start + 42 + 3 * channels : 3]
    return max(((depth & 0x7F) + 1 for depth in depths), default=0)


def _stored_size(image: ImageFile) -> tuple[int, int]:
    """Width and height as stored. Newer Pillows give a TIFF's size upright at once, older ones once it is loaded."""
    if _is_tiff(image):
        return image.tag_v2[256], image.tag_v2[257]
    width, height = image.size
    return width, height


def _orientation(image: ImageFile) -> int:
    if _is_tiff(image):
        value = image.tag_v2.get(ORIENTATION, 1)
        return value if isinstance(value, int) and 1 <= value <= 8 else 1
    return exif_orientation(image.info.get("exif"))


def _pixels(image: ImageFile, order: Order) -> NDArray[np.uint8]:
    mask = _bitmap_mask(image)
    if _is_tiff(image):
        upright = _load_tiff(image)
    else:
        image.load()
        upright = turned(_to_rgb(image), _orientation(image))  # a PNG may state it after the pixels
    width, height = upright.size
    packed = np.frombuffer(upright.tobytes("raw", order), dtype=np.uint8).reshape(height, width, 3)
    return packed.copy() if mask is None else packed & mask


def _load_tiff(image: TiffImageFile) -> Image.Image:
    """A TIFF's pixels upright by its own tag alone.

    All versions of Pillow rotate a TIFF while loading. Newer ones use the EXIF data, and XMP if EXIF states no
    orientation.
    """
    image.getexif()[ORIENTATION] = _orientation(image)
    image.load()
    return _to_rgb(image)


def _to_rgb(image: ImageFile) -> Image.Image:
    """A loaded image of any mode in RGB, by OpenCV's arithmetic."""
    if image.mode.startswith("I") or image.mode == "F":
        return Image.fromarray(_high_byte(image)).convert("RGB")
    if image.mode == "CMYK":
        return Image.fromarray(_from_cmyk(image))
    if image.mode == "La":  # the gray band as it is stored
        return Image.merge("L", [image.getchannel(0)]).convert("RGB")
    if image.mode == "P" and _is_tiff(image):
        _scale_palette(image)
    image.info.pop("transparency", None)  # dropped, and Pillow would warn of it
    rgb: Image.Image = image if image.mode == "RGB" else image.convert("RGB")
    return rgb


def _bitmap_mask(image: ImageFile) -> NDArray[np.uint8] | None:
    """The bits per channel of a BMP with 16 bits per pixel.

    OpenCV shifts 5 and 6 bits up and leaves the lowest bits 0; Pillow stretches them to 255.
    """
    if image.format != "BMP":
        return None
    bits = {"BGR;15": (0xF8, 0xF8, 0xF8), "BGR;16": (0xF8, 0xFC, 0xF8)}.get(stored_mode(image) or "")
    return None if bits is None else np.array(bits, dtype=np.uint8)


def _high_byte(image: ImageFile) -> NDArray[np.uint8]:
    if image.mode == "F" or (image.mode == "I" and image.format != "PNG"):  # older Pillows open a 16-bit PNG as I
        raise Fault("unsupported", "an image of values whose range is not stated; convert it to 8 or 16 bits")
    high = (np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8)
    inverted = _is_tiff(image) and image.tag_v2.get(_PHOTOMETRIC) == 0  # white is 0
    return ~high if inverted else high


def _from_cmyk(image: ImageFile) -> NDArray[np.uint8]:
    """RGB from CMYK. OpenCV rounds a JPEG by a shift, and libtiff a TIFF by a division."""
    light = 255 - np.asarray(image).astype(np.int32)
    cmy, black = light[..., :3], light[..., 3:]
    if image.format == "TIFF":
        return (cmy * black // 255).astype(np.uint8)
    return (black - ((255 - cmy) * black >> 8)).astype(np.uint8)


def _scale_palette(image: TiffImageFile) -> None:
    """Scale a colour map to 16 bits if a writer stored 8-bit values, which libtiff notices and Pillow does not."""
    colours = image.tag_v2.get(_PALETTE, ())
    if colours and max(colours) < 256:
        third = len(colours) // 3
        image.putpalette([colours[k * third + i] for i in range(third) for k in range(3)])
