"""Ultralytics data sets: a yaml that names image folders, and one label file of rows per image.

Reads what Ultralytics reads, writes nothing (no `*.cache` beside the labels), and keeps images whose label file mixes
box and polygon rows, which Ultralytics' own loader drops.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from ..errors import InputError
from .dataset import DetectionSet, GroundTruth, ImageRecord, content_sha256
from .images import SUFFIXES, check_images


@dataclass(frozen=True)
class YoloYaml:
    """A checked data yaml: its class names and its splits, each a list of folders or list files."""

    path: Path
    class_names: tuple[str, ...]
    splits: dict[str, tuple[Path, ...]]


def read_yolo_yaml(path: Path) -> YoloYaml:
    """The data yaml, with its paths resolved. Raises InputError when it is missing or lacks what is needed.

    A bare name that is not on disk but that Ultralytics ships (coco8.yaml) goes through Ultralytics' own download.
    """
    if not path.exists() and path.parent == Path():
        shipped = _shipped_with_ultralytics(path)
        if shipped is not None:
            return shipped
    try:
        values = yaml.safe_load(path.read_text())
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such data yaml; give the path of an existing one.") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{path} cannot be read as yaml ({_one_line(error)}); mend the file.") from None
    if not isinstance(values, dict) or "names" not in values:
        raise InputError(f"{path} has no key 'names'; a data yaml lists its classes there.")
    names = _class_names(path, values["names"])
    return YoloYaml(path, names, _splits(values, _root(path, values.get("path"))))


def read_yolo(path: Path, split: str, on_progress: Callable[[int, int], None] | None = None) -> DetectionSet:
    """One split of a data set, every image and every label row checked.

    Box rows are `class cx cy w h`, polygon rows `class x1 y1 x2 y2 ...`, all as fractions of the image; a polygon
    stands for the box around its points. An empty or absent label file is a background image. Boxes over the border are
    clipped, boxes without area are left out; both are counted. Raises InputError naming file and row otherwise.
    """
    data = read_yolo_yaml(path)
    if split not in data.splits:
        raise InputError(f"{path} has no key '{split}'; name the folder of its {split} images there.")
    files = _image_files(data, split)
    facts = check_images(files, on_progress)
    counts: Counter[str] = Counter()
    labels, boxes, image_index = [], [], []
    for i, (file, fact) in enumerate(zip(files, facts, strict=True)):
        rows = _read_label_file(_label_path(file), len(data.class_names), counts)
        counts["background_images"] += not rows
        for label, box in rows:
            labels.append(label)
            image_index.append(i)
            boxes.append(_to_pixels(box, fact.width, fact.height))
    records = tuple(
        ImageRecord(i, file, fact.width, fact.height, fact.sha256)
        for i, (file, fact) in enumerate(zip(files, facts, strict=True))
    )
    boxes_xywh = np.array(boxes, dtype=np.float64).reshape(-1, 4)
    ground_truth = GroundTruth(
        image_ids=np.arange(len(records), dtype=np.int64),
        category_ids=np.arange(len(data.class_names), dtype=np.int64),
        class_names=data.class_names,
        image_index=np.array(image_index, dtype=np.int32),
        labels=np.array(labels, dtype=np.int32),
        boxes_xywh=boxes_xywh,
        area=boxes_xywh[:, 2] * boxes_xywh[:, 3],
        is_crowd=np.zeros(len(labels), dtype=np.bool_),
        annotation_ids=np.arange(1, len(labels) + 1, dtype=np.int64),
    )
    return DetectionSet(
        name=f"{path.stem}/{split}",
        images=records,
        ground_truth=ground_truth,
        sha256=content_sha256(records, ground_truth),
        counts={"images": len(records), "boxes": len(labels), **counts},
        notes=_notes(path.stem, split, counts),
    )


def _splits(values: dict[str, Any], root: Path) -> dict[str, tuple[Path, ...]]:
    entries = {split: values[split] for split in ("train", "val", "test") if values.get(split)}
    return {
        split: tuple(root / str(entry) for entry in (found if isinstance(found, list) else [found]))
        for split, found in entries.items()
    }


def _shipped_with_ultralytics(path: Path) -> YoloYaml | None:
    try:
        from ultralytics.utils import ROOT
    except ImportError:
        return None
    if not (ROOT / "cfg" / "datasets" / path.name).is_file():
        return None
    from ultralytics.data.utils import check_det_dataset

    try:
        values = check_det_dataset(path.name)
    except Exception as error:  # whatever its network stack raises
        raise InputError(
            f"{path} is not on disk and Ultralytics could not fetch that data set ({_one_line(error)[:200]}); "
            "check the network or give the path of a yaml."
        ) from None
    return YoloYaml(path, _class_names(path, values["names"]), _splits(values, Path(str(values["path"]))))


def _class_names(path: Path, names: Any) -> tuple[str, ...]:
    if isinstance(names, dict):
        if sorted(names) != list(range(len(names))):
            raise InputError(f"{path}: the keys of 'names' are not 0 to {len(names) - 1}; number the classes from 0.")
        names = [names[k] for k in range(len(names))]
    if not isinstance(names, list) or not names:
        raise InputError(f"{path}: 'names' is no list of classes; list them from class 0 on.")
    return tuple(str(name) for name in names)


def _root(path: Path, root: Any) -> Path:
    """The folder that the splits are relative to: the yaml's own unless its `path` says otherwise."""
    if not root:
        return path.parent
    candidates = [path.parent / str(root), Path(str(root))]
    for candidate in candidates:
        if candidate.is_dir():
            return candidate
    raise InputError(
        f"{path}: 'path: {root}' is no folder, neither beside the yaml nor here; correct it or delete the key."
    )


