"""Hold out a part of a training split, chosen by a seed and the content of the images, not by their paths."""

from __future__ import annotations

import hashlib

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .dataset import DetectionSet
from .subset import keep_images

SHARE = 0.1
MOST_OF_A_CLASS = 0.2  # of a class's images: holding out more would leave too few to learn from


def hold_out(data: DetectionSet, seed: int) -> tuple[DetectionSet, DetectionSet]:
    """Split into images to train on and a held-out tenth. One seed gives one split, whatever the order and file names.

    Copies of one file stay together. Greedy: the class with the smallest held-out share comes next (the rarest first on
    a tie; images without boxes count as a class), with its next image in an order drawn from seed and file hash. No
    class loses more than a fifth of its images, so a class with fewer than five loses none. Raises InputError if no
    image with a box can be held out.
    """
    wanted = round(SHARE * len(data.images))
    chosen = _chosen(data, seed, wanted)
    held = keep_images(data, np.flatnonzero(chosen)) if chosen.any() else None
    if held is None or not (~held.ground_truth.is_crowd).any():
        raise InputError(
            f"{data.name}: none of its {len(data.images)} training images with a box can be held out for --val-every "
            "without costing a class more than a fifth of its images; give more images, or leave it out."
        )
    return keep_images(data, np.flatnonzero(~chosen)), held


def _chosen(data: DetectionSet, seed: int, wanted: int) -> NDArray[np.bool_]:
    """[I] whether an image is held out."""
    truth, count = data.ground_truth, len(data.images)
    has = np.zeros((count, len(truth.class_names) + 1), dtype=np.bool_)
    has[truth.image_index, truth.labels] = True
    has[:, -1] = ~has[:, :-1].any(axis=1)
    files: dict[str, list[int]] = {}
    for position, image in enumerate(data.images):
        files.setdefault(image.sha256 or f"{image.image_id}", []).append(position)
    drawn = [files[own] for own in sorted(files, key=lambda own: hashlib.sha256(f"{seed}/{own}".encode()).digest())]
    totals = has.sum(axis=0)
    most = np.floor(MOST_OF_A_CLASS * totals).astype(np.int64)
    queues = [iter([copies for copies in drawn if has[copies, k].any()]) for k in range(has.shape[1])]
    chosen, seen = np.zeros(count, dtype=np.bool_), np.zeros(count, dtype=np.bool_)
    served, is_open = np.zeros_like(totals), totals > 0
    by_rarity = np.argsort(totals, kind="stable")
    while is_open.any() and chosen.sum() < wanted:
        open_classes = by_rarity[is_open[by_rarity]]
        neediest = open_classes[np.argmin(served[open_classes] / totals[open_classes])]
        copies = next((c for c in queues[neediest] if not seen[c[0]]), None)
        if copies is None:
            is_open[neediest] = False
            continue
        seen[copies] = True
        after = served + has[copies].sum(axis=0)
        if (after <= most).all() and chosen.sum() + len(copies) <= wanted:
            chosen[copies], served = True, after
    return chosen
