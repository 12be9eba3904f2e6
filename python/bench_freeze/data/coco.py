"""COCO files: instances (ground truth) and results (detections), as columns.

What counts is what pycocotools counts; what it would stumble over later, or not notice, is refused here with the
number of the entry, counted from 0 as in the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .dataset import DetectionTable, GroundTruth


class _Image(msgspec.Struct, gc=False):
    id: int
    file_name: str = ""
    width: float = 0
    height: float = 0


class _Category(msgspec.Struct, gc=False):
    id: int
    name: str | None = None


class _Annotation(msgspec.Struct, gc=False):
    id: int
    image_id: int
    category_id: int
    bbox: tuple[float, float, float, float]
    area: float
    iscrowd: int | bool = 0


class _Instances(msgspec.Struct):
    images: list[_Image]
    annotations: list[_Annotation]
    categories: list[_Category]


class _Result(msgspec.Struct, gc=False):
    image_id: int
    category_id: int
    bbox: tuple[float, float, float, float]
    score: float


@dataclass(frozen=True)
class CocoInstances:
    """An instances file. Images and categories ascend by id; annotations keep the order of the file."""

    ground_truth: GroundTruth
    file_names: tuple[str, ...]  # one per image, as in the file; "" where it does not say
    widths: tuple[int, ...]  # pixels; 0 where the file does not say
    heights: tuple[int, ...]


@dataclass(frozen=True)
class CocoResults:
    """A results file, in its own order."""

    detections: DetectionTable
    ignored_detections: int  # of categories that the ground truth does not have: left out, as pycocotools does


def read_instances(path: Path) -> CocoInstances:
    """Read a COCO instances file. Raises InputError naming what is wrong and where."""
    content = _decode(path, _Instances, _explain_instances)
    images = sorted(content.images, key=lambda image: image.id)
    categories = sorted(content.categories, key=lambda category: category.id)
    annotations = content.annotations
    image_ids = _unique_ids(path, "images", [image.id for image in content.images])
    category_ids = _unique_ids(path, "categories", [category.id for category in content.categories])
    annotation_ids = _int_column(path, "annotations", (annotation.id for annotation in annotations), len(annotations))
    _unique_ids(path, "annotations", annotation_ids.tolist())
    image_index, is_known = _positions(path, "annotations", image_ids, [a.image_id for a in annotations])
    _refuse_unknown(path, "annotation", "image", is_known, [a.image_id for a in annotations])
    labels, is_known = _positions(path, "annotations", category_ids, [a.category_id for a in annotations])
    _refuse_unknown(path, "annotation", "category", is_known, [a.category_id for a in annotations])
    boxes = _boxes([annotation.bbox for annotation in annotations])
    area = np.array([annotation.area for annotation in annotations], np.float64)
    _check_truth_sizes(path, boxes, area, annotation_ids)
    return CocoInstances(
        ground_truth=GroundTruth(
            image_ids=image_ids,
            category_ids=category_ids,
            class_names=tuple(str(c.id) if c.name is None else c.name for c in categories),
            image_index=image_index,
            labels=labels,
            boxes_xywh=boxes,
            area=area,
            is_crowd=np.array([bool(annotation.iscrowd) for annotation in annotations], np.bool_),
            annotation_ids=annotation_ids,
        ),
        file_names=tuple(image.file_name for image in images),
        widths=tuple(int(image.width) for image in images),
        heights=tuple(int(image.height) for image in images),
    )


def read_results(path: Path, ground_truth: GroundTruth) -> CocoResults:
    """Read a COCO results file, a list of {image_id, category_id, bbox, score}.

    Raises InputError naming what is wrong and where; an image that the ground truth does not have is an error.
    """
    rows = _decode(path, list[_Result], _explain_results)
    image_ids = [row.image_id for row in rows]
    image_index, is_known = _positions(path, "results", ground_truth.image_ids, image_ids)
    _refuse_unknown(path, "result", "image", is_known, image_ids)
    labels, is_scored = _positions(path, "results", ground_truth.category_ids, [row.category_id for row in rows])
    detections = DetectionTable(
        image_index=image_index[is_scored],
        labels=labels[is_scored],
        boxes_xywh=_boxes([row.bbox for row in rows])[is_scored],
        scores=np.array([row.score for row in rows], np.float64)[is_scored],
    )
    return CocoResults(detections, ignored_detections=len(rows) - len(detections))


_Content = TypeVar("_Content")


def _decode(path: Path, content_type: type[_Content], explain: Callable[[Any], str | None]) -> _Content:
    """Typed decode; only where that fails is the file decoded again without types, to say what is wrong where."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}): give the path of a COCO JSON file") from error
    try:
        return msgspec.json.decode(data, type=content_type)
    except msgspec.ValidationError as error:
        reason = explain(msgspec.json.decode(data)) or str(error)
        raise InputError(f"{path}: {reason}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not JSON ({error}): NaN and Infinity are not JSON either") from error


