"""`bench-freeze eval --model`: score one ONNX file on the images of one COCO set."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..data.classes import ClassMap
from ..data.coco import CocoInstances, read_instances
from ..data.coco_folder import has_file, image_file, image_folder
from ..data.dataset import DetectionSet, ImageRecord
from ..data.images import image_size
from ..data.pairing import choose_head, pair_with_head
from ..engines.base import Head, ModelCard
from ..engines.ort_engine import OrtEngine
from ..errors import InputError
from ..evaluate import evaluate
from ..evaluate.eval_report import EvalReport, ap_at
from ..evaluate.protocols import Protocol
from ..kernels.nms_options import NmsOptions
from .accuracy import as_table
from .pipeline import detect

SHOWN_NAMES = 10  # class names shown of those left out; the JSON has all of them


@dataclass(frozen=True)
class ModelEval:
    """What to score; `head` None selects the head that shares the most classes with the ground truth."""

    model: Path
    gt: Path
    images: Path | None = None
    head: str | None = None
    unmatched_classes: Literal["error", "ignore"] = "error"
    protocol: Protocol = "coco"
    device: str = "cpu"
    threads: int | None = None
    ious: tuple[float, ...] = ()  # thresholds at which to report AP in addition


def evaluate_model(request: ModelEval) -> EvalReport:
    """Run the model over the set and score it, selecting detections as `run` does.

    Images are read only while the model runs. Raises InputError for a damaged image at that point, and earlier for a
    missing or unsound model, ground truth or image file and for classes that differ.
    """
    start = time.perf_counter()
    if not request.model.is_file():
        raise InputError(f"--model {request.model}: there is no such file; give an ONNX file.")
    data = _data(request)
    engine = _open(request)
    try:
        head = _head(engine.card, data, request)
        data, classes = pair_with_head(
            head.class_names,
            data,
            unmatched=request.unmatched_classes,
            head=f"the {head.name} head of {request.model}",
            where=str(request.gt),
        )
        found = detect(engine, data, NmsOptions(), batch=engine.card.batch or 1)[head.name]
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
        notes=(*data.notes, *_notes(head, classes, engine.notes)),
        head=head.name,
        left_out_classes=classes.left_out_classes,
        left_out_categories=classes.left_out_categories,
        ap_at=ap_at(data.ground_truth, table, request.ious, request.protocol, request.threads or 1),
    )


def _open(request: ModelEval) -> OrtEngine:
    try:
        return OrtEngine(request.model, request.device, request.threads)
    except InputError as error:  # about the file, with whose path it begins, or about the device
        message = str(error)
        raise InputError(f"--model {message}" if message.startswith(str(request.model)) else message) from None


def _data(request: ModelEval) -> DetectionSet:
    """The set with its images located but not read; the hashes that `run` needs for its keys are left out."""
    instances = read_instances(request.gt)
    if "" in instances.file_names:
        nameless = instances.ground_truth.image_ids[instances.file_names.index("")]
        raise InputError(f"{request.gt}: image {nameless} has no 'file_name'; add it, the image cannot be found.")
    folder = request.images or image_folder(request.gt, instances.file_names)
    records = tuple(_record(instances, number, folder) for number in range(len(instances.file_names)))
    notes = tuple(f"{request.gt}: {note}" for note in instances.notes)
    return DetectionSet(request.gt.stem, records, instances.ground_truth, sha256="", notes=notes)


def _record(instances: CocoInstances, number: int, folder: Path) -> ImageRecord:
    file = image_file(folder, instances.file_names[number])
    if not has_file(file):
        raise InputError(f"{file}: there is no such image; restore it, or name the folder of the images with --images.")
    width, height = instances.widths[number], instances.heights[number]
    if not (width and height):  # the json does not say
        width, height = image_size(file)
    return ImageRecord(int(instances.ground_truth.image_ids[number]), file, width, height, "")


def _head(card: ModelCard, data: DetectionSet, request: ModelEval) -> Head:
    heads = {str(head.name): head for head in card.heads}
    if request.head is not None:
        if request.head not in heads:
            raise InputError(
                f"--head {request.head}: {request.model} has no head {request.head!r}, only {', '.join(heads)}; leave "
                "it out."
            )
        return heads[request.head]
    return heads[
        choose_head({name: head.class_names for name, head in heads.items()}, data.class_names, str(request.gt))
    ]


def _notes(head: Head, classes: ClassMap, of_file: tuple[str, ...]) -> tuple[str, ...]:
    """Notes on the numbers: the head that was scored, the classes left out, and the notes on the file itself."""
    paired = len(head.class_names) - len(classes.left_out_classes)
    notes = [f"scored with the {head.name} head, {paired} of its {len(head.class_names)} classes"]
    for whose, names in (
        (f"classes of the {head.name} head", classes.left_out_classes),
        ("categories of the ground truth", classes.left_out_categories),
    ):
        if names:
            more = f" and {len(names) - SHOWN_NAMES} more" if len(names) > SHOWN_NAMES else ""
            notes.append(
                f"{len(names)} {whose} left out, without a counterpart: {', '.join(names[:SHOWN_NAMES])}{more}"
            )
    return (*notes, *of_file)
