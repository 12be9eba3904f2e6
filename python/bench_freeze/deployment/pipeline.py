"""The pipeline from image files to detections: loader, letterbox, engine, suppression, and boxes in image pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ..data.dataset import DetectionSet, ImageRecord
from ..data.letterbox import Letterbox
from ..data.loader import decode_batch, decode_batches, load_batch, load_batches
from ..engines.abilities import SelectsOnDevice, TakesDecoded, TimesItsStages, takes_decoded
from ..engines.base import Decoded, Engine, infer_padded
from ..engines.selection import select
from ..finite import require_finite_arrays
from ..kernels import ext
from ..kernels.nms_options import NmsOptions
from ..measure.stages import StageClock


@dataclass(frozen=True)
class HeadDetections:
    """Detections of one head on a data set, in the order of the images and by descending score within an image."""

    image_index: NDArray[np.int32]  # [N]
    labels: NDArray[np.int32]  # [N], class of the head
    boxes_xyxy: NDArray[np.float64]  # [N, 4], pixels of the image
    scores: NDArray[np.float32]  # [N]
    dropped: int  # detections beyond max_detections, and candidates beyond what suppression takes

    def __len__(self) -> int:
        return len(self.scores)


class Collector:
    """Gathers the detections of one head, batch by batch."""

    def __init__(self) -> None:
        self._parts: list[tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64], NDArray[np.float32]]] = []
        self._dropped = 0

    def add(self, start: int, found: ext.Detections, boxes: list[NDArray[np.float64]]) -> None:
        """Add a batch whose first image is number `start`, with its boxes in image pixels."""
        for i, own in enumerate(boxes):
            n = int(found.count[i])
            index = np.full(n, start + i, dtype=np.int32)
            self._parts.append((index, found.labels[i, :n].copy(), own, found.scores[i, :n].copy()))
        self._dropped += int(found.dropped_candidates.sum() + found.dropped_detections.sum())

    def detections(self) -> HeadDetections:
        """All detections added so far, in order."""
        nothing = (np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros((0, 4)), np.zeros(0, np.float32))
        index, labels, boxes, scores = zip(nothing, *self._parts, strict=True)
        return HeadDetections(
            np.concatenate(index), np.concatenate(labels), np.concatenate(boxes), np.concatenate(scores), self._dropped
        )


def detect_batch(
    engine: Engine,
    images: NDArray[np.float32] | Decoded,
    letterboxes: Sequence[Letterbox],
    options: NmsOptions,
    stages: StageClock | None = None,
) -> dict[str, tuple[ext.Detections, list[NDArray[np.float64]]]]:
    """Run one batch; return, by head, the detections and each image's boxes in image pixels [count, 4].

    Pass decoded images only to an engine that takes them. `stages` gets the laps "engine" and "scorer", and as further
    stages what the engine times itself (`stage_seconds`: copies, and the letterbox where it runs on a GPU).
    """
    selected = _selected_by_engine(engine, images, options)
    outputs = _inferred(engine, images) if selected is None else {}
    if stages is not None:
        stages.lap("engine")
        stages.split("engine", engine.stage_seconds if isinstance(engine, TimesItsStages) else {})
    if selected is None:
        selected = {head.name: select(outputs[head.name], head, options) for head in engine.card.heads}
    found = {name: (detections, image_boxes(detections, letterboxes)) for name, detections in selected.items()}
    if stages is not None:
        stages.lap("scorer")
    return found


def _selected_by_engine(
    engine: Engine, images: NDArray[np.float32] | Decoded, options: NmsOptions
) -> dict[str, ext.Detections] | None:
    """Detections from an engine that selects them on its own device, directly after the network; None otherwise."""
    fits = isinstance(images, tuple) or engine.card.batch in (None, len(images))
    return engine.detect(images, options) if fits and isinstance(engine, SelectsOnDevice) else None


def _inferred(engine: Engine, images: NDArray[np.float32] | Decoded) -> dict[str, NDArray[np.float32]]:
    if not isinstance(images, tuple):
        return infer_padded(engine, images)
    assert isinstance(engine, TakesDecoded), "images are decoded only for an engine that takes them"
    return engine.infer(images)  # it pads the batch itself


def image_boxes(detections: ext.Detections, letterboxes: Sequence[Letterbox]) -> list[NDArray[np.float64]]:
    """The boxes of every image of a batch in image pixels [count, 4]."""
    return [
        placement.to_image(detections.boxes_xyxy[i, : detections.count[i]]) for i, placement in enumerate(letterboxes)
    ]


def detect(
    engine: Engine,
    data: DetectionSet,
    options: NmsOptions,
    *,
    batch: int,
    workers: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> dict[str, HeadDetections]:
    """Run an engine over a whole data set; return the detections by head name.

    `on_progress` gets the number of images done and the number of all images.
    """
    collectors: dict[str, Collector] = {head.name: Collector() for head in engine.card.heads}
    batches = decode_batches if takes_decoded(engine) else load_batches
    for loaded in batches(data.images, imgsz=engine.card.imgsz, batch=batch, workers=workers):
        for name, (found, boxes) in detect_batch(engine, loaded.images, loaded.letterboxes, options).items():
            collectors[name].add(loaded.start, found, boxes)
        if on_progress is not None:
            on_progress(loaded.start + len(loaded.letterboxes), len(data.images))
    return {name: collector.detections() for name, collector in collectors.items()}


def pipeline_call(
    engine: Engine, records: Sequence[ImageRecord], options: NmsOptions, stages: StageClock
) -> Callable[[], object]:
    """A call to time: one batch from image files to detections (read, decode, letterbox, infer, suppress)."""
    load = decode_batch if takes_decoded(engine) else load_batch

    def call() -> object:
        stages.begin()
        loaded = load(records, 0, engine.card.imgsz, stages.lap)
        return detect_batch(engine, loaded.images, loaded.letterboxes, options, stages)

    return call


def merge(base: HeadDetections, target: HeadDetections, max_detections: int) -> tuple[HeadDetections, HeadDetections]:
    """The detections that each head keeps when both share one limit per image, as in a deployed model's output.

    They are ranked by descending score; at equal scores the base head comes first.
    """
    head = np.concatenate([np.zeros(len(base), np.int8), np.ones(len(target), np.int8)])
    image = np.concatenate([base.image_index, target.image_index])
    scores = np.concatenate([base.scores, target.scores])
    order = np.lexsort((head, -scores, image))
    first = np.searchsorted(image[order], image[order], side="left")
    kept = np.zeros(len(order), dtype=np.bool_)
    kept[order] = np.arange(len(order)) - first < max_detections
    return _rows(base, kept[: len(base)]), _rows(target, kept[len(base) :])


def save_detections(path: Path, detections: dict[str, HeadDetections]) -> None:
    """Write the detections of all heads to one compressed npz. Raises AuditError for NaN or infinite values."""
    arrays: dict[str, Any] = {}  # typed as Any, since NumPy's signature has keywords of its own
    for name, head in detections.items():
        for column in ("image_index", "labels", "boxes_xyxy", "scores", "dropped"):
            arrays[f"{name}.{column}"] = getattr(head, column)
    require_finite_arrays(arrays, "what the engine found")
    np.savez_compressed(path, **arrays)


def load_detections(file: Path | BinaryIO) -> dict[str, HeadDetections]:
    """The inverse of save_detections."""
    with np.load(file) as arrays:
        names = {key.partition(".")[0] for key in arrays.files}
        return {
            name: HeadDetections(
                arrays[f"{name}.image_index"],
                arrays[f"{name}.labels"],
                arrays[f"{name}.boxes_xyxy"],
                arrays[f"{name}.scores"],
                int(arrays[f"{name}.dropped"]),
            )
            for name in sorted(names)
        }


def _rows(detections: HeadDetections, kept: NDArray[np.bool_]) -> HeadDetections:
    return HeadDetections(
        detections.image_index[kept],
        detections.labels[kept],
        detections.boxes_xyxy[kept],
        detections.scores[kept],
        detections.dropped + int(np.count_nonzero(~kept)),
    )
