"""COCO files with unusual value types, read as pycocotools reads them.

Ids are compared as Python compares dict keys: 1.0 equals 1, and "1" does not. Values that pycocotools accepts but that
must be mistakes (a width as text in a box, an id that is true) are rejected.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .coco_columns import (
    Annotations,
    CocoInstances,
    CocoResults,
    LeftOut,
    Listed,
    assemble,
    box_column,
    int_column,
    results_of,
    unique_ids,
)
from .coco_values import (
    ABSENT,
    Forms,
    is_float,
    kind_of,
    read_area,
    read_box,
    read_class_name,
    read_crowd,
    read_file_name,
    read_key,
    read_number,
    read_pixels,
    read_whole,
    shown,
)
from .dataset import GroundTruth

_EXACT = 2**53  # from here on two whole numbers may be one float64


class LooseImage(msgspec.Struct, gc=False):
    """An entry of `images` with values of any type."""

    id: object = ABSENT
    file_name: object = ""
    width: object = 0
    height: object = 0


class LooseCategory(msgspec.Struct, gc=False):
    """An entry of `categories` with values of any type."""

    id: object = ABSENT
    name: object = ABSENT


class LooseAnnotation(msgspec.Struct, gc=False):
    """An entry of `annotations` with values of any type."""

    id: object = ABSENT
    image_id: object = ABSENT
    category_id: object = ABSENT
    bbox: object = ABSENT
    area: object = ABSENT
    iscrowd: object = 0


class LooseInstances(msgspec.Struct):
    """An instances file with its lists and objects, but values of any type."""

    images: list[LooseImage]
    annotations: list[LooseAnnotation]
    categories: list[LooseCategory]


class LooseResult(msgspec.Struct, gc=False):
    """An entry of a results file with values of any type."""

    image_id: object = ABSENT
    category_id: object = ABSENT
    bbox: object = ABSENT
    score: object = ABSENT


def instances_of(where: str, content: LooseInstances) -> CocoInstances:
    """The columns of an instances file. Raises InputError that names an entry with an unreadable or absurd value."""
    forms = Forms()
    listed = _listed(where, content, forms)
    kept, left_out = _annotations(where, content.annotations, listed, forms)
    return assemble(where, listed, kept, left_out, forms.notes())


def results_from(where: str, rows: Sequence[LooseResult], ground_truth: GroundTruth) -> CocoResults:
    """The columns of a results file. Raises InputError as instances_of does, and for an unlisted image."""
    images = _known(ground_truth.image_ids, ground_truth.image_keys)
    categories = _known(ground_truth.category_ids, ground_truth.category_keys)
    count = len(rows)
    image_index, labels = np.zeros(count, np.int32), np.zeros(count, np.int32)
    is_scored = np.zeros(count, np.bool_)
    boxes, scores = [], np.zeros(count)
    forms = Forms()
    for i, row in enumerate(rows):
        place = f"{where}: results[{i}]"
        image = images.get(read_key(place, "image_id", row.image_id))
        if image is None:
            raise InputError(
                f"{where}: result {i} names image {shown(row.image_id)}, which the ground truth does not list"
                f"{_whose(images)}: add the image or drop the result"
            )
        label = categories.get(read_key(place, "category_id", row.category_id))
        image_index[i], labels[i], is_scored[i] = image, label or 0, label is not None
        boxes.append(read_box(place, row.bbox))
        _note_odd_ids(f"results[{i}]", "result(s)", row.image_id, row.category_id, forms)
        if is_scored[i]:
            scores[i] = read_number(place, "score", row.score)
    if (
        count
        and categories
        and not is_scored.any()
        and kind_of(rows[0].category_id) != kind_of(next(iter(categories), None))
    ):
        raise InputError(
            f"{where}: no result names a category that the ground truth lists; results[0] names category "
            f"{shown(rows[0].category_id)}{_whose(categories)}: write the ids of both files alike"
        )
    names = [shown(row.category_id) for row in rows]
    return results_of(where, image_index, labels, is_scored, box_column(boxes), scores, names, forms.notes())


def _listed(where: str, content: LooseInstances, forms: Forms) -> Listed:
    image_ids, image_keys, image_order = _ids(where, "images", [image.id for image in content.images], forms)
    category_ids, category_keys, order = _ids(where, "categories", [c.id for c in content.categories], forms)
    images = [(i, content.images[i]) for i in image_order.tolist()]
    names = [category_keys[k] if category_keys else str(category_ids[k]) for k in range(len(category_ids))]
    return Listed(
        image_ids=image_ids,
        image_keys=image_keys,
        file_names=tuple(read_file_name(i, image.file_name, forms) for i, image in images),
        widths=tuple(read_pixels(i, "width", image.width, forms) for i, image in images),
        heights=tuple(read_pixels(i, "height", image.height, forms) for i, image in images),
        category_ids=category_ids,
        category_keys=category_keys,
        class_names=tuple(
            read_class_name(k, content.categories[k].name, name, forms)
            for k, name in zip(order.tolist(), names, strict=True)
        ),
    )


def _ids(
    where: str, name: str, values: Sequence[object], forms: Forms
) -> tuple[NDArray[np.int64], tuple[str, ...] | None, NDArray[np.int64]]:
    """Ids in pycocotools' order, their text if they are text, and the entry of each."""
    for i, value in enumerate(values):
        read_key(f"{where}: {name}[{i}]", "id", value)
    texts = [isinstance(value, str) for value in values]
    if any(texts) and not all(texts):
        odd = texts.index(not texts[0])
        raise InputError(
            f"{where}: {name}[0] has the id {shown(values[0])} ({kind_of(values[0])}) and {name}[{odd}] "
            f"{shown(values[odd])} ({kind_of(values[odd])}): write all of them as numbers or all as text"
        )
    if any(texts):
        named = [str(value) for value in values]
        order = np.array(sorted(range(len(named)), key=named.__getitem__), np.int64)
        keys = tuple(named[i] for i in order)
        for before, after, at in zip(keys, keys[1:], order[1:], strict=False):
            if before == after:
                raise InputError(f"{where}: {name}[{at}] repeats id {shown(after)}: give every entry its own id")
        for i, key in enumerate(values):
            forms.add(f"id(s) of {name} are text, by which they are ordered", f"{name}[{i}] ({shown(key)})")
        return np.arange(len(keys), dtype=np.int64), keys, order
    numbers = _numbers(where, name, values, forms)
    largest = max(map(abs, numbers), default=0)
    if largest > _EXACT and any(map(is_float, values)) and not all(map(is_float, values)):
        raise InputError(f"{where}: ids of {name} are floats and whole numbers beyond 2**53, which differ: renumber")
    column = int_column(where, name, numbers, len(numbers))
    return unique_ids(where, name, column), None, np.argsort(column, kind="stable")