def _explain_instances(content: Any) -> str | None:
    if not isinstance(content, dict):
        return "not a COCO instances file, whose outermost value is an object: is it a results file?"
    for key, entry_type in (("images", _Image), ("categories", _Category), ("annotations", _Annotation)):
        if key not in content:
            return f"no key {key!r}: a COCO instances file has 'images', 'annotations' and 'categories'"
        reason = _explain_entries(key, content[key], entry_type)
        if reason:
            return reason
    return None


def _explain_results(content: Any) -> str | None:
    if not isinstance(content, list):
        return "not a COCO results file, whose outermost value is a list: is it an instances file?"
    return _explain_entries("results", content, _Result)


def _explain_entries(name: str, entries: Any, entry_type: type[msgspec.Struct]) -> str | None:
    if not isinstance(entries, list):
        return f"{name!r} is not a list: write one object per entry"
    for number, entry in enumerate(entries):
        try:
            msgspec.convert(entry, entry_type)
        except msgspec.ValidationError as error:
            if isinstance(entry, dict):
                required = (field.name for field in msgspec.structs.fields(entry_type) if field.required)
                missing = [key for key in required if key not in entry]
                if missing:
                    return f"{name}[{number}] has no key {missing[0]!r}: add it"
            return f"{name}[{number}]: {error}"
    return None


def _int_column(path: Path, name: str, values: Iterable[int], count: int) -> NDArray[np.int64]:
    try:
        return np.fromiter(values, np.int64, count)
    except OverflowError as error:
        raise InputError(f"{path}: an id in {name} does not fit 64 bits: renumber") from error


def _unique_ids(path: Path, name: str, ids: Sequence[int]) -> NDArray[np.int64]:
    """`ids` ascending; refuses a repeated one, of which pycocotools would quietly keep the last."""
    column = _int_column(path, name, ids, len(ids))
    unique, first = np.unique(column, return_index=True)
    if len(unique) < len(column):
        repeated = int(np.setdiff1d(np.arange(len(column)), first)[0])
        raise InputError(f"{path}: {name}[{repeated}] repeats id {column[repeated]}: give every entry its own id")
    return unique


def _positions(
    path: Path, name: str, known_ids: NDArray[np.int64], ids: Sequence[int]
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Position of each id in `known_ids`, which ascends, and whether it is there (the position is 0 if not)."""
    column = _int_column(path, name, ids, len(ids))
    if len(known_ids) == 0:
        return np.zeros(len(column), np.int32), np.zeros(len(column), np.bool_)
    positions = np.searchsorted(known_ids, column).clip(max=len(known_ids) - 1)
    is_known = known_ids[positions] == column
    return np.where(is_known, positions, 0).astype(np.int32), is_known


def _refuse_unknown(path: Path, entry: str, what: str, is_known: NDArray[np.bool_], ids: Sequence[int]) -> None:
    if not is_known.all():
        number = int(np.flatnonzero(~is_known)[0])
        raise InputError(
            f"{path}: {entry} {number} names {what} {ids[number]}, which the ground truth does not list: "
            f"add the {what} or drop the {entry}"
        )


def _boxes(rows: Sequence[tuple[float, float, float, float]]) -> NDArray[np.float64]:
    return np.fromiter(chain.from_iterable(rows), np.float64, 4 * len(rows)).reshape(-1, 4)


def _check_truth_sizes(
    path: Path, boxes: NDArray[np.float64], area: NDArray[np.float64], annotation_ids: NDArray[np.int64]
) -> None:
    is_sound = np.isfinite(boxes).all(axis=1) & (boxes[:, 2:] >= 0).all(axis=1) & np.isfinite(area)
    if not is_sound.all():
        number = int(np.flatnonzero(~is_sound)[0])
        raise InputError(
            f"{path}: annotations[{number}] (id {annotation_ids[number]}) has box {boxes[number].tolist()} and area "
            f"{area[number]}: width and height must not be negative, and all of it finite"
        )
