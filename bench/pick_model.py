"""Simulated detectors with known true mAP: the data of bench/pick_simulation.py.

An object has a difficulty, from its image and its own; a trained model has an ability, from its arm and its seed. The
difference between the two, and chance, gives the overlap of the detection with the object and its score; false
detections lie on no object. So models that see the same images fail on the same objects, seeds of an arm differ, and
everything passes through the real matching, curves and resamples. The standard deviations below are set so that the
standard errors are those of the committed study of five depths; `python bench/pick_simulation.py --noise` prints both.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from bench_freeze.data.dataset import DetectionTable, GroundTruth
from bench_freeze.evaluate.evaluate import evaluate
from bench_freeze.evaluate.evaluation import Evaluation

OBJECTS_PER_IMAGE = 2.5
FALSE_PER_IMAGE = 5.0
OF_IMAGE, OF_OBJECT = 0.7, 0.7  # standard deviations of difficulty
OF_MODEL, OF_SCORE = 0.75, 0.6  # standard deviations of a model's own chance on an object, in overlap and in score
SIDE, STEP, COLUMNS = 100.0, 1000.0, 40  # of boxes, in pixels: no two boxes touch
EVERY_AREA = {"all": (0.0, 1e10)}


@dataclass(frozen=True)
class Images:
    """Images with objects, and the difficulties that all models share."""

    truth: GroundTruth
    difficulty: NDArray[np.float64]  # [N]
    clutter: NDArray[np.float64]  # [I]


def draw_images(generator: np.random.Generator, images: int, classes: int) -> Images:
    """Draw a set of images; every class has at least one object."""
    counts = np.maximum(generator.poisson(OBJECTS_PER_IMAGE, images), 1)
    image = np.repeat(np.arange(images), counts)
    label = generator.integers(0, classes, len(image))
    label[generator.choice(len(image), classes, replace=False)] = np.arange(classes)
    place = np.concatenate([np.arange(n) for n in counts])
    boxes = np.stack(
        [STEP * (place % COLUMNS), STEP * (place // COLUMNS), np.full(len(image), SIDE), np.full(len(image), SIDE)],
        axis=1,
    )
    of_image = generator.standard_normal(images) * OF_IMAGE
    truth = GroundTruth(
        image_ids=np.arange(images),
        category_ids=np.arange(classes),
        annotation_ids=np.arange(1, len(image) + 1),
        image_index=image.astype(np.int32),
        labels=label.astype(np.int32),
        boxes_xywh=boxes,
        area=np.full(len(image), SIDE * SIDE),
        is_crowd=np.zeros(len(image), bool),
        class_names=tuple(f"class {k}" for k in range(classes)),
    )
    return Images(
        truth, of_image[image] + OF_OBJECT * generator.standard_normal(len(image)), generator.standard_normal(images)
    )


def detect(generator: np.random.Generator, images: Images, ability: float) -> Evaluation:
    """Evaluate a model of this ability on these images."""
    truth, n = images.truth, len(images.difficulty)
    margin = ability - images.difficulty + OF_MODEL * generator.standard_normal(n)
    overlap = 0.98 / (1 + np.exp(-1.2 * margin - 1.2))
    shift = SIDE * (1 - overlap) / (1 + overlap)  # a box shifted by this distance has that overlap
    score = margin + OF_SCORE * generator.standard_normal(n)
    wrong = generator.poisson(FALSE_PER_IMAGE * np.exp(0.3 * images.clutter))
    image = np.repeat(np.arange(len(wrong)), wrong)
    nowhere = np.array([STEP * COLUMNS * 2, STEP * COLUMNS * 2, SIDE, SIDE])
    boxes = np.concatenate(
        [truth.boxes_xywh + np.stack([shift, *np.zeros((3, n))], axis=1), np.tile(nowhere, (len(image), 1))]
    )
    scores = np.concatenate([score, -0.8 + 0.9 * generator.standard_normal(len(image)) + 0.3 * images.clutter[image]])
    rows = np.argsort(np.concatenate([truth.image_index, image]), kind="stable")
    labels = np.concatenate([truth.labels, generator.integers(0, len(truth.class_names), len(image))])
    table = DetectionTable(
        np.concatenate([truth.image_index, image]).astype(np.int32)[rows],
        labels.astype(np.int32)[rows],
        boxes[rows],
        (1 / (1 + np.exp(-scores)))[rows],
    )
    return evaluate(truth, table, max_detections=(100,), area_ranges=EVERY_AREA)


@cache
def true_curve(classes: int, images: int = 40_000, seed: int = 99) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Abilities, and the mAP of a model of each ability on all possible images.

    These are represented by one very large set; a different large set changes mAP by 0.0017 (standard deviation).
    """
    abilities = np.linspace(-1.4, 1.4, 7)
    generator = np.random.default_rng(seed)
    many = draw_images(generator, images, classes)
    return abilities, np.array([detect(generator, many, ability).ap() for ability in abilities])
