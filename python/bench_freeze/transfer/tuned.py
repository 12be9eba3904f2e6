"""All fine-tunings of a task, depth by depth, on the shares and seeds of the frozen readers; each is stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..artifact import Artifact
from ..console import Step
from ..errors import InputError
from ..finite import require_finite_arrays
from ..results.tuned import TunedFit
from ..study.kept_step import kept_step
from .augment import LEAST_AREA, SHAPE, ZOOM
from .course import Course
from .features import FeatureStore
from .fine_tuning import FineTuning
from .sources import Source

if TYPE_CHECKING:
    from .tune import Tuned

FILE = "predictions.npz"
NEW = ("weights", "bias")  # a reader's tensors
AUGMENTATION: dict[str, dict[str, object]] = {
    "classification": {"mirrored": 0.5, "crop_area": [LEAST_AREA, 1], "crop_shape": [1 / SHAPE, SHAPE]},
    "segmentation": {"mirrored": 0.5, "zoom": [1 / ZOOM, ZOOM]},
}

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Training:
    """One requested fine-tuning."""

    source: Source
    freeze: int
    share: float
    seed: int

    @property
    def title(self) -> str:
        """Its title in the progress display."""
        return (
            f"fine-tune {self.source.titled(self.seed)}, freeze {self.freeze}, share {self.share:g}, seed {self.seed}"
        )


@dataclass(frozen=True)
class Found:
    """The predictions of a fine-tuning on the scored images, and its course."""

    training: Training
    arrays: Arrays
    course: Course

    def fit(self, samples: int, score: float) -> TunedFit:
        """The fine-tuning as the results record it."""
        own = self.training
        return TunedFit(
            source=own.source.name,
            freeze=own.freeze,
            data_fraction=own.share,
            seed=own.seed,
            train_samples=samples,
            steps=self.course.steps,
            losses=self.course.losses,
            frozen=self.course.frozen,
            trained=self.course.trained,
            still=self.course.still,
            score=score,
        )


@dataclass(frozen=True)
class Task:
    """The task of fine-tunings: `train` returns the tuned model, `predict` the arrays that are stored.

    `content(share, seed)` returns everything that a fine-tuning depends on in addition to backbone, settings, depth and
    seed.
    """

    name: str
    content: Callable[[float, int], Mapping[str, object]]
    train: Callable[[Training, Step], Tuned]
    predict: Callable[[Tuned], Arrays]


def tuned(task: Task, sources: Sequence[Source], tuning: FineTuning, features: FeatureStore) -> Iterator[Found]:
    """Yield every fine-tuning, found or made, in the order of depth, share, source and seed."""
    request = features.request
    for freeze, share, source, seed in product(tuning.depths, request.data_fractions, sources, request.seeds):
        training = Training(source, freeze, share, seed)
        inputs = {
            **features.backbone_inputs(source.backbone(seed)),
            "task": task.name,
            "tuning": tuning.settings() | AUGMENTATION[task.name],
            "freeze": freeze,
            "seed": seed,
            **task.content(share, seed),
        }
        build = partial(_made, task, training)
        kept = kept_step(features.console, features.store, training.title, "fine-tuned", inputs, build)
        yield Found(training, _arrays(kept), kept.value(Course))


def settings(task: Task, tuning: FineTuning) -> dict[str, object]:
    """The settings that all fine-tunings of a task share."""
    return {
        **tuning.settings(),
        "augmentation": AUGMENTATION[task.name],
        "frozen_bn": "eval",
        "trained_bn": "measured anew at the end, over the training images as scored ones are seen",
        "random_bn": "measured before the training, too, over what scaled_over names: random weights have none",
        "weights": "of the last step",
    }


def _arrays(kept: Artifact) -> Arrays:
    with np.load(kept.path(FILE)) as found:
        return {name: found[name] for name in found.files}


def _made(task: Task, training: Training, folder: Path, step: Step) -> Course:
    try:
        done = task.train(training, step)
    except InputError as error:
        raise InputError(f"{training.title}: {error}") from None
    arrays: dict[str, Any] = dict(task.predict(done))
    require_finite_arrays(arrays, "a prediction")
    np.savez(folder / FILE, **arrays)
    return done.course
