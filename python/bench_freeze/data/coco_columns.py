"""Shared by both readers of COCO files: the columns, and the rules for leaving out, rejecting and noting rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..kernels.ext import native
from .dataset import DetectionTable, GroundTruth


@dataclass(frozen=True)
class CocoInstances:
    """An instances file. Images and categories ascend by id; annotations keep the order of the file."""

    ground_truth: GroundTruth
    file_names: tuple[str, ...]  # one per image, as in the file; "" if it is missing there
    widths: tuple[int, ...]  # pixels; 0 if it is missing in the file
    heights: tuple[int, ...]
    left_out_annotations: int = 0  # their image or category is not listed; pycocotools leaves them out too
    notes: tuple[str, ...] = ()  # sentences about entries that were left out or have an unusual form


@dataclass(frozen=True)
class CocoResults:
    """A results file, in its own order."""

    detections: DetectionTable
    ignored_detections: int  # with categories that the ground truth does not have; pycocotools leaves them out too
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Listed:
    """What an instances file lists: images and categories, both in ascending order of id.

    If ids are text, `image_ids` and `category_ids` number them from 0, and the keys hold the text.
    """

    image_ids: NDArray[np.int64]
    image_keys: tuple[str, ...] | None
    file_names: tuple[str, ...]
    widths: tuple[int, ...]
    heights: tuple[int, ...]
    category_ids: NDArray[np.int64]
    category_keys: tuple[str, ...] | None
    class_names: tuple[str, ...]


@dataclass(frozen=True)
class Annotations:
    """The kept annotations, N rows in the order of the file; `rows` has their positions there."""

    rows: NDArray[np.int64]  # [N]
    ids: NDArray[np.int64]  # [N]
    image_index: NDArray[np.int32]  # [N]
    labels: NDArray[np.int32]  # [N]
    boxes_xywh: NDArray[np.float64]  # [N, 4]
    area: NDArray[np.float64]  # [N]
    is_crowd: NDArray[np.bool_]  # [N]

    def some(self, keep: NDArray[np.bool_]) -> Annotations:
        """The rows where `keep` [N] is true."""
        return Annotations(**{column.name: getattr(self, column.name)[keep] for column in fields(self)})


@dataclass(frozen=True)
class LeftOut:
    """Entries that name an unlisted image or category: their number, and the first of them."""

    what: str  # "image" or "category"
    count: int
    row: int
    name: str  # of the image or category, as a message shows it


def assemble(
    where: str, listed: Listed, kept: Annotations, left_out: Sequence[LeftOut], notes: Iterable[str] = ()
) -> CocoInstances:
    """Build the instances of either reader. Raises InputError for an invalid box or area, or if no row is left."""
    refuse_nothing_left(where, len(kept.rows), left_out)
    check_truth_sizes(where, kept)
    sentences = [
        f"{out.count} annotation(s) of {plural(out.what)} that the file does not list were left out, such as "
        f"annotations[{out.row}] ({out.what} {out.name})"
        for out in left_out
    ]
    return CocoInstances(
        ground_truth=GroundTruth(
            image_ids=listed.image_ids,
            category_ids=listed.category_ids,
            class_names=listed.class_names,
            image_index=kept.image_index,
            labels=kept.labels,
            boxes_xywh=kept.boxes_xywh,
            area=kept.area,
            is_crowd=kept.is_crowd,
            annotation_ids=kept.ids,
            image_keys=listed.image_keys,
            category_keys=listed.category_keys,
        ),
        file_names=listed.file_names,
        widths=listed.widths,
        heights=listed.heights,
        left_out_annotations=sum(out.count for out in left_out),
        notes=(*sentences, *notes),
    )


def plural(what: str) -> str:
    """The plural of "image" and "category"."""
    return "categories" if what == "category" else f"{what}s"


def refuse_nothing_left(where: str, kept: int, left_out: Sequence[LeftOut]) -> None:
    """Raise InputError if every annotation would be left out: that is surely a mistake."""
    if kept or not left_out:
        return
    first = left_out[0]
    raise InputError(
        f"{where}: no annotation names an image and a category that the file lists; annotations[{first.row}] names "
        f"{first.what} {first.name}: list the {plural(first.what)}, and write ids alike, all as numbers or all as text"
    )


def int_column(where: str, name: str, values: Iterable[int], count: int) -> NDArray[np.int64]:
    """Ids as a column [count]. Raises InputError for one that does not fit 64 bits."""
    try:
        return np.fromiter(values, np.int64, count)
    except OverflowError as error:
        raise InputError(f"{where}: an id in {name} does not fit 64 bits: renumber") from error


def unique_ids(where: str, name: str, ids: NDArray[np.int64]) -> NDArray[np.int64]:
    """`ids` in ascending order. Raises InputError for a repeated id, of which pycocotools silently keeps the last."""
    ascending = np.sort(ids)
    if (ascending[1:] > ascending[:-1]).all():
        return ascending
    _, first = np.unique(ids, return_index=True)
    repeated = int(np.setdiff1d(np.arange(len(ids)), first)[0])
    raise InputError(f"{where}: {name}[{repeated}] repeats id {ids[repeated]}: give every entry its own id")


def positions(known_ids: NDArray[np.int64], ids: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
    """Index of each id in the ascending `known_ids` (0 if absent), and whether it is present. Both are contiguous."""
    found = np.empty(len(ids), np.int32)
    if native.positions_of(known_ids, ids, found):
        return np.maximum(found, 0), found >= 0
    return found, np.ones(len(ids), np.bool_)


def box_column(boxes: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """Boxes of four numbers as [N, 4]."""
    return np.fromiter(chain.from_iterable(boxes), np.float64, 4 * len(boxes)).reshape(-1, 4)


def _are_sound(boxes_xywh: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Mask of rows that are finite and whose box has no negative size."""
    is_sound = np.empty(len(values), np.bool_)
    native.sound_rows(boxes_xywh, values, is_sound)
    return is_sound


