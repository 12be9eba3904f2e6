"""--save-detections: the detections that a row was scored on, as COCO results JSON in the output folder."""

from __future__ import annotations

import hashlib
import re

from ..data.classes import ClassMap
from ..data.coco_written import instances_json, results_json
from ..data.dataset import DetectionSet
from ..deployment.accuracy import as_table
from ..deployment.pipeline import HeadDetections
from ..files import canonical, write_whole
from ..results.identity import RowKey
from .bench import Bench

FOLDER = "detections"
Scored = tuple[HeadDetections, ClassMap, DetectionSet]  # a head's detections, their classes in the set, and the set


def saved_detections(bench: Bench, key: RowKey, scored: dict[str, Scored]) -> dict[str, str]:
    """Write the detections of a row by role ("target", "target_test", "base"); return their paths in the output folder.

    The ground truth of each set is written next to them as SET.instances.json. Without --save-detections nothing is
    written.
    """
    if not bench.study.output.save_detections:
        return {}
    folder = bench.study.out_folder / FOLDER
    written = {}
    for role, (found, classes, data) in scored.items():
        if not data.class_names:  # nothing was scored
            continue
        name = f"{row_slug(key)}.{role}.json"
        write_whole(folder / name, results_json(as_table(found, classes), data.ground_truth))
        # With several checkpoints, each has its own categories of the base set.
        whose = "" if role != "base" or key.weights is None else f".{_slug(key.weights)}"
        truth = folder / f"{role}{whose}.instances.json"
        content = instances_json(data)
        if not truth.is_file() or truth.read_bytes() != content:
            write_whole(truth, content)
        written[role] = f"{FOLDER}/{name}"
    return written


def row_slug(key: RowKey) -> str:
    """A file name that is unique among the rows of a study, made of letters, digits, '.', '_' and '-'."""
    share = None if key.data_fraction in (None, 1) else f"data{key.data_fraction:g}"
    seed = None if key.seed is None else f"seed{key.seed}"
    recipe = None if key.recipe == "static" else key.recipe
    parts = (key.construction, key.freeze, recipe, share, key.weights, seed, key.engine, key.precision)
    name = "_".join(str(part) for part in parts if part is not None)
    if _slug(name) == name and len(name) <= _LONGEST:
        return name
    digest = hashlib.sha256(canonical(key.parts())).hexdigest()[:8]  # two names may otherwise collide
    return f"{_slug(name)[:_LONGEST]}-{digest}"


_LONGEST = 150


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text)
