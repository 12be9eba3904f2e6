"""Which way up an image is to be shown, as its EXIF block says."""

from __future__ import annotations

import struct

from PIL import Image

ORIENTATION = 0x0112  # the tag, in EXIF as in TIFF
SWAPS_SIDES = frozenset({5, 6, 7, 8})
_PREFIX = b"Exif\0\0"
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def exif_orientation(block: bytes | None) -> int:
    """The orientation 1 to 8 in an EXIF block (with or without its "Exif" prefix); 1 where none is stated or legible.

    Only the first directory is read, and the value as 16 bits whatever its type: that is how OpenCV reads it. An XMP
    packet does not count, since OpenCV does not read it. Of a damaged block what is legible counts; OpenCV gives up at
    the first entry that points past its end.
    """
    block = (block or b"").removeprefix(_PREFIX)
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(order + "I", block, 4)
        (count,) = struct.unpack_from(order + "H", block, start)
        for at in range(start + 2, start + 2 + 12 * count, 12):
            tag, _, _, value = struct.unpack_from(order + "HHIH", block, at)
            if tag == ORIENTATION:
                return value if 1 <= value <= 8 else 1
    except struct.error:  # it points past its end
        pass
    return 1


def turned(image: Image.Image, orientation: int) -> Image.Image:
    """The image upright; the same object where nothing has to be turned."""
    method = _TURNS.get(orientation)
    return image if method is None else image.transpose(method)
