"""COCO files: instances (ground truth) and results (detections), as columns.

What counts is what pycocotools counts; what it would stumble over later, or not notice, is refused here with the
number of the entry, counted from 0 as in the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..scorer.ext import native
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
    text = _read(path)
    found = native.read_annotations(text)
    if found is None:
        content = _decode(path, text, _Instances, _explain_instances)
        return _instances(str(path), content, _annotation_columns(str(path), content.annotations))
    columns, begin, end = found
    rest = text[:begin] + b"[]" + text[end:]
    return _instances(str(path), _decode(path, rest, _Instances, _explain_instances), columns)


def instances_from(content: Mapping[str, Any]) -> CocoInstances:
    """As read_instances, from the content of such a file as a dict."""
    content = dict(content)
    try:
        typed = msgspec.convert(content, _Instances)
    except msgspec.ValidationError as error:
        raise InputError(f"ground truth: {_explain_instances(content) or error}") from error
    return _instances("ground truth", typed, _annotation_columns("ground truth", typed.annotations))


def _instances(path: str, content: _Instances, columns: tuple[NDArray[Any], ...]) -> CocoInstances:
    annotation_ids, annotation_images, annotation_categories, boxes, area, is_crowd = columns
    images = sorted(content.images, key=lambda image: image.id)
    categories = sorted(content.categories, key=lambda category: category.id)
    image_ids = _unique_ids(path, "images", [image.id for image in content.images])
    category_ids = _unique_ids(path, "categories", [category.id for category in content.categories])
    _unique_ids(path, "annotations", annotation_ids)
    image_index, is_known = _positions(path, "annotations", image_ids, annotation_images)
    _refuse_unknown(path, "annotation", "image", is_known, annotation_images)
    labels, is_known = _positions(path, "annotations", category_ids, annotation_categories)
    _refuse_unknown(path, "annotation", "category", is_known, annotation_categories)
    boxes = boxes.reshape(-1, 4)
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
            is_crowd=is_crowd.astype(np.bool_),
            annotation_ids=annotation_ids,
        ),
        file_names=tuple(image.file_name for image in images),
        widths=tuple(int(image.width) for image in images),
        heights=tuple(int(image.height) for image in images),
    )


def _annotation_columns(path: str, annotations: Sequence[_Annotation]) -> tuple[NDArray[Any], ...]:
    """What the compiled reader gives, from annotations as objects."""
    count = len(annotations)
    return (
        _int_column(path, "annotations", (a.id for a in annotations), count),
        _int_column(path, "annotations", (a.image_id for a in annotations), count),
        _int_column(path, "annotations", (a.category_id for a in annotations), count),
        _boxes([a.bbox for a in annotations]),
        np.array([a.area for a in annotations], np.float64),
        np.array([bool(a.iscrowd) for a in annotations], np.bool_),
    )


def read_results(path: Path, ground_truth: GroundTruth, *, threads: int = 1) -> CocoResults:
    """Read a COCO results file, a list of {image_id, category_id, bbox, score}.

    Raises InputError naming what is wrong and where; an image that the ground truth does not have is an error.
    """
    text = _read(path)
    columns = native.read_results(text, threads)
    if columns is None:
        image_ids, category_ids, boxes, scores = _result_columns(path, text)
    else:
        image_ids, category_ids, boxes, scores = columns
    image_index, is_known = _positions(str(path), "results", ground_truth.image_ids, image_ids)
    _refuse_unknown(str(path), "result", "image", is_known, image_ids)
    labels, is_scored = _positions(str(path), "results", ground_truth.category_ids, category_ids)
    every = bool(is_scored.all())
    kept = slice(None) if every else is_scored
    detections = DetectionTable(image_index[kept], labels[kept], boxes.reshape(-1, 4)[kept], scores[kept])
    return CocoResults(detections, ignored_detections=len(scores) - len(detections))


_Content = TypeVar("_Content")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}): give the path of a COCO JSON file") from error


def _decode(path: Path, text: bytes, content_type: type[_Content], explain: Callable[[Any], str | None]) -> _Content:
    """Typed decode; only where that fails is the text decoded again without types, to say what is wrong where."""
    try:
        return msgspec.json.decode(text, type=content_type)
    except msgspec.ValidationError as error:
        reason = explain(msgspec.json.decode(text)) or str(error)
        raise InputError(f"{path}: {reason}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not JSON ({error}): NaN and Infinity are not JSON either") from error


def _result_columns(path: Path, text: bytes) -> tuple[NDArray[Any], ...]:
    """What the compiled reader gives, for texts that it leaves to a full parser, and for the words of an error."""
    rows = _decode(path, text, list[_Result], _explain_results)
    return (
        _int_column(str(path), "results", (row.image_id for row in rows), len(rows)),
        _int_column(str(path), "results", (row.category_id for row in rows), len(rows)),
        _boxes([row.bbox for row in rows]),
        np.array([row.score for row in rows], np.float64),
    )


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


def _int_column(path: str, name: str, values: Iterable[int], count: int) -> NDArray[np.int64]:
    if isinstance(values, np.ndarray):
        return values
    try:
        return np.fromiter(values, np.int64, count)
    except OverflowError as error:
        raise InputError(f"{path}: an id in {name} does not fit 64 bits: renumber") from error


def _unique_ids(path: str, name: str, ids: Sequence[int] | NDArray[np.int64]) -> NDArray[np.int64]:
    """`ids` ascending; refuses a repeated one, of which pycocotools would quietly keep the last."""
    column = _int_column(path, name, ids, len(ids))
    unique, first = np.unique(column, return_index=True)
    if len(unique) < len(column):
        repeated = int(np.setdiff1d(np.arange(len(column)), first)[0])
        raise InputError(f"{path}: {name}[{repeated}] repeats id {column[repeated]}: give every entry its own id")
    return unique


def _positions(
    path: str, name: str, known_ids: NDArray[np.int64], ids: Sequence[int] | NDArray[np.int64]
) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Position of each id in `known_ids`, which ascends, and whether it is there (the position is 0 if not)."""
    column = _int_column(path, name, ids, len(ids))
    if len(known_ids) == 0:
        return np.zeros(len(column), np.int32), np.zeros(len(column), np.bool_)
    positions = np.searchsorted(known_ids, column).clip(max=len(known_ids) - 1)
    is_known = known_ids[positions] == column
    return np.where(is_known, positions, 0).astype(np.int32), is_known


def _refuse_unknown(
    path: str, entry: str, what: str, is_known: NDArray[np.bool_], ids: Sequence[int] | NDArray[np.int64]
) -> None:
    if not is_known.all():
        number = int(np.flatnonzero(~is_known)[0])
        raise InputError(
            f"{path}: {entry} {number} names {what} {ids[number]}, which the ground truth does not list: "
            f"add the {what} or drop the {entry}"
        )


def _boxes(rows: Sequence[tuple[float, float, float, float]]) -> NDArray[np.float64]:
    return np.fromiter(chain.from_iterable(rows), np.float64, 4 * len(rows)).reshape(-1, 4)


def _check_truth_sizes(
    path: str, boxes: NDArray[np.float64], area: NDArray[np.float64], annotation_ids: NDArray[np.int64]
) -> None:
    is_sound = np.isfinite(boxes).all(axis=1) & (boxes[:, 2:] >= 0).all(axis=1) & np.isfinite(area)
    if not is_sound.all():
        number = int(np.flatnonzero(~is_sound)[0])
        raise InputError(
            f"{path}: annotations[{number}] (id {annotation_ids[number]}) has box {boxes[number].tolist()} and area "
            f"{area[number]}: width and height must not be negative, and all of it finite"
        )
