"""COCO files for other programs: detections in the results format, and the ground truth that they belong to."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..text.json_text import encoded
from .dataset import DetectionSet, DetectionTable, GroundTruth, ImageRecord


def results_json(found: DetectionTable, truth: GroundTruth) -> bytes:
    """Detections as a list of {image_id, category_id, bbox, score}, in their order and with the ids of the truth.

    Boxes are left, top, width, height in pixels. Numbers are written so that reading them gives the same bits.
    """
    images, categories = _ids(truth.image_ids, truth.image_keys), _ids(truth.category_ids, truth.category_keys)
    rows = zip(
        found.image_index.tolist(), found.labels.tolist(), found.boxes_xywh.tolist(), found.scores.tolist(), strict=True
    )
    return encoded(
        [
            {"image_id": images[image], "category_id": categories[label], "bbox": box, "score": score}
            for image, label, box, score in rows
        ]
    )


def instances_json(data: DetectionSet) -> bytes:
    """A data set as an instances json: images, annotations and categories as they were scored.

    Image files are named from the folder that all of them share.
    """
    truth = data.ground_truth
    images, categories = _ids(truth.image_ids, truth.image_keys), _ids(truth.category_ids, truth.category_keys)
    columns = (truth.annotation_ids, truth.image_index, truth.labels, truth.boxes_xywh, truth.area, truth.is_crowd)
    return encoded(
        {
            "images": [
                {"id": own, "file_name": name, "width": record.width, "height": record.height}
                for own, name, record in zip(images, _file_names(data.images), data.images, strict=True)
            ],
            "annotations": [
                {
                    "id": number,
                    "image_id": images[image],
                    "category_id": categories[label],
                    "bbox": box,
                    "area": area,
                    "iscrowd": int(crowd),
                }
                for number, image, label, box, area, crowd in zip(*(c.tolist() for c in columns), strict=True)
            ],
            "categories": [{"id": own, "name": name} for own, name in zip(categories, truth.class_names, strict=True)],
        }
    )


def _ids(numbers: NDArray[np.int64], keys: tuple[str, ...] | None) -> Sequence[int | str]:
    """Ids as the file has them."""
    return numbers.tolist() if keys is None else keys


def _file_names(images: Sequence[ImageRecord]) -> list[str]:
    files = [record.path for record in images if record.path is not None]
    if len(files) < len(images) or not files:
        return [str(record.image_id) for record in images]
    top = Path(os.path.commonpath([file.absolute().parent for file in files]))
    return [file.absolute().relative_to(top).as_posix() for file in files]
