"""Data sets in Pascal VOC's layout: Annotations/*.xml, JPEGImages/, and lists of names in ImageSets/Main/SPLIT.txt.

Boxes follow the development kit: pixels count from 1 and both ends are inclusive, so xmin 1 to xmax 10 is ten pixels
from the left border. Objects marked difficult are treated like crowd regions: not trained on, and a detection of one
counts neither as true nor as false. Classes are all names in the annotations, sorted, as in VOC.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from ..errors import InputError
from ..user_files import is_folder, read_file, read_text
from .dataset import DetectionSet, GroundTruth, ImageRecord, content_sha256
from .images import SUFFIXES, check_images

ANNOTATIONS, IMAGES, LISTS = "Annotations", "JPEGImages", "ImageSets/Main"
_MAX_XML = 16 << 20
_GIVE = "give the folder that holds Annotations, JPEGImages and ImageSets"


@dataclass(frozen=True)
class VocObject:
    """One object of an annotation; corners in pixels from 0, the right and lower ones exclusive."""

    name: str
    corners: tuple[float, float, float, float]
    difficult: bool


@dataclass(frozen=True)
class VocFolder:
    """A set as listed in its folder: image names by split, and the classes of all annotations."""

    path: Path
    splits: dict[str, tuple[str, ...]]
    class_names: tuple[str, ...]


def is_voc(path: Path) -> bool:
    """Whether a folder is a VOC set: it has annotations and no data yaml."""
    return is_folder(path) and is_folder(path / ANNOTATIONS)


def voc_splits(path: Path) -> dict[str, tuple[str, ...]]:
    """Names of images by split; lists of one class (aeroplane_train.txt) are skipped. Raises InputError without one."""
    lists = sorted((path / LISTS).glob("*.txt")) if is_folder(path / LISTS) else []
    splits = {file.stem: _listed(file) for file in lists if "_" not in file.stem}
    if not splits:
        raise InputError(f"{path / LISTS} has no list such as train.txt, one name a line; {_GIVE}.")
    return splits


def read_voc_folder(path: Path) -> VocFolder:
    """Read the lists of a VOC set. Raises InputError if it has no list or no object."""
    splits = voc_splits(path)
    files = sorted((path / ANNOTATIONS).glob("*.xml"))
    names = sorted({own.name for file in files for own in read_annotation(file)[1]})
    if not names:
        raise InputError(f"{path / ANNOTATIONS} has no annotation with an object; {_GIVE}.")
    return VocFolder(path, splits, tuple(names))


def _listed(file: Path) -> tuple[str, ...]:
    """The names of a list; a second column (of a class's list) is left out."""
    text = read_text(file, "list of images", "a list has one name a line")
    return tuple(line.split()[0] for line in text.splitlines() if line.strip())


def read_voc(path: Path, split: str, on_progress: Callable[[int, int], None] | None = None) -> DetectionSet:
    """One split, every image and every annotation checked. Raises InputError naming the file otherwise."""
    folder = read_voc_folder(path)
    if split not in folder.splits:
        known = ", ".join(sorted(folder.splits))
        raise InputError(f"{path / LISTS} has no {split}.txt; its splits are {known}.")
    names = folder.splits[split]
    if not names:
        raise InputError(f"{path / LISTS / split}.txt lists no image; add some.")
    if len(set(names)) < len(names):
        twin = next(name for k, name in enumerate(names) if name in names[:k])
        raise InputError(f"{path / LISTS / split}.txt names {twin} twice; name it once.")
    files = [_image_of(path, name) for name in names]
    facts = check_images(files, on_progress)
    images = tuple(
        ImageRecord(k, file, own.width, own.height, own.sha256, own.mark)
        for k, (file, own) in enumerate(zip(files, facts, strict=True))
    )
    rows: list[tuple[int, int, float, float, float, float, bool]] = []
    clipped = 0
    for k, (name, image) in enumerate(zip(names, images, strict=True)):
        file = path / ANNOTATIONS / f"{name}.xml"
        size, objects = read_annotation(file)
        if size is not None and size != (image.width, image.height):
            raise InputError(
                f"{file} is for {size[0]}x{size[1]} pixels and {image.path} is {image.width}x{image.height}; use the "
                "images that the annotations were made for."
            )
        for own in objects:
            x1, y1 = max(own.corners[0], 0.0), max(own.corners[1], 0.0)
            x2, y2 = min(own.corners[2], float(image.width)), min(own.corners[3], float(image.height))
            if x2 <= x1 or y2 <= y1:
                raise InputError(f"{file}: a box of '{own.name}' has no pixel inside the image; correct it.")
            clipped += (x1, y1, x2, y2) != own.corners
            rows.append((k, folder.class_names.index(own.name), x1, y1, x2 - x1, y2 - y1, own.difficult))
    return _as_set(folder, split, images, rows, clipped)


def _as_set(
    folder: VocFolder,
    split: str,
    images: tuple[ImageRecord, ...],
    rows: list[tuple[int, int, float, float, float, float, bool]],
    clipped: int,
) -> DetectionSet:
    boxes = np.array([row[2:6] for row in rows], np.float64).reshape(-1, 4)
    difficult = np.array([row[6] for row in rows], np.bool_)
    truth = GroundTruth(
        image_ids=np.arange(len(images), dtype=np.int64),
        category_ids=np.arange(len(folder.class_names), dtype=np.int64),
        class_names=folder.class_names,
        image_index=np.array([row[0] for row in rows], np.int32),
        labels=np.array([row[1] for row in rows], np.int32),
        boxes_xywh=boxes,
        area=boxes[:, 2] * boxes[:, 3],
        is_crowd=difficult,
        annotation_ids=np.arange(1, len(rows) + 1, dtype=np.int64),
    )
    notes = []
    name = folder.path.resolve().name
    if difficult.any():
        notes.append(f"{name} {split}: {int(difficult.sum())} objects are marked difficult: not learned, not scored.")
    if clipped:
        notes.append(f"{name} {split}: {clipped} boxes reach across the border and were clipped.")
    counts = {
        "images": len(images),
        "boxes": len(rows),
        "crowd_boxes": int(difficult.sum()),
        "background_images": len(images) - len(np.unique(truth.image_index)),
        "clipped_boxes": clipped,
    }
    return DetectionSet(f"{name}/{split}", images, truth, content_sha256(images, truth), counts, tuple(notes))


def _image_of(path: Path, name: str) -> Path:
    for suffix in (".jpg", *sorted(SUFFIXES)):
        file = path / IMAGES / f"{name}{suffix}"
        if file.is_file():
            return file
    raise InputError(f"{path / IMAGES / name}.jpg: there is no such image; restore it, or take it off the lists.")


def read_annotation(file: Path) -> tuple[tuple[int, int] | None, list[VocObject]]:
    """(width and height where they are stated, the objects) of one XML file.

    Raises InputError for another kind of file, for an object without name or box, and for a file with entities, which
    could grow without end.
    """
    content = read_file(file, "annotation", "restore it, or take the image off the lists", _MAX_XML)
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise InputError(f"{file} has a document type or entities, which no VOC annotation needs; it was not read.")
    try:
        root = ElementTree.fromstring(content)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise InputError(f"{file} is not XML ({' '.join(str(error).split())}); restore it.") from None
    if root.tag != "annotation":
        raise InputError(f"{file} holds <{root.tag[:40]}> and no <annotation>; {_GIVE}.")
    size = tuple(_number(root, f"size/{side}", file) for side in ("width", "height"))
    stated = (int(size[0]), int(size[1])) if size[0] and size[1] else None
    return stated, [_object(node, number, file) for number, node in enumerate(root.findall("object"), start=1)]


def _object(node: ElementTree.Element, number: int, file: Path) -> VocObject:
    name = (node.findtext("name") or "").strip()
    ends = [_number(node, f"bndbox/{end}", file) for end in ("xmin", "ymin", "xmax", "ymax")]
    if not name or None in ends:
        raise InputError(f"{file}, object {number}: it has no name or no bndbox of xmin, ymin, xmax, ymax; add them.")
    x1, y1, x2, y2 = (float(end) for end in ends if end is not None)
    if x2 < x1 or y2 < y1:
        raise InputError(f"{file}, object {number}: its box runs from {x1:g}, {y1:g} to {x2:g}, {y2:g}; correct it.")
    difficult = (node.findtext("difficult") or "0").strip()
    if difficult not in ("0", "1"):
        raise InputError(f"{file}, object {number}: difficult is '{difficult[:20]}', neither 0 nor 1; correct it.")
    return VocObject(name, (x1 - 1, y1 - 1, x2, y2), difficult == "1")


def _number(node: ElementTree.Element, path: str, file: Path) -> float | None:
    text = node.findtext(path)
    if text is None or not text.strip():
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not abs(value) < 1e9:
        raise InputError(f"{file}: {path} is '{text.strip()[:40]}', which is not a number of pixels; correct it.")
    return value
