"""COCO files: instances (ground truth) and results (detections), as columns.

The rows are those that pycocotools counts. Entries that would crash it later, or that it would misread silently, are
rejected here with their index in the file, from 0. Common files go through the compiled reader or typed decoding;
coco_forms.py handles the rest.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..kernels.ext import native
from ..kernels.results_ahead import ResultsAhead
from .coco_columns import (
    Annotations,
    CocoInstances,
    CocoResults,
    LeftOut,
    Listed,
    assemble,
    box_column,
    int_column,
    positions,
    results_of,
    unique_ids,
)
from .coco_forms import LooseInstances, LooseResult, instances_of, results_from
from .coco_json import decode_loosely, decode_typed, open_text, read_text
from .dataset import GroundTruth

if TYPE_CHECKING:
    from ..kernels.results_ahead import ResultColumns

# ids, image ids, category ids, boxes [4 N] or [N, 4], area, crowd flags
AnnotationColumns = tuple[
    NDArray[np.int64],
    NDArray[np.int64],
    NDArray[np.int64],
    NDArray[np.float64],
    NDArray[np.float64],
    NDArray[np.uint8] | NDArray[np.bool_],
]

__all__ = [
    "CocoInstances",
    "CocoResults",
    "instances_from",
    "parse_instances",
    "parse_results",
    "read_instances",
    "read_results",
]


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


def read_instances(path: Path) -> CocoInstances:
    """Read a COCO instances file. Raises InputError that says what is wrong and where."""
    return parse_instances(str(path), read_text(path))


def parse_instances(where: str, text: bytes) -> CocoInstances:
    """As read_instances, from the bytes of such a file; `where` names it in messages."""
    found = native.read_annotations(text)
    rest = text if found is None else text[: found[1]] + b"[]" + text[found[2] :]
    content = decode_typed(where, rest, _Instances)
    if content is None:
        return instances_of(where, decode_loosely(where, text, LooseInstances, _explain_instances))
    columns = _annotation_columns(where, content.annotations) if found is None else found[0]
    return _instances(where, content, columns)


def instances_from(content: Mapping[str, object]) -> CocoInstances:
    """As read_instances, from the content of such a file as a dict."""
    where = "ground truth"
    content = dict(content)
    typed = _typed(content)
    if typed is not None:
        return _instances(where, typed, _annotation_columns(where, typed.annotations))
    try:
        return instances_of(where, msgspec.convert(content, LooseInstances))
    except msgspec.ValidationError as error:
        raise InputError(f"{where}: {_explain_instances(content) or error}") from error


def _typed(content: dict[str, object]) -> _Instances | None:
    """The content as typed values; None if types differ from COCO's, or sizes exceed what JSON holds."""
    try:
        typed = msgspec.convert(content, _Instances)
    except msgspec.ValidationError:
        return None
    return typed if all(math.isfinite(image.width + image.height) for image in typed.images) else None


def _instances(where: str, content: _Instances, columns: AnnotationColumns) -> CocoInstances:
    images = sorted(content.images, key=lambda image: image.id)
    categories = sorted(content.categories, key=lambda category: category.id)
    listed = Listed(
        image_ids=_listed_ids(where, "images", content.images),
        image_keys=None,
        file_names=tuple(image.file_name for image in images),
        widths=tuple(int(image.width) for image in images),
        heights=tuple(int(image.height) for image in images),
        category_ids=_listed_ids(where, "categories", content.categories),
        category_keys=None,
        class_names=tuple(str(c.id) if c.name is None else c.name for c in categories),
    )
    kept, left_out = _kept(where, listed, columns)
    return assemble(where, listed, kept, left_out)


def _listed_ids(where: str, name: str, entries: Sequence[_Image] | Sequence[_Category]) -> NDArray[np.int64]:
    return unique_ids(where, name, int_column(where, name, (entry.id for entry in entries), len(entries)))


def _kept(where: str, listed: Listed, columns: AnnotationColumns) -> tuple[Annotations, list[LeftOut]]:
    """The annotations whose image and category are listed, and the other columns [N] cut to them."""
    ids, images, categories, boxes, area, is_crowd = columns
    unique_ids(where, "annotations", ids)
    image_index, has_image = positions(listed.image_ids, images)
    labels, has_category = positions(listed.category_ids, categories)
    every = Annotations(
        np.arange(len(ids)), ids, image_index, labels, boxes.reshape(-1, 4), area, is_crowd.astype(np.bool_)
    )
    if has_image.all() and has_category.all():
        return every, []
    keep = has_image & has_category
    left_out = [
        LeftOut(what, int(is_out.sum()), int(np.flatnonzero(is_out)[0]), str(named[is_out][0]))
        for what, named, is_out in (
            ("image", images, ~has_image),
            ("category", categories, has_image & ~has_category),
        )
        if is_out.any()
    ]
    return every.some(keep), left_out


