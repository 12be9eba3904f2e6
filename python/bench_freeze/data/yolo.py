"""Ultralytics data sets: a yaml that names image folders, and one label file of rows per image.

Reads what Ultralytics reads and writes nothing (no `*.cache` beside the labels). It keeps images whose label file mixes
box and polygon rows or has boxes across the border, which Ultralytics' loader drops.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .dataset import DetectionSet, GroundTruth, ImageRecord, content_sha256
from .file_cache import remember, remembered
from .image_folders import count_lone_labels, label_path, listed_images
from .images import ImageFacts, Unreadable, inspect_images
from .label_rows import ROUNDING, LabelRows, read_rows
from .many_files import over_files
from .tally import Tally
from .yolo_yaml import one_line, read_yolo_yaml

MAX_LABEL_BYTES = 64 << 20
# What a folder may contain besides images. A damaged image is an error, since its boxes are needed.
PASSED_OVER = ("empty", "not_an_image", "not_a_file", "no_decoder")

_SENTENCES = {
    "polygon_rows": "{} polygon row(s) were read as the boxes around them",
    "pose_rows": "{} pose row(s) were read as their boxes",
    "clipped_boxes": "{} box(es) across the border were clipped",
    "boxes_without_area": "{} box(es) without area were left out",
    "repeated_rows": "{} repeated row(s) count once",
    "background_images": "{} image(s) without boxes are background",
    "missing_label_files": "{} of these have no label file",
    "hidden_images": "{} hidden file(s) with an image's name were passed over",
    "empty": "{} empty file(s) with an image's name were passed over",
    "not_an_image": "{} file(s) with an image's name are not images and were passed over",
    "not_a_file": "{} pipe(s) or device(s) with an image's name were passed over",
    "no_decoder": "{} image(s) were left out, since no decoder here reads them",
    "frames_left_out": "{} page(s) or frame(s) after the first of a file were left out",
    "other_files": "{} file(s) are not images by their suffix and were passed over",
    "other_lines": "{} line(s) of lists name no image and were passed over",
    "named_twice": "{} image(s) are named again and count twice",
    "lone_labels": "{} label file(s) have no image",
    "shared_labels": "{} label file(s) belong to several images of one name",
    "labels_beside_link": "{} label file(s) were found beside the link to the images, not beside the images",
}
_ALWAYS = ("background_images",)


def read_yolo(path: Path, split: str, on_progress: Callable[[int, int], None] | None = None) -> DetectionSet:
    """One split of a data set, every image and every label row checked.

    `label_rows` defines the rows. An image with an empty or missing label file is background. Boxes across the border
    are clipped and boxes without area left out; both are counted, as is everything else that is skipped. Raises
    InputError with file and row for anything else.
    """
    data = read_yolo_yaml(path)
    if split not in data.splits:
        raise InputError(f"{path} has no key '{split}'; name the folder of its {split} images there.")
    tally = Tally(data.path.resolve().parent)
    files, facts = _readable(listed_images(data, split, tally), on_progress, tally)
    if not files:
        raise InputError(f"{path}: {split}: none of its files can be read as an image{_reasons(tally)}; add some.")
    labels, contents = _label_files(files, data.splits[split], tally)
    count_lone_labels(files, labels, tally)
    rows = read_rows(labels, contents, len(data.class_names), data.keypoint_values, tally)
    boxes, kept = _clipped(rows, tally)
    image_index = rows.file_index[kept]
    sides = np.array([(f.width, f.height) for f in facts], np.float64).reshape(-1, 2)[image_index]
    top_left = boxes[:, :2] * sides
    boxes_xywh = np.concatenate([top_left, (boxes[:, 2:] - boxes[:, :2]) * sides], axis=1)
    _count_background(files, labels, contents, image_index, tally)
    records = tuple(
        ImageRecord(i, file, fact.width, fact.height, fact.sha256, fact.mark)
        for i, (file, fact) in enumerate(zip(files, facts, strict=True))
    )
    ground_truth = GroundTruth(
        image_ids=np.arange(len(records), dtype=np.int64),
        category_ids=np.arange(len(data.class_names), dtype=np.int64),
        class_names=data.class_names,
        image_index=image_index.astype(np.int32),
        labels=rows.classes[kept].astype(np.int32),
        boxes_xywh=boxes_xywh,
        area=boxes_xywh[:, 2] * boxes_xywh[:, 3],
        is_crowd=np.zeros(len(boxes_xywh), dtype=np.bool_),
        annotation_ids=np.arange(1, len(boxes_xywh) + 1, dtype=np.int64),
    )
    return DetectionSet(
        name=f"{data.path.stem}/{split}",
        images=records,
        ground_truth=ground_truth,
        sha256=content_sha256(records, ground_truth),
        counts={
            "images": len(records),
            "boxes": len(boxes_xywh),
            **dict.fromkeys(_ALWAYS, 0),
            **tally.counts,
        },
        notes=tally.notes(f"{data.path.stem} {split}", _SENTENCES),
    )


def _readable(
    files: list[Path], on_progress: Callable[[int, int], None] | None, tally: Tally
) -> tuple[list[Path], list[ImageFacts]]:
    """The files that are images, with their facts. Files that only have an image's name are counted."""
    found: list[tuple[Path, ImageFacts]] = []
    for file, fact in zip(files, inspect_images(files, on_progress), strict=True):
        if not isinstance(fact, Unreadable):
            found.append((file, fact))
            tally.add("frames_left_out", str(file), fact.frames - 1)
        elif fact.kind in PASSED_OVER:
            tally.add(fact.kind, f"{file}: {fact.reason}")
        else:
            raise fact.error()
    return [file for file, _ in found], [fact for _, fact in found]


