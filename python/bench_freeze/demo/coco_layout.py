"""Scenes written the way COCO is: one JSON file of annotations beside a folder of pictures."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from .canvas import SIDE, Mask, tight_box
from .scenes import BASE_NAMES, Scene, base_scenes

# As in COCO, the ids start at 1 and have gaps, so code that mistakes an id for an index fails on this set.
CATEGORY_IDS: dict[str, int] = dict(zip(BASE_NAMES, (1, 2, 3, 5, 7, 8), strict=True))


def run_lengths(mask: Mask) -> list[int]:
    """COCO's uncompressed run lengths, column by column; the first counts pixels outside the mask and may be 0."""
    flat = mask.ravel(order="F").astype(np.int8)
    changes = np.flatnonzero(np.diff(flat)) + 1
    edges = np.concatenate(([0], changes, [flat.size]))
    runs = [int(run) for run in np.diff(edges)]
    return [0, *runs] if flat[0] else runs


def write_coco_split(folder: Path, split: str, scenes: Iterable[Scene]) -> Path:
    """Write `<split>/*.png` and `annotations/instances_<split>.json` under `folder`; returns the JSON file's path."""
    pictures = folder / split
    pictures.mkdir(parents=True, exist_ok=True)
    images: list[dict[str, object]] = []
    annotations: list[dict[str, object]] = []
    for image_id, scene in enumerate(scenes, start=1):
        file_name = f"{image_id:06d}.png"
        scene.save(pictures / file_name)
        images.append({"id": image_id, "file_name": file_name, "width": SIDE, "height": SIDE})
        for thing in scene.things:
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": CATEGORY_IDS[thing.name],
                    "bbox": list(tight_box(thing.mask)),
                    "area": int(thing.mask.sum()),
                    "iscrowd": int(thing.crowd),
                    "segmentation": {"size": [SIDE, SIDE], "counts": run_lengths(thing.mask)},
                }
            )
    categories = [{"id": id_, "name": name, "supercategory": "shape"} for name, id_ in CATEGORY_IDS.items()]
    file = folder / "annotations" / f"instances_{split}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    content = {"images": images, "annotations": annotations, "categories": categories}
    file.write_text(json.dumps(content, separators=(",", ":")), encoding="utf-8")
    return file


def write_base_set(folder: Path, *, images: int, seed: int, split: str) -> Path:
    """Write a split ("train", "val" or "test") of the base set under `folder`; returns its annotation file.

    The train split has no group annotations: the members of a group look like objects but have no labels of their own.
    """
    return write_coco_split(folder, split, base_scenes(split, images, seed, crowds=split != "train"))