def _annotation_columns(where: str, annotations: Sequence[_Annotation]) -> AnnotationColumns:
    """Convert annotation objects to the compiled reader's columns."""
    count = len(annotations)
    return (
        int_column(where, "annotations", (a.id for a in annotations), count),
        int_column(where, "annotations", (a.image_id for a in annotations), count),
        int_column(where, "annotations", (a.category_id for a in annotations), count),
        box_column([a.bbox for a in annotations]),
        np.array([a.area for a in annotations], np.float64),
        np.array([bool(a.iscrowd) for a in annotations], np.bool_),
    )


def read_results(
    path: Path, ground_truth: GroundTruth, *, threads: int = 1, ahead: ResultsAhead | None = None
) -> CocoResults:
    """Read a COCO results file, a list of {image_id, category_id, bbox, score}. `ahead`, if given, is reading it.

    Raises InputError that says what is wrong and where, also for an image that the ground truth lacks.
    """
    if not _has_text_ids(ground_truth):
        is_read, columns = (False, None) if ahead is None else ahead.take()
        if not is_read:
            with open_text(path) as stream:  # the text of a common file is streamed and never held as a whole
                columns = native.read_results_file(stream.fileno(), os.fstat(stream.fileno()).st_size, threads)
        if columns is not None:
            return _results(str(path), columns, ground_truth)
    return parse_results(str(path), read_text(path), ground_truth, threads=threads)


def parse_results(where: str, text: bytes, ground_truth: GroundTruth, *, threads: int = 1) -> CocoResults:
    """As read_results, from the bytes of such a file; `where` names it in messages."""
    columns = None if _has_text_ids(ground_truth) else _columns(where, text, threads)
    if columns is None:
        rows = decode_loosely(where, text, list[LooseResult], _explain_results)
        return results_from(where, rows, ground_truth)
    return _results(where, columns, ground_truth)


def _has_text_ids(ground_truth: GroundTruth) -> bool:
    return ground_truth.image_keys is not None or ground_truth.category_keys is not None


def _results(where: str, columns: ResultColumns, ground_truth: GroundTruth) -> CocoResults:
    image_ids, category_ids, boxes, scores = columns
    image_index, is_known = positions(ground_truth.image_ids, image_ids)
    if not is_known.all():
        row = int(np.flatnonzero(~is_known)[0])
        raise InputError(
            f"{where}: result {row} names image {image_ids[row]}, which the ground truth does not list: "
            "add the image or drop the result"
        )
    labels, is_scored = positions(ground_truth.category_ids, category_ids)
    return results_of(where, image_index, labels, is_scored, boxes.reshape(-1, 4), scores, category_ids)


def _columns(where: str, text: bytes, threads: int) -> ResultColumns | None:
    columns = native.read_results(text, threads)
    return _result_columns(where, text) if columns is None else columns


def _result_columns(where: str | Path, text: bytes) -> ResultColumns | None:
    """The compiled reader's columns, by a full parser for texts that it leaves; None if types differ from COCO's."""
    rows = decode_typed(str(where), text, list[_Result])
    if rows is None:
        return None
    return (
        int_column(str(where), "results", (row.image_id for row in rows), len(rows)),
        int_column(str(where), "results", (row.category_id for row in rows), len(rows)),
        box_column([row.bbox for row in rows]),
        np.array([row.score for row in rows], np.float64),
    )


def _explain_instances(content: object) -> str | None:
    if not isinstance(content, dict):
        return "not a COCO instances file, whose outermost value is an object: is it a results file?"
    for key in ("images", "categories", "annotations"):
        if key not in content:
            return f"no key {key!r}: a COCO instances file has 'images', 'annotations' and 'categories'"
        reason = _explain_entries(key, content[key])
        if reason:
            return reason
    return None


def _explain_results(content: object) -> str | None:
    if not isinstance(content, list):
        return "not a COCO results file, whose outermost value is a list: is it an instances file?"
    return _explain_entries("results", content)


def _explain_entries(name: str, entries: object) -> str | None:
    if not isinstance(entries, list):
        return f"{name!r} is not a list: write one object per entry"
    for number, entry in enumerate(entries):
        if not isinstance(entry, dict):
            return f"{name}[{number}]: not an object: write one with the keys of COCO's format"
    return None
