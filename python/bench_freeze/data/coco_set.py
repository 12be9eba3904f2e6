"""A COCO json with its images as a data set, with counts of everything that is left out or unusual."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .classes import normalized
from .coco import CocoInstances, read_instances
from .coco_folder import has_file, image_file, image_folder_for
from .dataset import DetectionSet, GroundTruth, ImageRecord, content_sha256
from .images import SUFFIXES, ImageFacts, check_images

_ROUNDING = 0.0101  # pixels: COCO's boxes have two decimals, so a box at the border may exceed it by rounding


def sibling_json(path: Path, split: str) -> Path:
    """The json to score on: `instances_val2017.json` beside `instances_train2017.json`."""
    name = re.sub("train", split, path.name)
    sibling = path.with_name(name)
    if name == path.name or not sibling.is_file():
        raise InputError(
            f"{path}: no file to score on (no {sibling.name if name != path.name else 'train in its name'}); name it "
            "with --target-val."
        )
    return sibling


def read_coco(
    path: Path,
    images: Path | None,
    on_progress: Callable[[int, int], None] | None = None,
    *,
    shared_images: Path | None = None,
) -> DetectionSet:
    """A COCO instances json with its images, all of which are checked.

    Without `images`, they are searched for in COCO's layout (`../images/<split>`, `../<split>` and the like beside the
    folder of the json) and in `shared_images`, the folder that was named for another split. Everything that is left
    out, here or in training, is counted and noted. Raises InputError if an image is missing or unreadable or its size
    differs from the json, and if either of two folders could be meant.
    """
    instances = read_instances(path)
    _check_names(path, instances)
    folder = image_folder_for(path, instances.file_names, images, shared=shared_images)
    files = [image_file(folder, name) for name in instances.file_names]
    if shared_images is not None and images is None:
        _check_presence(path, files)
    facts = check_images(files, on_progress)
    truth = instances.ground_truth
    records = tuple(
        _record(path, i, instances, file, fact) for i, (file, fact) in enumerate(zip(files, facts, strict=True))
    )
    counts, sentences = _unusual(instances, records)
    if shared_images is not None and images is None and not folder.is_relative_to(shared_images):
        sentences.append(f"the images are taken from {folder}, since {shared_images} does not have them all")
    behind = [(file, fact.frames - 1) for file, fact in zip(files, facts, strict=True) if fact.frames > 1]
    if behind:
        counts["frames_left_out"] = sum(count for _, count in behind)
        sentences.append(
            f"{counts['frames_left_out']} page(s) or frame(s) after the first of a file are left out, such as those "
            f"of {behind[0][0].name}"
        )
    with_boxes = len(np.unique(truth.image_index))
    return DetectionSet(
        name=path.stem,
        images=records,
        ground_truth=truth,
        sha256=content_sha256(records, truth),
        counts={
            "images": len(records),
            "boxes": len(truth),
            "crowd_boxes": int(truth.is_crowd.sum()),
            "background_images": len(records) - with_boxes,
            **counts,
        },
        notes=tuple(f"{path.parent.name}/{path.name}: {sentence}" for sentence in sentences),
    )


def _check_names(path: Path, instances: CocoInstances) -> None:
    """Raise InputError for an image without a file name, or with an invalid one."""
    for i, name in enumerate(instances.file_names):
        if not name or "\0" in name:
            has = "has no 'file_name'; add it" if not name else f"has the file_name {name!r}; correct it"
            raise InputError(
                f"{path}: image {instances.ground_truth.image_name(i)} {has}, the image cannot be found without it."
            )


def _check_presence(path: Path, files: Sequence[Path]) -> None:
    missing = next((file for file in files if not has_file(file)), None)
    if missing is not None:
        raise InputError(
            f"{missing}: there is no such image, which {path} lists; restore it, or name the folder of these images "
            "with --target-val-images."
        )


def _record(path: Path, position: int, instances: CocoInstances, file: Path, fact: ImageFacts) -> ImageRecord:
    width, height = instances.widths[position], instances.heights[position]
    stated = (width or fact.width, height or fact.height)  # 0: not stated in the json
    if (fact.width, fact.height) != stated:
        raise InputError(
            f"{file} is {fact.width}x{fact.height} pixels but {path} says {width}x{height} (image "
            f"{instances.ground_truth.image_name(position)}); use the images that the annotations were made for."
        )
    image_id = int(instances.ground_truth.image_ids[position])
    return ImageRecord(image_id, file, fact.width, fact.height, fact.sha256, fact.mark)


def _unusual(instances: CocoInstances, records: Sequence[ImageRecord]) -> tuple[dict[str, int], list[str]]:
    """Counts of unusual images and boxes, and a sentence for each count above 0."""
    counts, sentences = {}, list(instances.notes)
    if instances.left_out_annotations:
        counts["left_out_annotations"] = instances.left_out_annotations
    every = (
        *_boxes(instances.ground_truth, records),
        *_images(instances, records),
        *_categories(instances.ground_truth),
    )
    for name, count, sentence in every:
        if count:
            counts[name] = count
            sentences.append(f"{count} {sentence}")
    return counts, sentences


_Found = Iterator[tuple[str, int, str]]  # name of the count, count, the sentence after the count


def _boxes(truth: GroundTruth, records: Sequence[ImageRecord]) -> _Found:
    """Unusual boxes, and how training handles them (finetune/training_data.py); all are scored as in pycocotools."""
    sides = np.array([(record.width, record.height) for record in records], np.float64).reshape(-1, 2)[
        truth.image_index
    ]
    begin = truth.boxes_xywh[:, :2]
    end = begin + truth.boxes_xywh[:, 2:]
    single = ~truth.is_crowd
    flat = single & (truth.boxes_xywh[:, 2:] <= 0).any(axis=1)
    visible = (np.clip(end, 0, sides) > np.clip(begin, 0, sides)).all(axis=1)
    outside = single & ~flat & ~visible
    over = single & visible & ((begin < -_ROUNDING) | (end > sides + _ROUNDING)).any(axis=1)
    for name, rows, sentence in (
        ("boxes_outside_image", outside, "box(es) outside their image are left out in training"),
        ("boxes_without_area", flat, "box(es) without width or height are left out in training"),
        ("clipped_boxes", over, "box(es) across the border are clipped in training"),
        ("crowd_boxes", truth.is_crowd, "crowd region(s) are left out in training"),
    ):
        if rows.any():
            yield name, int(rows.sum()), f"{sentence} and scored as pycocotools does, such as {_example(truth, rows)}"


def _example(truth: GroundTruth, rows: NDArray[np.bool_]) -> str:
    row = int(np.flatnonzero(rows)[0])
    return f"annotation {truth.annotation_ids[row]} of image {truth.image_name(int(truth.image_index[row]))}"


def _images(instances: CocoInstances, records: Sequence[ImageRecord]) -> _Found:
    files = [os.path.normpath(record.path or "") for record in records]
    uses = Counter(files)
    truth = instances.ground_truth
    again = [i for i, file in enumerate(files) if uses[file] > 1]
    if again:
        twins = " and ".join(truth.image_name(i) for i in again if files[i] == files[again[0]])
        yield (
            "images_sharing_a_file",
            len(again),
            f"images of the json share a file, such as {files[again[0]]} (images {twins})",
        )
    has_boxes = np.bincount(truth.image_index, minlength=len(records)) > 0
    if not has_boxes.all():
        first = truth.image_name(int(np.flatnonzero(~has_boxes)[0]))
        yield (
            "background_images",
            int((~has_boxes).sum()),
            f"image(s) without boxes are background, such as image {first}",
        )
    folders = {record.path.parent for record in records if record.path is not None}
    unlisted = sorted(
        file.name
        for folder in folders
        for file in folder.iterdir()
        if file.suffix.lower() in SUFFIXES and os.path.normpath(file) not in uses
    )
    if unlisted:
        yield (
            "unlisted_images",
            len(unlisted),
            f"image(s) of the folder are not listed in the json and not used, such as {unlisted[0]}",
        )


def _categories(truth: GroundTruth) -> _Found:
    empty = np.flatnonzero(np.bincount(truth.labels, minlength=len(truth.class_names)) == 0)
    if len(empty) and len(truth):
        yield (
            "categories_without_boxes",
            len(empty),
            f"of {len(truth.class_names)} categories have no box, such as '{truth.class_names[empty[0]]}'",
        )
    uses = Counter(map(normalized, truth.class_names))
    alike = [name for name in truth.class_names if uses[normalized(name)] > 1]
    if alike:
        twins = " and ".join(f"'{name}'" for name in alike if normalized(name) == normalized(alike[0]))
        yield "categories_named_alike", len(alike), f"categories have equal names, such as {twins}"