def _image_files(data: YoloYaml, split: str) -> list[Path]:
    files: list[Path] = []
    for entry in data.splits[split]:
        if entry.is_dir():
            files += [file for file in entry.rglob("*") if file.suffix.lower() in SUFFIXES]
        elif entry.is_file():  # a text file that lists images, relative to itself
            lines = (line.strip() for line in entry.read_text(encoding="utf-8-sig").splitlines())
            files += [entry.parent / line for line in lines if line]
        else:
            raise InputError(f"{data.path}: {split}: {entry} does not exist; correct the path in the yaml.")
    if not files:
        raise InputError(f"{data.path}: {split}: no images in {', '.join(map(str, data.splits[split]))}; add some.")
    return sorted(files)


def _label_path(image: Path) -> Path:
    """`.../images/x.jpg` has its labels in `.../labels/x.txt`; the last folder named images counts."""
    parts = list(image.parts)
    for position in range(len(parts) - 2, -1, -1):
        if parts[position] == "images":
            parts[position] = "labels"
            break
    return Path(*parts).with_suffix(".txt")


def _read_label_file(
    path: Path, class_count: int, counts: Counter[str]
) -> list[tuple[int, tuple[float, float, float, float]]]:
    """Rows as (class, (x1, y1, x2, y2)) in fractions of the image."""
    try:
        text = path.read_text()
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read ({_one_line(error)}); replace the label file.") from None
    rows: list[tuple[int, tuple[float, float, float, float]]] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.split():
            continue
        label, box, polygon = _parse_row(path, number, line, class_count)
        clipped = tuple(min(1.0, max(0.0, v)) for v in box)
        counts["polygon_rows"] += polygon
        # Labels are written with six digits, so a box that ends at the border may exceed it by a rounding.
        counts["clipped_boxes"] += any(abs(a - b) > 1e-5 for a, b in zip(box, clipped, strict=True))
        if clipped[2] <= clipped[0] or clipped[3] <= clipped[1]:
            counts["boxes_without_area"] += 1
            continue
        row = (label, (clipped[0], clipped[1], clipped[2], clipped[3]))
        if row in rows:  # Ultralytics drops a repeated row too; kept, one of the two could never be found
            counts["repeated_rows"] += 1
            continue
        rows.append(row)
    return rows


def _parse_row(
    path: Path, number: int, line: str, class_count: int
) -> tuple[int, tuple[float, float, float, float], bool]:
    where = f"{path}, row {number}"
    try:
        fields = [float(value) for value in line.split()]
    except ValueError:
        raise InputError(f"{where}: '{line.strip()[:60]}' is not made of numbers; mend or delete the row.") from None
    if not all(map(math.isfinite, fields)):
        raise InputError(f"{where}: a value is not finite; mend or delete the row.")
    if len(fields) < 5 or (len(fields) > 5 and (len(fields) < 7 or len(fields) % 2 == 0)):
        raise InputError(
            f"{where} has {len(fields)} fields; a box has 5 (class cx cy w h), a polygon an odd number from 7 on."
        )
    if fields[0] != int(fields[0]) or not 0 <= fields[0] < class_count:
        raise InputError(
            f"{where}: class {line.split()[0]} is not one of 0 to {class_count - 1}; correct the row or the names."
        )
    if len(fields) == 5:
        cx, cy, w, h = fields[1:]
        if w < 0 or h < 0:
            raise InputError(f"{where}: width {w} and height {h} must not be negative; mend or delete the row.")
        return int(fields[0]), (cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2), False
    xs, ys = fields[1::2], fields[2::2]
    return int(fields[0]), (min(xs), min(ys), max(xs), max(ys)), True


def _to_pixels(box: tuple[float, float, float, float], width: int, height: int) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = box
    return x1 * width, y1 * height, (x2 - x1) * width, (y2 - y1) * height


def _notes(name: str, split: str, counts: Counter[str]) -> tuple[str, ...]:
    sentences = {
        "polygon_rows": "{} polygon row(s) stand for the boxes around them",
        "clipped_boxes": "{} box(es) over the border were clipped",
        "boxes_without_area": "{} box(es) without area were left out",
        "repeated_rows": "{} repeated row(s) count once",
        "background_images": "{} image(s) without boxes are background",
    }
    return tuple(f"{name} {split}: {text.format(counts[key])}" for key, text in sentences.items() if counts[key])


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
