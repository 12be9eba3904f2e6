"""Ground truth in any form an evaluator takes, checked before any work."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.coco import CocoInstances, instances_from, read_instances
from ..data.dataset import GroundTruth
from ..errors import InputError
from ..kernels.arrays import check_columns, check_finite, check_sizes
from ..kernels.matching import TruthIndex, index_truth
from .protocols import Rules

GroundTruthLike = GroundTruth | Mapping[str, Any] | str | Path


def as_ground_truth(ground_truth: GroundTruthLike) -> GroundTruth:
    """A COCO instances file by its path, its content as a dict, or arrays.

    What a reader leaves out, or takes in an unusual form, is a warning. Raises InputError naming the first item that is
    not sound.
    """
    if isinstance(ground_truth, (str, Path)):
        return _with_warnings(str(ground_truth), read_instances(Path(ground_truth)))
    if isinstance(ground_truth, Mapping):
        return _with_warnings("ground truth", instances_from(ground_truth))
    if not isinstance(ground_truth, GroundTruth):
        raise InputError(
            f"ground_truth is a {type(ground_truth).__name__}: give the path of a COCO instances file, its content as "
            "a dict, or a GroundTruth of arrays"
        )
    check_ground_truth(ground_truth)
    return ground_truth


def _with_warnings(where: str, instances: CocoInstances) -> GroundTruth:
    for note in instances.notes:
        warnings.warn(f"{where}: {note}", UserWarning, stacklevel=5)  # the caller of Evaluator or evaluate
    return instances.ground_truth


def image_numbers(truth: GroundTruth, image_ids: Any) -> Any:
    """Image ids as numbers, where those of the ground truth are text; otherwise as they were given.

    Raises InputError for one that the ground truth does not list.
    """
    if truth.image_keys is None:
        return image_ids
    known = dict(zip(truth.image_keys, truth.image_ids.tolist(), strict=True))
    given = np.asarray(image_ids).tolist()
    if not isinstance(given, list) or not all(isinstance(key, str) for key in given):
        raise InputError("image_ids are not a list of text, as those of the ground truth are: give one id per image")
    unknown = next((key for key in given if key not in known), None)
    if unknown is not None:
        raise InputError(f"image id {unknown!r} is not in the ground truth: correct it or leave it out")
    return np.array([known[key] for key in given], np.int64)


def check_ground_truth(truth: GroundTruth) -> None:
    """Refuse arrays that contradict each other or hold what no box can be."""
    check_ascending("image", truth.image_ids)
    check_ascending("category", truth.category_ids)
    images, classes = len(truth.image_ids), len(truth.category_ids)
    rows = check_columns("ground truth", images, classes, truth.image_index, truth.labels, truth.boxes_xywh)
    check_sizes("ground truth", truth.boxes_xywh)
    check_finite("ground truth", "area", truth.area, rows)
    for name in ("is_crowd", "annotation_ids"):
        if len(getattr(truth, name)) != rows:
            raise InputError(f"ground truth: {rows} rows and {len(getattr(truth, name))} {name}: give one per row")
    if len(truth.class_names) != classes:
        raise InputError(
            f"ground truth: {classes} categories and {len(truth.class_names)} names: give one per category"
        )
    unique, count = np.unique(truth.annotation_ids, return_counts=True)
    if len(unique) < rows:
        raise InputError(
            f"ground truth: annotation id {unique[count > 1][0]} occurs more than once: number the annotations"
        )


def check_ascending(what: str, ids: NDArray[np.int64]) -> None:
    """Equal scores are ordered by image id, so positions must ascend with ids."""
    if (np.diff(ids) <= 0).any():
        raise InputError(f"{what} ids of the ground truth do not ascend: sort them, each once, and renumber the rows")


def index_for(truth: GroundTruth, rules: Rules) -> TruthIndex:
    """Ground truth as a protocol sees it, laid out for matching."""
    kept = slice(None) if rules.keeps_crowds else ~truth.is_crowd
    return index_truth(
        truth.image_index[kept],
        truth.labels[kept],
        truth.boxes_xywh[kept],
        truth.area[kept],
        truth.is_crowd[kept],
        (truth.annotation_ids[kept] == 0) & rules.voids_id_zero,
        images=len(truth.image_ids),
        classes=len(truth.category_ids),
    )
