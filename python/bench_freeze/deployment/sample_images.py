"""Images to try a model on: from the folders that a user names, otherwise smooth random patterns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..data.image_folders import images_named
from ..data.images import read_image, spread
from ..data.letterbox import letterbox_into

PATTERNS = 4


def sample_images(
    folders: Sequence[str], imgsz: int, per_folder: int, *, are_spread: bool = True
) -> NDArray[np.float32]:
    """Letterboxed images [N, 3, S, S] of all folders, spread evenly over each or its first; patterns without folders.

    Raises InputError for a folder without images.
    """
    if not folders:
        return _patterns(imgsz)
    files = []
    for folder in folders:
        found = images_named(folder)
        files += spread(found, per_folder) if are_spread else found[:per_folder]
    images = np.empty((len(files), 3, imgsz, imgsz), dtype=np.float32)
    for canvas, file in zip(images, files, strict=True):
        letterbox_into(read_image(file), canvas)
    return images


def _patterns(imgsz: int) -> NDArray[np.float32]:
    """Smooth random patterns [N, 3, S, S], the same every time."""
    coarse = np.random.default_rng(0).random((PATTERNS, 3, 8, 8), dtype=np.float32)
    repeat = -(-imgsz // 8)
    return np.ascontiguousarray(np.kron(coarse, np.ones((1, 1, repeat, repeat), np.float32))[..., :imgsz, :imgsz])
