"""Build the example images of a study from kept detections and the data sets."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, features

from ..artifact import ArtifactStore
from ..data.classes import ClassMap, map_classes
from ..data.dataset import DetectionSet
from ..data.images import read_image
from ..report.examples_view import deployed_of
from ..results.examples import ExampleBox, ExampleImage, ExampleModel, Examples, Found, State
from ..results.schema import Results
from ..study.inputs import Inputs
from .choose import Choice, choose_images
from .compare import IOU_THRESHOLD, SCORE_THRESHOLD, ImageBoxes, annotations_on, detections_on, in_crowd, pair
from .heads import base_heads
from .kept import ROLES, Heads, KeptModel, kept_models

SIDE = 480  # pixels of the longer side of a small copy
QUALITY = 70
MOST_BOXES = 25  # per head and image


def gather_examples(results: Results, every: Sequence[Inputs], store: ArtifactStore) -> Examples:
    """The example images of a finished study. Raises InputError if an image can no longer be read."""
    target, base = every[0].target, base_heads(every)
    models = [base.of(model) for model in kept_models(results, store)]
    sets = {"target": target, "base": base.data}
    own = map_classes(target.class_names, target.class_names, unmatched="ignore", head="target head", data="target set")
    maps = {"target": own, "base": base.classes}
    known = {
        "target": [np.ones(len(target.class_names), np.bool_)] * len(models),
        "base": [base.known(model.record.weights) for model in models],
    }
    images = []
    for role in ROLES:
        for choice in choose_images(role, models, sets[role], maps[role]):
            images.append(_example(role, choice, models, sets[role], maps[role], known[role]))
    return Examples(
        data_sha256={role: results.data[role].sha256 for role in sets},
        deployed=deployed_of(results),
        score_threshold=SCORE_THRESHOLD,
        iou_threshold=IOU_THRESHOLD,
        classes={role: list(data.class_names) for role, data in sets.items()},
        head_classes={"base": list(base.class_names), "target": list(target.class_names)},
        models=[ExampleModel(rows=list(model.records)) for model in models],
        images=images,
    )


def _example(
    role: str,
    choice: Choice,
    models: list[KeptModel],
    data: DetectionSet,
    classes: ClassMap,
    known: list[NDArray[np.bool_]],
) -> ExampleImage:
    record = data.images[choice.image]
    assert record.path is not None, "a study's images are files"
    truth, is_crowd = annotations_on(data, choice.image)
    found = {
        str(i): _found(role, choice.image, model.found[role], truth, is_crowd, known[i][truth.labels], classes)
        for i, model in enumerate(models)
        if role in model.found
    }
    states: list[State] = ["crowd" if crowd else "truth" for crowd in is_crowd]
    return ExampleImage(
        role="target" if role == "target" else "base",
        file=record.path.name,
        width=record.width,
        height=record.height,
        picture=small_copy(read_image(record.path)),
        truth=_boxes(truth, states, with_scores=False),
        why=choice.why,
        suggest=choice.suggest,
        found=found,
    )


def _found(
    role: str,
    image: int,
    heads: Heads,
    truth: ImageBoxes,
    is_crowd: NDArray[np.bool_],
    is_known: NDArray[np.bool_],
    classes: ClassMap,
) -> Found:
    """Boxes of all heads. Only those of the head that is scored on this set are hits or false."""
    boxes: dict[str, list[ExampleBox]] = {}
    missed: list[int] = []
    kept = np.flatnonzero(~is_crowd & is_known)
    scored, crowds = truth.only(kept), truth.only(np.flatnonzero(is_crowd))
    for head, detections in heads.items():
        on = detections_on(detections, image)
        states: list[State] = ["unscored"] * len(on)
        if head == role:
            in_data = ImageBoxes(classes.head_to_data[on.labels], on.boxes_xywh, on.scores)
            pairs, inside = pair(in_data, scored), in_crowd(in_data, crowds)
            states = ["hit" if p >= 0 else "unscored" if c else "false" for p, c in zip(pairs, inside, strict=True)]
            missed = [int(kept[i]) for i in sorted(set(range(len(scored))) - set(pairs.tolist()))]
        boxes[head] = _boxes(on, states, with_scores=True)[:MOST_BOXES]
    return Found(heads=boxes, missed=missed)


def _boxes(boxes: ImageBoxes, states: list[State], *, with_scores: bool) -> list[ExampleBox]:
    made = []
    for label, box, score, state in zip(boxes.labels, boxes.boxes_xywh, boxes.scores, states, strict=True):
        left, top, width, height = (round(float(v), 1) for v in box)
        shown = round(float(score), 3) if with_scores else None
        made.append(ExampleBox(int(label), left, top, width, height, shown, state))
    return made


def small_copy(pixels: NDArray[np.uint8]) -> str:
    """An image as a data URI of at most SIDE pixels a side."""
    image = Image.fromarray(pixels)
    image.thumbnail((SIDE, SIDE))
    kind = "webp" if features.check("webp") else "jpeg"
    stream = io.BytesIO()
    image.save(stream, kind, quality=QUALITY)
    return f"data:image/{kind};base64,{base64.b64encode(stream.getvalue()).decode()}"