def check_truth_sizes(where: str, kept: Annotations) -> None:
    """Raise InputError for a box of negative size, or a value that is not finite."""
    boxes, area = kept.boxes_xywh, kept.area
    is_sound = _are_sound(boxes, area)
    if not is_sound.all():
        at = int(np.flatnonzero(~is_sound)[0])
        raise InputError(
            f"{where}: annotations[{kept.rows[at]}] (id {kept.ids[at]}) has box {boxes[at].tolist()} and area "
            f"{area[at]}: width and height must not be negative, and all of it finite"
        )


def results_of(
    where: str,
    image_index: NDArray[np.int32],
    labels: NDArray[np.int32],
    is_scored: NDArray[np.bool_],
    boxes_xywh: NDArray[np.float64],
    scores: NDArray[np.float64],
    category_names: Sequence[str] | NDArray[np.int64],
    notes: Sequence[str] = (),
) -> CocoResults:
    """The detections whose category is listed. Raises InputError for an invalid box or score.

    `category_names` has the category id of each row as messages show it.
    """
    is_sound = _are_sound(boxes_xywh, scores)
    if not (is_sound | ~is_scored).all():
        at = int(np.flatnonzero(~is_sound & is_scored)[0])
        raise InputError(
            f"{where}: results[{at}] has box {boxes_xywh[at].tolist()} and score {scores[at]}: width and height must "
            "not be negative, and all of it finite"
        )
    kept: slice | NDArray[np.bool_] = slice(None) if is_scored.all() else is_scored
    detections = DetectionTable(image_index[kept], labels[kept], boxes_xywh[kept], scores[kept])
    ignored = len(scores) - len(detections)
    if not ignored:
        return CocoResults(detections, 0, tuple(notes))
    row = int(np.flatnonzero(~is_scored)[0])
    note = (
        f"{ignored} of {len(scores)} detection(s) are of categories that the ground truth does not list and were left "
        f"out, such as results[{row}] (category {category_names[row]})"
    )
    return CocoResults(detections, ignored, (note, *notes))
