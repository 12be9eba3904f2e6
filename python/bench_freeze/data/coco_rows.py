"""Detections as pycocotools takes them in memory: a list of {image_id, category_id, bbox, score}."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeGuard

import numpy as np

from ..errors import InputError
from .coco import CocoResults
from .coco_forms import LooseResult, results_from
from .dataset import GroundTruth

_KEYS = ("image_id", "category_id", "bbox", "score")


def are_coco_rows(detections: object) -> TypeGuard[Sequence[Mapping[str, object]]]:
    """Whether detections are rows of COCO's results format, one dict per box."""
    return isinstance(detections, list | tuple) and len(detections) > 0 and isinstance(detections[0], Mapping)


def results_of_rows(rows: Sequence[object], ground_truth: GroundTruth) -> CocoResults:
    """The rows as columns, by the same rules as a results file; NumPy values count as Python's.

    Raises InputError that names a row that is invalid, or whose image the ground truth does not list.
    """
    loose = []
    for number, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise InputError(f"detections[{number}] is a {type(row).__name__}: give dicts of {', '.join(_KEYS)}")
        missing = [key for key in _KEYS if key not in row]
        if missing:
            raise InputError(f"detections[{number}] has no {missing[0]!r}: give {', '.join(_KEYS)}")
        loose.append(LooseResult(*(_plain(row[key]) for key in _KEYS)))
    return results_from("detections", loose, ground_truth)


def _plain(value: object) -> object:
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, list | tuple):
        return [item.item() if isinstance(item, np.generic) else item for item in value]
    return value
