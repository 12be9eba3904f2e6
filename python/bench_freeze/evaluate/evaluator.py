"""The streaming evaluator: images in any order, in any batches, on any number of processes; one result."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..data.coco_rows import are_coco_rows, results_of_rows
from ..data.dataset import DetectionTable
from ..errors import InputError
from ..kernels.matching import Lattice, MatchedImages, accumulate, match
from ..kernels.values import number_array, real_number, whole_array, whole_number
from . import protocols
from .evaluation import Counts, Evaluation
from .ground_truth import GroundTruthLike, as_ground_truth, image_numbers, index_for, numbers_of
from .incoming import Incoming, rows_of_table
from .join import Found, Updates
from .protocols import Protocol

if TYPE_CHECKING:
    from ..data.letterbox import Letterbox


class Evaluator:
    """Accuracy of detections that arrive image by image.

    `ground_truth` is the path of a COCO instances file, its content as a dict, or a GroundTruth of arrays. `protocol`
    is one of `bench_freeze.PROTOCOLS`; `iou_thresholds` and `area_ranges` (name to lowest and highest area in square
    pixels, both inclusive) replace the protocol's own. `max_detections` are the limits of detections per image and
    class, ascending, for which the tensors are computed.

    All detections of an image come in one update. The result does not depend on the order of updates and merges, on the
    batches or on `threads`: detections are ordered by score, then image id, then their order within the image. An
    evaluator keeps about 22 bytes per detection and can be pickled. An update that raises InputError changes nothing.

        >>> from bench_freeze import Evaluator
        >>> truth = {
        ...     "images": [{"id": 1}, {"id": 2}],
        ...     "categories": [{"id": 3, "name": "pear"}],
        ...     "annotations": [{"id": 1, "image_id": 1, "category_id": 3, "bbox": [10, 10, 20, 20], "area": 400}],
        ... }
        >>> evaluator = Evaluator(truth)
        >>> evaluator.update(detections=[{"image_id": 1, "category_id": 3, "bbox": [10, 10, 20, 19], "score": 0.9}])
        >>> round(evaluator.result().stats()["AP50"], 6)
        1.0
    """

    def __init__(
        self,
        ground_truth: GroundTruthLike,
        protocol: Protocol = "coco",
        iou_thresholds: ArrayLike | None = None,
        area_ranges: Mapping[str, tuple[float, float]] | None = None,
        max_detections: Sequence[int] = protocols.MAX_DETECTIONS,
        *,
        threads: int = 1,
    ) -> None:
        rules = protocols.rules_of(protocol)
        self._protocol = protocol
        self._threads = whole_number("threads", threads)
        self._thresholds = _thresholds(rules.iou_thresholds if iou_thresholds is None else iou_thresholds)
        self._ranges = _ranges(rules.area_ranges if area_ranges is None else area_ranges)
        self._maxima = _maxima(max_detections)
        self._ground_truth = as_ground_truth(ground_truth)
        self._truth = index_for(self._ground_truth, rules)
        self._lattice = Lattice(
            rules.rule, self._thresholds, np.array(list(self._ranges.values()), np.float64).reshape(-1, 2)
        )
        self._image_numbers = image_numbers(self._ground_truth)
        self._updates = Updates()
        self._near_threshold = self._dropped_by_nms = 0
        self._is_seen = np.zeros(len(self._ground_truth.image_ids), np.bool_)

    def update(
        self,
        image_ids: ArrayLike | None = None,
        *,
        predictions: object = None,
        detections: object = None,
        letterbox: Sequence[Letterbox] | None = None,
    ) -> None:
        """Add B images with all of their detections; images without detections are added too.

        `image_ids` are those of the ground truth, numbers or text. COCO dicts carry their own image ids; further ids
        add images without detections.

        Give either `predictions` or `detections`:

        - `predictions`: the raw output of a head, [B, 4 + C, A], with the C categories in ascending order of id;
          `bench_freeze.nms` selects from it at its defaults.
        - `detections`, one of: the return value of `nms`; an engine's own selection as (count [B], boxes_xyxy
          [B, D, 4], scores [B, D], labels [B, D]) or as rows [B, D, 6] of corners, score and label, where a score of 0
          or less marks padding; one (boxes_xyxy [n, 4], scores [n], labels [n]) per image; or a list of COCO dicts
          {image_id, category_id, bbox (left, top, width, height), score} as `loadRes` of pycocotools takes it, with its
          numbers to the last bit.

        Labels are indices into the categories. `letterbox` gives each image's placement in the pixels of the boxes;
        without it, boxes are in pixels of the original image.

        Raises InputError for an unknown or repeated image id, arrays of wrong shape or type, a label out of range, a
        box or score that is not finite, or a negative width or height.
        """
        if are_coco_rows(detections) and predictions is None:
            if letterbox is not None:
                raise InputError("letterbox is given with COCO dicts, whose boxes are the image's own: leave it out")
            self._add_coco(image_ids, detections)
            return
        if image_ids is None:
            raise InputError("image_ids is missing: give one id per image; a list of COCO dicts alone needs none")
        positions = self._positions(image_ids)
        from .given import rows_given

        rows = rows_given(
            predictions,
            detections,
            letterbox,
            images=len(positions),
            classes=self._truth.classes,
            threads=self._threads,
        )
        self._add(positions, rows)

    def _add_coco(self, image_ids: ArrayLike | None, detections: Sequence[Mapping[str, object]]) -> None:
        results = results_of_rows(detections, self._ground_truth)
        for note in results.notes:
            warnings.warn(note, UserWarning, stacklevel=3)  # the caller of update
        positions = None if image_ids is None else self._positions(image_ids)
        positions, rows = rows_of_table(results.detections, len(self._ground_truth.image_ids), positions)
        self._refuse_seen(positions)
        self._add(positions, rows)

    def update_table(self, detections: DetectionTable) -> None:
        """Add every image that has rows in a table. Its `image_index` has positions in the ground truth's images."""
        positions, rows = rows_of_table(detections, len(self._ground_truth.image_ids))
        self._refuse_seen(positions)
        self._add(positions, rows)

    def merge(self, other: Evaluator) -> None:
        """Add the images of another evaluator of the same ground truth and settings, which stays unchanged.

        Raises InputError if the two differ in either, or an image is in both.
        """
        for name in ("_protocol", "_maxima"):
            if getattr(self, name) != getattr(other, name):
                raise InputError(f"evaluators of {name[1:]} {getattr(self, name)} and {getattr(other, name)}: use one")
        if list(self._ranges.items()) != list(other._ranges.items()) or not np.array_equal(
            self._thresholds, other._thresholds
        ):
            raise InputError("the evaluators differ in IoU thresholds or area ranges: construct both alike")
        if not _same_truth(self, other):
            raise InputError("the evaluators differ in their ground truth: construct both from the same")
        self._refuse_seen(np.flatnonzero(other._is_seen))
        for update in other._updates.parts():
            self._updates.add(update)
        self._near_threshold += other._near_threshold
        self._dropped_by_nms += other._dropped_by_nms
        self._is_seen = self._is_seen | other._is_seen

    def result(self) -> Evaluation:
        """The accuracy over all images of the ground truth. Images that were not added count as without detections."""
        images = len(self._ground_truth.image_ids)
        found = Found(self._updates.parts(), images, self._lattice)
        tensors, tied, truncated = accumulate(
            self._truth,
            self._lattice,
            found.parts,
            recall_thresholds=protocols.RECALL_THRESHOLDS,
            max_detections=self._maxima,
            threads=self._threads,
        )
        truth = self._ground_truth
        counts = Counts(
            images=images,
            skipped_images=int(images - np.count_nonzero(self._is_seen)),
            detections=found.rows,
            truncated_detections=truncated,
            dropped_by_nms=self._dropped_by_nms,
            near_threshold=self._near_threshold,
            tied_scores=tied,
        )
        return Evaluation(
            protocol=self._protocol,
            precision=tensors.precision,
            recall=tensors.recall,
            scores=tensors.scores,
            iou_thresholds=self._thresholds,
            area_ranges=self._ranges,
            max_detections=self._maxima,
            class_names=truth.class_names,
            ground_truth_count=np.bincount(truth.labels[~truth.is_crowd], minlength=len(truth.category_ids)),
            counts=counts,
            truth=self._truth,
            lattice=self._lattice,
            found=found,
        )

    def _positions(self, image_ids: ArrayLike) -> NDArray[np.int32]:
        wrong = "{what} has {value} in {place}: give whole numbers, as the ids of the ground truth are"
        given = whole_array("image_ids", numbers_of(self._image_numbers, image_ids), wrong=wrong)
        known = self._ground_truth.image_ids
        if given.ndim != 1:
            raise InputError(f"image_ids has the shape {list(given.shape)}: give a list of numbers, one per image")
        positions = np.searchsorted(known, given).clip(max=max(len(known) - 1, 0))
        is_unknown = np.ones(len(given), np.bool_) if len(known) == 0 else known[positions] != given
        if is_unknown.any():
            raise InputError(f"image id {given[is_unknown][0]} is not in the ground truth: fix it or leave it out")
        if len(np.unique(positions)) < len(positions):
            values, count = np.unique(given, return_counts=True)
            twice = self._ground_truth.image_name(int(np.searchsorted(known, values[count > 1][0])))
            raise InputError(f"image id {twice} is given twice: give every image once")
        self._refuse_seen(positions)
        return positions.astype(np.int32)

    def _refuse_seen(self, positions: NDArray[np.integer]) -> None:
        seen = positions[self._is_seen[positions]]
        if len(seen):
            raise InputError(
                f"image id {self._ground_truth.image_name(int(seen[0]))} was added before: give every image once, whole"
            )

    def _add(self, positions: NDArray[np.int32], rows: Incoming) -> None:
        matches, near = match(
            self._truth,
            self._lattice,
            positions,
            image=rows.image,
            label=rows.labels,
            boxes_xywh=rows.boxes_xywh,
            scores=rows.scores,
            threads=self._threads,
        )
        self._updates.add(MatchedImages(positions, matches))
        self._near_threshold += near
        self._dropped_by_nms += rows.dropped
        self._is_seen[positions] = True


