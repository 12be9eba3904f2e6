"""An image in any supported form, as RGB pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from ..data.images import read_image
from ..errors import InputError

_MODES = frozenset({"1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX"})
_FORMS = "give a path, a PIL image, or a NumPy array [height, width, 3] of uint8 in RGB order"


def rgb_pixels(image: Any) -> NDArray[np.uint8]:
    """[H, W, 3] upright RGB: a path is read by the study's decoder, a PIL image converted, an array taken as it is.

    Raises InputError for anything else: with a wrong layout or value range, detection would run and be wrong.
    """
    if isinstance(image, str | Path):
        return read_image(Path(image))
    if isinstance(image, Image.Image):
        if image.mode not in _MODES:
            raise InputError(
                f"a PIL image of mode {image.mode} has no defined RGB values; convert it, or give its path."
            )
        upright = ImageOps.exif_transpose(image)
        return np.ascontiguousarray(np.asarray((upright or image).convert("RGB")))
    if not isinstance(image, np.ndarray):
        raise InputError(f"{type(image).__name__} is not an image; {_FORMS}.")
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise InputError(f"an array of {image.dtype} {list(image.shape)} cannot be read as an image; {_FORMS}.")
    return np.ascontiguousarray(image)
