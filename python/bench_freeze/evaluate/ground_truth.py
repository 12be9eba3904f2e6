"""Ground truth in every form that an evaluator accepts, validated before any work starts."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..data.coco import CocoInstances, instances_from, read_instances
from ..data.dataset import GroundTruth
from ..errors import InputError
from ..kernels.matching import TruthIndex, index_truth
from ..kernels.rows import check_sizes, column_of_flags, column_of_ids, column_of_numbers, rows_of_boxes
from ..kernels.values import whole_array
from .protocols import ProtocolRules

GroundTruthLike = GroundTruth | Mapping[str, object] | str | Path


def as_ground_truth(ground_truth: GroundTruthLike) -> GroundTruth:
    """Ground truth from the path of a COCO instances file, its content as a dict, or arrays.

    Entries that are left out, or read in an unusual form, give a warning. Raises InputError that names the first
    invalid entry.
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
    return sound_truth(ground_truth)


def _with_warnings(where: str, instances: CocoInstances) -> GroundTruth:
    for note in instances.notes:
        warnings.warn(f"{where}: {note}", UserWarning, stacklevel=5)  # the caller of Evaluator or evaluate
    return instances.ground_truth


def image_numbers(truth: GroundTruth) -> dict[str, int] | None:
    """Numbers of images by their ids, if the ids are text; else None."""
    if truth.image_keys is None:
        return None
    return dict(zip(truth.image_keys, truth.image_ids.tolist(), strict=True))


def numbers_of(known: Mapping[str, int] | None, image_ids: object) -> object:
    """Image ids as numbers if the ground truth's ids are text (`image_numbers`), else unchanged.

    Raises InputError for an id that the ground truth does not list.
    """
    if known is None:
        return image_ids
    given = image_ids.tolist() if hasattr(image_ids, "tolist") else image_ids
    if not isinstance(given, (list, tuple)) or not all(isinstance(key, str) for key in given):
        raise InputError("image_ids are not a list of text, as those of the ground truth are: give one id per image")
    unknown = next((key for key in given if key not in known), None)
    if unknown is not None:
        raise InputError(f"image id {unknown!r} is not in the ground truth: correct it or leave it out")
    return np.array([known[key] for key in given], np.int64)


def sound_truth(truth: GroundTruth) -> GroundTruth:
    """The same annotations, with every column in the type that GroundTruth declares.

    Raises InputError if arrays contradict each other or have invalid values.
    """
    table = "ground truth"
    image_ids = _ascending("image", truth.image_ids)
    category_ids = _ascending("category", truth.category_ids)
    images, classes = len(image_ids), len(category_ids)
    image, label, boxes = rows_of_boxes(table, images, classes, truth.image_index, truth.labels, truth.boxes_xywh)
    check_sizes(table, boxes)
    rows = len(label)
    names = _texts("class_names", truth.class_names, classes)
    annotation_ids = column_of_ids(table, "annotation_ids", truth.annotation_ids, rows)
    ordered = np.sort(annotation_ids)
    repeated = ordered[1:][ordered[1:] == ordered[:-1]]
    if len(repeated):
        raise InputError(f"ground truth: annotation id {repeated[0]} occurs more than once: number the annotations")
    return GroundTruth(
        image_ids=image_ids,
        category_ids=category_ids,
        class_names=names,
        image_index=image,
        labels=label,
        boxes_xywh=boxes,
        area=column_of_numbers(table, "area", truth.area, rows),
        is_crowd=column_of_flags(table, "is_crowd", truth.is_crowd, rows),
        annotation_ids=annotation_ids,
        image_keys=None if truth.image_keys is None else _texts("image_keys", truth.image_keys, images),
        category_keys=None if truth.category_keys is None else _texts("category_keys", truth.category_keys, classes),
    )


def _ascending(what: str, ids: object) -> NDArray[np.int64]:
    """Ids as a column; they must ascend, since equal scores are ordered by image id."""
    whole = whole_array(f"ground truth: {what}_ids", ids)
    if whole.ndim != 1 or (whole[1:] <= whole[:-1]).any():
        raise InputError(f"{what} ids of the ground truth do not ascend: sort them, each once, and renumber the rows")
    return whole


def _texts(what: str, values: Sequence[str], count: int) -> tuple[str, ...]:
    texts = (values,) if isinstance(values, str) else tuple(values)
    if len(texts) != count or not all(isinstance(text, str) for text in texts):
        raise InputError(f"ground truth: {count} ids and {what} {texts[:3]}...: give one text per id")
    return tuple(str(text) for text in texts)


def index_for(truth: GroundTruth, rules: ProtocolRules) -> TruthIndex:
    """The ground truth under the rules of a protocol, laid out for matching."""
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
