"""The images that an arm trains on, and those held out from them for scoring during training."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from ..config.study import Study
from ..data.dataset import DetectionSet
from ..data.held_out import hold_out
from ..data.subset import nested_subset
from ..finetune.arm import Arm
from ..finetune.decoded import room_for, training_sizes
from ..finetune.held_out import HeldOut, watched_base
from ..kernels.nms_options import NmsOptions
from .inputs import Inputs
from .race_terms import looks_of_race, max_base_drop


class TrainingImages:
    """The training split of a study, divided anew for each seed if --val-every or --budget holds images out.

    The held-out images are the same for all arms of a seed; a share of the data is a share of the remaining images.
    """

    def __init__(self, study: Study, inputs: Inputs) -> None:
        self._study, self._inputs = study, inputs
        self._divided = cache(self._divide)

    def seen(self, arm: Arm) -> DetectionSet:
        """The images that an arm trains on."""
        return nested_subset(self._divided(arm.seed)[0], arm.data_fraction, arm.seed)

    def held_out(self, seed: int) -> HeldOut | None:
        """The held-out images on which the arms of a seed are scored; None where nothing is held out."""
        return self._divided(seed)[1]

    def _divide(self, seed: int) -> tuple[DetectionSet, HeldOut | None]:
        study, inputs = self._study, self._inputs
        if not study.training.holds_out:
            return inputs.training, None
        seen, held = hold_out(inputs.training, seed)
        scoring = study.scoring
        needs_base = bool(study.training.val_every) or max_base_drop(study) is not None
        return seen, HeldOut(
            target=held,
            of_images=len(inputs.training.images),
            base=watched_base(inputs.base_set) if needs_base else None,
            base_classes=inputs.base_classes,
            selection=NmsOptions(scoring.score_threshold, scoring.nms_iou_threshold, scoring.max_detections),
            head_branch=study.deployment.head_branch,
            at=None if study.training.val_every else looks_of_race(study.training),
        )


def decoding_note(study: Study, training: DetectionSet) -> str:
    """A sentence about where a training caches its decoded images between epochs, or that there is no room for them."""
    workers = 0 if study.training.device == "cpu" else 1  # Ultralytics has none on a CPU
    return room_for(training_sizes(training, study.training.imgsz), study.out_folder, workers).in_words


def held_out_notes(study: Study, training: DetectionSet) -> Sequence[str]:
    """One sentence per seed about the held-out images. Raises InputError for a split that is too small."""
    if not study.training.holds_out:
        return ()
    notes, asked = [], "--val-every" if study.training.val_every else "--budget"
    for seed in study.training.seeds:
        _, held = hold_out(training, seed)
        boxes = int((~held.ground_truth.is_crowd).sum())
        notes.append(
            f"held out for {asked}, seed {seed}: {len(held.images)} of {len(training.images)} training images, "
            f"{boxes} boxes; no arm of this seed trains on them"
        )
    return notes
