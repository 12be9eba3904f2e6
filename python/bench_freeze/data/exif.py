"""The orientation of an image by its EXIF block."""

from __future__ import annotations

import struct

from PIL import Image

ORIENTATION = 0x0112  # the tag, in EXIF as in TIFF
SWAPS_SIDES = frozenset({5, 6, 7, 8})
_PREFIX = b"Exif\0\0"
_ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
_VALUE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8}  # by the type of an entry
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
    """The orientation 1 to 8 in an EXIF block (with or without its "Exif" prefix); 1 if it is missing or illegible.

    As in OpenCV, only the first directory is read, the value as 16 bits whatever its type, and XMP is ignored. In a
    damaged block every legible entry counts, while OpenCV stops at the first entry that points past the end.
    """
    block = (block or b"").removeprefix(_PREFIX)
    order = _ORDERS.get(block[:4])
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


def is_sound(block: bytes | None) -> bool:
    """Whether all readers find the same orientation in an EXIF block, or there is none.

    True if all entries of the first directory lie within the block and the orientation, if present, is stated once, as
    one 16-bit number from 1 to 8.
    """
    if not block:
        return True
    block = block.removeprefix(_PREFIX)
    order = _ORDERS.get(block[:4])
    if order is None:
        return False
    stated = []
    try:
        (start,) = struct.unpack_from(order + "I", block, 4)
        (count,) = struct.unpack_from(order + "H", block, start)
        for at in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind, values, place = struct.unpack_from(order + "HHII", block, at)
            length = _VALUE_BYTES.get(kind, len(block)) * values
            if length > 4 and place + length > len(block):
                return False
            if tag == ORIENTATION:
                stated.append((kind, values, struct.unpack_from(order + "H", block, at + 8)[0]))
    except struct.error:  # it points past its end
        return False
    return not stated or (len(stated) == 1 and stated[0][:2] == (3, 1) and 1 <= stated[0][2] <= 8)


def turned(image: Image.Image, orientation: int) -> Image.Image:
    """The upright image; the same object if no rotation is needed."""
    method = _TURNS.get(orientation)
    return image if method is None else image.transpose(method)
