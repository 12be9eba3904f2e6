"""`bench-freeze eval --model`: one ONNX file on the images of one COCO set, to the numbers."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..data.classes import ClassMap, map_classes
from ..data.coco import CocoInstances, read_instances
from ..data.coco_folder import image_folder
from ..data.dataset import DetectionSet, ImageRecord, keep_classes
from ..data.images import image_size
from ..engines.base import Head, ModelCard
from ..engines.ort_engine import OrtEngine
from ..engines.selection import NmsSettings
from ..errors import InputError
from ..evaluate import evaluate
from ..evaluate.command import EvalReport
from ..evaluate.protocols import Protocol
from .accuracy import as_table
from .pipeline import detect


@dataclass(frozen=True)
class ModelEval:
    """What to score. `head` None: the one whose class names fit the ground truth best."""

    model: Path
    gt: Path
    images: Path | None = None
    head: str | None = None
    unmatched_classes: Literal["error", "ignore"] = "error"
    protocol: Protocol = "coco"
    device: str = "cpu"
    threads: int | None = None


def evaluate_model(request: ModelEval) -> EvalReport:
    """Run the model over the set and score it, with the selection that `run` scores with.

    Images are read once, while the model runs: a damaged one ends the run with its name. Raises InputError for it and,
    before any work, for a model, ground truth or image file that is missing or unsound, and for classes that differ.
    """
    start = time.perf_counter()
    if not request.model.is_file():
        raise InputError(f"{request.model}: there is no such file; give an ONNX file.")
    data = _data(request)
    engine = OrtEngine(request.model, request.device, request.threads)
    try:
        head = _head(engine.card, data, request)
        data, classes = _pair(head, data, request)
        found = detect(engine, data, NmsSettings(), batch=engine.card.batch or 1)[head.name]
    finally:
        engine.close()
    table = as_table(found, classes)
    evaluation = evaluate(data.ground_truth, table, protocol=request.protocol, threads=request.threads or 1)
    return EvalReport(
        evaluation=evaluation,
        stats=evaluation.stats(),
        seconds=time.perf_counter() - start,
        images=len(data.images),
        categories=len(data.class_names),
        detections=len(table),
        ignored_detections=len(found) - len(table),
        notes=data.notes,
    )


def _data(request: ModelEval) -> DetectionSet:
    """The set with its images found, not read: hashes, which `run` takes for its keys, are left out."""
    instances = read_instances(request.gt)
    if "" in instances.file_names:
        nameless = instances.ground_truth.image_ids[instances.file_names.index("")]
        raise InputError(f"{request.gt}: image {nameless} has no 'file_name'; add it, the image cannot be found.")
    folder = request.images or image_folder(request.gt, instances.file_names)
    records = tuple(_record(instances, number, folder) for number in range(len(instances.file_names)))
    notes = tuple(f"{request.gt}: {note}" for note in instances.notes)
    return DetectionSet(request.gt.stem, records, instances.ground_truth, sha256="", notes=notes)


def _record(instances: CocoInstances, number: int, folder: Path) -> ImageRecord:
    file = folder / instances.file_names[number]
    if not file.is_file():
        raise InputError(f"{file}: there is no such image; restore it, or name the folder of the images with --images.")
    width, height = instances.widths[number], instances.heights[number]
    if not (width and height):  # the json does not say
        width, height = image_size(file)
    return ImageRecord(int(instances.ground_truth.image_ids[number]), file, width, height, "")


def _head(card: ModelCard, data: DetectionSet, request: ModelEval) -> Head:
    if request.head is not None:
        named = [head for head in card.heads if head.name == request.head]
        if not named:
            raise InputError(f"{request.model} has no head {request.head!r}; leave --head out.")
        return named[0]

    def shared(head: Head) -> int:
        return len(set(head.class_names) & set(data.class_names))

    return max(card.heads, key=shared)


def _pair(head: Head, data: DetectionSet, request: ModelEval) -> tuple[DetectionSet, ClassMap]:
    """The set cut to the categories that are scored, and the head's classes among them."""
    whose = f"the {head.name} head of {request.model}"
    asked = map_classes(
        head.class_names, data.class_names, unmatched=request.unmatched_classes, head=whose, data=str(request.gt)
    )
    keep = tuple(k for k, name in enumerate(data.class_names) if name not in asked.left_out_categories)
    if not keep:
        raise InputError(f"{request.gt}: no category has the name of a class of {whose}; is it the right data set?")
    data = keep_classes(data, keep)
    return data, map_classes(head.class_names, data.class_names, unmatched="ignore", head=whose, data=str(request.gt))
