"""Some of the images of a data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from .dataset import DetectionSet, content_sha256, truth_of_images, with_rows


def keep_images(data: DetectionSet, keep: Sequence[int] | NDArray[np.integer]) -> DetectionSet:
    """The data set with only the images at these positions, in ascending order; classes stay, even without boxes."""
    positions = np.unique(np.asarray(keep, dtype=np.int64))
    if len(positions) == len(data.images):
        return data
    images = tuple(data.images[k] for k in positions)
    ground_truth = truth_of_images(data.ground_truth, positions)
    with_boxes = len(np.unique(ground_truth.image_index))
    counts = {
        "images": len(images),
        "boxes": len(ground_truth),
        "crowd_boxes": int(ground_truth.is_crowd.sum()),
        "background_images": len(images) - with_boxes,
    }
    return replace(
        data, images=images, ground_truth=ground_truth, sha256=content_sha256(images, ground_truth), counts=counts
    )


def nested_order(data: DetectionSet, seed: int) -> np.ndarray:
    """All image indices [I], ordered so that every prefix resembles the whole data set.

    Greedy: the class with the smallest share of images so far comes next (the rarest first on a tie), with its next
    image in a seeded shuffle; images without boxes count as a class. So the first K images contain every class if that
    is possible, and smaller subsets are nested in larger ones.
    """
    truth = data.ground_truth
    count, classes = len(data.images), len(truth.class_names) + 1
    has = np.zeros((count, classes), dtype=np.bool_)
    has[truth.image_index, truth.labels] = True
    has[:, -1] = ~has[:, :-1].any(axis=1)
    shuffled = np.random.default_rng(seed).permutation(count)
    queues = [iter(shuffled[has[shuffled, k]]) for k in range(classes)]
    totals = has.sum(axis=0)
    served = np.zeros(classes, dtype=np.int64)
    taken = np.zeros(count, dtype=np.bool_)
    order: list[int] = []
    by_rarity = np.argsort(totals, kind="stable")
    while len(order) < count:
        open_classes = by_rarity[served[by_rarity] < totals[by_rarity]]
        neediest = open_classes[np.argmin(served[open_classes] / totals[open_classes])]
        image = next(int(i) for i in queues[neediest] if not taken[i])
        taken[image] = True
        served += has[image]
        order.append(image)
    return np.array(order, dtype=np.int64)


def nested_subset(data: DetectionSet, share: float, seed: int) -> DetectionSet:
    """A share of the images (at least one). With one seed, smaller shares are nested in larger ones."""
    if share == 1:
        return data
    return keep_images(data, nested_order(data, seed)[: max(1, round(share * len(data.images)))].tolist())


def relabelled(data: DetectionSet, head_to_data: np.ndarray, class_names: tuple[str, ...]) -> DetectionSet:
    """The data set with its categories replaced by a head's classes; boxes of unmatched categories are left out.

    `head_to_data` [C] is the index of each class's category, or -1.
    """
    old = data.ground_truth
    new_label = np.full(len(old.class_names), -1, dtype=np.int32)
    paired = head_to_data >= 0
    new_label[head_to_data[paired]] = np.flatnonzero(paired)
    rows = new_label[old.labels] >= 0
    ground_truth = with_rows(
        old,
        rows,
        category_ids=np.arange(len(class_names), dtype=np.int64),
        category_keys=None,
        class_names=class_names,
        labels=new_label[old.labels[rows]],
    )
    return replace(data, ground_truth=ground_truth, sha256=content_sha256(data.images, ground_truth))