def _annotations(
    where: str, entries: Sequence[LooseAnnotation], listed: Listed, forms: Forms
) -> tuple[Annotations, list[LeftOut]]:
    images = _known(listed.image_ids, listed.image_keys)
    categories = _known(listed.category_ids, listed.category_keys)
    ids = _annotation_ids(where, entries, forms)
    rows, image_index, labels, boxes, area, is_crowd = [], [], [], [], [], []
    left_out: dict[str, LeftOut] = {}
    for i, entry in enumerate(entries):
        place = f"{where}: annotations[{i}]"
        image = images.get(read_key(place, "image_id", entry.image_id))
        label = categories.get(read_key(place, "category_id", entry.category_id))
        if image is None or label is None:
            what, value = ("image", entry.image_id) if image is None else ("category", entry.category_id)
            first = left_out.get(what, LeftOut(what, 0, i, shown(value)))
            left_out[what] = LeftOut(what, first.count + 1, first.row, first.name)
            continue
        _note_odd_ids(f"annotations[{i}]", "annotation(s)", entry.image_id, entry.category_id, forms)
        crowd = read_crowd(place, i, entry.iscrowd, forms)
        rows.append(i)
        image_index.append(image)
        labels.append(label)
        boxes.append(read_box(place, entry.bbox))
        area.append(read_area(place, i, entry.area, crowd, forms))
        is_crowd.append(crowd)
    kept = np.array(rows, np.int64)
    columns = Annotations(
        rows=kept,
        ids=ids[kept],
        image_index=np.array(image_index, np.int32),
        labels=np.array(labels, np.int32),
        boxes_xywh=box_column(boxes),
        area=np.array(area, np.float64),
        is_crowd=np.array(is_crowd, np.bool_),
    )
    return columns, sorted(left_out.values(), key=lambda out: out.what == "category")


def _annotation_ids(where: str, entries: Sequence[LooseAnnotation], forms: Forms) -> NDArray[np.int64]:
    """Ids as numbers. Text of digits is read as a number, as NumPy and so pycocotools does."""
    values = [read_key(f"{where}: annotations[{i}]", "id", entry.id) for i, entry in enumerate(entries)]
    for i, value in enumerate(values):
        if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 20:
            forms.add("annotation id(s) are text", f"annotations[{i}] ({value!r})")
            values[i] = int(value)
    column = int_column(where, "annotations", _numbers(where, "annotations", values, forms), len(values))
    unique_ids(where, "annotations", column)
    return column


def _numbers(where: str, name: str, values: Sequence[object], forms: Forms) -> list[int]:
    """Ids that are whole numbers."""
    numbers = []
    for i, value in enumerate(values):
        numbers.append(read_whole(f"{where}: {name}[{i}]", "id", value))
        if is_float(value):
            forms.add(f"id(s) of {name} are floats", f"{name}[{i}] ({value!r})")
    return numbers


def _note_odd_ids(place: str, what: str, image: object, category: object, forms: Forms) -> None:
    for name, value in (("image", image), ("category", category)):
        if not isinstance(value, (int, str)) or isinstance(value, bool):
            forms.add(f"{what} name the {name} by another form of its id", f"{place} ({shown(value)})")


def _known(ids: NDArray[np.int64], keys: tuple[str, ...] | None) -> dict[Hashable, int]:
    """The position of each id of the file."""
    listed: Sequence[Hashable] = ids.tolist() if keys is None else keys
    return {key: position for position, key in enumerate(listed)}


def _whose(known: Mapping[Hashable, int]) -> str:
    first = next(iter(known), None)
    return "" if first is None else f" (there the first is {shown(first)})"