def _thresholds(values: ArrayLike) -> NDArray[np.float64]:
    wrong = "{what} has {value}: give one or more numbers from 0 to 1"
    listed = [values] if isinstance(values, (int, float)) else values
    thresholds = np.atleast_1d(number_array("iou_thresholds", listed, wrong=wrong))
    if thresholds.ndim != 1 or not thresholds.size or not ((thresholds >= 0) & (thresholds <= 1)).all():
        raise InputError(f"iou_thresholds is {values!r}: give one or more numbers from 0 to 1")
    return thresholds


def _maxima(values: Sequence[int]) -> tuple[int, ...]:
    wrong = "{what} has {value}: give one or more numbers from 1 on"
    maxima = whole_array("max_detections", values, 1, wrong=wrong)
    if maxima.ndim != 1 or not maxima.size:
        raise InputError(f"max_detections is {values!r}: give one or more numbers from 1 on")
    return tuple(sorted(maxima.tolist()))


def _ranges(values: Mapping[str, tuple[float, float]]) -> dict[str, tuple[float, float]]:
    if not isinstance(values, Mapping) or not 1 <= len(values) <= 64:
        raise InputError(f"area_ranges is {values!r}, 0 area ranges or too many: give names with their ends, 1 to 64")
    ranges = {}
    for name, ends in values.items():
        if isinstance(ends, (str, bytes)) or not hasattr(ends, "__len__") or len(ends) != 2:
            raise InputError(f"area range {name!r} is {ends!r}: give its lowest and its highest area")
        low, high = (
            real_number(f"area range {name!r}", end, -np.inf, np.inf, "numbers, the lower end first") for end in ends
        )
        if low > high:
            raise InputError(f"area range {name!r} is {low} to {high}: give the lower end first")
        ranges[str(name)] = (low, high)
    return ranges


def _same_truth(a: Evaluator, b: Evaluator) -> bool:
    names = ("begin", "label", "boxes_xywh", "area", "is_crowd", "is_void")
    return (
        np.array_equal(a._ground_truth.image_ids, b._ground_truth.image_ids)
        and a._ground_truth.image_keys == b._ground_truth.image_keys
        and a._ground_truth.category_keys == b._ground_truth.category_keys
        and np.array_equal(a._ground_truth.category_ids, b._ground_truth.category_ids)
        and all(np.array_equal(getattr(a._truth, name), getattr(b._truth, name)) for name in names)
    )
