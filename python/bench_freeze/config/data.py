"""The data options of a study: checkpoints, target set and base set."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .common import flag

Unmatched = Literal["error", "ignore"]


@dataclass(frozen=True, kw_only=True)
class DataOptions:
    """What a study reads."""

    weights: tuple[str, ...] | None = flag(
        "data",
        "base checkpoint, or several to compare, each with its own arms: detectors; beside a detector also classifiers "
        "and segmenters, whose backbone gets its neck, and scratch (as --scratch); a known name that is not on disk is "
        "downloaded by Ultralytics",
        None,
        "FILE[,FILE]",
    )
    trust_checkpoint: bool = flag(
        "data",
        "load checkpoints that need more than Ultralytics' own classes: such a file can run any program while it is "
        "loaded, so only for files whose origin you know (bench-freeze doctor FILE lists what one would load)",
        False,
    )
    target: str | None = flag("data", "target set: Ultralytics data yaml, or COCO json of its training split")
    target_val: str | None = flag(
        "data", "evaluation split of a COCO json target (default: its name with train read as val)"
    )
    target_images: str | None = flag("data", "image folder of a COCO json target")
    target_val_images: str | None = flag(
        "data", "image folder of the evaluation split of a COCO json target, if it is a different one"
    )
    base: str | None = flag("data", "base set: COCO instances json or Ultralytics data yaml")
    base_images: str | None = flag("data", "image folder of a COCO json base set")
    split: Literal["val", "test"] = flag("data", "split of a data yaml that is scored", "val")
    unmatched_classes: Unmatched = flag(
        "data",
        "a class of the base head without a category of the same name, or the reverse: error, or ignore (left out)",
        "error",
    )
    allow_empty_split: bool = flag(
        "data",
        "continue even if the evaluation split or the base set has no box to score: its columns stay empty",
        False,
    )

    yes: bool = flag("data", "download a data set that Ultralytics ships (coco.yaml) without asking", False)

    @property
    def is_embedded(self) -> bool:
        """True when no data were named: the study runs on the project's own small, generated data."""
        return self.target is None and self.base is None and self.weights is None
