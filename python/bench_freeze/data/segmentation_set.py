"""Sets for semantic segmentation: a class for every pixel, from PNG masks or from the polygons of a data yaml.

    ROOT/images/SPLIT/x.jpg with ROOT/masks/SPLIT/x.png and ROOT/classes.txt ("0 background", "1 aeroplane", ...)
    set.yaml, whose label files hold polygons; class 0 is then the background, and the yaml's classes follow

Where polygons overlap, the smaller one is on top, as in Ultralytics.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from PIL.PngImagePlugin import PngImageFile

from ..errors import InputError
from ..user_files import MAX_DATA, is_folder, read_file, read_text
from .dataset import DetectionSet, ImageRecord
from .image_folders import images_in, label_path
from .images import check_images
from .source import Progress, read_split

IGNORE = 255  # marks pixels that are neither trained on nor scored
BACKGROUND = "background"
TRAIN = "train"

Mask = NDArray[np.uint8]


@dataclass(frozen=True)
class MaskedSplit:
    """Images of one split; `mask(k)` is [H, W], the class of every pixel of image k, or IGNORE."""

    images: tuple[ImageRecord, ...]
    mask: Callable[[int], Mask]
    sha256: str  # of images and masks

    def __len__(self) -> int:
        return len(self.images)


@dataclass(frozen=True)
class SegmentationSet:
    """A training split and a scored split; class 0 is the background."""

    name: str
    class_names: tuple[str, ...]
    train: MaskedSplit
    test: MaskedSplit


def read_segmentation_set(path: Path, split: str = "val", on_progress: Progress | None = None) -> SegmentationSet:
    """Read and validate a set: every image and every mask.

    Raises InputError for fewer than two classes, for a mask that is missing, has the wrong size or format, or a value
    that is not a class, for a label row that is not a polygon, and for an image that cannot be read.
    """
    if not is_folder(path):
        return _of_polygons(path, split, on_progress)
    names = _class_names(path / "classes.txt")
    parts = [_masked(path, name, len(names), on_progress) for name in (TRAIN, split)]
    return SegmentationSet(path.resolve().name, names, *parts)


def _class_names(file: Path) -> tuple[str, ...]:
    text = read_text(file, "list of classes", 'give one class a line, "0 background", "1 aeroplane" ...')
    rows = [line.split(maxsplit=1) for line in text.splitlines() if line.strip()]
    names: list[str] = []
    for number, row in enumerate(rows, start=1):
        if len(row) == 2 and row[0] == str(IGNORE):
            continue
        if len(row) != 2 or row[0] != str(len(names)):
            raise InputError(
                f"{file}, line {number}: '{' '.join(row)[:60]}' is not '{len(names)} NAME'; classes count from 0 "
                f"(background), and {IGNORE} stands for pixels that are not scored."
            )
        names.append(row[1])
    if not 2 <= len(names) <= IGNORE:
        raise InputError(
            f"{file} lists {len(names)} class(es); give the background and one class at least, 255 at most."
        )
    return tuple(names)


def _masked(root: Path, split: str, classes: int, on_progress: Progress | None) -> MaskedSplit:
    folder = root / "images" / split
    paths = images_in(folder)
    if not paths:
        raise InputError(
            f"{folder} has no images; a set of masks is ROOT/images/{split}/*.jpg and ROOT/masks/{split}/*.png."
        )
    facts = check_images(paths, on_progress)
    images = tuple(
        ImageRecord(k, path, own.width, own.height, own.sha256, own.mark)
        for k, (path, own) in enumerate(zip(paths, facts, strict=True))
    )
    files = [root / "masks" / split / f"{path.stem}.png" for path in paths]
    masks = [read_mask(file, image, classes) for file, image in zip(files, images, strict=True)]
    if not any((mask[mask != IGNORE] > 0).any() for mask in masks):
        raise InputError(
            f"{root / 'masks' / split}: no pixel has a class other than the background, so there is nothing to find."
        )
    return MaskedSplit(images, lambda k: read_mask(files[k], images[k], classes), _sha256(images, masks))


def read_mask(file: Path, image: ImageRecord, classes: int) -> Mask:
    """Read an 8-bit PNG mask, gray or with a palette, whose values are classes. Raises InputError for any other."""
    content = read_file(file, "mask", f"{image.path} needs one", MAX_DATA)
    try:
        with PngImageFile(io.BytesIO(content)) as opened:
            if opened.mode not in ("L", "P"):
                raise InputError(f"{file} is a PNG of mode {opened.mode}; a mask has 8 bits, gray or with a palette.")
            opened.load()
            mask: Mask = np.array(opened, np.uint8)
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError(f"{file} cannot be read as a PNG ({' '.join(str(error).split())}); replace it.") from None
    if mask.shape != (image.height, image.width):
        raise InputError(
            f"{file} is {mask.shape[1]}x{mask.shape[0]} pixels and {image.path} {image.width}x{image.height}; a mask "
            "has the size of its image."
        )
    values = np.unique(mask)
    unknown = values[(values >= classes) & (values != IGNORE)]
    if len(unknown):
        raise InputError(
            f"{file} has the value {unknown[0]}, which is not a class (0 to {classes - 1}, or {IGNORE}); correct it."
        )
    return mask


def _of_polygons(path: Path, split: str, on_progress: Progress | None) -> SegmentationSet:
    parts = []
    names: tuple[str, ...] = ()
    for name in (TRAIN, split):
        data = read_split(path, name, None, on_progress)
        names = (BACKGROUND, *data.class_names)
        if len(names) > IGNORE:
            raise InputError(f"{path} has {len(names) - 1} classes; masks hold 254 at most.")
        parts.append(_drawn(data))
    return SegmentationSet(path.stem, names, *parts)


def _drawn(data: DetectionSet) -> MaskedSplit:
    rows = [_polygons(image) for image in data.images]
    if not any(rows):
        raise InputError(f"{data.name}: no image has a polygon; a segmentation set has rows 'class x1 y1 x2 y2 ...'.")
    masks = [draw(own, image.width, image.height) for own, image in zip(rows, data.images, strict=True)]
    return MaskedSplit(
        data.images,
        lambda k: draw(rows[k], data.images[k].width, data.images[k].height),
        _sha256(data.images, masks),
    )


Polygon = tuple[int, NDArray[np.float64]]  # a class, and [P, 2] corners as shares of the image's sides


def _polygons(image: ImageRecord) -> list[Polygon]:
    """The rows of an image's label file, which was already validated as a detection set's."""
    file = label_path(image.path) if image.path is not None else None
    if file is None or not file.is_file():
        return []
    found = []
    for number, line in enumerate(read_text(file, "label file", "restore it").splitlines(), start=1):
        words = line.split()
        if not words:
            continue
        if len(words) < 7 or len(words) % 2 == 0:
            raise InputError(
                f"{file}, line {number}: {len(words)} fields are not a polygon 'class x1 y1 x2 y2 x3 y3 ...'; give its "
                "corners."
            )
        found.append((int(float(words[0])), np.array(words[1:], np.float64).reshape(-1, 2)))
    return found


def draw(polygons: Sequence[Polygon], width: int, height: int) -> Mask:
    """[H, W] class + 1 inside polygons, 0 elsewhere; smaller polygons are drawn over larger ones."""
    canvas = Image.new("L", (width, height), 0)
    pen = ImageDraw.Draw(canvas)
    for label, corners in sorted(polygons, key=lambda own: -_area(own[1])):
        pixels = corners * (width, height)
        pen.polygon([(float(x), float(y)) for x, y in pixels], fill=label + 1)
    return np.array(canvas, np.uint8)


def _area(corners: NDArray[np.float64]) -> float:
    """The area of a polygon, by the shoelace formula."""
    x, y = corners.T
    return abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))) / 2


def _sha256(images: Sequence[ImageRecord], masks: Sequence[Mask]) -> str:
    digest = hashlib.sha256()
    for image, mask in zip(images, masks, strict=True):
        digest.update(f"{image.sha256}{image.decoder_mark}{mask.shape}".encode() + mask.tobytes())
    return digest.hexdigest()