def _reasons(tally: Tally) -> str:
    found = [tally.examples[kind] for kind in PASSED_OVER if tally[kind]]
    return f" ({found[0]})" if found else ""


def _label_files(
    images: list[Path], entries: Sequence[Path], tally: Tally
) -> tuple[list[Path], Sequence[bytes | None]]:
    """The label file of each image, and its bytes.

    Ultralytics resolves a link to the image folder before it looks for labels. If there are none, labels beside the
    link are used.
    """
    labels = [label_path(file) for file in images]
    contents = _contents(labels)
    links = [(entry.resolve(), entry.absolute()) for entry in entries if entry.is_dir()]
    if all(content is None for content in contents) and any(real != link for real, link in links):
        others = [label_path(_below_link(file, links)) for file in images]
        found = _contents(others)
        if any(content is not None for content in found):
            tally.add("labels_beside_link", str(others[0]), sum(content is not None for content in found))
            return others, found
    return labels, contents


def _below_link(file: Path, links: list[tuple[Path, Path]]) -> Path:
    for real, link in links:
        if file.is_relative_to(real):
            return link / file.relative_to(real)
    return file


def _contents(files: Sequence[Path]) -> list[bytes | None]:
    """The bytes of each file, None if it does not exist; unchanged files are not read again."""
    known = remembered("label", files)
    wanted = [file for file in files if file not in known]
    read = dict(zip(wanted, over_files(_content, wanted), strict=True))
    remember("label", {file: content for file, content in read.items() if content is not None})
    return [known[file] if file in known else read[file] for file in files]


def _content(file: Path) -> bytes | None:
    try:
        with open(file, "rb", buffering=0, opener=_without_waiting) as opened:
            if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):  # a pipe, a device
                raise InputError(f"{file} is not a regular file; replace the label file.")
            content = opened.read(MAX_LABEL_BYTES + 1)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        if not file.is_file():  # a folder, or below a file
            return None
        raise InputError(f"{file} cannot be read ({one_line(error)}); replace the label file.") from None
    if len(content) > MAX_LABEL_BYTES:
        raise InputError(f"{file} has more than {MAX_LABEL_BYTES >> 20} MiB; a label file has one row per object.")
    return content


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def _clipped(rows: LabelRows, tally: Tally) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Boxes [M, 4] as corners within the image, and the mask [N] of their rows."""
    clipped = np.clip(rows.corners, 0.0, 1.0)
    over = (np.abs(rows.corners - clipped) > ROUNDING).any(axis=1)
    kept: NDArray[np.bool_] = np.all(clipped[:, 2:] > clipped[:, :2], axis=1)
    for kind, some in (("clipped_boxes", over), ("boxes_without_area", ~kept)):
        if some.any():
            tally.add(kind, rows.where(int(np.argmax(some))), int(some.sum()))
    return clipped[kept], kept


def _count_background(
    files: list[Path],
    labels: list[Path],
    contents: Sequence[bytes | None],
    image_index: NDArray[np.int64],
    tally: Tally,
) -> None:
    """Count images without a box. A missing label file also makes a background image, but may be a mistake."""
    with_boxes = np.zeros(len(files), np.bool_)
    with_boxes[image_index] = True
    empty = np.flatnonzero(~with_boxes)
    if len(empty):
        tally.add("background_images", str(files[empty[0]]), len(empty))
    missing = [label for label, content in zip(labels, contents, strict=True) if content is None]
    if missing:
        tally.add("missing_label_files", str(missing[0]), len(missing))
